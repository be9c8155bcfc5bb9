"""Whom the checks are asked about: the two sides of a run as their metrics know them."""

from analysis.checks import Split, Subject, Subscription
from rollout.core.checks import to_asked
from rollout.core.world import Revision, World
from rollout.models.rollout import parse_time
from rollout.models.status import RolloutStatus, Stage


def subscription(world: World, status: RolloutStatus) -> Subscription | None:
    """The checks of the run that goes on, asked of its two sides; None where nothing has to be measured.

    Once the routes are as declared, the Service people have leads to the new version, and no other gets requests.
    """
    run = status.run
    if run is None or run.stable is None or run.stage not in (Stage.STEPPING, Stage.SWITCHING, Stage.BAKING):
        return None
    record = world.run(run.number)
    declared = (record.spec.analysis.checks or ()) if record is not None and record.spec.analysis else world.checks
    checks = tuple(asked for check in declared if (asked := to_asked(check)) is not None)
    if not checks:
        return None
    baking = run.stage is Stage.BAKING
    service = world.services[0].name if world.services else None
    twin = service if baking or not service else f"{service}-canary"
    canary = _subject(world, run.revision, side="canary", service=twin)
    stable = _subject(world, run.stable, side="stable", service=service)
    return Subscription(
        checks=checks,
        subjects=(canary,) if baking else (canary, stable),
        split=_split(world, status),
        since=parse_time(run.since if baking else run.started_at),
    )


def _subject(world: World, revision: str, *, side: str, service: str | None) -> Subject:
    found: Revision | None = world.revisions.get(revision)
    pods = [pod for pod in found.pods if pod.address] if found else []
    return Subject(
        side="canary" if side == "canary" else "stable",
        revision=revision,
        namespace=world.key.namespace,
        service=service,
        pods=tuple(pod.name for pod in pods),
        addresses=tuple(pod.address or "" for pod in pods),
    )


def _split(world: World, status: RolloutStatus) -> Split | None:
    """The share, in force once the proxies had time to follow: before, a canary that answers nothing owes nothing."""
    if status.traffic is None or status.step is None or status.step.entered_at is None:
        return None
    entered = parse_time(status.step.entered_at)
    return Split(weight=status.traffic.desired, since=entered + world.settings.settle)
