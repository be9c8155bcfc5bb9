"""Which shares of the traffic a route gives to canaries, whoever wrote its weights."""

from collections.abc import Iterator, Sequence

from rollout.models.kinds import Manifest
from rollout.traffic.division import Chosen
from rollout.traffic.original import RuleRecord, locate, records_in
from rollout.traffic.refs import Ref, Twins, identity, namespace_of, pairs, refs_of, rules_of, weight_of
from rollout.traffic.weights import canary_tenths


def shares_in(manifest: Manifest, *, chosen: Chosen, twins: Twins) -> tuple[int, ...]:
    """The share, in tenths of a per cent, of every canary in a chosen rule or in one that the annotation is about.

    A canary counts beside its stable side. One that somebody left without counts when the annotation knows it: a rule
    that people declared for a canary alone (for one header, say) is none of the router's business.
    """
    namespace = namespace_of(manifest)
    rules = rules_of(manifest)
    located = locate(records_in(manifest), rules, namespace)
    shares: list[int] = []
    for index, rule in enumerate(rules):
        record = located.get(index)
        if record is not None or chosen(rule):
            shares += _shares(refs_of(rule), namespace=namespace, twins=twins, record=record)
    return tuple(shares)


def _shares(refs: Sequence[Ref], *, namespace: str, twins: Twins, record: RuleRecord | None) -> Iterator[int]:
    beside = {pair.canary: pair.stable for pair in pairs(refs, namespace=namespace, twins=twins)}
    names = [identity(ref, namespace) for ref in refs]
    left = sum(weight_of(ref) for ref, name in zip(refs, names, strict=True) if record and name in record.stables)
    for position, (ref, name) in enumerate(zip(refs, names, strict=True)):
        if position in beside:
            yield canary_tenths(weight_of(refs[beside[position]]), weight_of(ref))
        elif record is not None and name in record.canaries:
            yield canary_tenths(left, weight_of(ref))
