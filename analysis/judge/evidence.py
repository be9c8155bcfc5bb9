"""What the blocks so far say about a canary: a value that each further block turns into the next one."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from analysis.judge import stored
from analysis.judge.advancing import BETS as HOPES
from analysis.judge.advancing import advanced, ln_advance
from analysis.judge.block import Block, Sums
from analysis.judge.ceiling import STAKES, allowed, bet
from analysis.judge.interval import UNTRIED, Interval
from analysis.judge.key import ENOUGH, NO_VOTE, Pods, Tally, dispersion, ln_beyond, ln_key, pods
from analysis.judge.rates import UNKNOWN, Rates
from analysis.judge.rule import Rule
from analysis.judge.scale import TOP, mean, raised
from analysis.judge.side import Side
from analysis.judge.votes import BETS, PART, ballot, hastened, voted

CEILING: Final = 0.10
"""The part of all money that bets on the ceiling."""
_FAST: Final = 0.05
_ROUNDING: Final = 1 - 1e-9


@dataclass(frozen=True)
class Evidence:
    """For and against the canary, to be looked at after any block without a false abort becoming more likely.

    While the rule's assumptions hold, `e_value` of a canary that is no worse than tolerated ever reaches 1 / alpha with
    a chance of at most alpha (Ville's inequality). An abort needs the `key` as well: the excess is more than equal pods
    differ among themselves.
    """

    rule: Rule
    canary: Side = field(default_factory=Side)
    stable: Side = field(default_factory=Side)
    votes: tuple[float, ...] = (0.0,) * len(BETS)
    fast: tuple[float, ...] = (0.0,) * len(BETS)
    ceiling: tuple[float, ...] = (0.0,) * len(STAKES)
    advancing: tuple[float, ...] = (0.0,) * len(HOPES)
    tally: Tally = NO_VOTE
    alone: tuple[float, float] = (0.0, 0.0)
    rates: Rates = UNKNOWN
    ranges: Interval = UNTRIED

    def after(self, block: Block) -> "Evidence":
        """The evidence with one more block."""
        canary, stable = self.canary.plus(block.canary), self.stable.plus(block.stable)
        sums = block.sums()
        cast, rates = ballot(sums, self.rule.tolerance), self.rates.plus(sums)
        return Evidence(
            rule=self.rule,
            canary=canary,
            stable=stable,
            votes=voted(self.votes, cast, self._limit) if cast else self.votes,
            fast=hastened(self.fast, cast) if cast else self.fast,
            ceiling=self._ceiling_after(sums, stable),
            advancing=self._advancing_after(sums),
            tally=self.tally.plus(cast) if cast else self.tally,
            alone=self.alone if sums.stable else (self.alone[0] + sums.canary, self.alone[1] + sums.canary_bad),
            rates=rates,
            ranges=self.ranges.after(sums, rates) if cast else self.ranges,
        )

    @property
    def canary_requests(self) -> float:
        """The canary's requests in the blocks judged so far."""
        return self.canary.requests

    @property
    def canary_bad(self) -> float:
        """The canary's bad requests."""
        return self.canary.bad

    @property
    def stable_requests(self) -> float:
        """The stable version's requests in the same blocks."""
        return self.stable.requests

    @property
    def stable_bad(self) -> float:
        """The stable version's bad requests."""
        return self.stable.bad

    @cached_property
    def e_value(self) -> float:
        """The evidence that the canary is worse than tolerated: 1 says nothing, 1 / alpha is enough."""
        return min(
            raised(TOP),
            PART * mean(self.votes) + _FAST * mean(self.fast) + CEILING * mean(self.ceiling),
        )

    @cached_property
    def key(self) -> float:
        """How clearly the excess is more than equal pods differ among themselves: 30 is enough.

        Where the stable version had no requests, after all traffic has been moved, it is the excess above the ceiling.
        """
        compared = ln_key(self.tally, self._pods, self.rule.spread)
        beyond = ln_beyond(self.alone, self.canary, limit=self._ever_allowed, spread=self.rule.spread)
        return math.exp(max(compared, beyond))

    @property
    def aborts(self) -> bool:
        """Whether this comparison alone takes the canary back."""
        return reaches(self.e_value, 1 / self.rule.alpha) and self.key >= ENOUGH

    @cached_property
    def advance_value(self) -> float:
        """The evidence that the canary is not worse than allowed."""
        return raised(ln_advance(self.advancing, dispersion(self.tally, self._pods, 0.0)))

    @property
    def advances(self) -> bool:
        """Whether it is proved that the canary is not worse than allowed."""
        return self.advance_value >= 1 / self.rule.beta

    def ratio(self) -> float | None:
        """How many times the stable's rate of bad requests the canary's is; None while the stable's is not known."""
        return self.rates.ratio

    def interval(self) -> tuple[float, float]:
        """Between which values that ratio lies, each end right with 95 % at all looks together; (0, inf) at first."""
        return self.ranges.bounds

    def dump(self) -> dict[str, object]:
        """What to remember besides the rule, as JSON can hold it, to go on from exactly here."""
        return {
            "canary": self.canary.dump(),
            "stable": self.stable.dump(),
            "votes": list(self.votes),
            "fast": list(self.fast),
            "ceiling": list(self.ceiling),
            "advancing": list(self.advancing),
            "tally": list(self.tally),
            "alone": list(self.alone),
            "rates": list(self.rates),
            "ranges": self.ranges.dump(),
        }

    @classmethod
    def load(cls, rule: Rule, data: object) -> "Evidence":
        """What was remembered under the same rule; a ValueError where that is no such thing."""
        alone = stored.numbers(data, "alone", 2)
        return cls(
            rule=rule,
            canary=Side.load(stored.entry(data, "canary")),
            stable=Side.load(stored.entry(data, "stable")),
            votes=stored.numbers(data, "votes", len(BETS)),
            fast=stored.numbers(data, "fast", len(BETS)),
            ceiling=stored.numbers(data, "ceiling", len(STAKES)),
            advancing=stored.numbers(data, "advancing", len(HOPES)),
            tally=Tally(*stored.numbers(data, "tally", len(Tally._fields))),
            alone=(alone[0], alone[1]),
            rates=Rates(*stored.numbers(data, "rates", len(Rates._fields))),
            ranges=Interval.load(stored.entry(data, "ranges")),
        )

    @cached_property
    def _pods(self) -> Pods:
        return pods(self.canary, self.stable)

    @property
    def _limit(self) -> float:
        return 1 / (self.rule.alpha * self.rule.weight)

    @property
    def _ever_allowed(self) -> float:
        """What the canary's share is held against, by all that the stable version did."""
        ever = self.stable.bad / self.stable.requests if self.stable.requests else 0.0
        return allowed(self.rule.ceiling, self.rule.tolerance, ever)

    def _ceiling_after(self, sums: Sums, stable: Side) -> tuple[float, ...]:
        if not sums.canary:
            return self.ceiling
        now = sums.stable_bad / sums.stable if sums.stable else 0.0
        ever = stable.bad / stable.requests if stable.requests else 0.0
        limit = allowed(self.rule.ceiling, self.rule.tolerance, now, ever)
        return bet(self.ceiling, sums.canary_bad / sums.canary, limit)

    def _advancing_after(self, sums: Sums) -> tuple[float, ...]:
        cast = ballot(sums, self.rule.not_worse_than, HOPES)
        return advanced(self.advancing, cast) if cast else self.advancing


def begun(rule: Rule) -> Evidence:
    """The evidence before the first block."""
    return Evidence(rule)


def reaches(evidence: float, limit: float) -> bool:
    """Whether evidence is enough; what was meant to lift it exactly to the limit did."""
    return evidence >= _ROUNDING * limit
