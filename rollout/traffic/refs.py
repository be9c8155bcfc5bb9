"""The backendRefs of Gateway API rules: whom they name, with which weight, and which two belong together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rollout.models.kinds import Manifest
from rollout.models.split import Backend
from rollout.traffic.weights import DEFAULT_WEIGHT

Rule: TypeAlias = dict[str, Any]
Ref: TypeAlias = dict[str, Any]
Twins: TypeAlias = Mapping[str, str]
"""From the identity of each stable side to the identity of the canary that belongs beside it."""

MAX_REFS = 16  # the Gateway API's limit for one rule


@dataclass(frozen=True)
class Pair:
    """Positions, in one rule, of a stable side and of the canary beside it, if that is there."""

    stable: int
    canary: int | None


def namespace_of(manifest: Manifest) -> str:
    """The namespace of the route, which is also that of the backends that name none."""
    return str(manifest["metadata"].get("namespace", ""))


def rules_of(manifest: Manifest) -> list[Rule]:
    """The rules of the route, in order."""
    return list((manifest.get("spec") or {}).get("rules") or ())


def refs_of(rule: Rule) -> list[Ref]:
    """The backends of the rule, in order."""
    return list(rule.get("backendRefs") or ())


def identity(ref: Ref, namespace: str) -> str:
    """`group/kind/namespace/name` of a backend with the Gateway API's defaults filled in.

    Port, filters and weight are not part of it: somebody may change them while a release is under way.
    """
    parts = (ref.get("group") or "", ref.get("kind") or "Service", ref.get("namespace") or namespace, ref["name"])
    return "/".join(parts)


def name_in(identity: str) -> str:
    """The name of the backend that has this identity."""
    return identity.rpartition("/")[2]


def weight_of(ref: Ref) -> int:
    """The weight of a backend; an absent one is 1."""
    weight = ref.get("weight")
    return DEFAULT_WEIGHT if weight is None else int(weight)


def with_weight(ref: Ref, weight: int | None) -> Ref:
    """The backend with this weight, or without the field."""
    if weight is None:
        return {field: value for field, value in ref.items() if field != "weight"}
    return {**ref, "weight": weight}


def twins(backends: Iterable[Backend]) -> Twins:
    """Which canary belongs beside which Service, as declared."""
    return {_service(backend, backend.service): _service(backend, backend.canary) for backend in backends}


def _service(backend: Backend, name: str) -> str:
    return identity({"name": name}, backend.namespace)


def pairs(refs: Sequence[Ref], *, namespace: str, twins: Twins) -> tuple[Pair, ...]:
    """Every stable side of a rule, each with its canary on the same port: the one right behind it, else the first left.

    So a canary that was added right behind its stable side never changes which others belong together.
    """
    identities = [identity(ref, namespace) for ref in refs]
    wanted = {position: twins[name] for position, name in enumerate(identities) if name in twins}
    found: dict[int, int] = {}
    for adjacent in (True, False):
        for stable, canary in wanted.items():
            free = [
                other
                for other, ref in enumerate(refs)
                if identities[other] == canary
                and other not in found.values()
                and ref.get("port") == refs[stable].get("port")
                and (other == stable + 1 or not adjacent)
            ]
            if stable not in found and free:
                found[stable] = free[0]
    return tuple(Pair(stable, found.get(stable)) for stable in wanted)


def with_rules(manifest: Manifest, rules: Sequence[Rule]) -> Manifest:
    """The route with these rules in place of its own."""
    return {**manifest, "spec": {**(manifest.get("spec") or {}), "rules": list(rules)}}
