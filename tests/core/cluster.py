"""The smallest cluster there is: a World, the World after a plan's writes, and the World when all has come to rest."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from analysis.results import Assessment
from rollout.core.decide import decide
from rollout.core.plan import plan
from rollout.core.target import Decision
from rollout.core.world import Revision, Run, World
from rollout.core.write import Plan, Verb, Write
from rollout.models.kinds import DEPLOYMENTS, ROLLOUT_RUNS, ROLLOUTS, SERVICES, Manifest
from rollout.models.rollout import REVISION_LABEL, parse_run
from rollout.models.status import RolloutStatus
from tests.core.builders import led, reported, some_pods
from tests.traffic.json_patch import apply

_NOTHING = Assessment()


def carried_out(world: World, writes: Plan) -> World:
    """The world after these writes, before anything else in the cluster followed them."""
    for write in writes:
        if write.verb is not Verb.TRY:
            world = _one(world, write)
    return world


def _one(world: World, write: Write) -> World:
    if write.resource == ROLLOUTS:
        return _rollout(world, write)
    if write.resource == DEPLOYMENTS:
        return _deployment(world, write)
    if write.resource == SERVICES:
        return _service(world, write)
    if write.resource == ROLLOUT_RUNS:
        return _run(world, write)
    return _route(world, write)


def _rollout(world: World, write: Write) -> World:
    if write.subresource == "status":
        return replace(world, status=RolloutStatus.model_validate(write.body[0]["value"]))
    return replace(world, manifest=_merged(world.manifest, write.body))


def _merged(manifest: Any, change: Any) -> Any:
    if not isinstance(change, dict):
        return change
    known = manifest if isinstance(manifest, dict) else {}
    merged = {**known, **{key: _merged(known.get(key), value) for key, value in change.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def _deployment(world: World, write: Write) -> World:
    name = write.key.name.removeprefix(f"{world.key.name}-")
    revisions = dict(world.revisions)
    if write.verb is Verb.DELETE:
        del revisions[name]
    elif write.verb is Verb.CREATE:
        body = {**write.body, "metadata": {**write.body["metadata"], "uid": f"uid-{name}"}}
        revisions[name] = Revision(name=name, manifest=body)
    else:
        revisions[name] = replace(revisions[name], manifest=apply(revisions[name].manifest, write.body))
    return replace(world, revisions=revisions)


def _service(world: World, write: Write) -> World:
    found = []
    for service in world.services:
        if write.key.name == service.name and service.manifest is not None:
            found.append(replace(service, manifest=apply(service.manifest, write.body)))
        elif write.key.name == f"{service.name}-canary":
            found.append(replace(service, canary=_twin(service.canary, write)))
        else:
            found.append(service)
    return replace(world, services=tuple(found))


def _twin(known: Manifest | None, write: Write) -> Manifest | None:
    if write.verb is Verb.DELETE:
        return None
    if write.verb is Verb.CREATE:
        return {**write.body, "metadata": {**write.body["metadata"], "uid": "uid-canary", "resourceVersion": "7"}}
    assert known is not None, "only what is there is patched"
    return apply(known, write.body)


def _beside(known: Manifest | None, write: Write) -> Manifest | None:
    if write.verb is Verb.DELETE:
        return None
    if write.verb is Verb.CREATE:
        return {**write.body, "metadata": {**write.body["metadata"], "uid": "uid-twin", "resourceVersion": "7"}}
    assert known is not None, "only what is there is patched"
    return apply(known, write.body)


def _run(world: World, write: Write) -> World:
    others = [run for run in world.runs if run.name != write.key.name]
    if write.verb is Verb.DELETE:
        return replace(world, runs=tuple(others))
    known = next((run for run in world.runs if run.name == write.key.name), None)
    spec, status = parse_run(write.body if write.verb is Verb.CREATE else {"metadata": {}, **_run_status(known, write)})
    made = Run(name=write.key.name, spec=spec, status=status)
    return replace(world, runs=tuple(sorted((*others, made), key=lambda run: run.spec.number)))


def _run_status(known: Run | None, write: Write) -> Manifest:
    assert known is not None, "only what is there is patched"
    spec = known.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    status = known.status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"spec": spec, "status": _merged(status, write.body["status"])}


def _route(world: World, write: Write) -> World:
    routes = []
    for route in world.routes:
        if route.twin_key == write.key:
            routes.append(replace(route, twin=_beside(route.twin, write)))
            continue
        if route.key == write.key and route.manifest is not None:
            changed = apply(route.manifest, write.body)
            if changed["spec"] != route.manifest["spec"]:
                changed["metadata"]["generation"] += 1
            route = replace(route, manifest=changed)  # noqa: PLW2901 (the same route after the write)
        routes.append(route)
    return replace(world, routes=tuple(routes))


def calm(world: World, after: timedelta = timedelta()) -> World:
    """The world that much later: every pod there and ready, every Service leading to its pods, every route accepted."""
    revisions = {
        name: replace(revision, pods=some_pods(name, revision.replicas)) for name, revision in world.revisions.items()
    }
    routes = tuple(
        replace(route, manifest=reported(route.manifest, route.manifest["metadata"]["generation"]))
        if route.twin_key is None
        else route
        for route in world.routes
        if route.manifest is not None
    )
    return led(replace(world, now=world.now + after, revisions=revisions, routes=routes))


def one_round(world: World, assessment: Assessment = _NOTHING) -> tuple[World, Decision, Plan]:
    """What one reconcile makes of the world, without anything else happening meanwhile."""
    decision = decide(world, assessment)
    writes = plan(world, decision)
    return carried_out(world, writes), decision, writes


def pinned_to(world: World) -> set[str | None]:
    """The revisions the Services are pinned to."""
    return {service.pinned for service in world.services}


def selected(service: Manifest | None) -> str | None:
    """The revision a Service selects."""
    return ((service or {}).get("spec") or {}).get("selector", {}).get(REVISION_LABEL)
