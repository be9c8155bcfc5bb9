"""What undoes a change to a route, kept on the route itself, one entry for each rule that was changed."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated

import msgspec

from rollout.models.kinds import Manifest
from rollout.models.rollout import ORIGINAL
from rollout.traffic.refs import Ref, Rule, Twins, identity, refs_of
from rollout.traffic.weights import MAX_WEIGHT


@dataclass(frozen=True, kw_only=True)
class RefRecord:
    """One backend of a rule: whom it names and the weight it was declared with, None where it had no such field.

    Of a canary, `canary_of` names the stable side, and `added` says that the rule did not declare it.
    """

    ref: str
    weight: Annotated[int, msgspec.Meta(ge=0, le=MAX_WEIGHT)] | None = None
    canary_of: str | None = None
    added: bool = False


@dataclass(frozen=True, kw_only=True)
class RuleRecord:
    """One rule as it was declared, and what it is found by: people may move, rename and edit rules meanwhile."""

    index: int
    name: str | None
    matches: str
    refs: tuple[RefRecord, ...]

    @property
    def canaries(self) -> frozenset[str]:
        """The identities of its canaries."""
        return frozenset(ref.ref for ref in self.refs if ref.canary_of is not None)

    @property
    def stables(self) -> frozenset[str]:
        """The identities of its stable sides."""
        return frozenset(ref.canary_of for ref in self.refs if ref.canary_of is not None)


def record_of(rule: Rule, *, index: int, refs: tuple[RefRecord, ...]) -> RuleRecord:
    """The entry for a rule at this place."""
    return RuleRecord(index=index, name=rule.get("name"), matches=_digest(rule), refs=refs)


def records_in(manifest: Manifest) -> tuple[RuleRecord, ...]:
    """The entries kept on the route; none when there is no annotation, or when it cannot be read."""
    text = (manifest["metadata"].get("annotations") or {}).get(ORIGINAL)
    if text is None:
        return ()
    try:
        return msgspec.json.decode(text, type=tuple[RuleRecord, ...])
    except msgspec.DecodeError:
        return ()


def twins_in(records: Sequence[RuleRecord]) -> Twins:
    """Which canary belongs beside which backend, as far as the entries say."""
    return {ref.canary_of: ref.ref for record in records for ref in record.refs if ref.canary_of is not None}


def has_records(manifest: Manifest) -> bool:
    """Whether the route carries the annotation, readable or not."""
    return ORIGINAL in (manifest["metadata"].get("annotations") or {})


def with_records(manifest: Manifest, records: Sequence[RuleRecord]) -> Manifest:
    """The route with these entries as its only ones; without any, the annotation goes, and a map it leaves empty."""
    metadata = dict(manifest["metadata"])
    annotations = {name: value for name, value in (metadata.pop("annotations", None) or {}).items() if name != ORIGINAL}
    if records:
        annotations[ORIGINAL] = msgspec.json.encode(tuple(records)).decode()
    if annotations:
        metadata["annotations"] = annotations
    return {**manifest, "metadata": metadata}


def locate(records: Sequence[RuleRecord], rules: Sequence[Rule], namespace: str) -> dict[int, RuleRecord]:
    """Which rule each entry is about, by the rule's position now.

    A rule without any of the entry's canaries was reset by somebody else, and its entry is about nothing any more.
    """
    likeness = {
        (number, position): _likeness(record, rule, position=position, namespace=namespace)
        for (number, record), (position, rule) in product(enumerate(records), enumerate(rules))
        if record.canaries & {identity(ref, namespace) for ref in refs_of(rule)}
    }
    found: dict[int, RuleRecord] = {}
    placed: set[int] = set()
    for number, position in sorted(likeness, key=lambda pair: likeness[pair], reverse=True):
        if number not in placed and position not in found:
            found[position] = records[number]
            placed.add(number)
    return found


def recall(refs: Sequence[Ref], record: RuleRecord, namespace: str) -> tuple[int | None, ...]:
    """Which of the entry's backends each backend of its rule is; None for one that somebody added meanwhile."""
    unused = list(range(len(record.refs)))
    known: list[int | None] = []
    for ref in refs:
        name = identity(ref, namespace)
        match = next((number for number in unused if record.refs[number].ref == name), None)
        if match is not None:
            unused.remove(match)
        known.append(match)
    return tuple(known)


def _likeness(record: RuleRecord, rule: Rule, *, position: int, namespace: str) -> tuple[bool, bool, bool, int]:
    return (
        record.name is not None and record.name == rule.get("name"),
        record.matches == _digest(rule),
        [ref.ref for ref in record.refs] == [identity(ref, namespace) for ref in refs_of(rule)],
        -abs(record.index - position),
    )


def _digest(rule: Rule) -> str:
    text = json.dumps(rule.get("matches"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]
