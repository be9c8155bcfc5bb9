"""The route as it was declared, made from one whose traffic was divided and that others may have edited meanwhile."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from rollout.models.kinds import Manifest
from rollout.traffic.division import Chosen
from rollout.traffic.original import RuleRecord, locate, recall, records_in, twins_in, with_records
from rollout.traffic.refs import (
    Ref,
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
from rollout.traffic.weights import MAX_WEIGHT, Part, totals

Known: TypeAlias = Sequence[int | None]


def declared(manifest: Manifest, *, chosen: Chosen, twins: Twins) -> Manifest:
    """The route without this project's doing; what others did to it meanwhile stays.

    A rule that was divided gets back the weights it was declared with. If somebody gave its other backends new weights
    meanwhile, they did so with the scaled ones in view: then the stable side keeps what both sides have now, so that
    every share stays what they made it. A rule whose canary is gone was reset by somebody and stays as it is.

    In a chosen rule that the annotation says nothing about, a canary of these twins that has weight is ours all the
    same, since its Service exists during a release only: its weight goes to the stable side, whose own field goes if it
    has the rule for itself. A canary at weight 0 counts as declared there.
    """
    namespace = namespace_of(manifest)
    rules = rules_of(manifest)
    records = records_in(manifest)
    known = {**twins_in(records), **twins}
    located = locate(records, rules, namespace)
    for index, rule in enumerate(rules):
        refs = refs_of(rule)
        if (record := located.get(index)) is not None:
            rules[index] = {**rule, "backendRefs": _undone(refs, record, namespace)}
        elif chosen(rule) and (sides := unrecorded(refs, namespace=namespace, twins=known)):
            rules[index] = {**rule, "backendRefs": _merged(refs, sides)}
    return with_records(with_rules(manifest, rules) if rules else manifest, ())


def unrecorded(refs: Sequence[Ref], *, namespace: str, twins: Twins) -> dict[int, int]:
    """Positions of canaries that have weight beside a stable side, each with the position of that."""
    sides = pairs(refs, namespace=namespace, twins=twins)
    return {pair.canary: pair.stable for pair in sides if pair.canary is not None and weight_of(refs[pair.canary]) > 0}


def _undone(refs: Sequence[Ref], record: RuleRecord, namespace: str) -> list[Ref]:
    known = recall(refs, record, namespace)
    added = {each.ref for each in record.refs if each.added}
    ours = {
        position
        for position, number in enumerate(known)
        if (identity(refs[position], namespace) in added if number is None else record.refs[number].added)
    }
    if _shares_untouched(refs, known=known, record=record, ours=ours):
        back = [
            ref if number is None else with_weight(ref, record.refs[number].weight)
            for ref, number in zip(refs, known, strict=True)
        ]
    else:
        back = _moved(refs, _stable_sides(known, record))
    kept = [ref for position, ref in enumerate(back) if position not in ours]
    return kept or [_stable_again(refs[0], record, namespace)]


def _shares_untouched(refs: Sequence[Ref], *, known: Known, record: RuleRecord, ours: set[int]) -> bool:
    """Whether the rule's other backends have the weights that dividing gave them, at either precision."""
    parts = [
        Part(0 if each.canary_of else weight_of({"weight": each.weight}), divided=each.ref in record.stables)
        for each in record.refs
    ]
    others = [
        (weight_of(ref), number)
        for position, (ref, number) in enumerate(zip(refs, known, strict=True))
        if position not in ours and (number is None or not (parts[number].divided or record.refs[number].canary_of))
    ]
    return any(
        all(weight == (0 if number is None else scaled[number]) for weight, number in others)
        for scaled in (totals(parts, tenths=0), totals(parts, tenths=1))
    )


def _stable_sides(known: Known, record: RuleRecord) -> dict[int, int]:
    """Positions of the canaries, each with that of its stable side: the nearest before it, else the first."""
    sides = {}
    for position, number in enumerate(known):
        canary_of = None if number is None else record.refs[number].canary_of
        stables = [
            other
            for other, each in enumerate(known)
            if canary_of is not None and each is not None and record.refs[each].ref == canary_of
        ]
        if stables:
            sides[position] = max((each for each in stables if each < position), default=stables[0])
    return sides


def _moved(refs: Sequence[Ref], sides: Mapping[int, int]) -> list[Ref]:
    """The backends with the weight of each canary on its stable side."""
    moved = list(refs)
    for canary, stable in sides.items():
        weight = weight_of(moved[canary])
        if weight > 0:
            moved[stable] = with_weight(moved[stable], min(MAX_WEIGHT, weight_of(moved[stable]) + weight))
            moved[canary] = with_weight(moved[canary], 0)
    return moved


def _merged(refs: Sequence[Ref], sides: Mapping[int, int]) -> list[Ref]:
    kept = [ref for position, ref in enumerate(_moved(refs, sides)) if position not in sides]
    carrying = [ref for ref in kept if weight_of(ref) > 0]
    return [with_weight(ref, None) if carrying == [ref] else ref for ref in kept]


def _stable_again(canary: Ref, record: RuleRecord, namespace: str) -> Ref:
    """The stable side in place of a canary that somebody left alone: a rule without backends answers 500."""
    own = next(each for each in record.refs if each.ref == identity(canary, namespace))
    stable = next((each for each in record.refs if each.ref == own.canary_of), own)
    return with_weight({**canary, "name": name_in(stable.ref)}, stable.weight)
