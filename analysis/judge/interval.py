"""Between which values the ratio of the two rates lies: a confidence sequence, right at all looks together.

For some ratios the votes are bet on once more: that the true ratio is higher, and mirrored, that it is lower. A ratio
against which a bet has ever won twenty times its money is too low, or too high; those that are left out are the ones
below which all are too low, and above which all are too high. See Howard et al., "Time-uniform, nonparametric,
nonasymptotic confidence sequences" (Annals of Statistics 2021, arXiv 1810.08240). Each end is wrong with a chance of at
most one in twenty, ever, and a ratio between two of those tried is left out only where both are.

Later blocks are pooled into one vote until they add a small part to what was seen before. That is as fair a vote as
theirs where how many requests are bad does not depend on whose earlier ones were.
"""

import math
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from analysis.judge import stored
from analysis.judge.block import Sums
from analysis.judge.rates import UNKNOWN, Rates
from analysis.judge.votes import PART

# fmt: off
RATIOS: Final = (
    0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.14, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8,
    0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.2, 2.4, 2.6, 2.8, 3.0,
    3.3, 3.6, 4.0, 4.5, 5.0, 5.5, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 23.0, 26.0, 30.0, 35.0, 40.0,
    50.0, 60.0, 80.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0,
)
# fmt: on
"""The ratios that are tried."""

BETS: Final = (1.5, 3.0, 10.0)
_MORE: Final = tuple(bet - 1 for bet in BETS)
_EVEN: Final = (1.0,) * len(BETS)
_STAKE: Final = 0.95
_MOST_POOLED: Final = 1000
_ENOUGH: Final = 20 * len(BETS) / PART

Money = tuple[float, ...]


class Pool(NamedTuple):
    """Blocks that are still to vote, as one: bad requests, the canary's, and what each ratio expects of the canary."""

    bad: float = 0.0
    canary_bad: float = 0.0
    due: tuple[float, ...] = ()


_EMPTY: Final = Pool()


@dataclass(frozen=True, slots=True)
class Interval:
    """The ratios that are left, from `first` on, with the money of those who bet that the true one is higher or lower.

    `voted` is how many bad requests have voted, `known` what their rates looked like. Blocks are pooled until they add
    one in `pooled` to those.
    """

    first: int = 0
    higher: tuple[Money, ...] = (_EVEN,) * len(RATIOS)
    lower: tuple[Money, ...] = (_EVEN,) * len(RATIOS)
    voted: float = 0.0
    known: Rates = UNKNOWN
    pool: Pool = _EMPTY
    pooled: int = 80

    @property
    def bounds(self) -> tuple[float, float]:
        """The nearest ratios that are left out, or 0 and infinity."""
        after = self.first + len(self.higher)
        low = RATIOS[self.first - 1] if self.first else 0.0
        return low, RATIOS[after] if after < len(RATIOS) else math.inf

    def after(self, sums: Sums, rates: Rates) -> "Interval":
        """With one more block that votes; `rates` are those of all blocks, this one included."""
        if not self.higher:
            return self
        pool = self._pooled(sums)
        if pool.bad * self.pooled < self.voted:
            return replace(self, pool=pool)
        return self._closed(pool, rates)

    def dump(self) -> dict[str, object]:
        """What to remember, as JSON can hold it."""
        return {
            "first": self.first,
            "higher": [each for money in self.higher for each in money],
            "lower": [each for money in self.lower for each in money],
            "voted": self.voted,
            "known": list(self.known),
            "pool": [self.pool.bad, self.pool.canary_bad],
            "due": list(self.pool.due),
            "pooled": self.pooled,
        }

    @classmethod
    def load(cls, data: object) -> "Interval":
        """What was remembered; a ValueError where that is no such thing."""
        higher, lower = (stored.rows(data, side, len(BETS)) for side in ("higher", "lower"))
        if len(higher) != len(lower):
            raise ValueError("what was remembered as 'higher' and 'lower' is not of one length")
        bad, canary_bad = stored.numbers(data, "pool", 2)
        due = stored.numbers(data, "due", len(higher) if bad else 0)
        return cls(
            first=stored.whole(data, "first", len(RATIOS) - len(higher)),
            higher=higher,
            lower=lower,
            voted=stored.number(data, "voted"),
            known=Rates(*stored.numbers(data, "known", 2)),
            pool=Pool(bad, canary_bad, due),
            pooled=stored.whole(data, "pooled", _MOST_POOLED),
        )

    def _pooled(self, sums: Sums) -> Pool:
        bad = sums.canary_bad + sums.stable_bad
        canaries = [ratio * sums.canary for ratio in self._left]
        due = tuple([bad * (canary / (canary + sums.stable)) for canary in canaries])
        if not self.pool.bad:
            return Pool(bad, sums.canary_bad, due)
        more = tuple([one + other for one, other in zip(self.pool.due, due, strict=True)])
        return Pool(self.pool.bad + bad, self.pool.canary_bad + sums.canary_bad, more)

    def _closed(self, pool: Pool, rates: Rates) -> "Interval":
        """Nobody bets that the ratio is higher than one that looks too high already, or lower than one too low."""
        looks, bad = self.known.ratio, pool.bad
        canary, stable = pool.canary_bad / bad, 1 - pool.canary_bad / bad
        higher, lower = list(self.higher), list(self.lower)
        for place, (ratio, due) in enumerate(zip(self._left, pool.due, strict=True)):
            if looks is None or ratio <= looks:
                higher[place] = _bet(higher[place], due / bad, canary, bad)
            if looks is None or ratio >= looks:
                lower[place] = _bet(lower[place], 1 - due / bad, stable, bad)
        first, last = _left_out(higher, lower)
        return Interval(
            first=self.first + first,
            higher=tuple(higher[first:last]),
            lower=tuple(lower[first:last]),
            voted=self.voted + bad,
            known=rates,
            pooled=self.pooled,
        )

    @property
    def _left(self) -> tuple[float, ...]:
        return RATIOS[self.first : self.first + len(self.higher)]


UNTRIED: Final = Interval()
COARSE: Final = Interval(pooled=20)
"""For where many are kept up at once: somewhat wider, and cheaper."""


def _bet(money: Money, expected: float, part: float, bad: float) -> Money:
    if _won(money) or not 0 < expected < 1:
        return money
    gain = part / expected - 1
    stakes = [min(_STAKE, 1 - (1 + more * expected) ** -bad) for more in _MORE]
    return tuple([each * (1 + stake * gain) for each, stake in zip(money, stakes, strict=True)])


def _left_out(higher: list[Money], lower: list[Money]) -> tuple[int, int]:
    """The places of the first that is not too low, and of the first of those at the end that are all too high."""
    first = next((place for place, money in enumerate(higher) if not _won(money)), len(higher))
    high = next((place for place, money in enumerate(reversed(lower)) if not _won(money)), len(lower))
    return first, max(first, len(lower) - high)


def _won(money: Money) -> bool:
    return sum(money) >= _ENOUGH
