"""What a run does in each of its stages, until it is promoted."""

from dataclasses import replace
from datetime import timedelta

from analysis.assess import State
from rollout.core import routing, say
from rollout.core.asked import in_progress
from rollout.core.case import Case, aborting, stamp, to_stage
from rollout.core.findings import Standing, standing
from rollout.core.retreat import retreat
from rollout.core.target import Ruling, Target
from rollout.core.world import Revision
from rollout.models.analysis import Then
from rollout.models.rollout import format_time, parse_time
from rollout.models.status import Outcome, Phase, RunStatus, Stage, StepStatus

_REVERTS = 3  # in one step; who fights for an object will not stop
_SOON = timedelta(seconds=1)


def advance(case: Case) -> Ruling:
    """What the run does now."""
    if in_progress(case.run.stage):
        reason = why_abort(case)
        if reason is not None:
            outcome = Outcome.SUPERSEDED if _superseded(case) else Outcome.ABORTED
            return retreat(replace(case, run=aborting(case.world, case.run, reason, outcome)))
    match case.run.stage:
        case Stage.STEPPING:
            return _step(_reverted(case))
        case Stage.SWITCHING:
            return _switch(_reverted(case))
        case Stage.BAKING:
            return _bake(_reverted(case))
        case Stage.FINISHING:
            return _finish(case)
        case Stage.ABORTING:
            return retreat(case)
        case Stage.INITIAL | Stage.DONE:
            raise AssertionError("a run without an opponent has no steps")


def why_abort(case: Case) -> str | None:
    """Why the canary is taken back now, in one sentence; None when there is no reason."""
    if case.asked.abort is not None:
        return case.asked.abort
    breach = case.found.breach()
    if breach is not None:
        return breach.sentence
    if case.world.wanted not in (None, case.run.revision):
        if case.world.wanted == case.run.stable:
            return "the template is that of the stable version again"
        return f"another version, {say.called(case.world, case.world.wanted)}, is asked for"
    return _failed(case) or _given_up(case)


def _superseded(case: Case) -> bool:
    return case.asked.abort is None and case.found.breach() is None and _another(case)


def _another(case: Case) -> bool:
    return case.world.wanted not in (None, case.run.revision, case.run.stable)


def _failed(case: Case) -> str | None:
    if case.run.reverts >= _REVERTS:
        return f"somebody else undid the controller's writes {case.run.reverts} times in this step"
    if case.run.stage is not Stage.STEPPING:
        alive = case.canary is not None and case.canary.ready
        helps = case.world.replicas and case.stable.ready
        return f"none of its pods is ready: {say.unready(case)}" if helps and not alive else None
    if _ready(case) or case.asked.paused_at:
        return None
    if case.entered_at is None and case.now >= case.deadline:
        return f"its pods did not become ready in time: {say.unready(case)}"
    if case.entered_at is not None and case.canary is not None and not case.canary.ready:
        gone = case.canary.unavailable_since
        if gone is not None and case.now - gone >= case.deadline - case.started_at:
            return f"none of its pods has been ready since {gone:%H:%M:%S} UTC: {say.unready(case)}"
    return None


def _given_up(case: Case) -> str | None:
    """A policy whose time is over, for a state in which nothing can be judged."""
    policy = case.analysis.on_no_data if case.analysis else None
    since = parse_time(case.run.emptied_at) if case.run.emptied_at else case.now
    if policy is not None and policy.then is Then.ABORT and case.run.emptied_at and case.now - since >= policy.after:
        return "it stopped answering while the stable version had traffic"
    if case.entered_at is None:
        return None
    verdict = _standing(case)
    return verdict.sentence if verdict is not None and verdict.then is Then.ABORT else None


def _standing(case: Case) -> Standing | None:
    names = case.steps[case.index].checks if case.run.stage is Stage.STEPPING else None
    if names is None and case.run.stage is Stage.STEPPING and not case.weight:
        names = tuple(
            check.name for check in case.found.checks if check.restarts is not None
        )  # the others need traffic
    since = case.entered_at if case.run.stage is Stage.STEPPING and case.entered_at else parse_time(case.run.since)
    return standing(case.found, case.analysis, names=names, since=since, now=case.now)


def _ready(case: Case) -> bool:
    """Whether the step's pods are all there and the owned Services lead to exactly them."""
    if case.canary is None:
        return False
    enough = len(case.canary.ready) >= case.pods(case.index)
    return enough and routing.endpoints_exact(case.world, case.canary)


def _reverted(case: Case) -> Case:
    """The case with one more revert counted, when somebody else undid what was written."""
    known = case.world.status.traffic
    if known is None or case.world.status.run is None or case.world.status.run.number != case.run.number:
        return case
    allowed = {
        Stage.STEPPING: (known.desired, case.weight),
        Stage.SWITCHING: (known.desired, None),  # None: given back, by a write that the status does not tell of yet
    }.get(case.run.stage, (None,))
    who = routing.reverted_by(case.world, stable=case.run.stable or "", canary=case.run.revision, allowed=allowed)
    if who is None:
        return case
    run = case.run.model_copy(update={"reverts": case.run.reverts + 1, "reason": f"{who}, put right again"})
    return replace(case, run=run)


def _step(case: Case) -> Ruling:
    last = len(case.steps) - 1
    if case.asked.promote_to_end and case.index < last:
        return _reach(_at(case, last))
    if case.entered_at is None:
        return _reach(_at(case, case.index + 1) if case.asked.promote and case.index < last else case)
    if not _leaves(case):
        return _hold(case)
    return _begin_switch(case) if case.index == last else _reach(_at(case, case.index + 1))


def _at(case: Case, index: int) -> Case:
    """The case as it stands while another step is being reached, from now on."""
    step = step_status(case, index=index, started_at=stamp(case.world), entered_at=None)
    run = case.run.model_copy(update={"reverts": 0, "reason": None})
    known = case.world.status.model_copy(update={"step": step, "run": run})
    return replace(case, world=replace(case.world, status=known), run=run)


def step_status(case: Case, *, index: int, started_at: str, entered_at: str | None) -> StepStatus:
    """The step as the status shows it."""
    count = len(case.steps)
    return StepStatus(
        index=index,
        count=count,
        name=case.steps[index].name or "",
        progress=f"{index + 1}/{count}",
        started_at=started_at,
        entered_at=entered_at,
    )


def _present(case: Case) -> StepStatus:
    entered = format_time(case.entered_at) if case.entered_at is not None else None
    return step_status(case, index=case.index, started_at=format_time(case.started_at), entered_at=entered)


def _leaves(case: Case) -> bool:
    """Whether the step is over: its time has passed, its conditions hold, its checks pass, its traffic flows."""
    if case.run.emptied_at:
        return False
    if case.asked.promote:
        return _ready(case) or case.index + 1 < len(case.steps)  # the next step waits for its pods by itself
    if case.asked.paused_at or not _ready(case) or not _hold_over(case):
        return False
    flows = routing.waiting(case.world) is None and not _unprepared(case)
    return flows and _standing(case) is None


def _hold_over(case: Case) -> bool:
    hold = case.steps[case.index].hold
    if hold is None:
        return True
    assert case.entered_at is not None, "a hold is over only in a step that was entered"
    return not hold.until and case.now - case.entered_at >= (hold.for_ or timedelta(0))


def _reach(case: Case) -> Ruling:
    """Bring the step's pods up, and raise the weight once they are ready and the routes are prepared."""
    case = _emptied(case)
    weight = 0 if case.run.emptied_at else _kept(case, _given(case))
    blocked = routing.waiting(case.world) if case.index == 0 else None
    paused = case.asked.paused_at and not case.asked.promote and not case.asked.promote_to_end
    if _ready(case) and not blocked and not _unprepared(case) and not paused and not _blind(case):
        return _hold(_entered(case))
    return Ruling(
        phase=_phase(case),
        reason="Paused" if paused else "ReachingStep",
        message=say.reaching(case, blocked),
        target=_target(case, weight=weight, grow=True),
        run=case.run,
        step=_present(case),
        after=max(case.deadline - case.now, _SOON),
        urgent=weight < case.weight or case.run.reverts > 0,
    )


def _given(case: Case) -> float:
    """The weight while a step is reached: that of the step before, unless that was passed over and never had it."""
    told = case.world.status.traffic
    return min(case.weight, told.desired if told is not None else 0)


def _blind(case: Case) -> bool:
    """Whether the data that let the step before be left is gone again."""
    verdict = _standing(case) if case.weight and not (case.asked.promote or case.asked.promote_to_end) else None
    return verdict is not None and verdict.state in (State.NO_DATA, State.PROVIDER_DOWN)


def _unprepared(case: Case) -> bool:
    """Whether a route does not name the owned Services yet, as it has to before it can give them traffic."""
    return any(routing.route_weight(case.world, route) is None for route in case.world.routes)


def _entered(case: Case) -> Case:
    """The case as it stands with the step's traffic flowing from now on."""
    started = format_time(case.started_at)
    step = step_status(case, index=case.index, started_at=started, entered_at=stamp(case.world))
    known = case.world.status.model_copy(update={"step": step, "run": case.run})
    return replace(case, world=replace(case.world, status=known))


def _kept(case: Case, weight: float) -> float:
    """The weight that may stay: none on a canary without any ready pod.

    Where somebody took it away meanwhile, it is given again only to a canary that has all the pods it was given to.
    """
    if case.canary is None or not case.canary.ready:
        return 0
    now = routing.routed(case.world) or 0
    before = case.index if case.entered_at is not None else max(case.index - 1, 0)
    whole = len(case.canary.ready) >= case.pods(before) and routing.endpoints_exact(case.world, case.canary)
    return weight if whole else min(weight, now)


def _hold(case: Case) -> Ruling:
    """Stay in the step; keep its weight only on a canary that can answer."""
    case = _emptied(case)
    weight = 0 if case.run.emptied_at else _kept(case, case.weight)
    if weight and _stopped(case, weight):
        case = _entered(case)  # its traffic flows again from now on: what is owed and held counts from here
    reason, message = say.holding(case, _standing(case), weight)
    return Ruling(
        phase=_phase(case),
        reason=reason,
        message=message,
        target=_target(case, weight=weight),
        run=case.run,
        step=_present(case),
        after=_until(case),
        urgent=weight < case.weight or case.run.reverts > 0,
    )


def _stopped(case: Case, weight: float) -> bool:
    """Whether less traffic flows than the step gives; without routes pods decide how much, but not none."""
    now = routing.routed(case.world) or 0
    return now < weight if case.world.routes else bool(case.world.services) and now == 0


def _emptied(case: Case) -> Case:
    """The case with the canary off the traffic when it answers nothing, and back on it when a person says so."""
    if case.run.emptied_at and (case.asked.resume or case.asked.promote):
        return replace(case, run=case.run.model_copy(update={"emptied_at": None}))
    if case.run.emptied_at or not case.found.silent():
        return case
    return replace(case, run=case.run.model_copy(update={"emptied_at": stamp(case.world)}))


def _until(case: Case) -> timedelta | None:
    """When to look again: the end of the hold, and soon where a policy's time runs."""
    hold = case.steps[case.index].hold
    if case.entered_at is None or case.asked.paused_at:
        return None
    left = case.entered_at + ((hold.for_ if hold else None) or timedelta(0)) - case.now
    return left if left > timedelta(0) else _SOON


def _phase(case: Case) -> Phase:
    return Phase.PAUSED if case.asked.paused_at else Phase.PROGRESSING


def _target(case: Case, *, weight: float, grow: bool = False) -> Target:
    """The step's state: pins, pods and weight. While a step is reached the canary only grows."""
    pods = case.pods(case.index)
    if grow and case.canary is not None:
        pods = max(pods, min(case.canary.replicas, case.pods(max(case.index - 1, 0))))
    return base_target(case, canary=pods, weight=weight)


def base_target(case: Case, *, canary: int, weight: float) -> Target:
    """Both versions side by side, the Services pinned to the stable one unless pods decide the split."""
    run = case.run
    pin: str | None = run.stable
    if not case.world.routes and weight > 0:
        pin = run.revision if weight == 100 else None
    return Target(
        replicas={run.stable or "": case.stable_replicas, run.revision: canary},
        templates={run.revision: case.spec.template},
        pin=pin,
        weight=weight,
        canary=run.revision,
    )


def _begin_switch(case: Case) -> Ruling:
    return _switch(replace(case, run=to_stage(case.world, case.run, Stage.SWITCHING).model_copy(update={"reverts": 0})))


def _switch(case: Case) -> Ruling:
    """All traffic is on the canary: let the Services follow, then give the routes back."""
    if case.canary is None:
        return _rebuilt(case)
    replicas = {
        case.run.stable or "": case.stable_replicas,
        case.run.revision: max(case.world.replicas, case.canary.replicas),
    }
    followed = routing.services_lead_to(case.world, case.canary) and _pinned(case, case.run.revision)
    target = Target(replicas=replicas, pin=case.run.revision, weight=_switched(case), canary=case.run.revision)
    if followed and not case.asked.paused_at:
        return _bake(replace(case, run=to_stage(case.world, case.run, Stage.BAKING)))
    return Ruling(
        phase=Phase.PAUSED if case.asked.paused_at else Phase.PROMOTING,
        reason="Switching",
        message=say.switching(case),
        target=target,
        run=case.run,
        step=_present(case),
    )


def _rebuilt(case: Case) -> Ruling:
    """Somebody deleted the new version's Deployment, and the old one cannot answer either: build it again."""
    return Ruling(
        phase=Phase.PROMOTING,
        reason="CanaryLost",
        message=say.lost(case),
        target=Target(
            replicas={case.run.stable or "": case.stable_replicas, case.run.revision: case.world.replicas},
            templates={case.run.revision: case.spec.template},
            pin=case.world.services[0].pinned if case.world.services else None,
            weight=routing.routed(case.world) if case.world.routes else None,
            canary=case.run.revision,
        ),
        run=case.run,
        step=_present(case),
    )


def _switched(case: Case) -> float | None:
    """All traffic; where somebody took it away meanwhile, it is given again only to a canary that can answer it."""
    now = routing.routed(case.world)
    assert case.canary is not None, "a canary with all the traffic has a Deployment"
    whole = len(case.canary.ready) >= case.world.replicas and routing.endpoints_exact(case.world, case.canary)
    return 100 if whole or now == 100 else now


def _pinned(case: Case, revision: str) -> bool:
    return all(service.pinned == revision for service in case.world.services)


def _bake(case: Case) -> Ruling:
    """The routes are as declared and lead to the new version; the old one is one write away."""
    bake = case.spec.bake.for_ if case.spec.bake else timedelta(0)
    over = case.in_stage >= bake or case.asked.promote
    if over and case.unsettled is None and not case.asked.paused_at and (case.asked.promote or _standing(case) is None):
        return _finish(replace(case, run=to_stage(case.world, case.run, Stage.FINISHING)))
    if case.canary is None:
        return _rebuilt(case)
    left = max(bake, case.world.settings.settle) - case.in_stage
    return Ruling(
        phase=Phase.PAUSED if case.asked.paused_at else Phase.BAKING,
        reason="Baking",
        message=say.baking(case, _standing(case), bake),
        target=Target(
            replicas={case.run.stable or "": case.stable_replicas, case.run.revision: case.world.replicas},
            pin=case.run.revision,
            weight=None,
            canary=case.run.revision,
        ),
        run=case.run,
        step=_present(case),
        after=left if left > timedelta(0) else _SOON,
        urgent=case.run.reverts > 0,
    )


def _finish(case: Case) -> Ruling:
    """The new version is the stable one: take the old one down, then let the Services be as declared."""
    old = case.world.revisions.get(case.run.stable or "")
    rest_pin = case.run.revision if case.world.references else None
    promoted = {case.run.revision: case.run.number}
    if old is not None and old.ready and old.replicas and not _whole(case):
        return _spared(case, old)
    if old is not None and (old.replicas or old.pods):
        return Ruling(
            phase=Phase.PROMOTING,
            reason="RemovingOldVersion",
            message=say.finishing(case, old),
            target=Target(
                replicas={old.name: 0, case.run.revision: case.world.replicas},
                pin=case.run.revision,
                promoted=promoted,
            ),
            run=case.run,
            step=_present(case),
        )
    run = _ended(case)
    return Ruling(
        phase=Phase.HEALTHY,
        reason="Promoted",
        message=say.promoted(case),
        target=Target(replicas={case.run.revision: case.world.replicas}, pin=rest_pin, promoted=promoted),
        run=run,
    )


def _whole(case: Case) -> bool:
    """Whether the new version has all its pods."""
    return case.canary is not None and len(case.canary.ready) >= case.world.replicas


def _spared(case: Case, old: Revision) -> Ruling:
    """The new version lost pods in this very moment: the old one stays until it has them again."""
    alive = case.canary is not None and case.canary.ready
    pinned = next((service.pinned for service in case.world.services), None)
    return Ruling(
        phase=Phase.PROMOTING,
        reason="WaitingForNewVersion",
        message=say.spared(case, old),
        target=Target(
            replicas={old.name: old.replicas, case.run.revision: case.world.replicas},
            templates={case.run.revision: case.spec.template},
            pin=case.run.revision if alive else pinned,
            promoted={case.run.revision: case.run.number},
        ),
        run=case.run,
        step=_present(case),
    )


def _ended(case: Case) -> RunStatus:
    done = to_stage(case.world, case.run, Stage.DONE)
    return done.model_copy(update={"outcome": Outcome.PROMOTED, "reason": None, "ended_at": stamp(case.world)})
