"""How the steps of a run are walked: reach one, hold it, leave it."""

from dataclasses import replace
from datetime import timedelta

from analysis.results import State
from rollout.core import routing, say
from rollout.core.case import Case, routed, stamp
from rollout.core.gates import SOON, base_target, doubt, named, outnumbered, present, ready, step_status, wake_by
from rollout.core.promotion import begin_switch
from rollout.core.target import Ruling, Target
from rollout.models.rollout import format_time
from rollout.models.split import Split
from rollout.models.status import Phase, Verb
from rollout.models.traffic import Match


def step(case: Case) -> Ruling:
    """Walk on from where the run is.

    A promotion of the last step waits until that can be left, and one that is an approval for evidence; one to the end
    stays until it has come there.
    """
    last = len(case.steps) - 1
    if case.asked.promote_to_end and case.index < last:
        return replace(_reach(_at(case, last)), kept=frozenset({Verb.PROMOTE}))
    if case.entered_at is None and case.asked.promote and case.index < last:
        return _reach(_at(case, case.index + 1))
    if case.entered_at is not None and _leaves(case):
        return begin_switch(case) if case.index == last else _reach(_at(case, case.index + 1))
    ruling = _hold(case) if case.entered_at is not None else _reach(case)
    waits = case.asked.promote and not case.run.emptied_at and (case.index == last or _approved_early(case))
    return replace(ruling, kept=frozenset({Verb.PROMOTE})) if waits else ruling


def _at(case: Case, index: int) -> Case:
    """The case as it stands while another step is being reached, from now on."""
    step = step_status(case, index=index, started_at=stamp(case.world), entered_at=None)
    forgotten = {"reverts": 0, "reason": None, "routed_at": None, "emptied_at": None, "emptied_for": None}
    run = case.run.model_copy(update=forgotten)
    known = case.world.status.model_copy(update={"step": step, "run": run})
    return replace(case, world=replace(case.world, status=known), run=run)


def _leaves(case: Case) -> bool:
    """Whether the step is over: its time has passed, its conditions hold, its checks pass, its traffic flows."""
    if case.run.emptied_at:
        return False
    if case.asked.promote and not _approved_early(case):
        return ready(case) or case.index + 1 < len(case.steps)  # the next step waits for its pods by itself
    if case.asked.paused_at or not ready(case) or not _hold_over(case):
        return False
    stopped = case.weight and _stopped(case, case.weight)
    flows = not stopped and routing.waiting(case.world) is None and _unprepared(case) is None
    return flows and doubt(case) is None and _lacking(case) is None


def _approved_early(case: Case) -> bool:
    """Whether a promotion is the approval beside evidence that is waited for yet, and so does not decide alone."""
    open_ = case.latest is None or case.now < case.latest
    return case.hold.approval and case.proof and open_ and not case.asked.promote_to_end


def _hold_over(case: Case) -> bool:
    approved = case.asked.promote or not case.hold.approval
    return approved and case.now >= case.earliest


def _reach(case: Case) -> Ruling:
    """Bring the step's pods up, and raise the weight once they are ready and the routes are prepared."""
    case = _emptied(case)
    weight = 0 if case.run.emptied_at else _kept(case, _given(case))
    blocked = (routing.waiting(case.world) if case.index == 0 else None) or _shut(case, case.index)
    blocked = blocked or ((_unprepared(case) or _blind(case)) if ready(case) else None)
    paused = case.asked.paused_at and not case.asked.promote and not case.asked.promote_to_end
    if ready(case) and not blocked and not paused:
        return _hold(_entered(case))
    return Ruling(
        phase=_phase(case),
        reason="Paused" if paused else "ReachingStep",
        message=say.reaching(case, blocked),
        target=_target(case, weight=weight, grow=True),
        run=case.run,
        step=present(case),
        after=wake_by(case, max(case.deadline - case.now, SOON)),
        urgent=_takes(case, weight) or case.run.reverts > 0,
    )


def _given(case: Case) -> float:
    """The weight while a step is reached: that of the step before, unless that was passed over and never had it."""
    told = case.world.status.traffic
    return min(case.weight, told.desired if told is not None else 0)


def _blind(case: Case) -> str | None:
    """Why the next step is not entered although the one before was left: what was known then is gone, or wrong."""
    verdict = doubt(case) if case.weight and not (case.asked.promote or case.asked.promote_to_end) else None
    unknown = verdict is not None and verdict.state in (None, State.NO_DATA, State.PROVIDER_DOWN)
    return verdict.sentence if verdict is not None and unknown else None


def _unprepared(case: Case) -> str | None:
    """Which route does not name the owned Services yet, as it has to before it can give them traffic."""
    lacking = (route for route in case.world.routes if routing.route_weight(case.world, route) is None)
    route = next(lacking, None)
    if route is None:
        return None
    return f"{routing.named(route)} has to be written before it can give traffic"


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
    if routing.adrift(case.world) is not None:
        return 0
    now = routing.routed(case.world) or 0
    return weight if _whole(case) and _shut(case, _before(case)) is None else min(weight, now)


def _before(case: Case) -> int:
    """The step whose traffic flows: the present one once it is entered."""
    return case.index if case.entered_at is not None else max(case.index - 1, 0)


def _whole(case: Case) -> bool:
    """Whether the canary has all the pods that the traffic was given to, and its Services lead to exactly them."""
    enough = case.canary is not None and len(case.canary.ready) >= case.pods(_before(case))
    return enough and case.canary is not None and routing.endpoints_exact(case.world, case.canary)


def _matched(case: Case) -> Match | None:
    """Who goes to the canary besides its weight: nobody while it is off the traffic or has no ready pod.

    As with a weight that somebody took away, it is given only to a canary that has all its pods.
    """
    if case.match is None or case.run.emptied_at or case.canary is None or not case.canary.ready:
        return None
    if routing.adrift(case.world) is not None:
        return None
    told = case.world.status.traffic
    passed_over = case.entered_at is None and not (told is not None and told.matched)
    kept = routing.matched(case.world) == case.match or _whole(case)
    return case.match if kept and not passed_over else None


def _takes(case: Case, weight: float) -> bool:
    """Whether the canary is to get less than its step gives it."""
    return weight < case.weight or (case.match is not None and _matched(case) is None)


def _shut(case: Case, index: int) -> str | None:
    """Why the Services are not opened to both versions for this step; where they are open already, they stay so."""
    is_open = (routing.routed(case.world) or 0) > 0
    return None if is_open or case.run.emptied_at else outnumbered(case, index)


def _lacking(case: Case) -> str | None:
    """What the stable version lacks for a step that is held: to be opened again, or for the canary to grow on."""
    return _shut(case, case.index) or outnumbered(case, min(case.index + 1, len(case.steps) - 1))


def _hold(case: Case) -> Ruling:
    """Stay in the step; keep its weight only on a canary that can answer."""
    case = _emptied(case)
    weight = 0 if case.run.emptied_at else _kept(case, case.weight)
    if weight and _stopped(case, weight):
        case = _entered(case)  # its traffic flows again from now on: what is owed and held counts from here
    if case.canary is not None and case.pods(case.index) < case.canary.replicas:
        case = routed(case, written=(routing.routed(case.world) or 0) == weight)
    reason, message = say.holding(case, doubt(case), Split.at(weight, _matched(case)), _lacking(case))
    return Ruling(
        phase=_phase(case),
        reason=reason,
        message=message,
        target=_target(case, weight=weight),
        run=case.run,
        step=present(case),
        after=wake_by(case, _until(case)),
        urgent=_takes(case, weight) or case.run.reverts > 0,
    )


def _stopped(case: Case, weight: float) -> bool:
    """Whether less traffic flows than the step gives and a write can change that.

    Without routes pods decide how much flows, but not none.
    """
    now = routing.routed(case.world) or 0
    if case.world.routes:
        return now < weight and all(routing.can_shift(case.world, route) for route in case.world.routes)
    return bool(case.world.services) and now == 0


def _emptied(case: Case) -> Case:
    """The case with the canary off the traffic when it answers nothing or gets too little, and back on it when a
    person says so."""
    if case.run.emptied_at and (case.asked.resume or case.asked.promote):
        return replace(case, run=case.run.model_copy(update={"emptied_at": None, "emptied_for": None}))
    silent, short = case.found.only(named(case)).silent(), case.found.too_few()
    if case.run.emptied_at or not (silent or short):
        return case
    told = None if silent or short is None else short[:1024]
    return replace(case, run=case.run.model_copy(update={"emptied_at": stamp(case.world), "emptied_for": told}))


def _until(case: Case) -> timedelta | None:
    """When to look again: the end of the hold, that of the wait for evidence, and soon where a policy's time runs."""
    if case.entered_at is None or case.asked.paused_at:
        return None
    left = (moment - case.now for moment in (case.earliest, case.latest) if moment is not None)
    settle = case.settles_in if case.run.routed_at else timedelta(0)
    return min((each for each in (*left, settle) if each > timedelta(0)), default=SOON)


def _phase(case: Case) -> Phase:
    return Phase.PAUSED if case.asked.paused_at else Phase.PROGRESSING


def _target(case: Case, *, weight: float, grow: bool = False) -> Target:
    """The step's state: pins, pods and weight. The canary shrinks only once no proxy counts on its pods any more."""
    pods = case.pods(case.index)
    if case.canary is not None and (grow or not _settled(case)):
        pods = max(pods, case.canary.replicas)
    return base_target(case, canary=pods, weight=weight, match=_matched(case))


def _settled(case: Case) -> bool:
    """Whether what the step wrote to the routes is in force."""
    return not case.world.services or (case.entered_at is not None and case.unsettled is None)
