"""The arithmetic of a Deployment: how large each ReplicaSet should be next. Pure; the rules are those of Kubernetes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Size:
    """One ReplicaSet: `replicas` it should have, `available` it has; `most` was the limit when it was set."""

    name: str
    replicas: int
    available: int = 0
    most: int = 0


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a Deployment asks for: its size, and how far all pods may exceed it or available ones fall short of it."""

    replicas: int
    surge: int
    unavailable: int

    @property
    def most(self) -> int:
        """The largest number of pods at once."""
        return self.replicas + self.surge if self.replicas else 0

    @property
    def least(self) -> int:
        """The smallest number of available pods."""
        return self.replicas - self.unavailable


def bounds(replicas: int, *, surge: int | str, unavailable: int | str) -> Bounds:
    """Return the bounds for numbers or percentages: a surge is rounded up, unavailability down, and not both are 0."""
    most, fewer = _part(surge, replicas, up=True), _part(unavailable, replicas, up=False)
    if most == 0 and fewer == 0:
        fewer = 1
    return Bounds(replicas=replicas, surge=most, unavailable=min(fewer, replicas))


def grown(bounds: Bounds, new: Size, old: Sequence[Size]) -> int:
    """Return the size of the new ReplicaSet as far as the surge allows."""
    if new.replicas >= bounds.replicas:
        return bounds.replicas
    room = bounds.replicas + bounds.surge - new.replicas - sum(size.replicas for size in old)
    return new.replicas + min(max(room, 0), bounds.replicas - new.replicas)


def shrunk(bounds: Bounds, new: Size, old: Sequence[Size]) -> tuple[Size, ...]:
    """Return the old ReplicaSets as small as availability allows; pods that serve nobody go first."""
    total = new.replicas + sum(size.replicas for size in old)
    spare = total - bounds.least - (new.replicas - new.available)
    if spare <= 0:
        return tuple(old)
    healthy = _reduced(old, spare, lambda size: size.replicas - size.available)
    # An available pod may only go once as many others are available: those that do not serve yet do not count.
    spare = new.available + sum(size.available for size in healthy) - bounds.least
    return _reduced(healthy, max(spare, 0), lambda size: size.replicas)


def scaled(bounds: Bounds, new: Size | None, old: Sequence[Size]) -> tuple[Size, ...]:
    """Return all ReplicaSets after a change of the Deployment's own size, in the middle of a rollout in proportion."""
    everything = (*old, new) if new else tuple(old)
    active = [size for size in everything if size.replicas > 0]
    if len(active) <= 1:
        chosen = active[0] if active else everything[-1] if everything else None
        return tuple(replace(size, replicas=bounds.replicas) if size is chosen else size for size in everything)
    if new and new.replicas == new.available == bounds.replicas:
        return tuple(size if size is new else replace(size, replicas=0) for size in everything)
    return _in_proportion(bounds, everything)


def _in_proportion(bounds: Bounds, everything: Sequence[Size]) -> tuple[Size, ...]:
    change = bounds.most - sum(size.replicas for size in everything)
    order = sorted((s for s in everything if s.replicas > 0), key=lambda size: size.replicas, reverse=True)
    shares: dict[str, int] = {}
    left = change
    for size in order:
        share = _fraction(bounds, size)
        shares[size.name] = max(min(share, left), 0) if change > 0 else min(max(share, left), 0)
        left -= shares[size.name]
    shares[order[0].name] += left  # What rounding left over goes to the largest.
    return tuple(replace(s, replicas=max(s.replicas + shares.get(s.name, 0), 0)) for s in everything)


def _fraction(bounds: Bounds, size: Size) -> int:
    if not bounds.replicas:
        return -size.replicas
    return math.floor(size.replicas * bounds.most / (size.most or bounds.most) + 0.5) - size.replicas


def _reduced(sizes: Sequence[Size], spare: int, excess: Callable[[Size], int]) -> tuple[Size, ...]:
    result = []
    for size in sizes:
        fewer = min(excess(size), spare)
        spare -= fewer
        result.append(replace(size, replicas=size.replicas - fewer))
    return tuple(result)


def _part(value: int | str, whole: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    exact = whole * int(value.rstrip("%")) / 100
    return math.ceil(exact) if up else math.floor(exact)
