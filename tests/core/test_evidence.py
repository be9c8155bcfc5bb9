"""A step that waits for evidence: when it is left, what happens when there is none in time, and what is said."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from analysis.results import Assessment, State
from rollout.core.decide import decide
from rollout.core.target import Decision
from rollout.core.world import World
from rollout.models.status import Phase, Stage, Verb
from tests.core.builders import (
    ERRORS,
    MINUTE,
    NEW,
    a_command,
    a_result,
    a_revision,
    a_spec,
    a_world,
    ago,
    judged,
)

EVIDENCE: dict[str, Any] = {"evidence": {}}
APPROVAL: dict[str, Any] = {"approval": {}}
LIMITED: dict[str, Any] = {"for": "2m", "until": [EVIDENCE], "atMost": "10m"}
BOTH: dict[str, Any] = {"for": "2m", "until": [EVIDENCE, APPROVAL], "atMost": "10m"}
EARLY, BETWEEN, LATE = MINUTE, 3 * MINUTE, 11 * MINUTE
QUERY = {"name": "queue", "query": {"expr": "q", "max": 1}}
USAGE = {"name": "cpu", "usage": {"gauge": "bytes"}}
COMPARED = {"name": "restarts", "restarts": {}}
LIMIT = {"name": "restarts", "restarts": {"max": 0}}
CEILING = {**ERRORS, "compare": False}

PROVEN, UNPROVEN = a_result(proven=True), a_result()


def waiting(
    hold: dict[str, Any] = LIMITED,
    *,
    since: timedelta = BETWEEN,
    then: str | None = None,
    checks: tuple[dict[str, Any], ...] = (ERRORS,),
    weight: float = 10,
    **changes: Any,
) -> World:
    """A first step that waits for evidence, entered that long ago; `then` is what is declared for no verdict."""
    policy = {} if then is None else {"onInconclusive": {"after": "1s", "then": then}}
    spec = a_spec(
        strategy={"canary": {"steps": [{"weight": weight, "hold": hold}, {"weight": 50}]}},
        analysis={"checks": list(checks), **policy},
    )
    return a_world(**{"entered": since, "spec": spec, **changes})


def asked(world: World, verb: Verb, **fields: Any) -> World:
    return replace(world, status=world.status.model_copy(update={"commands": (a_command(verb, **fields),)}))


def paused(world: World) -> World:
    return replace(world, status=world.status.model_copy(update={"paused_at": ago(MINUTE)}))


def outcome(decision: Decision) -> str:
    """What became of the step."""
    if decision.status.phase is Phase.ABORTING:
        return "aborted"
    step = decision.status.step
    return "left" if step is not None and step.index == 1 else "held"


CASES: dict[str, tuple[World, Assessment, str]] = {
    "nothing is proved": (waiting(), judged(UNPROVEN), "held"),
    "it is proved": (waiting(), judged(PROVEN), "left"),
    "it is proved, but its time is not over": (waiting(since=EARLY), judged(PROVEN), "held"),
    "it is proved, and its time is none": (waiting({"until": [EVIDENCE]}, since=MINUTE), judged(PROVEN), "left"),
    "it was not measured yet": (waiting(), judged(), "held"),
    "it is proved of one check only": (
        waiting(checks=(ERRORS, {**ERRORS, "name": "other"})),
        judged(PROVEN, a_result(name="other")),
        "held",
    ),
    "what is not proved is not critical": (waiting(), judged(a_result(critical=False)), "left"),
    "what is not proved only warns": (waiting(), judged(a_result(critical=False, warn_only=True)), "left"),
    "a ceiling passes, which proves nothing": (waiting(checks=(CEILING,)), judged(UNPROVEN), "left"),
    "a ceiling has no data": (waiting(checks=(CEILING,)), judged(a_result(State.NO_DATA)), "held"),
    "a query passes": (waiting(checks=(ERRORS, QUERY)), judged(PROVEN, a_result(name="queue")), "left"),
    "a query waits for data": (
        waiting(checks=(ERRORS, QUERY)),
        judged(PROVEN, a_result(State.NOT_ENOUGH_DATA, name="queue")),
        "held",
    ),
    "usage passes": (waiting(checks=(ERRORS, USAGE)), judged(PROVEN, a_result(name="cpu")), "left"),
    "usage is too high": (
        waiting(checks=(ERRORS, USAGE)),
        judged(PROVEN, a_result(State.REGRESS, name="cpu", holds_only=True)),
        "held",
    ),
    "compared restarts pass": (waiting(checks=(ERRORS, COMPARED)), judged(PROVEN, a_result(name="restarts")), "left"),
    "a limit of restarts is kept": (waiting(checks=(ERRORS, LIMIT)), judged(PROVEN), "left"),
    "it is proved, but suspect": (waiting(), judged(a_result(State.NOT_ENOUGH_DATA, proven=True)), "held"),
    "it is being reached": (waiting(entered=None, then="abort"), judged(), "held"),
    "it regresses": (waiting(), judged(a_result(State.REGRESS, proven=True)), "aborted"),
    "the source is down": (waiting(), judged(a_result(State.PROVIDER_DOWN, proven=True)), "held"),
    "it is proved, but paused": (paused(waiting()), judged(PROVEN), "held"),
    "the route is not accepted": (waiting(accepted=False), judged(PROVEN), "held"),
    "no traffic, so no evidence": (waiting(weight=0), judged(), "left"),
    "no traffic, and a restart waits": (waiting(weight=0, checks=(ERRORS, COMPARED)), judged(), "left"),
    "it is late": (waiting(since=LATE), judged(UNPROVEN), "held"),
    "it is late and proved": (waiting(since=LATE), judged(PROVEN), "left"),
    "it is late, and then held": (waiting(since=LATE, then="hold"), judged(UNPROVEN), "held"),
    "it is late, and then left": (waiting(since=LATE, then="advance"), judged(UNPROVEN), "left"),
    "it is late, and then taken back": (waiting(since=LATE, then="abort"), judged(UNPROVEN), "aborted"),
    "it is late with too little data, and then left": (
        waiting(since=LATE, then="advance"),
        judged(a_result(State.NOT_ENOUGH_DATA)),
        "left",
    ),
    "it is late without any data, which is another policy": (
        waiting(since=LATE, then="advance"),
        judged(a_result(State.NO_DATA)),
        "held",
    ),
    "it is not late, whatever `after` says": (
        waiting(then="abort"),
        judged(a_result(State.NOT_ENOUGH_DATA)),
        "held",
    ),
    "nothing limits it": (
        waiting({"until": [EVIDENCE]}, since=100 * LATE, then="abort"),
        judged(UNPROVEN),
        "held",
    ),
    "it is late, but paused": (paused(waiting(since=LATE, then="abort")), judged(UNPROVEN), "held"),
    "a person promotes it": (asked(waiting(), Verb.PROMOTE), judged(UNPROVEN), "left"),
    "both, and nothing": (waiting(BOTH), judged(UNPROVEN), "held"),
    "both, and no approval": (waiting(BOTH), judged(PROVEN), "held"),
    "both, and no proof": (asked(waiting(BOTH), Verb.PROMOTE), judged(UNPROVEN), "held"),
    "both": (asked(waiting(BOTH), Verb.PROMOTE), judged(PROVEN), "left"),
    "both, but its time is not over": (asked(waiting(BOTH, since=EARLY), Verb.PROMOTE), judged(PROVEN), "held"),
    "both, late": (waiting(BOTH, since=LATE, then="advance"), judged(UNPROVEN), "held"),
    "both, late and approved": (asked(waiting(BOTH, since=LATE), Verb.PROMOTE), judged(UNPROVEN), "left"),
    "both, and no traffic": (asked(waiting(BOTH, weight=0), Verb.PROMOTE), judged(), "left"),
}


@pytest.mark.parametrize(("world", "assessment", "expected"), CASES.values(), ids=CASES)
def test_a_step_is_left_when_everything_is_proved_that_can_be(
    world: World, assessment: Assessment, expected: str
) -> None:
    assert outcome(decide(world, assessment)) == expected


def test_a_promotion_to_the_end_does_not_wait_for_evidence() -> None:
    decision = decide(asked(waiting(BOTH), Verb.PROMOTE, to="end"), judged(UNPROVEN))
    assert decision.status.step is not None
    assert decision.status.step.index == 2


def test_an_early_approval_is_remembered_until_there_is_proof() -> None:
    world = asked(waiting(BOTH), Verb.PROMOTE)
    kept = decide(world, judged(UNPROVEN)).status
    assert (len(kept.commands or ()), kept.handled) == (1, None)
    left = decide(replace(world, status=kept), judged(PROVEN)).status
    assert (left.commands, left.handled) == (None, ("id-promote",))


def test_the_last_step_is_left_for_the_switch_when_it_is_proved() -> None:
    spec = a_spec(strategy={"canary": {"steps": [{"weight": 100, "hold": LIMITED}]}})
    world = a_world(entered=BETWEEN, spec=spec, canary=a_revision(NEW))
    assert decide(world, judged(UNPROVEN)).target.weight == 100
    run = decide(world, judged(PROVEN)).status.run
    assert run is not None
    assert run.stage is Stage.SWITCHING


@pytest.mark.parametrize(("since", "after"), [(EARLY, MINUTE), (BETWEEN, 7 * MINUTE), (LATE, timedelta(seconds=1))])
def test_a_step_looks_again_when_its_time_and_then_its_limit_is_over(since: timedelta, after: timedelta) -> None:
    assert decide(waiting(since=since), judged(UNPROVEN)).after == after


SENTENCES: dict[str, tuple[World, Assessment, tuple[str, str]]] = {
    "no limit": (
        waiting({"until": [EVIDENCE]}),
        judged(a_result(sentence="errors: 3 of 500")),
        ("WaitingForEvidence", "At 10 %: errors: 3 of 500. Waits for proof that it is not worse, then 50 %."),
    ),
    "an outlook": (
        waiting(),
        judged(a_result(sentence="errors: 3 of 500", outlook="about 400 more requests prove that it is not worse")),
        (
            "WaitingForEvidence",
            "At 10 %: errors: 3 of 500; about 400 more requests prove that it is not worse. "
            "Waits for proof that it is not worse, then 50 %; held if there is none by 12:07:00 UTC.",
        ),
    ),
    "then advance": (
        waiting(then="advance"),
        judged(a_result(sentence="errors: 3 of 500")),
        (
            "WaitingForEvidence",
            "At 10 %: errors: 3 of 500. Waits for proof that it is not worse, then 50 %; "
            "at the latest at 12:07:00 UTC.",
        ),
    ),
    "then abort": (
        waiting(then="abort"),
        judged(a_result(sentence="errors: 3 of 500")),
        (
            "WaitingForEvidence",
            "At 10 %: errors: 3 of 500. Waits for proof that it is not worse, then 50 %; "
            "taken back if there is none by 12:07:00 UTC.",
        ),
    ),
    "both": (
        waiting({"until": [EVIDENCE, APPROVAL]}),
        judged(a_result(sentence="errors: 3 of 500")),
        (
            "WaitingForEvidence",
            "At 10 %: errors: 3 of 500. Waits for proof that it is not worse and for approval, then 50 %.",
        ),
    ),
    "both, approved early": (
        asked(waiting({"until": [EVIDENCE, APPROVAL]}), Verb.PROMOTE),
        judged(a_result(sentence="errors: 3 of 500")),
        (
            "WaitingForEvidence",
            "At 10 %: errors: 3 of 500. Approved; waits for proof that it is not worse, then 50 %.",
        ),
    ),
    "both, proved": (
        waiting(BOTH),
        judged(PROVEN),
        ("WaitingForApproval", "At 10 %: waiting for approval; promote to go on to 50 %."),
    ),
    "too late": (
        waiting(since=LATE),
        judged(a_result(sentence="errors: 3 of 500", outlook="not in time")),
        ("NotProved", "Holding at 10 %: errors: 3 of 500; not proved in time; promote to go on, or abort."),
    ),
    "what speaks against it comes first": (
        waiting(checks=(ERRORS, QUERY)),
        judged(UNPROVEN, a_result(State.NO_DATA, name="queue", sentence="queue: no data")),
        ("NoData", "Holding at 10 %: queue: no data."),
    ),
    "proved, its time not over": (
        waiting(since=EARLY),
        judged(PROVEN),
        ("Holding", "At 10 % until 12:01:00 UTC, then 50 %. Errors: pass."),
    ),
    "its time is over on another day": (
        waiting({"for": "24h", "until": [EVIDENCE]}, since=EARLY),
        judged(PROVEN),
        ("Holding", "At 10 % until 2 May 11:59:00 UTC, then 50 %. Errors: pass."),
    ),
}


@pytest.mark.parametrize(("world", "assessment", "expected"), SENTENCES.values(), ids=SENTENCES)
def test_it_says_what_is_known_what_is_missing_and_what_comes_when(
    world: World, assessment: Assessment, expected: tuple[str, str]
) -> None:
    decision = decide(world, assessment)
    assert (decision.reason, decision.status.message) == expected


def test_an_abort_for_want_of_evidence_says_so() -> None:
    run = decide(waiting(since=LATE, then="abort"), judged(a_result(sentence="errors: 3 of 500"))).status.run
    assert run is not None
    assert run.reason == "errors: 3 of 500; not proved in time"
