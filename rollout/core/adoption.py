"""The Deployment that a Rollout references: the source of its template, and what of it is behind the Services."""

import re

from rollout.core import routing
from rollout.core.target import Source
from rollout.core.world import Revision, Service, World


def paused(world: World) -> Source | None:
    """The referenced Deployment before the first version serves: it starts no rollout, and what it has stays."""
    if world.source is None or not world.references:
        return None
    return Source(paused=True, replicas=_size(world))


def emptied(world: World) -> Source | None:
    """The referenced Deployment once a version of ours serves: a template and nothing else."""
    if world.source is None or not world.references or world.deleting:
        return None
    return Source(paused=True, replicas=0)


def taken_over(world: World, stable: Revision) -> Source | None:
    """The referenced Deployment beside a stable version: it keeps its pods until the Services lead there no more."""
    return emptied(world) if _pinned(world, stable) and not _behind_any(world) else paused(world)


def adopted(world: World, stable: Revision) -> bool:
    """Whether nothing can lead to the referenced Deployment's pods any more; true where none is referenced."""
    if world.source is None or not world.references:
        return True
    return _pinned(world, stable) and _size(world) == 0 and not _behind_any(world)


def serves(world: World) -> bool:
    """Whether the referenced Deployment has ready pods."""
    return world.source is not None and _ready(world) > 0


def foreigner(world: World) -> str | None:
    """The first ready endpoint that is neither the referenced Deployment's nor a revision's, as `Service/pod`.

    A pin would shut it out.
    """
    for service in world.services:
        own = {pod.name for each in world.revisions.values() for pod in each.pods} | set(behind(world, service))
        for target in sorted(service.targets - own):
            if not _of_revision(world, target):
                return f"{service.name}/{target}"
    return None


def behind(world: World, service: Service) -> tuple[str, ...]:
    """The referenced Deployment's ready pods that the Service leads to, told by their names."""
    if world.source is None:
        return ()
    name = re.escape(world.source["metadata"]["name"])
    pods = re.compile(rf"{name}-[a-z0-9]+-?[a-z0-9]{{5}}")
    found = (target for target in sorted(service.targets) if pods.fullmatch(target))
    return tuple(target for target in found if not _of_revision(world, target))


def ready_again(world: World, wanted: Source, *, least: int) -> bool:
    """Whether the referenced Deployment runs nothing but what is `wanted`, with `least` ready pods if it can have them.

    With nothing that serves, nothing is waited for.
    """
    assert world.source is not None, "there is a Deployment to give back to"
    spec, status = world.source["spec"], world.source.get("status") or {}
    enough = min(wanted.replicas, least)
    if enough == 0:
        return True
    if spec.get("paused") or wanted.template is not None or _size(world) < enough:
        return False
    seen = status.get("observedGeneration", 0) >= world.source["metadata"].get("generation", 1)
    alone = status.get("updatedReplicas", 0) == status.get("replicas", 0)
    return bool(seen and alone and _ready(world) >= enough)


def _pinned(world: World, stable: Revision) -> bool:
    return all(service.pinned == stable.name for service in world.services if service.manifest is not None)


def _behind_any(world: World) -> bool:
    return any(behind(world, service) for service in world.services)


def _of_revision(world: World, pod: str) -> bool:
    return any(pod.startswith(f"{each.manifest['metadata']['name']}-") for each in world.revisions.values())


def _size(world: World) -> int:
    return int(((world.source or {}).get("spec") or {}).get("replicas", 1))


def _ready(world: World) -> int:
    return int(((world.source or {}).get("status") or {}).get("readyReplicas", 0))


def pin_at_rest(world: World, stable: Revision) -> str | None:
    """The revision a referenced workload's Services select at rest.

    A version becomes the stable one only when it serves at full size, so a pin leaves nobody without. It is refused
    while it would shut out pods of neither, or leave only a version that cannot answer.
    """
    if _pinned(world, stable):
        return stable.name
    if foreigner(world) is not None:
        return None
    can_serve = bool(stable.ready) or world.replicas == 0
    return stable.name if can_serve or not _behind_any(world) else None


def stranger(world: World, stable: Revision) -> str | None:
    """The first ready endpoint that keeps a Service from being pinned to the stable version, as `Service/pod`."""
    return foreigner(world) if world.references else routing.strangers(world, stable)
