"""A declared route, and the same route with its stable sides divided between stable and canary."""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from rollout.models.kinds import Manifest
from rollout.traffic.original import RefRecord, RuleRecord, record_of, with_records
from rollout.traffic.refs import (
    MAX_REFS,
    Pair,
    Ref,
    Rule,
    Twins,
    identity,
    name_in,
    namespace_of,
    pairs,
    refs_of,
    rules_of,
    weight_of,
    with_rules,
    with_weight,
)
from rollout.traffic.weights import Part, canary_weight, totals

Chosen: TypeAlias = Callable[[Rule], bool]
"""Whether a rule takes part."""


def divide(manifest: Manifest, *, chosen: Chosen, twins: Twins, tenths: int) -> Manifest:
    """The declared route with `tenths` of each stable side's weight on the canary, and what undoes that.

    A rule without room for the canary stays as declared, so that all its traffic is stable.
    """
    namespace = namespace_of(manifest)
    rules = rules_of(manifest)
    records: list[RuleRecord] = []
    for index, rule in enumerate(rules):
        refs = refs_of(rule)
        sides = pairs(refs, namespace=namespace, twins=twins) if chosen(rule) else ()
        if sides and has_room(refs, sides):
            divided = tuple(_divided(_recorded(refs, sides, namespace), refs, sides=sides, twins=twins, tenths=tenths))
            rules[index] = {**rule, "backendRefs": [ref for ref, _ in divided]}
            records.append(record_of(rule, index=index, refs=tuple(record for _, record in divided)))
    return with_records(with_rules(manifest, rules), records) if records else manifest


def has_room(refs: Sequence[Ref], sides: Sequence[Pair]) -> bool:
    """Whether the rule can take the canaries that are missing."""
    return len(refs) + sum(pair.canary is None for pair in sides) <= MAX_REFS


def parts_of(refs: Sequence[Ref], sides: Sequence[Pair]) -> tuple[Part, ...]:
    """The declared backends as shares of the rule; a canary that is declared too has none, its weight is 0."""
    stable = {pair.stable for pair in sides}
    return tuple(Part(weight_of(ref), divided=position in stable) for position, ref in enumerate(refs))


def _recorded(refs: Sequence[Ref], sides: Sequence[Pair], namespace: str) -> tuple[RefRecord, ...]:
    stable_of = {pair.canary: identity(refs[pair.stable], namespace) for pair in sides if pair.canary is not None}
    return tuple(
        RefRecord(ref=identity(ref, namespace), weight=ref.get("weight"), canary_of=stable_of.get(position))
        for position, ref in enumerate(refs)
    )


def _divided(
    records: Sequence[RefRecord], refs: Sequence[Ref], *, sides: Sequence[Pair], twins: Twins, tenths: int
) -> Iterator[tuple[Ref, RefRecord]]:
    scaled = totals(parts_of(refs, sides), tenths)
    weights = [weight if weight != weight_of(ref) else None for ref, weight in zip(refs, scaled, strict=True)]
    for pair in sides:
        part = canary_weight(scaled[pair.stable], tenths)
        weights[pair.stable] = scaled[pair.stable] - part
        if pair.canary is not None:
            weights[pair.canary] = part
    lonely = {pair.stable for pair in sides if pair.canary is None}
    for position, (ref, record) in enumerate(zip(refs, records, strict=True)):
        weight = weights[position]
        yield (ref if weight is None else with_weight(ref, weight)), record
        if position in lonely:
            yield _beside(ref, record, name=twins[record.ref], weight=canary_weight(scaled[position], tenths))


def _beside(stable: Ref, record: RefRecord, *, name: str, weight: int) -> tuple[Ref, RefRecord]:
    added = {**copy.deepcopy(stable), "name": name_in(name), "weight": weight}
    return added, RefRecord(ref=name, canary_of=record.ref, added=True)
