"""From the cache to one frozen `World`, without a request."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from rollout.core.case import current_run
from rollout.core.checks import resolve
from rollout.core.preflight import Refusal, problems
from rollout.core.workload import bare, revision_of
from rollout.core.world import Pod, Revision, Route, Run, Service, Settings, World
from rollout.kube.indexes import claim, claims
from rollout.kube.store import Store
from rollout.models.analysis import AnalysisTemplateSpec, TemplateKind
from rollout.models.kinds import (
    ANALYSIS_TEMPLATES,
    CLUSTER_ANALYSIS_TEMPLATES,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    HPAS,
    INGRESSES,
    PODS,
    REFERENCE_GRANTS,
    ROLLOUT_RUNS,
    ROLLOUTS,
    SERVICES,
    Key,
    Manifest,
)
from rollout.models.rollout import REVISION_LABEL, Invalid, parse_run, parse_spec, parse_status, parse_template
from rollout.models.run import RolloutRunSpec
from rollout.models.spec import RolloutSpec
from rollout.models.status import Stage
from rollout.models.traffic import Traffic
from rollout.traffic.registry import resource_for, router_for

_DECIMAL = re.compile("[1-9][0-9]{0,17}")


def observe(store: Store, key: Key, now: datetime, *, settings: Settings, refusal: Refusal) -> World | None:
    """Everything a decision about this Rollout may look at; None where there is no such Rollout.

    `refusal` tells why a check cannot be answered by the controller's metric sources.
    """
    manifest = store.get(ROLLOUTS, key)
    if manifest is None:
        return None
    spec, invalid = _spec(manifest)
    runs, taken = _runs(store, manifest)
    world = World(
        now=now,
        key=key,
        manifest=manifest,
        spec=spec,
        status=parse_status(manifest),
        settings=settings,
        revisions=_revisions(store, key),
        runs=runs,
        taken=taken,
    )
    world = _with_traffic(store, world)
    world = _with_template(store, world)
    return _with_problems(store, world, invalid, refusal)


def _spec(manifest: Manifest) -> tuple[RolloutSpec | None, str | None]:
    try:
        return parse_spec(manifest), None
    except Invalid as error:
        return None, str(error)


def _revisions(store: Store, key: Key) -> dict[str, Revision]:
    owner = f"{key.namespace}/{key.name}"
    pods: dict[str, list[Pod]] = {}
    for manifest in store.by_index(PODS, "rollout", owner):
        pods.setdefault(_revision_label(manifest), []).append(_pod(manifest))
    found = {}
    for manifest in store.by_index(DEPLOYMENTS, "rollout", owner):
        name = _revision_label(manifest)
        if name:
            found[name] = Revision(name=name, manifest=manifest, pods=tuple(pods.get(name, ())))
    return found


def _revision_label(manifest: Manifest) -> str:
    return str((manifest["metadata"].get("labels") or {}).get(REVISION_LABEL, ""))


def is_ready(pod: Manifest) -> bool:
    """Whether a pod's Ready condition is True."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _pod(manifest: Manifest) -> Pod:
    status = manifest.get("status") or {}
    containers = status.get("containerStatuses") or ()
    waits = (((each.get("state") or {}).get("waiting") or {}).get("reason") for each in containers)
    return Pod(
        name=manifest["metadata"]["name"],
        ready=is_ready(manifest),
        terminating="deletionTimestamp" in manifest["metadata"],
        restarts=sum(each.get("restartCount", 0) for each in containers),
        problem=next((reason for reason in waits if reason and reason != "ContainerCreating"), None),
        address=status.get("podIP"),
    )


def _runs(store: Store, rollout: Manifest) -> tuple[tuple[Run, ...], frozenset[int]]:
    """The records of this Rollout, oldest first, and the numbers that other records hold the names of."""
    found, taken = [], set()
    namespace, name = rollout["metadata"]["namespace"], rollout["metadata"]["name"]
    for manifest in store.by_index(ROLLOUT_RUNS, "rollout", f"{namespace}/{name}"):
        run = _run(manifest, rollout["metadata"].get("uid"))
        number = manifest["metadata"]["name"].removeprefix(f"{name}-")
        if run is not None:
            found.append(run)
        elif _DECIMAL.fullmatch(number):
            taken.add(int(number))
    return tuple(sorted(found, key=lambda run: run.spec.number)), frozenset(taken)


def _run(manifest: Manifest, owner: str | None) -> Run | None:
    """The record; None for one that was damaged, which is as good as lost, and for one of an earlier namesake."""
    owners = manifest["metadata"].get("ownerReferences") or ()
    if not any(each.get("controller") and each["uid"] == owner for each in owners):
        return None
    try:
        spec, status = parse_run(manifest)
    except Invalid:
        return None
    return Run(name=manifest["metadata"]["name"], spec=spec, status=status)


def _with_traffic(store: Store, world: World) -> World:
    """The world with the Services and routes in force: those of the run that goes on, else those declared."""
    run = current_run(world)
    active = world.run(run.number) if run is not None and run.stage not in (Stage.DONE, Stage.INITIAL) else None
    in_force: RolloutRunSpec | RolloutSpec | None = active.spec if active is not None else world.spec
    if in_force is None:
        return world
    services = tuple(_service(store, world.key, each.name) for each in in_force.services or ())
    routes = tuple(_route(store, world.key, each) for each in in_force.traffic or ())
    return replace(world, services=services, routes=routes)


def _service(store: Store, key: Key, name: str) -> Service:
    own, twin = Key(key.namespace, name), Key(key.namespace, f"{name}-canary")
    return Service(
        name=name,
        manifest=store.get(SERVICES, own),
        canary=store.get(SERVICES, twin),
        targets=_targets(store, own),
        canary_targets=_targets(store, twin),
        writer=store.last_writer(SERVICES, own),
    )


def _targets(store: Store, service: Key) -> frozenset[str]:
    slices = store.by_index(ENDPOINT_SLICES, "service", f"{service.namespace}/{service.name}")
    endpoints: list[dict[str, Any]] = [each for manifest in slices for each in manifest.get("endpoints") or ()]
    return frozenset(
        each["targetRef"]["name"]
        for each in endpoints
        if (each.get("conditions") or {}).get("ready") is not False
        and (each.get("targetRef") or {}).get("kind") == "Pod"
    )


def _route(store: Store, key: Key, traffic: Traffic) -> Route:
    ref = traffic.ref
    own = Key((traffic.gateway_route and traffic.gateway_route.namespace) or key.namespace, ref.name)
    resource, router = resource_for(ref), router_for(ref)
    twin = router.twin(own)
    return Route(
        name=traffic.name,
        ref=ref,
        key=own,
        manifest=store.get(resource, own),
        granted=own.namespace == key.namespace or _granted(store, key.namespace, router.kind, own.namespace),
        twin_key=twin,
        twin=store.get(resource, twin) if twin is not None else None,
        others=_others(store, own, twin) if twin is not None else (),
        writer=store.last_writer(resource, twin or own),
    )


def _others(store: Store, *names: Key) -> tuple[Manifest, ...]:
    """The canary Ingresses of the namespace besides these."""
    found = store.by_index(INGRESSES, "canary", names[0].namespace)
    return tuple(each for each in found if each["metadata"]["name"] not in {name.name for name in names})


def _granted(store: Store, namespace: str, kind: str, source: str) -> bool:
    for grant in store.list(REFERENCE_GRANTS, namespace):
        spec = grant.get("spec") or {}
        allows = any(each.get("kind") == kind and each.get("namespace") == source for each in spec.get("from") or ())
        if allows and any(each.get("kind") == "Service" and not each.get("name") for each in spec.get("to") or ()):
            return True
    return False


def _with_template(store: Store, world: World) -> World:
    """The world with the pod template that is asked for, and the revision it stands for."""
    spec = world.spec
    if spec is None:
        return world
    if spec.workload_ref is None:
        template = world.manifest["spec"]["template"]
        return _overridden(replace(world, template=template, wanted=revision_of(template)))
    source = store.get(DEPLOYMENTS, Key(world.key.namespace, spec.workload_ref.name))
    if source is None:
        return world
    template = bare(source["spec"]["template"])
    return _overridden(replace(world, source=source, template=template, wanted=_live(world, template)))


def _live(world: World, template: Manifest) -> str:
    """The revision of a referenced template, compared live against live.

    Both went through the same API server, so defaults that a new Kubernetes version adds start no rollout.
    """
    for revision in world.revisions.values():
        if bare(revision.manifest["spec"]["template"]) == template:
            return revision.name
    return revision_of(template)


def _overridden(world: World) -> World:
    """The world with the version that `undo` asked for, until the template changes."""
    override = world.status.override
    record = world.run(override.run) if override is not None else None
    if override is None or record is None or override.template != world.wanted:
        return world
    return replace(world, wanted=override.revision, template=record.spec.template)


def _with_problems(store: Store, world: World, invalid: str | None, refusal: Refusal) -> World:
    if world.spec is None:
        return replace(world, problems=(f"Cannot start: {invalid}.",))
    first = _claimed(store, world) or _unreferenced(store, world)
    if first is not None:
        return replace(world, problems=(f"Cannot start: {first}",))
    try:
        world = replace(
            world, checks=resolve(world.spec.analysis, lambda kind, name: _template(store, world.key, kind, name))
        )
    except Invalid as error:
        return replace(world, problems=(f"Cannot start: {error}.",))
    return replace(world, problems=problems(world, refusal))


def _claimed(store: Store, world: World) -> str | None:
    """Who claims one of this Rollout's objects already: the older Rollout has it."""
    for value in claims(world.manifest):
        for rival in store.by_index(ROLLOUTS, "reads", value):
            if _age(rival) < _age(world.manifest) and value in claims(rival):
                kind, namespace, name = value.split("/")
                first = f"{rival['metadata']['namespace']}/{rival['metadata']['name']}"
                return f"{kind} {namespace}/{name} belongs to Rollout {first} already: remove it from one of the two."
    return None


def _age(rollout: Manifest) -> tuple[str, str, str]:
    metadata = rollout["metadata"]
    return metadata["creationTimestamp"], metadata["namespace"], metadata["name"]


def _unreferenced(store: Store, world: World) -> str | None:
    """What is wrong with the referenced Deployment."""
    reference = world.spec.workload_ref if world.spec else None
    if reference is None:
        return None
    name = f"Deployment {world.key.namespace}/{reference.name}"
    if world.source is None:
        return f"{name} does not exist: create it, or correct spec.workloadRef.name."
    scaled = store.by_index(HPAS, "target", claim("Deployment", world.key.namespace, reference.name))
    if scaled:
        hpa = scaled[0]["metadata"]["name"]
        return (
            f"HorizontalPodAutoscaler {hpa} scales {name}, which goes to 0 once the Rollout serves: "
            f"point its scaleTargetRef at Rollout {world.key.name}."
        )
    return None


def _template(store: Store, key: Key, kind: TemplateKind, name: str) -> AnalysisTemplateSpec | None:
    if kind is TemplateKind.CLUSTER:
        manifest = store.get(CLUSTER_ANALYSIS_TEMPLATES, Key("", name))
    else:
        manifest = store.get(ANALYSIS_TEMPLATES, Key(key.namespace, name))
    return parse_template(manifest) if manifest is not None else None
