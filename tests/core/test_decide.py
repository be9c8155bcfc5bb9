"""Which question comes first: leaving, a run that goes on, what is wrong, the first version, a release, rest."""

from dataclasses import replace

import pytest

from analysis.results import State
from rollout.core.decide import decide
from rollout.core.target import Target
from rollout.core.world import World
from rollout.models.status import Outcome, Phase, RolloutStatus, Stage, Verb
from tests.core.builders import (
    MINUTE,
    NEW,
    OLD,
    REPLICAS,
    a_command,
    a_manifest,
    a_result,
    a_revision,
    a_run,
    a_template,
    a_world,
    ago,
    at_rest,
    judged,
    with_service,
)

GOOD = judged(a_result())
PROBLEM = {"problems": ("Cannot start: Service store/shop does not exist.",)}


def changed(world: World, **fields: object) -> World:
    return replace(world, wanted=NEW, template=a_template(NEW), **fields)  # type: ignore[arg-type]


ORDER: dict[str, tuple[World, Phase, str]] = {
    "at rest": (at_rest(), Phase.HEALTHY, "Promoted"),
    "pods of the stable version are missing": (
        at_rest(stable=a_revision(OLD, ready=2, promoted=1)),
        Phase.PROGRESSING,
        "Scaling",
    ),
    "a new template": (changed(at_rest()), Phase.PROGRESSING, "ReachingStep"),
    "a new template and a problem": (changed(at_rest(), **PROBLEM), Phase.STALLED, "Invalid"),
    "a new template while it is paused": (
        changed(at_rest(status={"paused_at": ago(MINUTE)})),
        Phase.PAUSED,
        "Paused",
    ),
    "a new template the API server refused": (
        changed(at_rest(status={"refused": NEW, "message": "no"})),
        Phase.STALLED,
        "TemplateRefused",
    ),
    "a new template beside a pod of somebody else": (
        changed(with_service(at_rest(), targets=frozenset({"debug"}))),
        Phase.STALLED,
        "ForeignEndpoint",
    ),
    "a problem at rest": (at_rest(**PROBLEM), Phase.STALLED, "Invalid"),
    "a problem during a run": (a_world(**PROBLEM), Phase.PROGRESSING, "Holding"),
    "no version yet": (
        replace(changed(at_rest()), revisions={}, status=RolloutStatus(), runs=()),
        Phase.INITIALIZING,
        "FirstDeployment",
    ),
    "deleted": (at_rest(manifest=a_manifest(deletionTimestamp="now")), Phase.TERMINATING, "Deleted"),
    "deleted during a run": (
        a_world(Stage.BAKING, manifest=a_manifest(deletionTimestamp="now")),
        Phase.TERMINATING,
        "Deleted",
    ),
}


@pytest.mark.parametrize(("world", "phase", "reason"), ORDER.values(), ids=ORDER)
def test_the_most_urgent_question_is_answered(world: World, phase: Phase, reason: str) -> None:
    decision = decide(world, GOOD)
    assert (decision.status.phase, decision.reason) == (phase, reason)


def test_a_problem_leaves_the_traffic_as_it_is_and_the_stable_version_at_the_size_that_is_asked_for() -> None:
    kept = Target(replicas={OLD: REPLICAS}, keep_traffic=True)
    assert decide(at_rest(**PROBLEM), GOOD).target == kept


def test_a_release_starts_with_the_services_pinned_and_no_traffic_on_the_canary() -> None:
    decision = decide(changed(at_rest()), judged())
    assert replace(decision.target, templates={}) == Target(
        replicas={OLD: REPLICAS, NEW: 1}, pin=OLD, weight=0, canary=NEW
    )
    assert decision.status.run == a_run(started_at=ago(0 * MINUTE), since=0 * MINUTE)


def test_the_first_version_is_brought_up_without_steps_or_judgement() -> None:
    nothing = replace(changed(at_rest()), revisions={}, status=RolloutStatus(), runs=())
    decision = decide(nothing, judged(a_result(State.REGRESS)))
    assert decision.target == Target(replicas={NEW: REPLICAS}, templates={NEW: a_template(NEW)})


def test_a_template_that_only_returns_starts_nothing() -> None:
    assert decide(at_rest(), judged(a_result(State.REGRESS))).status.phase is Phase.HEALTHY


def test_a_retry_asks_the_api_server_again_for_a_template_it_refused() -> None:
    world = changed(at_rest(status={"refused": NEW, "run": a_run(Stage.DONE, outcome=Outcome.ABORTED)}))
    again = world.status.model_copy(update={"commands": (a_command(Verb.RETRY),)})
    assert decide(replace(world, status=again), GOOD).status.phase is Phase.PROGRESSING
