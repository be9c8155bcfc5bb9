"""What a comparison can find in a given time: a rough guide, to be shown before and while it runs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from analysis.judge import ceiling, votes
from analysis.judge.evidence import CEILING
from analysis.judge.key import ENOUGH, Pods, Tally, ln_key, prior
from analysis.judge.rule import Rule

RATIOS: Final = (
    *(1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.2, 2.5, 2.7, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0),
    *(10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 23.0, 26.0, 30.0),
)
"""The ratios that are considered."""
_STAKE: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What is to be expected: requests in a block, the canary's share of them, the stable's share of bad ones, pods."""

    requests: float
    share: float
    stable_bad: float
    canary_pods: int = 1
    stable_pods: int = 1


def detectable(
    *,
    requests: float,
    share: float,
    stable_bad: float,
    seconds: float,
    rule: Rule,
    canary_pods: int = 1,
    stable_pods: int = 1,
    block: float = 10.0,
) -> float | None:
    """The smallest ratio of the two rates that is found more often than not; None where none up to 30 is.

    `requests` are those of both sides in a second, `share` and `stable_bad` are shares from 0 to 1, `seconds` is the
    time there is, `block` the seconds between two looks.
    """
    if not (requests > 0 and 0 < share < 1 and 0 < stable_bad <= 1 and seconds >= block > 0):
        return None
    traffic = Traffic(
        requests=requests * block,
        share=share,
        stable_bad=stable_bad,
        canary_pods=max(1, canary_pods),
        stable_pods=max(1, stable_pods),
    )
    blocks = math.floor(seconds / block)
    return next((ratio for ratio in _possible(rule, stable_bad) if found(ratio, traffic, rule, blocks)), None)


def found(ratio: float, traffic: Traffic, rule: Rule, blocks: float) -> bool:
    """Whether so many blocks prove the ratio, if each is as expected."""
    by_votes = blocks * _vote(ratio, traffic, rule) >= _worth(votes.PART / len(votes.BETS), rule)
    by_ceiling = blocks * _surplus(ratio, traffic, rule) >= _worth(CEILING / len(ceiling.STAKES), rule)
    return (by_votes or by_ceiling) and _opens(ratio, traffic, rule, blocks)


def information(ratio: float, share: float, tolerance: float) -> float:
    """How much one bad request tells a ratio from the tolerated one: the divergence of whose it is."""
    part, expected = _part(ratio, share), _part(tolerance, share)
    return part * math.log(part / expected) + (1 - part) * math.log((1 - part) / (1 - expected))


def _possible(rule: Rule, stable_bad: float) -> Iterator[float]:
    return (ratio for ratio in RATIOS if ratio > rule.tolerance and ratio * stable_bad <= 1)


def _part(ratio: float, share: float) -> float:
    return ratio * share / (ratio * share + 1 - share)


def _worth(part: float, rule: Rule) -> float:
    """What one of many bets, with that part of all money, has to win alone."""
    return -math.log(part * rule.alpha * rule.weight)


def _bad(ratio: float, traffic: Traffic) -> float:
    return traffic.requests * traffic.stable_bad * (ratio * traffic.share + 1 - traffic.share)


def _vote(ratio: float, traffic: Traffic, rule: Rule) -> float:
    """What a block is worth: as much as its bad requests are, and never more than one vote."""
    bad = _bad(ratio, traffic)
    lift = _part(ratio, traffic.share) / _part(rule.tolerance, traffic.share) - 1
    return min(bad * information(ratio, traffic.share, rule.tolerance), math.log1p(_STAKE * lift))


def _surplus(ratio: float, traffic: Traffic, rule: Rule) -> float:
    """What a block is worth to those who bet on the ceiling, of which many blocks may have no bad request at all."""
    limit = ceiling.allowed(rule.ceiling, rule.tolerance, traffic.stable_bad)
    rate = ratio * traffic.stable_bad
    some = -math.expm1(-traffic.requests * traffic.share * rate)
    won = rate / some / limit - 1
    return max(some * math.log1p(stake * won) + (1 - some) * math.log1p(-stake) for stake in ceiling.STAKES)


def _opens(ratio: float, traffic: Traffic, rule: Rule, blocks: float) -> bool:
    """Whether the excess is more than pods are expected to differ."""
    bad = blocks * _bad(ratio, traffic)
    tally = Tally(bad * _part(ratio, traffic.share), bad, bad * _part(rule.tolerance, traffic.share))
    freedom = traffic.canary_pods + traffic.stable_pods - 2
    alone = prior(traffic.canary_pods, traffic.stable_pods)
    seen = Pods(freedom, freedom, alone, traffic.canary_pods, traffic.stable_pods)
    return ln_key(tally, seen, rule.spread) >= math.log(ENOUGH)
