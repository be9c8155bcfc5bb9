"""Whom the checks are asked about: the two sides of a run as their metrics know them."""

from datetime import datetime, timedelta
from typing import TypedDict

from analysis.checks import Split, Subject, Subscription
from rollout.core.checks import to_asked
from rollout.core.world import Revision, World
from rollout.models.analysis import Analysis
from rollout.models.rollout import parse_time
from rollout.models.run import RolloutRunSpec
from rollout.models.status import RolloutStatus, Stage


def subscription(world: World, status: RolloutStatus) -> Subscription | None:
    """The checks of the run that goes on, asked of its two sides; None where nothing has to be measured.

    Once the routes are as declared, the Service people have leads to the new version, and no other gets requests.
    """
    run = status.run
    if run is None or run.stable is None or run.stage not in (Stage.STEPPING, Stage.SWITCHING, Stage.BAKING):
        return None
    record = world.run(run.number)
    analysis = record.spec.analysis if record is not None else None
    declared = (analysis.checks or ()) if analysis is not None else world.checks
    checks = tuple(asked for check in declared if (asked := to_asked(check)) is not None)
    if not checks:
        return None
    baking = run.stage is Stage.BAKING
    service = world.services[0].name if world.services else None
    twin = service if baking or not service else f"{service}-canary"
    canary = _subject(world, run.revision, side="canary", service=twin, beside=twin != service)
    stable = _subject(world, run.stable, side="stable", service=service)
    return Subscription(
        checks=checks,
        subjects=(canary,) if baking else (canary, stable),
        split=_split(world, status, record.spec if record is not None else None),
        since=parse_time(run.since if baking else run.started_at),
        run=run.number,
        divided=_divided(world, status),
        checkpoint=record.status.checkpoint if record is not None else None,
        **chances(analysis or (world.spec.analysis if world.spec is not None else None)),
    )


def _divided(world: World, status: RolloutStatus) -> bool:
    """Whether the canary has a share of the traffic; workers without Services share their work from the start."""
    return not world.services or (status.traffic is not None and status.traffic.desired > 0)


class Chances(TypedDict, total=False):
    """The chances of a wrong verdict, as shares; what is missing is for the analysis to choose."""

    false_aborts: float
    false_advances: float


def chances(analysis: Analysis | None) -> Chances:
    """The chances that are declared, as shares."""
    chances: Chances = {}
    if analysis is not None and analysis.false_aborts is not None:
        chances["false_aborts"] = analysis.false_aborts / 100
    if analysis is not None and analysis.false_advances is not None:
        chances["false_advances"] = analysis.false_advances / 100
    return chances


def _subject(world: World, revision: str, *, side: str, service: str | None, beside: bool = False) -> Subject:
    found: Revision | None = world.revisions.get(revision)
    pods = [pod for pod in found.pods if pod.address] if found else []
    return Subject(
        side="canary" if side == "canary" else "stable",
        revision=revision,
        namespace=world.key.namespace,
        service=service,
        beside=beside,
        pods=tuple(pod.name for pod in pods),
        addresses=tuple(pod.address or "" for pod in pods),
        restarts=tuple(pod.restarts for pod in pods),
    )


def _split(world: World, status: RolloutStatus, spec: RolloutRunSpec | None) -> Split | None:
    """The share, in force once the proxies had time to follow: before, a canary that answers nothing owes nothing."""
    if status.traffic is None or status.step is None or status.step.entered_at is None:
        return None
    entered = parse_time(status.step.entered_at)
    return Split(
        weight=status.traffic.desired,
        since=entered + world.settings.settle,
        routed=bool(world.routes),
        matched=bool(status.traffic.matched),
        until=_until(status, spec, entered),
    )


def _until(status: RolloutStatus, spec: RolloutRunSpec | None, entered: datetime) -> datetime | None:
    """When what is measured now ends, or is waited for no longer; None where a person or the traffic decides."""
    run, step = status.run, status.step
    if spec is None or run is None or step is None:
        return None
    if run.stage is Stage.BAKING:
        return parse_time(run.since) + (spec.bake.for_ if spec.bake is not None else timedelta(0))
    hold = spec.steps[step.index].hold if run.stage is Stage.STEPPING and step.index < len(spec.steps) else None
    lasts = (hold.at_most or hold.for_) if hold is not None else None
    return entered + lasts if lasts is not None else None
