"""What a run does now, by the stage it is in; an abort comes before all else."""

from dataclasses import replace

from rollout.core import routing, say
from rollout.core.asked import in_progress
from rollout.core.case import Case, aborting
from rollout.core.gates import doubt, named, ready
from rollout.core.promotion import bake, finish, switch
from rollout.core.retreat import retreat
from rollout.core.stepping import step
from rollout.core.target import Ruling
from rollout.models.analysis import Then
from rollout.models.rollout import parse_time
from rollout.models.split import Split
from rollout.models.status import Outcome, RunStatus, Stage

_REVERTS = 3  # in one step; who fights for an object will not stop


def advance(case: Case) -> Ruling:
    """What the run does now."""
    if in_progress(case.run.stage):
        case = _reverted(case)
        reason = why_abort(case)
        if reason is not None:
            outcome = Outcome.SUPERSEDED if _superseded(case) else Outcome.ABORTED
            return retreat(replace(case, run=aborting(case.world, case.run, reason, outcome)))
    match case.run.stage:
        case Stage.STEPPING:
            return step(case)
        case Stage.SWITCHING:
            return switch(case)
        case Stage.BAKING:
            return bake(case)
        case Stage.FINISHING:
            return finish(case)
        case Stage.ABORTING:
            return retreat(_explained(case))
        case Stage.INITIAL | Stage.DONE:
            raise AssertionError("a run without an opponent has no steps")


def _explained(case: Case) -> Case:
    """The case with the reason for an abort that the status does not tell of yet, because a write after it failed."""
    told = case.world.status.run
    if told is None or told.number != case.run.number or not in_progress(told.stage):
        return case
    reason = why_abort(replace(case, run=told)) or _fought(told)
    return case if reason is None else replace(case, run=case.run.model_copy(update={"reason": reason[:1024]}))


def _fought(run: RunStatus) -> str | None:
    """What is said where the write that took the traffic undid the last of too many reverts, so that it is not seen."""
    return "somebody else undid the controller's writes again and again" if run.reverts == _REVERTS - 1 else None


def why_abort(case: Case) -> str | None:
    """Why the canary is taken back now, in one sentence; None when there is no reason."""
    if case.asked.abort is not None:
        return case.asked.abort
    breach = case.found.only(named(case)).breach()
    if breach is not None:
        return breach.sentence
    if case.world.wanted not in (None, case.run.revision):
        if case.world.wanted == case.run.stable:
            return "the template is that of the stable version again"
        return f"another version, {say.called(case.world, case.world.wanted)}, is asked for"
    return _failed(case) or _given_up(case)


def _superseded(case: Case) -> bool:
    return case.asked.abort is None and case.found.only(named(case)).breach() is None and _another(case)


def _another(case: Case) -> bool:
    return case.world.wanted not in (None, case.run.revision, case.run.stable)


def _failed(case: Case) -> str | None:
    if case.run.reverts >= _REVERTS:
        return f"somebody else undid the controller's writes {case.run.reverts} times in this step"
    if case.run.stage is not Stage.STEPPING:
        alive = case.canary is not None and case.canary.ready
        helps = case.world.replicas and case.stable.ready
        return f"none of its pods is ready: {say.unready(case)}" if helps and not alive else None
    if ready(case) or case.asked.paused_at:
        return None
    if case.entered_at is None and case.now >= case.deadline:
        return f"its pods did not become ready in time: {say.unready(case)}"
    if case.entered_at is not None and case.canary is not None and not case.canary.ready:
        gone = case.canary.unavailable_since
        if gone is not None and case.now - gone >= case.deadline - case.started_at:
            return f"none of its pods has been ready since {say.clock(gone, case.now)}: {say.unready(case)}"
    return None


def _given_up(case: Case) -> str | None:
    """A policy whose time is over, for a state in which nothing can be judged."""
    policy = case.analysis.on_no_data if case.analysis else None
    since = parse_time(case.run.emptied_at) if case.run.emptied_at else case.now
    if policy is not None and policy.then is Then.ABORT and case.run.emptied_at and case.now - since >= policy.after:
        return case.run.emptied_for or "it stopped answering while the stable version had traffic"
    if case.entered_at is None:
        return None
    verdict = doubt(case)
    return verdict.sentence if verdict is not None and verdict.then is Then.ABORT else None


def _reverted(case: Case) -> Case:
    """The case with one more revert counted, when somebody else undid what was written."""
    known = case.world.status.traffic
    if known is None or case.world.status.run is None or case.world.status.run.number != case.run.number:
        return case
    told = Split.at(known.desired, case.match if known.matched else None)
    step = case.steps[case.index]
    allowed: tuple[Split | None, ...] = {
        Stage.STEPPING: (told, Split.at(case.weight, case.match), Split.at(step.weight or 0, step.match)),
        Stage.SWITCHING: (told, None),  # None: given back, by a write that the status does not tell of yet
    }.get(case.run.stage, (None,))
    who = routing.reverted_by(case.world, stable=case.run.stable or "", canary=case.run.revision, allowed=allowed)
    if who is None:
        return case
    run = case.run.model_copy(update={"reverts": case.run.reverts + 1, "reason": f"{who}, put right again"})
    return replace(case, run=run)
