from dataclasses import replace
from datetime import timedelta

import pytest

from rollout.models.status import Notified, Outcome, Phase, RolloutStatus, Stage
from rollout.notifications.owed import HELD, REMEMBERED, owed, remembering
from tests.notifications.builders import KEY, NOW, UID, a_run, a_status, aborted, ago, promoted

STALLED = "stalled/20260501115900000/2b5495feb6d5"


def ids(status: RolloutStatus) -> list[str]:
    return [each.id for each in owed(KEY, UID, status, now=NOW)]


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (RolloutStatus(), []),
        (a_status(), ["3/started"]),
        (a_status(run=a_run(Stage.INITIAL, stable=None)), ["3/started"]),
        (a_status(reason="WaitingForApproval"), ["3/started", "3/0/needsApproval"]),
        (a_status(reason="ProviderDown"), ["3/started", "3/0/held/ProviderDown"]),
        (a_status(reason="StableLost", run=a_run(Stage.BAKING), step=None), ["3/started", "3/Baking/held/StableLost"]),
        (
            a_status(Phase.PAUSED, "Baking", paused_at="2026-05-01T11:59:30.000Z"),
            ["3/started", "3/0/held/Paused/20260501115930000"],
        ),
        (a_status(run=a_run(Stage.FINISHING)), ["3/started", "3/promoted"]),
        (promoted(), ["3/started", "3/promoted"]),
        (aborted(Stage.ABORTING), ["3/started", "3/aborted"]),
        (aborted(), ["3/started", "3/aborted"]),
        (a_status(run=a_run(Stage.ABORTING, outcome=Outcome.SUPERSEDED)), []),
        (a_status(Phase.STALLED, "Invalid", run=None, step=None), [STALLED]),
        (a_status(Phase.STALLED, "Invalid"), ["3/started", STALLED]),
        (a_status(Phase.TERMINATING, "Deleted"), []),
    ],
)
def test_what_is_owed_follows_from_the_status_alone(status: RolloutStatus, wanted: list[str]) -> None:
    assert ids(status) == wanted


def test_a_release_that_goes_on_by_itself_needs_nobody() -> None:
    planned = {
        "Holding",
        "ReachingStep",
        "WaitingForEvidence",
        "NotEnoughData",
        "WaitingForPods",
        "Switching",
        "Baking",
    }
    assert planned & HELD == set()
    assert [ids(a_status(reason=reason)) for reason in planned] == [["3/started"]] * len(planned)


def test_what_happened_more_than_an_hour_ago_is_owed_to_nobody() -> None:
    past = promoted(started_at=ago(minutes=90))
    assert ids(past) == ["3/promoted"]
    assert owed(KEY, UID, past, now=NOW + timedelta(hours=1)) == ()


def test_what_needs_a_person_is_owed_however_long_it_has_done_so() -> None:
    run = a_run(started_at=ago(days=2))
    assert ids(a_status(reason="WaitingForApproval", run=run)) == ["3/0/needsApproval"]


def test_the_moment_is_that_of_what_happened() -> None:
    moments = {each.id: each.at for each in owed(KEY, UID, promoted(), now=NOW)}
    assert moments == {"3/started": NOW - timedelta(minutes=5), "3/promoted": NOW - timedelta(minutes=1)}


def test_its_identity_is_the_same_whenever_and_by_whomever_the_status_is_read() -> None:
    first = [each.identity for each in owed(KEY, UID, aborted(), now=NOW)]
    later = [each.identity for each in owed(KEY, UID, aborted(), now=NOW + timedelta(minutes=30))]
    assert first == later == ["8f1c/3/started", "8f1c/3/aborted"]


def test_who_was_told_is_added_to_what_the_status_remembers() -> None:
    before = a_status(notified=(Notified(id="3/started", targets=("chat",)),))
    after = remembering(before, {"3/started": {"mail", "chat"}, "3/0/needsApproval": {"chat"}})
    assert after.notified == (
        Notified(id="3/started", targets=("chat", "mail")),
        Notified(id="3/0/needsApproval", targets=("chat",)),
    )
    assert after == before.model_copy(update={"notified": after.notified})


def test_with_nothing_new_the_status_is_the_same() -> None:
    status = a_status(notified=(Notified(id="3/started", targets=("chat",)),))
    assert remembering(status, {}) is status
    assert remembering(status, {"3/started": {"chat"}}) is status


def test_what_is_about_another_run_or_an_earlier_standstill_is_forgotten() -> None:
    old = (Notified(id="2/started"), Notified(id="33/started"), Notified(id="stalled/1"))
    assert remembering(a_status(notified=old), {"2/promoted": {"chat"}}).notified is None
    stalled = a_status(Phase.STALLED, "Invalid", notified=(Notified(id=STALLED, targets=("chat",)),))
    assert remembering(stalled, {}) is stalled


def test_each_thing_to_mend_is_a_notice_also_after_an_abort_and_a_number_in_it_makes_no_other() -> None:
    """The condition Stalled of an aborted Rollout is as old as the abort, and stays so."""
    sentences = ("Service a is not there.", "Service b is not there.", "2 of 3 pods.", "1 of 3 pods.")
    stalled = [a_status(Phase.STALLED, "Invalid", message=sentence) for sentence in sentences]
    first, second, third, fourth = (ids(each)[-1] for each in stalled)
    assert len({first, second, third}) == 3
    assert third == fourth
    both = remembering(remembering(stalled[0], {first: {"chat"}}), {second: {"chat"}})
    assert [each.id for each in both.notified or ()] == [first, second]


def test_the_status_keeps_so_many_and_forgets_the_oldest_holds_first() -> None:
    more = {"3/started": {"chat"}} | {f"3/{number}/held/NoData": {"chat"} for number in range(REMEMBERED + 5)}
    kept = remembering(a_status(), more).notified or ()
    assert [each.id for each in kept] == ["3/started", *list(more)[7:]]


def test_a_notice_of_the_same_run_number_of_another_rollout_has_another_identity() -> None:
    (notice,) = owed(KEY, UID, a_status(), now=NOW)
    assert replace(notice, uid="other").identity != notice.identity
