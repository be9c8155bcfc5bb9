"""What the routers and Services of a world say: which share is in force, and what is not as it should be."""

from rollout.core.world import Revision, Route, World
from rollout.models.kinds import Manifest
from rollout.models.rollout import ABORTED, LEADER, ROLLOUT_LABEL
from rollout.models.split import Split
from rollout.models.traffic import Match
from rollout.traffic.registry import router_for
from rollout.traffic.service import replica_share


def carrier(world: World, route: Route) -> Manifest | None:
    """What carries the split: the route, or the owned object beside it; None where that is not there."""
    if route.twin_key is None:
        return route.manifest
    return route.twin if route.twin is not None and _ours(world, route.twin) else None


def _ours(world: World, twin: Manifest) -> bool:
    """Whether the object beside a route is, also where somebody took its label away: it may have traffic."""
    return owned(world, twin) or LEADER in (twin["metadata"].get("annotations") or {})


def named(route: Route) -> str:
    """What carries the split, as people name it: `HTTPRoute store/shop`."""
    key = route.twin_key or route.key
    return f"{router_for(route.ref).kind} {key.namespace}/{key.name}"


def split_in(world: World, route: Route) -> Split | None:
    """The split in this route; None where the route is as declared or gone."""
    carries = carrier(world, route)
    return None if carries is None else router_for(route.ref).read(carries, world.backends)


def route_weight(world: World, route: Route) -> float | None:
    """The canary's share in this route in per cent; None where the route is as declared or gone."""
    split = split_in(world, route)
    return None if split is None else split.canary


def shifted(world: World) -> bool:
    """Whether any route is not as declared, or has something of ours beside it."""
    return any(_touched(world, route) for route in world.routes)


def _touched(world: World, route: Route) -> bool:
    beside = route.twin_key is not None and carrier(world, route) is not None
    return beside or split_in(world, route) is not None


def matched(world: World) -> Match | None:
    """Who goes to the canary besides, the first of what the routes say; None where nobody does."""
    splits = (split_in(world, route) for route in world.routes)
    return next((split.match for split in splits if split is not None and split.match is not None), None)


def flows(world: World) -> bool:
    """Whether the canary gets any request."""
    return bool(routed(world)) or matched(world) is not None


def adrift(world: World) -> str | None:
    """Why nothing beside a route may have traffic any more, as a sentence with the remedy: the route is gone, or not
    what could be split, and what stands beside it would take requests that are meant for others.
    """
    beside = (each for each in world.routes if each.twin_key is not None and carrier(world, each) is not None)
    for route in beside:
        if route.manifest is None:
            return f"{router_for(route.ref).kind} {route.key.namespace}/{route.key.name} is gone: create it again."
        trouble = router_for(route.ref).problem(route.manifest, world.backends)
        if trouble is not None:
            return trouble
    return None


def can_shift(world: World, route: Route) -> bool:
    """Whether the route is there and still names a Service whose share can be moved."""
    return route.manifest is not None and router_for(route.ref).problem(route.manifest, world.backends) is None


def routed(world: World) -> float | None:
    """The canary's share in force in per cent, the highest of all routers; None where no canary has any.

    Without a router, it is what pins and numbers of pods make of it.
    """
    if world.routes:
        weights = [weight for route in world.routes if (weight := route_weight(world, route)) is not None]
        return max(weights, default=None)
    if not world.services or world.stable is None:
        return None
    pins = {service.pinned for service in world.services}
    if pins == {None}:
        others = sum(len(each.ready) for each in world.revisions.values() if each.name != world.stable.name)
        return replica_share(len(world.stable.ready), others) if others else None
    return 0 if pins == {world.stable.name} else 100


def owned(world: World, manifest: Manifest) -> bool:
    """Whether this Rollout's controller made the object."""
    return bool((manifest["metadata"].get("labels") or {}).get(ROLLOUT_LABEL) == world.key.name)


def taken(world: World, route: Route) -> bool:
    """Whether the name of the object beside the route is somebody else's."""
    return route.twin is not None and carrier(world, route) is None


def waiting(world: World, *, whole: bool = True) -> str | None:
    """Why a shift that was written is not known to be in force yet; None when every route was accepted.

    Unless `whole`, a route that is gone is nothing to wait for: it gives nobody any traffic.
    """
    for route in world.routes:
        if route.manifest is None and not whole:
            continue
        if route.manifest is None:
            return f"{router_for(route.ref).kind} {route.key.namespace}/{route.key.name} is gone: create it again"
        if taken(world, route):
            return f"{named(route)} is not the controller's, which needs that name: rename or remove it"
        if whole and (lost := adrift(world)) is not None:
            return lost.removesuffix(".")
        state = router_for(route.ref).state(route.manifest)
        if not state.accepted:
            return state.message
    return None


def endpoints_exact(world: World, revision: Revision) -> bool:
    """Whether every owned Service leads to exactly this revision's ready pods."""
    return all(service.canary_targets == revision.ready for service in world.services)


def services_lead_to(world: World, revision: Revision) -> bool:
    """Whether every Service people have leads to exactly this revision's ready pods."""
    return all(service.targets == revision.ready for service in world.services if service.manifest is not None)


def strangers(world: World, revision: Revision) -> str | None:
    """The first ready endpoint of a Service that does not belong to the revision, as `Service/pod`.

    A pod is told by its Deployment's name too: EndpointSlices still list one for a moment after it is gone.
    """
    own = revision.manifest["metadata"]["name"]
    known = {pod.name for pod in revision.pods}
    for service in world.services:
        for target in sorted(service.targets - known):
            if not target.startswith(f"{own}-"):
                return f"{service.name}/{target}"
    return None


def reverted_by(world: World, *, stable: str, canary: str, allowed: tuple[Split | None, ...]) -> str | None:
    """Who undid a split or a pin since it was written; None when nobody did.

    `allowed` are the splits that a route may show: the one the status tells of, and the one that is wanted now, since
    a write of ours may have been cut off before the status told of it.
    """
    for route in world.routes:
        if route.manifest is not None and split_in(world, route) not in allowed and not _just_made(world, route):
            did = "changed" if carrier(world, route) is not None else "deleted"
            return f"{route.writer or 'somebody'} {did} {named(route)}"
    if not world.routes and allowed[0] is not None and 0 < allowed[0].canary < 100:
        return None  # in between, Services without a router are as declared
    for service in world.services:
        if service.manifest is not None and service.pinned not in (stable, canary):
            return f"{service.writer or 'somebody'} changed Service {world.key.namespace}/{service.name}"
    return None


def _just_made(world: World, route: Route) -> bool:
    """Whether what stands beside the route was made again by this controller, after somebody's doing was counted: as
    yet without any share, which is nobody's second one."""
    run = world.status.run
    made = route.twin_key is not None and carrier(world, route) is not None and route.writer is None
    return made and run is not None and run.reverts > 0 and split_in(world, route) == Split.at(0)


def abort_mark(world: World) -> int | None:
    """The run that a route or Service says was taken back, in the same write that took its traffic."""
    carriers = [carrier(world, route) for route in world.routes] + [service.manifest for service in world.services]
    marks = [mark for manifest in carriers if manifest is not None and (mark := _mark(manifest)) is not None]
    return max(marks, default=None)


def _mark(manifest: Manifest) -> int | None:
    value = (manifest["metadata"].get("annotations") or {}).get(ABORTED, "")
    return int(value) if value.isdigit() else None
