"""A whole distribution without a limit of its own: the same comparison above several bounds, and their mean.

What is above each bound is "bad" there. Together they test whether the canary's values are stochastically larger.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from analysis.judge import stored
from analysis.judge.block import Block
from analysis.judge.evidence import Evidence, reaches
from analysis.judge.interval import COARSE
from analysis.judge.key import ENOUGH
from analysis.judge.rule import Rule


@dataclass(frozen=True)
class Tail:
    """The evidence above each bound, in the order of the blocks; a mean of such evidence is evidence too."""

    rule: Rule
    bounds: tuple[Evidence, ...]

    @classmethod
    def begun(cls, rule: Rule, bounds: int) -> "Tail":
        """Before the first block. A ceiling belongs to one declared bound: here nothing is bet on it."""
        if bounds < 1:
            raise ValueError(f"a tail needs at least one bound, not {bounds}")
        return cls(rule, (Evidence(_boundless(rule), ranges=COARSE),) * bounds)

    def after(self, blocks: Sequence[Block]) -> "Tail":
        """With one more block, counted above each bound; a ValueError for another number of bounds."""
        pairs = zip(self.bounds, blocks, strict=True)
        return Tail(self.rule, tuple(evidence.after(block) for evidence, block in pairs))

    @cached_property
    def e_value(self) -> float:
        """The mean of the bounds' evidence that the canary is worse than tolerated."""
        return sum(each.e_value for each in self.bounds) / len(self.bounds)

    @cached_property
    def worst(self) -> Evidence:
        """That of the bound which speaks most against the canary."""
        return max(self.bounds, key=lambda each: each.e_value)

    @property
    def key(self) -> float:
        """The key of that bound."""
        return self.worst.key

    @property
    def aborts(self) -> bool:
        """Whether this comparison alone takes the canary back."""
        return reaches(self.e_value, 1 / self.rule.alpha) and self.key >= ENOUGH

    @cached_property
    def advance_value(self) -> float:
        """The least evidence at any bound that the canary is not worse than allowed: it must hold at every one."""
        return min(each.advance_value for each in self.bounds)

    @property
    def advances(self) -> bool:
        """Whether it is proved at every bound that the canary is not worse than allowed."""
        return all(each.advances for each in reversed(self.bounds))

    @property
    def canary_requests(self) -> float:
        """The canary's requests in the blocks judged so far."""
        return self.worst.canary_requests

    @property
    def canary_bad(self) -> float:
        """How many of them were above the worst bound."""
        return self.worst.canary_bad

    @property
    def stable_requests(self) -> float:
        """The stable version's requests in the same blocks."""
        return self.worst.stable_requests

    @property
    def stable_bad(self) -> float:
        """How many of them were above the worst bound."""
        return self.worst.stable_bad

    def ratio(self) -> float | None:
        """How many times the stable's rate the canary's is above the worst bound."""
        return self.worst.ratio()

    def interval(self) -> tuple[float, float]:
        """Between which values that ratio lies."""
        return self.worst.interval()

    def dump(self) -> dict[str, object]:
        """What to remember besides the rule, as JSON can hold it, to go on from exactly here."""
        return {"bounds": [each.dump() for each in self.bounds]}

    @classmethod
    def load(cls, rule: Rule, data: object) -> "Tail":
        """What was remembered under the same rule; a ValueError where that is no such thing."""
        found = stored.entry(data, "bounds")
        if not isinstance(found, list | tuple) or not found:
            raise ValueError("what was remembered as 'bounds' is no list")
        return cls(rule, tuple(Evidence.load(_boundless(rule), each) for each in found))


def _boundless(rule: Rule) -> Rule:
    return replace(rule, ceiling=1.0)
