"""From what is to what should be: `decide(world, assessment)`, one list of questions asked in order of urgency."""

from dataclasses import replace

from analysis.results import Assessment
from rollout.core import rest
from rollout.core.asked import Asked, in_progress, take
from rollout.core.case import Case, aborting, current_run, spec_of
from rollout.core.findings import Findings, findings
from rollout.core.leaving import terminating
from rollout.core.report import report
from rollout.core.stages import advance
from rollout.core.target import Decision, Ruling
from rollout.core.world import Revision, World
from rollout.models.checks import Check
from rollout.models.status import Phase, RunStatus, Stage, Verb


def decide(world: World, assessment: Assessment) -> Decision:
    """What the cluster should look like now, and what is said about it.

    The same world and assessment give the same decision; nothing else is looked at.
    """
    asked = take(world)
    run = current_run(world)
    active = run is not None and run.stage not in (Stage.INITIAL, Stage.DONE) and not world.deleting
    found = findings(_checks(world, run) if active and run else (), assessment, _canary(world, run), world.now)
    ruling = _rule(world, asked, found, run if active else None)
    return report(world, asked, found, ruling)


def _rule(world: World, asked: Asked, found: Findings, active: RunStatus | None) -> Ruling:
    if world.deleting:
        return terminating(world)
    if active is not None:  # before the problems: a broken spec must not stand before an abort
        return _go_on(world, asked, found, active)
    return (rest.lost_at_rest(world) if world.stable is None else None) or _settled(world, asked, found)


def _settled(world: World, asked: Asked, found: Findings) -> Ruling:
    if world.problems or (world.status.refused and not asked.retry):
        return rest.stalled(world)
    if world.stable is None:
        return rest.initial(world)
    if rest.wants_release(world, asked):
        return rest.blocked(world) or _go_on(world, asked, found, rest.start(world))
    return rest.rest(world, asked)


def _go_on(world: World, asked: Asked, found: Findings, run: RunStatus) -> Ruling:
    lost = rest.lost_stable(world, run)
    case = Case(world=world, asked=asked, found=found, run=run, spec=spec_of(world, run))
    return advance(case) if lost is None else _also_aborted(case, lost)


def _also_aborted(case: Case, lost: Ruling) -> Ruling:
    """The serving version is built again first; an abort that is asked for meanwhile is remembered."""
    breach = case.found.breach()
    reason = case.asked.abort or (breach.sentence if breach is not None else None)
    if reason is None or not in_progress(case.run.stage):
        return replace(lost, kept=frozenset({Verb.PROMOTE, Verb.RETRY, Verb.RESTART}))
    return replace(lost, phase=Phase.ABORTING, run=aborting(case.world, case.run, reason))


def _checks(world: World, run: RunStatus | None) -> tuple[Check, ...]:
    """The checks in force: those the run copied."""
    if run is None:
        return ()
    analysis = spec_of(world, run).analysis
    return (analysis.checks or ()) if analysis is not None else ()


def _canary(world: World, run: RunStatus | None) -> Revision | None:
    return world.revisions.get(run.revision) if run is not None else None
