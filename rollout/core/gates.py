"""Questions that several stages of a run ask: may it go on, can it answer, what should stand side by side."""

from datetime import timedelta

from rollout.core import routing
from rollout.core.case import Case
from rollout.core.findings import Standing, Wait, standing
from rollout.core.say import percent
from rollout.core.target import Target
from rollout.models.analysis import Then
from rollout.models.rollout import format_time, parse_time
from rollout.models.status import Stage, StepStatus
from rollout.models.traffic import Match
from rollout.traffic.service import replica_share

SOON = timedelta(seconds=1)


def named(case: Case) -> tuple[str, ...] | None:
    """The checks that run in this step; all when None."""
    return case.steps[case.index].checks if case.run.stage is Stage.STEPPING else None


def doubt(case: Case) -> Standing | None:
    """What keeps the run from going on: a check that does not pass, with what its policy says, or a wrong share."""
    stepping = case.run.stage is Stage.STEPPING
    names = named(case)
    if names is None and stepping and not case.weight:
        names = _without_traffic(case)
    since = case.entered_at if stepping and case.entered_at else parse_time(case.run.since)
    # A person who pauses stops the clock that would otherwise decide in his place.
    wait = Wait(since=since, proof=case.proof, deadline=None if case.asked.paused_at else case.latest)
    verdict = standing(case.found.only(names), case.analysis, wait, case.now)
    excess = case.found.too_many()
    if excess is None or (verdict is not None and verdict.then is Then.ABORT):
        return verdict
    return Standing(then=Then.HOLD, state=None, sentence=excess)


def _without_traffic(case: Case) -> tuple[str, ...]:
    """The checks that need none: those that the cluster alone decides."""
    return tuple(check.name for check in case.found.checks if check.restarts is not None and not check.compared)


def ready(case: Case) -> bool:
    """Whether the step's pods are all there and the owned Services lead to exactly them."""
    if case.canary is None:
        return False
    enough = len(case.canary.ready) >= case.pods(case.index)
    return enough and routing.endpoints_exact(case.world, case.canary)


def outnumbered(case: Case, index: int) -> str | None:
    """Why the canary is not given this step's share yet, where numbers of ready pods are all that splits the traffic.

    With stable pods missing it would get more than the step says, and more than beside a complete stable version.
    """
    world, weight = case.world, case.steps[index].weight or 0
    if world.routes or not world.services or not 0 < weight < 100:
        return None
    have, want = len(case.stable.ready), case.stable_replicas
    pods = max(case.pods(index), len(case.canary.ready) if case.canary else 0)
    share = replica_share(have, pods)
    if share <= max(weight, replica_share(want, pods)):
        return None
    return (
        f"the old version has {have} of {want} pods ready, and without a route the new one would get {percent(share)}"
    )


def wake_by(case: Case, after: timedelta | None) -> timedelta | None:
    """When to look again: soon while a policy's time may run, since nothing else tells when that is over."""
    analysis = case.analysis
    timed = analysis is not None and any((analysis.on_no_data, analysis.on_provider_down, analysis.on_inconclusive))
    if not timed or (doubt(case) is None and not case.run.emptied_at):
        return after
    return SOON if after is None else min(after, SOON)


def _deaf(case: Case) -> bool:
    """Whether the stable version cannot answer, and the Services lead to a canary that can: they stay there.

    Where routes split the traffic, a Service without a pin was let go by somebody else, and leads to both.
    """
    leading = (case.run.revision, None) if case.world.routes else (case.run.revision,)
    led = any(service.pinned in leading for service in case.world.services if service.manifest is not None)
    return led and not case.stable.ready and case.canary is not None and bool(case.canary.ready)


def base_target(case: Case, *, canary: int, weight: float, match: Match | None) -> Target:
    """Both versions side by side, the Services pinned to the stable one unless pods decide the split."""
    run = case.run
    pin: str | None = run.stable
    if not case.world.routes and weight > 0:
        pin = run.revision if weight == 100 else None
    if pin == run.stable and _deaf(case):
        pin = run.revision
    return Target(
        replicas={run.stable or "": case.stable_replicas, run.revision: canary},
        templates={run.revision: case.spec.template},
        pin=pin,
        weight=weight,
        match=match,
        canary=run.revision,
    )


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


def present(case: Case) -> StepStatus:
    """The step the run is in, as the status shows it."""
    entered = format_time(case.entered_at) if case.entered_at is not None else None
    return step_status(case, index=case.index, started_at=format_time(case.started_at), entered_at=entered)
