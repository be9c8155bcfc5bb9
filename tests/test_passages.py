from datetime import datetime, timedelta
from typing import Any

from rollout.models.rollout import parse_status
from rollout.models.status import Outcome, RolloutStatus
from rollout.passages import Passages, passages
from tests.api.cluster import NOW, a_run, moving

NOTHING = Passages()


def a_status(stage: str = "Stepping", *, number: int = 4, step: int | None = 0, **fields: Any) -> RolloutStatus:
    run = a_run(stage, number=number, **{name: fields.pop(name) for name in ("outcome",) if name in fields})
    made = moving(run=run, **fields)
    made["status"]["step"] = None if step is None else {**made["status"]["step"], "index": step}
    return parse_status({"status": {name: value for name, value in made["status"].items() if value is not None}})


def between(before: RolloutStatus, after: RolloutStatus) -> Passages:
    return passages(before, after, NOW)


def test_a_status_that_says_the_same_tells_of_nothing() -> None:
    assert between(a_status(), a_status()) == NOTHING
    assert between(RolloutStatus(), a_status()) == NOTHING
    assert between(RolloutStatus(), RolloutStatus()) == NOTHING


def test_a_release_that_ends_is_told_once_with_the_time_since_its_template_changed() -> None:
    ended = a_status("Done", step=None, outcome="promoted")
    assert between(a_status("Finishing", step=None), ended) == Passages(
        outcome=Outcome.PROMOTED, release=timedelta(minutes=5)
    )
    assert between(ended, ended) == NOTHING


def test_a_release_that_another_one_replaced_was_superseded() -> None:
    following = a_status(number=5)
    assert following.run is not None
    later = following.run.model_copy(update={"started_at": "2026-05-01T13:46:00.000Z"})
    assert between(a_status(), following.model_copy(update={"run": later})) == Passages(
        outcome=Outcome.SUPERSEDED, release=timedelta(minutes=5)
    )


def test_a_new_release_after_one_that_was_over_ends_nothing() -> None:
    assert between(a_status("Done", step=None, outcome="aborted"), a_status(number=5)) == NOTHING


def test_a_step_that_is_left_took_as_long_as_since_it_began_to_be_reached() -> None:
    assert between(a_status(step=0), a_status(step=1)) == Passages(step=timedelta(minutes=5))
    assert between(a_status(step=2), a_status("Switching", step=None)) == Passages(step=timedelta(minutes=5))


def breached(stage: str, proved: str | None) -> RolloutStatus:
    check = {"name": "errors", "state": "regress", "message": "bad", "provedAt": proved}
    return a_status(stage, analysis=[{name: value for name, value in check.items() if value is not None}])


def test_an_abort_names_the_sample_that_proved_the_breach() -> None:
    proved = breached("Aborting", "2026-05-01T13:45:59.500Z")
    assert between(breached("Stepping", None), proved).proved_at == datetime.fromisoformat("2026-05-01T13:45:59.500Z")
    assert between(proved, proved).proved_at is None


def test_an_abort_that_a_person_asked_for_has_no_proof() -> None:
    assert between(breached("Stepping", None), breached("Aborting", None)).proved_at is None


def test_a_proof_that_ended_nothing_for_long_is_no_reaction_when_a_person_does() -> None:
    proved = "2026-05-01T13:42:00.000Z"
    assert between(breached("Stepping", proved), breached("Aborting", proved)).proved_at is None
