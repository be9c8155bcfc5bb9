"""What happens once the Rollout is deleted: routes and Services are given back, then the workload, then it lets go."""

from datetime import timedelta

from rollout.core import adoption, routing
from rollout.core.case import PROGRESS_DEADLINE, aborting, current_run
from rollout.core.target import Ruling, Source, Target
from rollout.core.workload import bare
from rollout.core.world import Revision, World
from rollout.models.kinds import Manifest
from rollout.models.rollout import parse_time
from rollout.models.status import Outcome, Phase, RunStatus, Stage

_DELETED = "the Rollout was deleted"


def terminating(world: World) -> Ruling:
    """The Rollout was deleted: give routes and Services back, then let go.

    Nothing waits for what may never come: not for a route that is gone, nor for a version that never served.
    """
    others = tuple(each for each in world.revisions.values() if each is not world.stable and _lives(each))
    if _deaf(world, others):
        return _revive(world, others)
    run = _taken_back(world, others)
    back = _given_back(world)
    settled = _settled(world, run, others)
    alone = settled and not others
    serving = max((len(each.ready) for each in world.revisions.values()), default=0)
    returned = alone and (back is None or adoption.ready_again(world, back, least=serving))
    over = returned and (back is None or _reached(world, serving))
    target = Target(
        replicas={} if over else _kept(world, others, settled=settled),
        pin=None if returned else _pin(world),
        canary=_beside(world, others) if not alone else None,
        source=back,
        finalizer=not over,
    )
    return Ruling(
        phase=Phase.TERMINATING,
        reason="Deleted",
        message=_message(settled=settled, alone=alone, over=over),
        target=target,
        run=run,
        urgent=routing.shifted(world) or not _shielded(world, others),
        after=max(world.settings.settle / 10, timedelta(milliseconds=10)),
    )


def _deaf(world: World, others: tuple[Revision, ...]) -> bool:
    """Whether the stable version cannot answer and another can: traffic stays there for a while, but not for ever."""
    dumb = world.services and world.stable is not None and not world.stable.ready
    if not dumb or not any(each.ready for each in others):
        return False
    return world.now - parse_time(world.manifest["metadata"]["deletionTimestamp"]) < PROGRESS_DEADLINE


def _revive(world: World, others: tuple[Revision, ...]) -> Ruling:
    assert world.stable is not None, "only a stable version that is there can be waited for"
    sizes = {each.name: each.replicas for each in others}
    return Ruling(
        phase=Phase.TERMINATING,
        reason="Deleted",
        message="Deleted: the stable version has no ready pod, so it is scaled up before traffic goes back to it.",
        target=Target(
            replicas={**sizes, world.stable.name: max(world.stable.replicas, 1)},
            canary=_beside(world, others),
            keep_traffic=True,
        ),
        run=current_run(world),
        after=max(world.settings.settle / 10, timedelta(milliseconds=10)),
    )


def _shielded(world: World, others: tuple[Revision, ...]) -> bool:
    """Whether no Service can lead to another version than the stable one."""
    pins = {service.pinned for service in world.services if service.manifest is not None}
    return not others or world.stable is None or pins <= {world.stable.name}


def _taken_back(world: World, others: tuple[Revision, ...]) -> RunStatus | None:
    """The run that goes on, as one that is taken back since its traffic was; None where its record is gone.

    Whoever deletes in the foreground loses the records first: to write one again would never end.
    """
    run = current_run(world)
    if run is None or world.run(run.number) is None:
        return None
    if run.stage in (Stage.INITIAL, Stage.DONE, Stage.FINISHING) or not others:
        return run
    begun = run.stage is Stage.ABORTING and run.reason == _DELETED
    return run if begun and not routing.shifted(world) and _shielded(world, others) else aborting(world, run, _DELETED)


def _settled(world: World, run: RunStatus | None, others: tuple[Revision, ...]) -> bool:
    """Whether no proxy uses another version than the stable one any more, as far as time tells."""
    if routing.shifted(world) or not _shielded(world, others):
        return False
    if not others or world.stable is None or (run is not None and run.stage is not Stage.ABORTING):
        return True
    since = run.since if run is not None else world.manifest["metadata"]["deletionTimestamp"]
    return world.now - parse_time(since) >= world.settings.settle


def _lives(revision: Revision) -> bool:
    return revision.replicas > 0 or any(not pod.terminating for pod in revision.pods)


def _kept(world: World, others: tuple[Revision, ...], *, settled: bool) -> dict[str, int]:
    replicas = {each.name: 0 if settled else each.replicas for each in others}
    return replicas | ({world.stable.name: world.stable.replicas} if world.stable is not None else {})


def _pin(world: World) -> str | None:
    """The stable version; where its Deployment is gone, the Services stay as they are until nothing else is left."""
    if world.stable is not None:
        return world.stable.name
    return next((service.pinned for service in world.services), None)


def _beside(world: World, others: tuple[Revision, ...]) -> str | None:
    """The revision the owned Services lead to, while they are all there: none is made again for a Rollout that goes."""
    there = bool(world.services) and all(service.canary is not None for service in world.services)
    return next((each.name for each in others if there), None)


def _given_back(world: World) -> Source | None:
    """The referenced Deployment with the version that serves, whatever somebody wrote into it since."""
    if world.source is None or not world.references:
        return None
    template, stable = _template(world), world.stable
    if template is None:
        return None  # nothing of it was ever touched, or everything is given back
    present = int(world.source["spec"].get("replicas", 1))
    declared = world.spec.replicas if world.spec is not None else None
    # Once it has pods it keeps them: those of the stable version are about to go, and are no measure any more.
    replicas = max(present, stable.replicas if stable is not None else 0, declared or 0)
    same = bare(world.source["spec"]["template"]) == bare(template)
    return Source(paused=False, replicas=replicas, template=None if same else template)


def _template(world: World) -> Manifest | None:
    if world.stable is not None:
        return bare(world.stable.manifest["spec"]["template"])
    known = world.status.revisions.stable if world.status.revisions else None
    named = [each for each in world.runs if known is not None and each.spec.revision == known.name]
    served = [each for each in world.runs if each.status.outcome is Outcome.PROMOTED]
    begun = [each for each in world.runs if each.spec.stable is None]
    record = next(reversed(named or served or begun), None)
    return record.spec.template if record is not None else None


def _reached(world: World, serving: int) -> bool:
    """Whether every Service leads to as many pods of the referenced Deployment as served until now."""
    wanted = min(serving, int((world.source or {})["spec"].get("replicas", 1)))
    services = (service for service in world.services if service.manifest is not None)
    return all(len(adoption.behind(world, service)) >= wanted for service in services)


def _message(*, settled: bool, alone: bool, over: bool) -> str:
    if not settled:
        return "Deleted: giving the routes back."
    if not alone:
        return "Deleted: routes are given back; the canary goes next."
    if not over:
        return "Deleted: the referenced Deployment takes over again; waiting for its pods."
    return "Deleted: everything is given back."
