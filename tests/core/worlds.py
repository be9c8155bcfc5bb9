"""Hypothesis strategies for worlds: releases caught at any moment, with anything wrong that a cluster can do."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from analysis.results import Assessment, CheckResult, ShareFinding, State
from rollout.core import routing
from rollout.core.world import World
from rollout.models.spec import RolloutSpec
from rollout.models.status import Command, RolloutStatus, Stage, Verb
from tests.core.builders import (
    BY_INGRESS,
    ERRORS,
    MINUTE,
    NEW,
    NOW,
    OLD,
    REPLICAS,
    STEPS,
    THIRD,
    a_command,
    a_result,
    a_revision,
    a_route,
    a_run,
    a_spec,
    a_template,
    a_world,
    ago,
    judged,
    led,
)

ACTIVE = (Stage.STEPPING, Stage.SWITCHING, Stage.BAKING)
STAGES = (*ACTIVE, Stage.FINISHING, Stage.ABORTING)


class Moment:
    """A world, and what the metrics say of it; no dataclass, since Hypothesis would print every field of one."""

    def __init__(self, world: World, assessment: Assessment) -> None:
        self.world = world
        self.assessment = assessment

    def __repr__(self) -> str:
        """What matters of it, on a few lines."""
        world, status = self.world, self.world.status
        run, step = status.run, status.step
        sides = {
            name: (len(each.ready), len(each.pods), each.replicas, each.manifest["metadata"]["annotations"])
            for name, each in world.revisions.items()
        }
        return "\n".join(
            (
                f"run: {run and (run.stage, run.since, run.reverts, run.emptied_at)}",
                f"step: {step and (step.index, step.entered_at)}; wanted: {world.wanted}; paused: {status.paused_at}",
                f"commands: {[(each.verb, each.to) for each in status.commands or ()]}; problems: {world.problems}",
                f"revisions: {sides}; records: {[each.name for each in world.runs]}",
                f"pins: {[each.pinned for each in world.services]}",
                f"targets: {[(sorted(each.targets), sorted(each.canary_targets)) for each in world.services]}",
                f"routes: {[(routing.route_weight(world, each), routing.waiting(world)) for each in world.routes]}",
                f"results: {[(each.state, each.silent, each.proven) for each in self.assessment.results]}",
                f"share: {self.assessment.share}",
            )
        )


MATCHING = (
    {"weight": 0, "hold": {"for": "5m"}, "match": {"header": {"name": "X-Beta"}}},
    {"weight": 50, "hold": {"for": "5m"}, "match": {"cookie": {"name": "beta"}}},
)
_SPECS: tuple[RolloutSpec, ...] = (
    a_spec(),
    a_spec(traffic=BY_INGRESS),
    a_spec(traffic=BY_INGRESS, strategy={"canary": {"steps": MATCHING}}),
    a_spec(traffic=None),
    a_spec(traffic=None, services=None),
    a_spec(strategy={"blueGreen": {"bake": {"for": "5m"}}}),
    a_spec(strategy={"canary": {"steps": [*STEPS, {"weight": 50, "hold": {"until": [{"approval": {}}]}}]}}),
    *(
        a_spec(
            strategy={"canary": {"steps": [{"weight": 10, "hold": hold}, {"weight": 50, "hold": {"for": "5m"}}]}},
            analysis={"checks": [ERRORS], "onInconclusive": {"after": "0s", "then": then}},
        )
        for hold in (
            {"until": [{"evidence": {}}], "atMost": "5m"},
            {"until": [{"evidence": {}}, {"approval": {}}], "atMost": "5m"},
        )
        for then in ("hold", "abort")
    ),
    *(
        a_spec(analysis={"checks": [ERRORS], policy: {"after": "2m", "then": then}})
        for policy in ("onNoData", "onProviderDown", "onInconclusive")
        for then in ("hold", "abort")
    ),
)

SPECS = tuple(range(len(_SPECS)))
ROUTED = tuple(number for number in SPECS if _SPECS[number].traffic)

_ages = st.sampled_from([timedelta(), timedelta(seconds=5), MINUTE, 6 * MINUTE, 11 * MINUTE])
_verbs = st.sampled_from([Verb.ABORT, Verb.PROMOTE, Verb.PAUSE, Verb.RESUME, Verb.RETRY, Verb.UNDO, Verb.RESTART])


def results(states: st.SearchStrategy[State] | None = None) -> st.SearchStrategy[tuple[CheckResult, ...]]:
    """What the one check says, or nothing when it was not measured yet."""
    return st.builds(
        lambda state, since, silent, proven: (
            a_result(
                state,
                since=since,
                silent=silent and state is State.NO_DATA,
                proven=proven and state is State.PASS,
            ),
        ),
        st.sampled_from(State) if states is None else states,
        _ages,
        st.booleans(),
        st.booleans(),
    ) | st.just(())


def assessments(states: st.SearchStrategy[State] | None = None) -> st.SearchStrategy[Assessment]:
    """What the one check says, and how the traffic is split, which is seldom wrong."""
    kinds = st.sampled_from([None, None, "tooFew", "tooMany"])
    return st.builds(
        lambda found, kind: judged(
            *found,
            observed=12.34 if found else None,
            share=ShareFinding(kind=kind, since=NOW, sentence="the share is wrong") if kind else None,
            checkpoint="{}" if found else None,
        ),
        results(states),
        kinds,
    )


def commands() -> st.SearchStrategy[tuple[Command, ...] | None]:
    """Up to two intents."""
    some = st.lists(
        st.builds(a_command, _verbs, to=st.sampled_from([None, "end"])), max_size=2, unique_by=lambda each: each.id
    )
    return some.map(lambda found: tuple(found) or None)


@st.composite
def worlds(
    draw: st.DrawFn, *, stages: tuple[Stage, ...] = STAGES, specs: tuple[int, ...] = SPECS, kept: bool = False
) -> World:
    """A release at any moment; with `kept`, its status, marks and records are as the controller left them."""
    stage = draw(st.sampled_from(stages))
    spec = _SPECS[draw(st.sampled_from(specs))]
    count = 2 if spec.strategy.blue_green else 4 if len(_steps(spec)) == 3 else 3
    sizes = st.integers(0, REPLICAS)
    replicas, wants = draw(sizes), draw(st.sampled_from([REPLICAS, REPLICAS, 0]))
    canary = a_revision(
        NEW,
        replicas,
        ready=draw(st.integers(0, replicas)),
        replicas=draw(st.sampled_from([replicas, REPLICAS])),
        promoted=2 if stage is Stage.FINISHING and not draw(st.booleans()) else None,
        aborted=None if kept or not draw(st.booleans()) else 2 if stage is Stage.ABORTING else None,
    )
    stable = a_revision(OLD, wants, ready=draw(st.integers(0, wants)), replicas=REPLICAS, promoted=1)
    world = a_world(
        stage,
        spec=spec,
        step=draw(st.integers(0, count - 1)),
        entered=draw(st.none() | _ages),
        stable=stable,
        canary=canary,
        weight=draw(st.sampled_from([None, 0, 10, 50, 100])) if spec.traffic else None,
        pinned=draw(st.sampled_from([OLD, NEW, None])),
        accepted=draw(st.booleans()),
        run=a_run(
            stage,
            since=draw(_ages),
            reverts=draw(st.sampled_from([0, 0, 2])),
            emptied_at=draw(st.sampled_from([None, None, ago(MINUTE), ago(6 * MINUTE)])),
        ),
        status={"paused_at": draw(st.sampled_from([None, None, ago(MINUTE)])), "commands": draw(commands())},
    )
    world = replace(world, wanted=draw(st.sampled_from([NEW, NEW, NEW, OLD, THIRD])))
    if world.wanted != NEW:
        world = replace(world, template=a_template(world.wanted or ""))
    return draw(_disturbed(world, kept=kept))


def _steps(spec: RolloutSpec) -> tuple[object, ...]:
    return spec.strategy.canary.steps if spec.strategy.canary else ()


@st.composite
def _disturbed(draw: st.DrawFn, world: World, *, kept: bool) -> World:
    if draw(st.booleans()):  # the EndpointSlices are behind
        lagging = draw(st.sampled_from([frozenset(), frozenset({"shop-new-0"}), frozenset({"shop-old-0"})]))
        services = tuple(replace(each, canary_targets=lagging, targets=lagging) for each in world.services)
        world = replace(world, services=services)
    if not kept:
        lost = draw(st.sampled_from(["nothing", "nothing", "status", "canary", "record", "marks", "other route"]))
        world = _losing(world, lost)
    if draw(st.booleans()):
        world = replace(world, problems=draw(st.sampled_from([(), ("Cannot start: the spec is wrong.",)])))
    return world


def _losing(world: World, lost: str) -> World:
    match lost:
        case "status":
            return replace(world, status=RolloutStatus())
        case "canary":
            left = {name: each for name, each in world.revisions.items() if name != NEW}
            return led(replace(world, revisions=left))
        case "record":
            return replace(world, runs=world.runs[:1])
        case "marks":
            return replace(world, status=world.status.model_copy(update={"step": None}))
        case "other route" if world.routes:
            return replace(world, routes=(*world.routes, a_route(0, name="partners")))
        case _:
            return world


@st.composite
def moments(draw: st.DrawFn, states: st.SearchStrategy[State] | None = None, **how: Any) -> Moment:
    """Worlds with what the metrics say."""
    return Moment(world=draw(worlds(**how)), assessment=draw(assessments(states)))
