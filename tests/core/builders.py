"""Worlds as a decision sees them: a release of `new` over `old`, right in every part, to be changed one at a time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from analysis.results import Assessment, CheckResult, State
from rollout.core.case import new_spec
from rollout.core.workload import deployment
from rollout.core.world import Pod, Revision, Route, Run, Service, World
from rollout.models.analysis import Analysis
from rollout.models.checks import Check
from rollout.models.kinds import Key, Manifest
from rollout.models.rollout import ABORTED, FINALIZER, PROMOTED, REVISION_LABEL, format_time
from rollout.models.run import RolloutRunStatus
from rollout.models.spec import RolloutSpec, Step
from rollout.models.split import Backend, Split
from rollout.models.status import Command, Outcome, RolloutStatus, RunStatus, Stage, StepStatus, TrafficStatus, Verb
from rollout.models.steps import compile_steps, pods
from rollout.models.traffic import GatewayRoute, IngressRef, Match, RouteKind
from rollout.traffic.gateway import GatewayRouter
from rollout.traffic.ingress import IngressRouter
from rollout.traffic.service import canary_service, pin

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
KEY = Key("store", "shop")
OLD, NEW, THIRD = "old", "new", "third"
SHOP = Backend(service="shop", canary="shop-canary", namespace="store")
ROUTER = GatewayRouter(kind="HTTPRoute")
INGRESS_ROUTER = IngressRouter()
BY_INGRESS: list[dict[str, Any]] = [{"name": "public", "ingress": {"name": "shop"}}]
MINUTE = timedelta(minutes=1)
REPLICAS = 4
STEPS: tuple[dict[str, Any], ...] = ({"weight": 10, "hold": {"for": "5m"}}, {"weight": 50, "hold": {"for": "5m"}})
ERRORS: dict[str, Any] = {"name": "errors", "ratio": {"bad": "bad_total", "total": "all_total"}, "ceiling": 1}


def ago(length: timedelta) -> str:
    """The moment that long before now, as a status holds it."""
    return format_time(NOW - length)


def a_template(version: str = NEW) -> Manifest:
    """The pod template of a version."""
    return {
        "metadata": {"labels": {"app": "shop"}},
        "spec": {"containers": [{"name": "shop", "image": f"shop:{version}"}]},
    }


def some_pods(revision: str, count: int, *, ready: int | None = None, **fields: Any) -> tuple[Pod, ...]:
    """Pods of a revision, all ready unless it says how many; fields count for those that are not."""
    ready = count if ready is None else ready
    return tuple(
        Pod(name=f"shop-{revision}-{number}", ready=number < ready, **(fields if number >= ready else {}))
        for number in range(count)
    )


def a_revision(
    name: str,
    pods: int | Sequence[Pod] = REPLICAS,
    *,
    ready: int | None = None,
    promoted: int | None = None,
    aborted: int | None = None,
    replicas: int | None = None,
) -> Revision:
    """A version with its Deployment; as many replicas as pods unless it says so."""
    found = some_pods(name, pods, ready=ready) if isinstance(pods, int) else tuple(pods)
    marks = {mark: str(run) for mark, run in ((PROMOTED, promoted), (ABORTED, aborted)) if run is not None}
    size = len(found) if replicas is None else replicas
    manifest = deployment(KEY, revision=name, template=a_template(name), replicas=size, marks=marks)
    manifest["metadata"] |= {"uid": f"uid-{name}", "resourceVersion": "7"}
    return Revision(name=name, manifest=manifest, pods=found)


def a_service(
    pinned: str | None = None,
    *,
    canary: str | None = None,
    targets: frozenset[str] = frozenset(),
    canary_targets: frozenset[str] = frozenset(),
    writer: str | None = None,
    aborted: int | None = None,
) -> Service:
    """The Service people have, and the owned one beside it when that leads to a canary."""
    declared: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "shop", "namespace": "store", "resourceVersion": "7"},
        "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}]},
    }
    if aborted is not None:
        declared["metadata"]["annotations"] = {ABORTED: str(aborted)}
    twin = None
    if canary is not None:
        twin = canary_service(declared, backend=SHOP, revision=canary, rollout="shop")
        twin["metadata"] |= {"uid": "uid-canary", "resourceVersion": "7"}
    return Service(
        name="shop",
        manifest=pin(declared, pinned),
        canary=twin,
        targets=targets,
        canary_targets=canary_targets,
        writer=writer,
    )


def a_route(
    weight: float | None = None,
    *,
    name: str = "shop",
    accepted: bool = True,
    aborted: int | None = None,
    writer: str | None = None,
) -> Route:
    """A route that gives the canary this share, or is as declared; its Gateway has accepted it."""
    manifest: Manifest = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": "store", "generation": 4, "resourceVersion": "7"},
        "spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": [{"name": "shop", "port": 80}]}]},
    }
    if weight is not None:
        manifest = ROUTER.shift(manifest, (SHOP,), Split.at(weight))
    if aborted is not None:
        annotations = manifest["metadata"].get("annotations") or {}
        manifest = {
            **manifest,
            "metadata": {**manifest["metadata"], "annotations": {**annotations, ABORTED: str(aborted)}},
        }
    ref = GatewayRoute(kind=RouteKind.HTTP, name=name)
    manifest = reported(manifest, manifest["metadata"]["generation"] - (not accepted))
    return Route(name="public", ref=ref, key=Key("store", name), manifest=manifest, writer=writer)


def an_ingress(weight: float | None = None, *, match: Match | None = None, aborted: int | None = None) -> Route:
    """An Ingress, and beside it the owned one that gives the canary this share; none when it is as declared."""
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    rule = {"host": "shop.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    manifest: Manifest = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "shop", "namespace": "store", "resourceVersion": "7"},
        "spec": {"ingressClassName": "nginx", "rules": [rule]},
    }
    twin = None
    if weight is not None:
        made = INGRESS_ROUTER.carrier(manifest, (SHOP,), twin=None, rollout="shop")
        assert made is not None
        twin = INGRESS_ROUTER.shift(made, (SHOP,), Split.at(weight, match))
        marks = {} if aborted is None else {ABORTED: str(aborted)}
        twin["metadata"]["annotations"] |= marks
        twin["metadata"] |= {"uid": "uid-twin", "resourceVersion": "7"}
    return Route(
        name="public",
        ref=IngressRef(name="shop"),
        key=Key("store", "shop"),
        manifest=manifest,
        twin_key=Key("store", "shop-canary"),
        twin=twin,
    )


def reported(route: Manifest, generation: int) -> Manifest:
    """The route with its Gateway's report on a generation."""
    conditions = [
        {"type": kind, "status": "True", "observedGeneration": generation} for kind in ("Accepted", "ResolvedRefs")
    ]
    return {**route, "status": {"parents": [{"parentRef": {"name": "edge"}, "conditions": conditions}]}}


def a_run(stage: Stage = Stage.STEPPING, *, since: timedelta = 10 * MINUTE, **changes: Any) -> RunStatus:
    """The run that releases `new` over `old`, its second; `since` is how long ago it came into the stage."""
    taken = {"outcome": Outcome.ABORTED, "reason": "errors: too many"} if stage is Stage.ABORTING else {}
    run = RunStatus(
        number=2, name="shop-2", revision=NEW, stable=OLD, stage=stage, started_at=ago(20 * MINUTE), since=ago(since)
    )
    if since and stage in (Stage.BAKING, Stage.ABORTING):
        taken["routed_at"] = ago(since)
    return run.model_copy(update={**taken, **changes})


def the_first_run() -> RunStatus:
    """The run that brought `old`, over long ago."""
    return RunStatus(
        number=1,
        name="shop-1",
        revision=OLD,
        stage=Stage.DONE,
        outcome=Outcome.PROMOTED,
        started_at=ago(90 * MINUTE),
        since=ago(60 * MINUTE),
        ended_at=ago(60 * MINUTE),
    )


def a_step(index: int = 0, entered: timedelta | None = MINUTE, *, started: timedelta = MINUTE) -> StepStatus:
    """A step that was entered that long ago, or, with None, is being reached since `started`."""
    return StepStatus(
        index=index,
        count=len(STEPS) + 1,
        name=f"step-{index + 1}",
        progress=f"{index + 1}/{len(STEPS) + 1}",
        started_at=ago(started if entered is None else entered),
        entered_at=None if entered is None else ago(entered),
    )


def a_result(
    state: State = State.PASS, *, name: str = "errors", since: timedelta = MINUTE, **fields: Any
) -> CheckResult:
    """What a check says, for that long."""
    known: dict[str, Any] = {"critical": True, "warn_only": False, "sentence": f"{name}: {state}"}
    return CheckResult(name=name, state=state, since=NOW - since, **(known | fields))


def judged(*results: CheckResult, **fields: Any) -> Assessment:
    """What is known at one moment: these results, and nothing of the traffic unless it says so."""
    return Assessment(results=results, **fields)


def a_command(verb: Verb, **fields: Any) -> Command:
    """A person's intent that waits in the status."""
    return Command(**({"id": f"id-{verb}", "verb": verb, "by": "ann"} | fields))


def a_spec(**changes: Any) -> RolloutSpec:
    """What is declared: four pods behind a Service and a route, in steps of 10 and 50 %, judged by errors."""
    fields = {
        "replicas": REPLICAS,
        "template": a_template(),
        "services": [{"name": "shop"}],
        "traffic": [{"name": "public", "gatewayRoute": {"kind": "HTTPRoute", "name": "shop"}}],
        "strategy": {"canary": {"steps": list(STEPS), "bake": {"for": "5m"}}},
        "analysis": {"checks": [ERRORS]},
        **changes,
    }
    return RolloutSpec.model_validate({name: value for name, value in fields.items() if value is not None})


def a_manifest(**metadata: Any) -> Manifest:
    """The Rollout as the API server gives it."""
    known = {"name": "shop", "namespace": "store", "uid": "uid", "generation": 3, "resourceVersion": "70"}
    return {"kind": "Rollout", "metadata": {**known, "finalizers": [FINALIZER], **metadata}}


def commanded(value: str) -> Manifest:
    """The Rollout with a command in its annotation."""
    return a_manifest(annotations={"progressive.delivery/command": value})


def a_world(
    stage: Stage | None = Stage.STEPPING,
    *,
    step: int = 0,
    entered: timedelta | None = MINUTE,
    stable: Revision | None = None,
    canary: Revision | None = None,
    weight: float | str | None = "right",
    pinned: str | None = "right",
    accepted: bool = True,
    spec: RolloutSpec | None = None,
    run: RunStatus | None = None,
    status: dict[str, Any] | None = None,
    **changes: Any,
) -> World:
    """A world in which everything is as the stage wants it, or, without a stage, at rest with `old` serving.

    `entered` tells how long ago the step was entered, None that it is being reached. `status` are fields of the
    status, and other changes those of the World.
    """
    spec = spec or a_spec()
    steps = compile_steps(spec.strategy)
    run = run or (a_run(stage) if stage is not None else the_first_run())
    stable = stable or a_revision(OLD, promoted=1)
    weight = _weight(steps, stage, step=step, entered=entered) if isinstance(weight, str) else weight
    if canary is None and stage is not None:
        canary = _canary(steps, stage, step)
    if pinned == "right":
        pinned = {None: None, Stage.BAKING: NEW, Stage.FINISHING: NEW}.get(stage, OLD)
    taken = 2 if stage is Stage.ABORTING else None
    revisions = {each.name: each for each in (stable, canary) if each is not None}
    world = World(
        now=NOW,
        key=KEY,
        manifest=a_manifest(),
        spec=spec,
        status=_status(
            run,
            stage,
            step=step,
            entered=entered,
            desired=weight,
            matched=step_match(steps, stage, step=step, entered=entered) is not None,
            changes=status or {},
        ),
        template=a_template(OLD if stage is None else NEW),
        wanted=OLD if stage is None else NEW,
        revisions=revisions,
        services=(a_service(pinned, canary=NEW if stage and canary else None),),
        routes=_routes(spec, weight, step_match(steps, stage, step=step, entered=entered), accepted, taken),
        checks=(spec.analysis.checks or ()) if spec.analysis else (),
    )
    if not spec.services:
        world = replace(world, services=())
    world = replace(led(world), runs=records(world, run, active=stage is not None))
    return replace(world, **changes)


def _routes(
    spec: RolloutSpec, weight: float | None, match: Match | None, accepted: bool, aborted: int | None
) -> tuple[Route, ...]:
    if not spec.traffic:
        return ()
    if spec.traffic[0].ingress is not None:
        return (an_ingress(weight, match=match, aborted=aborted),)
    return (a_route(weight, accepted=accepted, aborted=aborted),)


def step_match(steps: tuple[Step, ...], stage: Stage | None, *, step: int, entered: timedelta | None) -> Match | None:
    """Who goes to the canary besides where the step has been entered, or is being reached."""
    reached = step if entered is not None else step - 1
    return steps[reached].match if stage is Stage.STEPPING and reached >= 0 else None


def at_rest(**changes: Any) -> World:
    """A world in which `old` serves and nothing else is asked for."""
    return a_world(None, **changes)


def _weight(steps: tuple[Step, ...], stage: Stage | None, *, step: int, entered: timedelta | None) -> float | None:
    if stage is Stage.STEPPING:
        reached = step if entered is not None else step - 1
        return (steps[reached].weight or 0) if reached >= 0 else 0
    return {Stage.SWITCHING: 100, Stage.ABORTING: 0}.get(stage) if stage else None


def _canary(steps: tuple[Step, ...], stage: Stage, step: int) -> Revision:
    count = pods(steps[step], REPLICAS) if stage is Stage.STEPPING else 1 if stage is Stage.ABORTING else REPLICAS
    promoted = 2 if stage is Stage.FINISHING else None
    return a_revision(NEW, count, promoted=promoted, aborted=2 if stage is Stage.ABORTING else None)


def _status(
    run: RunStatus,
    stage: Stage | None,
    *,
    step: int,
    entered: timedelta | None,
    desired: float | None,
    matched: bool,
    changes: dict[str, Any],
) -> RolloutStatus:
    behind = 100 if stage in (Stage.BAKING, Stage.FINISHING) else desired
    known = RolloutStatus(
        run=run,
        step=a_step(step, entered) if stage is Stage.STEPPING else None,
        traffic=TrafficStatus(desired=behind or 0, matched=matched or None) if stage is not None else None,
    )
    return known.model_copy(update=changes)


def records(world: World, run: RunStatus, *, active: bool) -> tuple[Run, ...]:
    """The records of the first run and, if it goes on, of the second."""
    first = new_spec(replace(world, template=a_template(OLD)), number=1, revision=OLD, stable=None)
    ended = RolloutRunStatus(outcome=Outcome.PROMOTED, started_at=ago(90 * MINUTE), ended_at=ago(60 * MINUTE))
    found = (Run(name="shop-1", spec=first, status=ended),)
    if not active:
        return found
    spec = new_spec(world, number=2, revision=NEW, stable=OLD)
    return (*found, Run(name="shop-2", spec=spec, status=RolloutRunStatus(started_at=run.started_at)))


def led(world: World) -> World:
    """The world with every Service leading to the ready pods its selector means."""
    return replace(world, services=tuple(_led(world, service) for service in world.services))


def _led(world: World, service: Service) -> Service:
    ready = {name: revision.ready for name, revision in world.revisions.items()}
    everybody = frozenset(pod for found in ready.values() for pod in found)
    twin = (service.canary or {}).get("spec", {}).get("selector", {}).get(REVISION_LABEL)
    return replace(
        service,
        targets=everybody if service.pinned is None else ready.get(service.pinned, frozenset()),
        canary_targets=ready.get(twin, frozenset()),
    )


def with_service(world: World, **changes: Any) -> World:
    """The world with its one Service changed."""
    return replace(world, services=(replace(world.services[0], **changes),))


def a_policy(state: str, then: str, after: str = "2m") -> RolloutSpec:
    """A spec with one policy for a state that says neither yes nor no, such as `onNoData`."""
    return a_spec(analysis={"checks": [ERRORS], state: {"after": after, "then": then}})


def a_check(**fields: Any) -> Check:
    """One declared check."""
    return Check.model_validate(fields)


def an_analysis(**fields: Any) -> Analysis:
    """What is declared under `analysis`."""
    return Analysis.model_validate(fields)
