"""What the measured share of the traffic means: too little empties the canary, too much holds the step."""

from datetime import timedelta
from typing import Any

import pytest

from analysis.results import Assessment, ShareFinding, State
from rollout.core.decide import decide
from rollout.core.world import World
from rollout.models.status import Phase, Stage, TrafficStatus, Verb
from tests.core.builders import (
    MINUTE,
    NEW,
    NOW,
    a_command,
    a_policy,
    a_result,
    a_revision,
    a_run,
    a_world,
    ago,
    judged,
)

OVER = 6 * MINUTE
SENTENCE = "the canary gets 1 % of the requests, not 10 %"


def share(kind: Any, *results: Any) -> Assessment:
    return judged(*(results or (a_result(),)), share=ShareFinding(kind=kind, since=NOW, sentence=SENTENCE))


def emptied(*, since: timedelta = MINUTE, told: str | None = SENTENCE, **changes: Any) -> World:
    """A canary that was taken off the traffic that long ago."""
    status = {"traffic": TrafficStatus(desired=0), **changes.pop("status", {})}
    run = a_run(emptied_at=ago(since), emptied_for=told)
    return a_world(weight=0, entered=OVER, run=run, status=status, **changes)


def test_a_canary_that_gets_too_little_is_emptied_at_once_with_the_sentence() -> None:
    decision = decide(a_world(), share("tooFew"))
    run = decision.status.run
    assert run is not None
    assert (run.stage, run.emptied_at, run.emptied_for) == (Stage.STEPPING, ago(timedelta()), SENTENCE)
    assert (decision.target.weight, decision.urgent, decision.reason) == (0, True, "ShareTooSmall")
    assert decision.status.message == (
        f"Canary taken off the traffic at 12:00:00 UTC: {SENTENCE}; resume to try again, or abort."
    )


def test_it_stays_so_when_nothing_is_measured_any_more() -> None:
    decision = decide(emptied(), judged(a_result()))
    assert (decision.target.weight, decision.reason) == (0, "ShareTooSmall")


def test_silence_is_said_as_silence() -> None:
    decision = decide(a_world(), share("tooFew", a_result(State.NO_DATA, silent=True)))
    assert decision.reason == "CanarySilent"
    assert decision.status.run is not None
    assert decision.status.run.emptied_for is None


@pytest.mark.parametrize("verb", [Verb.RESUME, Verb.PROMOTE])
def test_a_person_puts_it_back_on_the_traffic(verb: Verb) -> None:
    decision = decide(emptied(status={"commands": (a_command(verb),)}), judged(a_result()))
    run = decision.status.run
    assert run is not None
    assert (run.emptied_at, run.emptied_for, decision.target.weight) == (None, None, 10)


@pytest.mark.parametrize(("since", "aborted"), [(MINUTE, False), (3 * MINUTE, True)])
def test_the_policy_for_no_data_counts_for_it(since: timedelta, *, aborted: bool) -> None:
    decision = decide(emptied(since=since, spec=a_policy("onNoData", "abort")), judged(a_result()))
    run = decision.status.run
    assert run is not None
    assert (decision.status.phase is Phase.ABORTING) == aborted
    assert run.reason == (SENTENCE if aborted else None)


def test_too_much_holds_the_step_as_it_is() -> None:
    decision = decide(a_world(entered=OVER), share("tooMany"))
    assert decision.status.step is not None
    assert (decision.status.step.index, decision.target.weight, decision.reason) == (0, 10, "ShareTooLarge")
    assert decision.status.message == f"Holding at 10 %: {SENTENCE}."


def test_too_much_keeps_the_next_step_from_being_entered() -> None:
    decision = decide(a_world(step=1, entered=None), share("tooMany"))
    assert (decision.target.weight, decision.reason) == (10, "ReachingStep")
    assert decision.status.message == f"Before 50 % to shop:new: {SENTENCE}."


def test_a_breach_is_stronger_than_a_wrong_share() -> None:
    assert decide(a_world(), share("tooMany", a_result(State.REGRESS))).status.phase is Phase.ABORTING


def test_a_policy_that_gives_up_is_stronger_than_too_much() -> None:
    world = a_world(entered=OVER, spec=a_policy("onNoData", "abort"))
    late = a_result(State.NO_DATA, since=5 * MINUTE)
    assert decide(world, share("tooMany", late)).status.phase is Phase.ABORTING


def test_a_person_promotes_past_too_much() -> None:
    world = a_world(entered=OVER, status={"commands": (a_command(Verb.PROMOTE),)})
    step = decide(world, share("tooMany")).status.step
    assert step is not None
    assert step.index == 1


def test_a_canary_is_emptied_while_the_next_step_is_reached_too() -> None:
    decision = decide(a_world(step=1, entered=None, canary=a_revision(NEW, 1)), share("tooFew"))
    assert (decision.target.weight, decision.urgent) == (0, True)


@pytest.mark.parametrize(
    ("stage", "observed", "told"),
    [(Stage.STEPPING, 9.876, 9.9), (Stage.STEPPING, None, None), (Stage.BAKING, 9.876, None)],
)
def test_the_measured_share_is_told_while_traffic_is_split(
    stage: Stage, observed: float | None, told: float | None
) -> None:
    traffic = decide(a_world(stage), judged(a_result(), observed=observed)).status.traffic
    assert traffic is not None
    assert traffic.observed == told
