"""What in a declared route of the Gateway API keeps its traffic from being split, in sentences with a remedy."""

from collections.abc import Iterator
from dataclasses import dataclass

from rollout.models.kinds import Manifest
from rollout.models.split import Backend
from rollout.traffic.division import has_room, parts_of
from rollout.traffic.refs import MAX_REFS, Pair, Ref, Rule, namespace_of, pairs, refs_of, rules_of, twins, weight_of
from rollout.traffic.weights import TENTHS, too_far_apart


@dataclass(frozen=True, kw_only=True)
class _Place:
    where: str
    refs: list[Ref]
    sides: tuple[Pair, ...]


def problem_in(
    manifest: Manifest, *, kind: str, names: tuple[str, ...] | None, backends: tuple[Backend, ...]
) -> str | None:
    """The first thing in the way, most basic first; None when there is none. `names` are those of the chosen rules."""
    route = f"{kind} {namespace_of(manifest)}/{manifest['metadata']['name']}"
    rules = rules_of(manifest)
    for name in names or ():
        if all(rule.get("name") != name for rule in rules):
            return f"{route} has no rule named {name}: set spec.rules[].name, or name another in gatewayRoute.rules"
    places = tuple(_places(manifest, rules, names=names, backends=backends))
    if not places:
        return (
            f"{route} has no backend for {_services(backends)}:"
            " add one to spec.rules[].backendRefs, or name another Service in spec.services"
        )
    found = (f"{route} {problem}" for place in places if (problem := _in_rule(place)) is not None)
    return next(found, None) or _without_weight(route, places, backends)


def _places(
    manifest: Manifest, rules: list[Rule], *, names: tuple[str, ...] | None, backends: tuple[Backend, ...]
) -> Iterator[_Place]:
    for index, rule in enumerate(rules):
        refs = refs_of(rule)
        sides = pairs(refs, namespace=namespace_of(manifest), twins=twins(backends))
        if sides and (names is None or rule.get("name") in names):
            yield _Place(where=f"spec.rules[{index}].backendRefs", refs=refs, sides=sides)


def _in_rule(place: _Place) -> str | None:
    if not has_room(place.refs, place.sides):
        missing = sum(pair.canary is None for pair in place.sides)
        return (
            f"has no room for the canary in {place.where}: it has {len(place.refs)} of at most {MAX_REFS} entries;"
            f" leave {missing} free, or move some to a rule of their own"
        )
    if too_far_apart(parts_of(place.refs, place.sides)):
        return (
            f"has weights too far apart in {place.where}: give the Service at least 1/{TENTHS} of the largest weight"
            " beside it"
        )
    return None


def _without_weight(route: str, places: tuple[_Place, ...], backends: tuple[Backend, ...]) -> str | None:
    if any(weight_of(place.refs[pair.stable]) for place in places for pair in place.sides):
        return None
    return (
        f"{route} gives {_services(backends)} weight 0 everywhere:"
        f" set a weight above 0 in {places[0].where}, or take the route out of spec.traffic"
    )


def _services(backends: tuple[Backend, ...]) -> str:
    names = ", ".join(backend.service for backend in backends)
    return f"Service {names}" if len(backends) == 1 else f"the Services {names}"
