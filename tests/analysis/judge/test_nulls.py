"""What the bets return on average where the canary is as it may be, added up over all that can happen."""

import itertools
import math

import pytest

from analysis.judge import ceiling
from analysis.judge.block import Sums
from analysis.judge.votes import BETS, Ballot, ballot, hastened, voted

EVEN = (0.0,) * len(BETS)
ROUNDING = 1e-12
SHARES = (1e-6, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.95, 0.999)
TOLERANCES = (1.0, 1.2, 2.0, 5.0)
OWNED = (EVEN, (3.0, -1.0, 0.5, 4.0, -9.0, 0.0, 2.0), (4.9,) * 7, (-30.0,) * 6 + (4.7,))
CLUSTERS = ((1,), (1, 1), (2,), (3, 1), (1, 2, 5), (10, 10, 10), (100,), (1,) * 6, (200, 1, 7), (1e6, 3))


def cast(share: float, tolerance: float, bad: float, canary_bad: float) -> Ballot:
    """A vote where the canary has that share of 10^8 requests."""
    found = ballot(Sums(share * 1e8, canary_bad, (1 - share) * 1e8, bad - canary_bad), tolerance)
    assert found
    return found


def factors(before: tuple[float, ...], after: tuple[float, ...]) -> list[float]:
    return [math.exp(more - less) for less, more in zip(before, after, strict=True)]


def expected(chance: float, sizes: tuple[float, ...], outcome) -> list[float]:
    """The mean of a vote's factors where each cluster is the canary's with that chance."""
    total = [0.0] * len(BETS)
    for whose in itertools.product((0, 1), repeat=len(sizes)):
        weight = math.prod(chance if each else 1 - chance for each in whose)
        found = outcome(sum(size for size, each in zip(sizes, whose, strict=True) if each))
        total = [sum_ + weight * factor for sum_, factor in zip(total, found, strict=True)]
    return total


@pytest.mark.parametrize("sizes", CLUSTERS)
@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_votes_on_clusters_of_any_size_are_fair(sizes: tuple[float, ...], tolerance: float):
    for share, owned in itertools.product(SHARES, OWNED):

        def outcome(bad: float, share: float = share, owned: tuple[float, ...] = owned) -> list[float]:
            return factors(owned, voted(owned, cast(share, tolerance, sum(sizes), bad), 100.0))

        fair = tolerance * share / (tolerance * share + 1 - share)
        assert expected(fair, sizes, outcome) == pytest.approx([1.0] * len(BETS), rel=1e-9)
        assert max(expected(0.9 * fair, sizes, outcome)) <= 1 + ROUNDING


@pytest.mark.parametrize("limit", [20.0, 100.0, 2000.0])
def test_a_single_bad_request_lifts_the_votes_to_the_limit_and_no_further(limit: float):
    for owned in ((3.0,) * 7, (4.0, 3.0, 2.0, 1.0, 0.0, -1.0, -2.0), (math.log(limit),) * 7):
        before = 0.85 * sum(map(math.exp, owned)) / 7
        after = 0.85 * sum(map(math.exp, voted(owned, cast(0.01, 1.2, 1, 1), limit))) / 7
        assert after <= max(before, limit) * (1 + 1e-9)


def test_the_limit_holds_back_what_a_stable_bad_request_costs_as_well():
    owned = (4.6,) * 7
    free = voted(owned, cast(0.05, 1.2, 1, 0), math.inf)
    held = voted(owned, cast(0.05, 1.2, 1, 0), 100.0)
    assert all(less < more < before for less, more, before in zip(free, held, owned, strict=True))


def test_where_enough_is_owned_a_single_bad_request_changes_nothing():
    assert voted((5.0,) * 7, cast(0.05, 1.2, 1, 1), 100.0) == (5.0,) * 7


def fast(share: float, tolerance: float, size: float) -> list[float]:
    vote = cast(share, tolerance, size, 0)
    one, other = hastened(EVEN, vote._replace(canary_bad=size)), hastened(EVEN, vote)
    return [
        vote.expected * math.exp(more) + (1 - vote.expected) * math.exp(less)
        for more, less in zip(one, other, strict=True)
    ]


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_single_bad_requests_are_fair_bets_in_clusters_of_up_to_a_hundred(share: float, tolerance: float):
    for size in range(1, 101):
        assert max(fast(share, tolerance, size)) <= 1 + ROUNDING


def test_a_cluster_of_a_hundred_is_where_that_ends():
    assert fast(0.05, 1.2, 100) == pytest.approx([1.0] * len(BETS))
    assert min(fast(0.05, 1.2, 130)) > 1


def binomial(number: int, chance: float) -> list[float]:
    return [math.comb(number, each) * chance**each * (1 - chance) ** (number - each) for each in range(number + 1)]


@pytest.mark.parametrize("requests", [1, 7, 60, 400])
@pytest.mark.parametrize("allowed", [0.001, 0.01, 0.05, 0.5, 1.0])
def test_bets_on_the_ceiling_are_fair_at_the_ceiling(requests: int, allowed: float):
    even = (0.0,) * len(ceiling.STAKES)
    for rate in (allowed, 0.9 * allowed):
        chances = binomial(requests, rate)
        after = [ceiling.bet(even, bad / requests, allowed) for bad in range(requests + 1)]
        for place in range(len(even)):
            mean = math.fsum(chance * math.exp(each[place]) for chance, each in zip(chances, after, strict=True))
            assert mean <= 1 + ROUNDING
            assert rate < allowed or mean == pytest.approx(1)


def test_the_guard_only_ever_raises_what_is_allowed():
    assert ceiling.allowed(0.01, 1.2, 0.0, 0.0) == 0.01
    assert ceiling.allowed(0.01, 1.2, 0.1, 0.0) == pytest.approx(0.24)
    assert ceiling.allowed(0.01, 1.2, 0.0, 0.1) == pytest.approx(0.24)


def block_mean(canary: int, stable: int, rate: float, ratio: float) -> float:
    """The largest mean factor of a bet on votes in a block of independent bad requests."""
    means = [0.0] * len(BETS)
    for bad, chance in enumerate(binomial(canary, ratio * rate)):
        for others, other in enumerate(binomial(stable, rate)):
            if chance * other > 1e-15:
                vote = ballot(Sums(canary, bad, stable, others), 1.2)
                found = voted(EVEN, vote, 100.0) if vote else EVEN
                means = [mean + chance * other * math.exp(each) for mean, each in zip(means, found, strict=True)]
    return max(means)


@pytest.mark.parametrize(
    ("canary", "stable", "rate", "edge"),
    [(50, 950, 0.01, 1.0002), (5, 5, 0.1, 1.0026), (5, 5, 0.5, 1.0087), (5, 5, 0.8333, 1.0087)],
)
def test_votes_on_independent_bad_requests_pass_one_only_at_the_very_edge(
    canary: int, stable: int, rate: float, edge: float
):
    assert block_mean(canary, stable, rate, 1.0) < 1
    assert block_mean(canary, stable, rate, 1.2) == pytest.approx(edge, abs=5e-5)
    assert 1 < block_mean(canary, stable, rate, 1.2) < 1.009
