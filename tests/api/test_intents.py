# ruff: noqa: E501 - the sentences are what is specified here, each on the line of its case
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.intents import MAX_WAITING, check, is_going_on, parse_annotation
from rollout.models.rollout import parse_status
from rollout.models.status import Command, RolloutStatus, Stage, Verb
from tests.api.cluster import a_run, aborted, moving, quiet

PAUSED = {"pausedAt": "2026-05-01T13:45:00.000Z"}


def a_status(stage: str = "Stepping", **status: Any) -> RolloutStatus:
    return parse_status(moving(run=a_run(stage), **status))


def a_command(verb: str, **fields: Any) -> Command:
    return Command(id="x", verb=Verb(verb), **fields)


STEPPING, BAKING, AT_REST, ABORTED = a_status(), a_status("Baking"), parse_status(quiet()), parse_status(aborted())
FIRST = parse_status(moving(run=a_run("Done", number=1, stable=None, outcome="promoted")))
NEVER = RolloutStatus()
EMPTIED = parse_status(moving(run=a_run(emptiedAt="2026-05-01T13:45:00.000Z")))


@pytest.mark.parametrize(
    ("verb", "status"),
    [
        ("promote", STEPPING),
        ("promote", BAKING),
        ("promote", a_status(**PAUSED)),
        ("abort", STEPPING),
        ("abort", a_status("Switching")),
        ("abort", BAKING),
        ("abort", a_status(**PAUSED)),
        ("pause", STEPPING),
        ("pause", BAKING),
        ("pause", AT_REST),
        ("pause", NEVER),
        ("resume", a_status(**PAUSED)),
        ("resume", EMPTIED),
        ("retry", ABORTED),
        ("undo", AT_REST),
        ("undo", a_status("Finishing")),
        ("restart", AT_REST),
        ("restart", ABORTED),
    ],
)
def test_what_makes_sense_is_accepted(verb: str, status: RolloutStatus) -> None:
    assert check(a_command(verb), status) is None


@pytest.mark.parametrize(
    ("verb", "status", "sentence"),
    [
        ("promote", AT_REST, "Nothing is being released, so there is nothing to promote: change the pod template to start a release."),
        ("promote", a_status("Initial"), "There is no step to promote: the first version is still being brought up, and serves as soon as its pods are ready."),
        ("promote", a_status("Aborting"), "Run 4 is being taken back: wait until that is done, then retry it."),
        ("promote", a_status("Switching"), "All traffic is on a31d0 already: run 4 finishes by itself."),
        ("promote", a_status("Finishing"), "All traffic is on a31d0 already: run 4 finishes by itself."),
        ("abort", AT_REST, "Nothing is being released, so there is nothing to take back: undo releases an earlier version again."),
        ("abort", NEVER, "Nothing is being released, so there is nothing to take back: undo releases an earlier version again."),
        ("abort", a_status("Initial"), "There is no version to go back to: the first version is still being brought up. Change the pod template, or delete the Rollout."),
        ("abort", a_status("Aborting"), "Run 4 is being taken back already."),
        ("abort", a_status("Finishing"), "a31d0 is the stable version already: undo releases the earlier version again."),
        ("pause", a_status(**PAUSED), "It is paused since 2026-05-01T13:45:00.000Z already: resume goes on."),
        ("pause", a_status("Initial"), "There is no step to pause in: the first version is still being brought up."),
        ("pause", a_status("Aborting"), "Run 4 is being taken back, and that is not stopped half-way."),
        ("pause", a_status("Finishing"), "a31d0 is the stable version already: there is nothing left to pause."),
        ("resume", STEPPING, "It is not paused, so there is nothing to resume: promote gives the approval that a step waits for."),
        ("retry", NEVER, "There has been no run yet, so there is nothing to retry."),
        ("retry", STEPPING, "Run 4 is going on: only a run that was aborted can be retried."),
        ("retry", a_status("Aborting"), "Run 4 is still being taken back: retry it when that is done."),
        ("retry", AT_REST, "Run 4 was not aborted but promoted: restart gives its version new pods."),
        ("undo", NEVER, "There is no earlier version to go back to: this is the first one."),
        ("undo", FIRST, "There is no earlier version to go back to: this is the first one."),
        ("undo", STEPPING, "Run 4 is going on: abort takes it back. To release an earlier version, name its run."),
        ("undo", ABORTED, "Run 4 was taken back, and 7c9f1 serves: to go back further, name a run."),
        ("undo", a_status("Aborting"), "Run 4 was taken back, and 7c9f1 serves: to go back further, name a run."),
        ("restart", STEPPING, "Run 4 is going on, and brings new pods anyway: restart when it is over."),
        ("restart", NEVER, "There is no version that serves yet, so there is nothing to restart."),
        ("abort", a_status(phase="Terminating"), "The Rollout is being deleted: nothing can be asked of it any more."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_now_is_refused_with_the_reason(verb: str, status: RolloutStatus, sentence: str) -> None:
    assert check(a_command(verb), status) == sentence


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"run": 3}, STEPPING, "It is meant for run 3, but the last one is run 4: look at the Rollout and ask again."),
        ({"run": 1}, NEVER, "It is meant for run 1, but there has been no run yet: look at the Rollout and ask again."),
        ({"revision": "bad"}, STEPPING, "It is meant for revision bad, but the last run released a31d0: look at the Rollout and ask again."),
        ({"revision": "bad"}, NEVER, "It is meant for revision bad, but there has been no run yet: look at the Rollout and ask again."),
        ({"step": 1}, STEPPING, "It is meant for step 2, but the run is in step 1 (five): look at the Rollout and ask again."),
        ({"step": 1}, AT_REST, "It is meant for step 2, but no step is going on: look at the Rollout and ask again."),
        ({"to": "6"}, STEPPING, "A promotion cannot go to '6': write end for all steps, or leave `to` out."),
        ({"run": 4, "revision": "a31d0", "step": 0, "to": "end"}, STEPPING, None),
    ],
)  # fmt: skip
def test_a_command_for_what_is_gone_is_refused(
    fields: dict[str, Any], status: RolloutStatus, sentence: str | None
) -> None:
    assert check(a_command("promote", **fields), status) == sentence


def test_an_abort_is_for_its_run_whatever_step_that_has_reached() -> None:
    assert check(a_command("abort", run=4, step=7), STEPPING) is None
    assert check(a_command("abort", run=3), STEPPING) is not None


@pytest.mark.parametrize(
    ("to", "runs", "sentence"),
    [
        ("2", None, None),
        ("2", (1, 2, 3), None),
        ("2", (3,), "There is no record of run 2 any more; there is one of 3."),
        ("2", (), "There is no record of run 2 any more; there is one of none."),
        ("4", None, "Run 4 is not an earlier one: write a number from 1 to 3."),
        ("0", None, "'0' is not a run: write the number of an earlier one, from 1 to 3."),
        ("last", None, "'last' is not a run: write the number of an earlier one, from 1 to 3."),
    ],
)
def test_undo_goes_to_an_earlier_run_that_is_recorded(
    to: str, runs: tuple[int, ...] | None, sentence: str | None
) -> None:
    for status in (AT_REST, STEPPING, ABORTED):
        assert check(a_command("undo", to=to), status, runs=runs) == sentence


@given(
    verb=st.sampled_from(Verb),
    stage=st.sampled_from(Stage),
    to=st.sampled_from([None, "end", "1", "x"]),
    paused=st.booleans(),
)
def test_every_refusal_is_a_sentence(verb: Verb, stage: Stage, to: str | None, paused: bool) -> None:
    refusal = check(a_command(verb, to=to), a_status(stage, **(PAUSED if paused else {})))
    assert refusal is None or refusal[-1] == "."


def test_a_run_goes_on_until_it_has_an_outcome() -> None:
    assert [is_going_on(status) for status in (STEPPING, BAKING, AT_REST, ABORTED, NEVER)] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_the_schema_lets_as_many_commands_wait_as_are_accepted() -> None:
    assert RolloutStatus.model_json_schema()["properties"]["commands"]["anyOf"][0]["maxItems"] == MAX_WAITING


@pytest.mark.parametrize(
    ("value", "command"),
    [
        ("abort", Command(id="abort", verb=Verb.ABORT)),
        (" abort\n", Command(id="abort", verb=Verb.ABORT)),
        ("promote:2026-05-01T13:46", Command(id="promote:2026-05-01T13:46", verb=Verb.PROMOTE)),
        (
            json.dumps({"id": "7", "verb": "undo", "to": "2", "run": 4, "reason": "why", "at": "2026-05-01T13:46:00Z"}),
            Command(id="7", verb=Verb.UNDO, to="2", run=4, reason="why", at="2026-05-01T13:46:00Z"),
        ),
    ],
)
def test_an_annotation_is_a_verb_or_a_whole_command(value: str, command: Command) -> None:
    assert parse_annotation(value) == command


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("fly", "'fly' in annotation progressive.delivery/command is not a command: write one of promote, abort, pause, resume, retry, undo, restart"),
        ("", "'' in annotation progressive.delivery/command is not a command: write one of promote, abort, pause, resume, retry, undo, restart"),
        ("Abort", "'Abort' in annotation progressive.delivery/command is not a command: write one of promote, abort, pause, resume, retry, undo, restart"),
        ("abort:" + "x" * 60, "annotation progressive.delivery/command is too long: write at most 64 characters, like abort:2"),
        ('{"verb": "abort"}', "annotation progressive.delivery/command: id is missing: set it"),
        ('{"id": "1", "verb": "abort", "runn": 4}', "annotation progressive.delivery/command has no field runn: use id, verb, run, revision, step, to, by, reason, at"),
        ('{"id": "1", "verb": "abort", "at": "noon"}', "annotation progressive.delivery/command: at is not a time: write it like 2026-05-01T13:41:00Z"),
        ('{"id": "1",', "annotation progressive.delivery/command is not JSON: Expecting property name enclosed in double quotes: line 1 column 12 (char 11); a verb alone, like abort, works too"),
    ],
)  # fmt: skip
def test_an_annotation_that_is_no_command_is_explained(value: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        parse_annotation(value)
    assert str(error.value) == problem


@given(st.text(max_size=200) | st.text(max_size=50).map(lambda text: "{" + text))
def test_no_annotation_breaks_the_reader(value: str) -> None:
    told = ""
    try:
        parse_annotation(value)
    except ValueError as error:
        told = str(error)
    assert "annotation" in told or value.strip().partition(":")[0] in set(Verb)
