"""Whether the Gateways behind a route have taken over its present generation."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from rollout.models.kinds import Manifest
from rollout.traffic.router import RouteState

ParentRef: TypeAlias = dict[str, Any]
Condition: TypeAlias = dict[str, Any]

_NEEDED = ("Accepted", "ResolvedRefs")
_PARTIAL = "PartiallyInvalid"


def acceptance(manifest: Manifest, *, kind: str) -> RouteState:
    """Accepted when every parent that a controller reports on has Accepted and ResolvedRefs for this generation.

    Parents that nobody reports on (of a class that is not installed) do not count, but there has to be one that is.
    Reports on parents that the route no longer has are left over from earlier and do not count either. A rule that was
    dropped or fell back to an older one (PartiallyInvalid) is a refusal: it may be the one with the weights.
    """
    metadata = manifest["metadata"]
    route = f"{kind} {metadata.get('namespace', '')}/{metadata['name']}"
    reports = tuple(_reports(manifest))
    if not reports:
        return RouteState(accepted=False, message=f"{route} waits for a Gateway to report on it")
    generation = int(metadata.get("generation", 1))
    states = [_judged(report, route=route, generation=generation, manifest=manifest) for report in reports]
    open_states = [state for state in states if not state.accepted]
    refused = [state for state in open_states if state.refused]
    return next(iter([*refused, *open_states]), RouteState(accepted=True))


def _reports(manifest: Manifest) -> Iterator[dict[str, Any]]:
    namespace = manifest["metadata"].get("namespace", "")
    parents = {_identity(ref, namespace) for ref in (manifest.get("spec") or {}).get("parentRefs") or ()}
    for report in (manifest.get("status") or {}).get("parents") or ():
        if _identity(report["parentRef"], namespace) in parents:
            yield report


def _identity(ref: ParentRef, namespace: str) -> tuple[Any, ...]:
    return (
        ref.get("group", "gateway.networking.k8s.io"),
        ref.get("kind") or "Gateway",
        ref.get("namespace") or namespace,
        ref["name"],
        ref.get("sectionName") or "",
        ref.get("port") or 0,
    )


def _judged(report: dict[str, Any], *, route: str, generation: int, manifest: Manifest) -> RouteState:
    parent = _named(report["parentRef"], manifest)
    conditions = {condition["type"]: condition for condition in report.get("conditions") or ()}
    partial = conditions.get(_PARTIAL, {})
    dropped = partial.get("status") == "True"
    if dropped and _seen(partial) >= generation:  # Accepted may keep the last good generation meanwhile
        return _refusal(route, parent, partial)
    for type_ in _NEEDED:
        condition = conditions.get(type_, {})
        if (seen := _seen(condition)) < generation:
            waits = f"{route} waits for {parent} to report {type_} for generation {generation}"
            return RouteState(accepted=False, message=f"{waits}; it has reported {seen}" if seen else waits)
        if condition.get("status") != "True":
            return _refusal(route, parent, condition)
    return _refusal(route, parent, partial) if dropped else RouteState(accepted=True)


def _seen(condition: Condition) -> int:
    return int(condition.get("observedGeneration", 0))


def _refusal(route: str, parent: str, condition: Condition) -> RouteState:
    what = f"{condition['type']} is {condition.get('status')}"
    why = ": ".join(text for text in (condition.get("reason"), condition.get("message")) if text)
    return RouteState(accepted=False, refused=True, message=f"{route} is not accepted by {parent}, {what}: {why}")


def _named(ref: ParentRef, manifest: Manifest) -> str:
    namespace = ref.get("namespace") or manifest["metadata"].get("namespace", "")
    section = f" (section {ref['sectionName']})" if ref.get("sectionName") else ""
    return f"{ref.get('kind') or 'Gateway'} {namespace}/{ref['name']}{section}"
