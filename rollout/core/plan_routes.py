"""The writes to routes and Services."""

from collections.abc import Sequence
from dataclasses import replace

from rollout.core.routing import carrier, owned, split_in
from rollout.core.target import Decision
from rollout.core.workload import with_annotations
from rollout.core.world import Route, Service, World
from rollout.core.write import Plan, Verb, Write
from rollout.models.kinds import SERVICES, Key, Manifest
from rollout.models.rollout import ABORTED, LEADER
from rollout.models.split import Split
from rollout.models.status import Outcome, Phase, Stage
from rollout.traffic.patch import json_patch
from rollout.traffic.registry import resource_for, router_for
from rollout.traffic.service import canary_service, pin


def routes(world: World, decision: Decision) -> tuple[Plan, Plan]:
    """The patches that give every route the weight, or what was declared: those that take, and those that do not."""
    return _halves([_route(world, decision, route) for route in world.routes])


def _halves(found: Sequence[tuple[bool, Write] | None]) -> tuple[Plan, Plan]:
    """The writes that take from the canary, and the others."""
    writes = [each for each in found if each is not None]
    return tuple(write for takes, write in writes if takes), tuple(write for takes, write in writes if not takes)


def _falls(world: World, decision: Decision, route: Route) -> bool:
    """Whether the canary gets no more traffic from this route than it has: then nothing may stand before the write.

    A route is given back to Services that lead to the canary like one that rises: after them.
    """
    target, now = decision.target, split_in(world, route) or Split.at(0)
    if target.weight is not None:
        dropped = now.match is not None and target.match is None
        same = target.weight == now.canary and (decision.urgent or dropped)
        return target.match in (None, now.match) and (target.weight < now.canary or same)
    return target.pin is None or world.stable is None or target.pin == world.stable.name


def _route(world: World, decision: Decision, route: Route) -> tuple[bool, Write] | None:
    known, wanted = carrier(world, route), _shifted(world, decision, route)
    weight, falls = decision.target.weight, _falls(world, decision, route)
    shell = Write(
        verb=Verb.PATCH,
        resource=resource_for(route.ref),
        key=route.twin_key or route.key,
        urgent=falls and decision.urgent,
        why="give the route back" if weight is None else f"{weight:g} % to the canary",
    )
    if known is None:
        return None if falls else _made(world, decision, route, shell)
    if weight is None and route.twin_key is not None:
        return falls, replace(shell, verb=Verb.DELETE, uid=known["metadata"].get("uid"))
    if wanted is None:
        return None
    leader = _leader(world, decision, moving=weight)
    return _patched(shell, known, wanted, decision=decision, takes=falls, leader=leader)


def _made(world: World, decision: Decision, route: Route, write: Write) -> tuple[bool, Write] | None:
    """The object beside a route is made without traffic for the canary: a creation that comes late tests nothing."""
    if decision.target.weight is None or route.manifest is None or route.twin_key is None or route.twin is not None:
        return None
    router = router_for(route.ref)
    made = router.carrier(route.manifest, world.backends, twin=None, rollout=world.key.name)
    if made is None:
        return None
    body = router.shift(made, world.backends, Split.at(0))
    body = _claimed(body, _leader(world, decision, moving=decision.target.weight), falls=False)
    return False, replace(write, verb=Verb.CREATE, body=body, why="prepare the canary")


def _patched(
    write: Write, manifest: Manifest, wanted: Manifest, *, decision: Decision, takes: bool, leader: str | None
) -> tuple[bool, Write] | None:
    """The write with its patch, and whether it takes from the canary; None when nothing differs.

    It marks what it writes as this leader's, and what it does not write as well. A new leader so changes the version
    of whatever an earlier one may still be about to raise: such a write, which tests the version, fails however late
    it comes. Nothing that is urgent waits for a mark.
    """
    moves = bool(json_patch(manifest, wanted))
    if not (moves and decision.urgent):
        wanted = _claimed(wanted, leader, falls=takes and moves)
    version = manifest["metadata"].get("resourceVersion") if moves and not takes else None
    ops = json_patch(manifest, wanted, resource_version=version)
    if not ops:
        return None
    if moves:
        return takes, replace(write, body=ops)
    why = "answer for it" if leader else "nobody need answer for it"
    return False, replace(write, body=ops, why=why, urgent=False)


def _shifted(world: World, decision: Decision, route: Route) -> Manifest | None:
    """The route with the weight, or as declared; None where it is not there, or not ours to give the canary more of."""
    target, known, falls = decision.target, carrier(world, route), _falls(world, decision, route)
    if known is None or not (route.granted or falls or target.weight is None):
        return None
    router = router_for(route.ref)
    if target.weight is None:
        wanted = router.restore(known, world.backends)
    else:
        base = known if falls else _up_to_date(world, route, known)
        wanted = router.shift(base, world.backends, Split.at(target.weight, target.match))
    return _marked(wanted, _mark(decision), moved=wanted != known)


def _up_to_date(world: World, route: Route, known: Manifest) -> Manifest:
    """What carries the split, with what people changed in their route since it was made."""
    if route.manifest is None:
        return known
    router = router_for(route.ref)
    return router.carrier(route.manifest, world.backends, twin=route.twin, rollout=world.key.name) or known


def _mark(decision: Decision) -> str | None:
    """The run that is taken back, said in the same write that takes its traffic: a crash cannot forget it."""
    run = decision.status.run
    taken = decision.status.phase is Phase.ABORTING and run is not None and run.outcome is Outcome.ABORTED
    return str(run.number) if taken and run is not None else None


def _marked(manifest: Manifest, mark: str | None, *, moved: bool) -> Manifest:
    """The manifest with the mark where this very write moves traffic, or one before it did; without it otherwise."""
    annotations = {**(manifest["metadata"].get("annotations") or {})}
    if annotations.get(ABORTED) == mark:
        return manifest
    if annotations.pop(ABORTED, None) is None and not moved:
        return manifest
    if mark is not None:
        annotations[ABORTED] = mark
    return with_annotations(manifest, annotations)


def _leader(world: World, decision: Decision, *, moving: object) -> str | None:
    """Who answers for what a run moves; at rest, where nothing is about to be raised, nobody need."""
    run = decision.status.run
    going_on = run is not None and run.stage is not Stage.DONE
    return world.settings.leader if going_on and moving is not None else None


def _claimed(manifest: Manifest, leader: str | None, *, falls: bool) -> Manifest:
    """The manifest marked as this leader's, or unmarked.

    A write that takes traffic leaves an earlier leader's mark in place, so as not to test it.
    """
    annotations = {**(manifest["metadata"].get("annotations") or {})}
    known = annotations.get(LEADER)
    if known == leader or (falls and known is not None and leader is not None):
        return manifest
    annotations.pop(LEADER, None)
    if leader is not None:
        annotations[LEADER] = leader
    return with_annotations(manifest, annotations)


def pins(world: World, decision: Decision) -> tuple[Plan, Plan]:
    """The patches of the Services' selectors: those that protect the stable version, and those that do not."""
    protects = world.stable is not None and decision.target.pin == world.stable.name
    return _halves([_pin(world, decision, service, protects=protects) for service in world.services])


def _pin(world: World, decision: Decision, service: Service, *, protects: bool) -> tuple[bool, Write] | None:
    if service.manifest is None:
        return None
    target = decision.target.pin
    shell = Write(
        verb=Verb.PATCH,
        resource=SERVICES,
        key=Key(world.key.namespace, service.name),
        urgent=protects,
        why=f"pin to {target}" if target else "unpin",
    )
    wanted, leader = _pinned(decision, service.manifest), _leader(world, decision, moving=target)
    return _patched(shell, service.manifest, wanted, decision=decision, takes=protects, leader=leader)


def _pinned(decision: Decision, manifest: Manifest) -> Manifest:
    wanted = pin(manifest, decision.target.pin)
    return _marked(wanted, _mark(decision), moved=wanted != manifest)


def services_beside(world: World, decision: Decision) -> tuple[Plan, Plan]:
    """The owned Services that lead to the canary: those to create or re-select, and those that are over.

    A Service of that name that is somebody else's is left alone.
    """
    made: Plan = ()
    over: Plan = ()
    for service, backend in zip(world.services, world.backends, strict=True):
        key = Key(world.key.namespace, backend.canary)
        if decision.target.canary is None:
            over += _without(world, service, key)
        elif service.manifest is not None:
            body = canary_service(
                service.manifest,
                backend=backend,
                revision=decision.target.canary,
                rollout=world.key.name,
            )
            made += _beside(world, service, key, body)
    return made, over


def _beside(world: World, service: Service, key: Key, body: Manifest) -> Plan:
    if service.canary is None:
        return (Write(verb=Verb.CREATE, resource=SERVICES, key=key, body=body, why="lead to the canary"),)
    if service.canary["spec"].get("selector") == body["spec"]["selector"] or not owned(world, service.canary):
        return ()
    wanted = {**service.canary, "spec": {**service.canary["spec"], "selector": body["spec"]["selector"]}}
    version = service.canary["metadata"].get("resourceVersion")
    ops = json_patch(service.canary, wanted, resource_version=version)
    return (Write(verb=Verb.PATCH, resource=SERVICES, key=key, body=ops, why="lead to the canary"),)


def _without(world: World, service: Service, key: Key) -> Plan:
    if service.canary is None or not owned(world, service.canary):
        return ()
    uid = service.canary["metadata"].get("uid")
    return (Write(verb=Verb.DELETE, resource=SERVICES, key=key, uid=uid, why="the run is over"),)
