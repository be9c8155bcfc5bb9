"""What keeps a release from starting: each problem in one sentence that names the field and the remedy."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from analysis.checks import Check as Asked
from analysis.queries import problem as query_problem
from rollout.core import routing
from rollout.core.checks import to_asked
from rollout.core.world import World
from rollout.models.rollout import REVISION_LABEL
from rollout.models.traffic import IngressRef
from rollout.traffic.registry import router_for
from rollout.traffic.service import problem as service_problem

Refusal: TypeAlias = Callable[[Asked], str | None]
"""Why no metric source of this controller can ever answer a check, with the remedy."""


def problems(world: World, refusal: Refusal) -> tuple[str, ...]:
    """Everything wrong with what is declared, as far as the cluster and the metric sources show it."""
    found = [*_services(world), *_routes(world), *_matches(world), *_steps(world), *_checks(world, refusal)]
    first = "Cannot start" if world.stable is None or world.wanted != world.stable.name else "To mend"
    return tuple(sentence if index else f"{first}: {sentence}" for index, sentence in enumerate(found))


def _services(world: World) -> Iterator[str]:
    labels = ((world.template or {}).get("metadata") or {}).get("labels") or {}
    for service in world.services:
        name = f"Service {world.key.namespace}/{service.name}"
        if service.manifest is None:
            yield f"{name} does not exist: create it, or correct spec.services."
            continue
        if service.canary is not None and not routing.owned(world, service.canary):
            yield f"{name}-canary exists and is not the controller's, which needs that name: rename or remove it."
        trouble = service_problem(service.manifest)
        if trouble:
            yield trouble
            continue
        for key, value in (service.manifest["spec"].get("selector") or {}).items():
            if labels.get(key) != value and key != REVISION_LABEL:
                yield f"{name} selects {key}={value}, which the pod template lacks: add the label or mend the selector."


def _routes(world: World) -> Iterator[str]:
    for route in world.routes:
        router = router_for(route.ref)
        name = f"{router.kind} {route.key.namespace}/{route.key.name}"
        field = "ingress" if isinstance(route.ref, IngressRef) else "gatewayRoute"
        if routing.taken(world, route):
            named = routing.named(route)
            yield f"{named} exists and is not the controller's, which needs that name: rename or remove it."
        if route.manifest is None:
            yield f"{name} does not exist: create it, or correct spec.traffic[{route.name}].{field}."
        elif not route.granted:
            yield (
                f"{name} is in another namespace, and no ReferenceGrant in {world.key.namespace} lets it name "
                "Services there: create one, or move the route."
            )
        else:
            trouble = router.problem(route.manifest, world.backends)
            trouble = trouble or router.rivalry(route.manifest, route.others, world.backends)
            if trouble:
                yield trouble


def _matches(world: World) -> Iterator[str]:
    """Steps that want more of a router than it can do."""
    unable = next((route for route in world.routes if not router_for(route.ref).matches), None)
    if world.routes and unable is None:
        return
    who = f"{router_for(unable.ref).kind} {unable.key.namespace}/{unable.key.name}" if unable else "a Service alone"
    canary = world.spec.strategy.canary if world.spec else None
    for index, step in enumerate(canary.steps if canary else ()):
        if step.match is not None:
            yield (
                f"spec.strategy.canary.steps[{index}].match: {who} can only split by weight: "
                "remove match, or split by an ingress in every entry of spec.traffic."
            )


def _steps(world: World) -> Iterator[str]:
    canary = world.spec.strategy.canary if world.spec else None
    known = {check.name for check in world.checks}
    for index, step in enumerate(canary.steps if canary else ()):
        for name in step.checks or ():
            if name not in known:
                told = ", ".join(sorted(known)) or "none"
                yield f"spec.strategy.canary.steps[{index}].checks names {name}, which is no check: there are {told}."


def _checks(world: World, refusal: Refusal) -> Iterator[str]:
    for check in world.checks:
        field = f"spec.analysis.checks[{check.name}]"
        try:
            asked = to_asked(check)
        except ValueError as error:
            yield f"{field}: {error}"
            continue
        trouble = asked and (query_problem(asked) or refusal(asked))
        if trouble:
            yield f"{field}: {trouble.removeprefix(f'{check.name}: ')}"
