import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.judge import Block, Rule, begun
from analysis.judge.block import Sums
from analysis.judge.interval import BETS, RATIOS, UNTRIED, Interval
from analysis.judge.rates import Rates

EVENTS = st.tuples(st.integers(1, 500), st.integers(0, 9), st.integers(1, 9000), st.integers(0, 9))


def block(canary: int, bad: int, stable: int, others: int) -> Sums:
    return Sums(canary, min(canary, bad), stable, min(stable, others))


def gathered(sums: list[Sums]) -> list[Interval]:
    found, rates = [UNTRIED], Rates()
    for each in sums:
        rates = rates.plus(each)
        if each.canary_bad + each.stable_bad:
            found.append(found[-1].after(each, rates))
    return found


def steady(share: float, ratio: float, rate: float, requests: float, blocks: int) -> tuple[float, float]:
    """The interval where every block is as expected."""
    canary, stable = share * requests, (1 - share) * requests
    each = Sums(canary, canary * ratio * rate, stable, stable * rate)
    return gathered([each] * blocks)[-1].bounds


@given(st.lists(EVENTS, max_size=40))
def test_the_interval_only_ever_shrinks(events: list[tuple[int, int, int, int]]):
    found = [each.bounds for each in gathered([block(*event) for event in events])]
    for (low, high), (later_low, later_high) in itertools.pairwise(found):
        assert low <= later_low < later_high <= high


@given(st.lists(EVENTS, max_size=20), st.integers(0, 20))
def test_what_is_remembered_goes_on_exactly(events: list[tuple[int, int, int, int]], cut: int):
    found = gathered([block(*event) for event in events])
    for each in found[: cut + 1]:
        assert Interval.load(json.loads(json.dumps(each.dump()))) == each


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5, 0.9])
@pytest.mark.parametrize("ratio", [0.2, 1.0, 3.0, 10.0, 55.0])
@pytest.mark.parametrize("blocks", [20, 600])
def test_where_all_is_as_expected_the_true_ratio_is_inside(share: float, ratio: float, blocks: int):
    low, high = steady(share, ratio, 0.005, 10_000, blocks)
    assert low < ratio < high


@pytest.mark.parametrize(
    ("share", "ratio"), [(0.05, 1.0), (0.05, 3.0), (0.05, 10.0), (0.1, 2.0), (0.5, 1.0), (0.5, 5.0)]
)
def test_in_the_end_both_ends_are_near(share: float, ratio: float):
    low, high = steady(share, ratio, 0.005, 10_000, 2000)
    assert low >= 0.7 * ratio
    assert high <= 1.5 * ratio


def test_nothing_is_left_out_before_there_is_evidence():
    assert UNTRIED.bounds == (0.0, math.inf)
    assert steady(0.05, 1.0, 0.005, 100, 1) == (0.0, math.inf)


def test_a_ratio_beyond_all_that_are_tried_is_left_open():
    assert steady(0.5, 5000.0, 1e-5, 10_000, 500)[1] == math.inf


def test_the_ends_are_ratios_that_are_themselves_left_out():
    low, high = steady(0.1, 2.0, 0.01, 1000, 300)
    found = gathered([Sums(100, 2, 900, 9)] * 300)[-1]
    left = RATIOS[found.first : found.first + len(found.higher)]
    assert RATIOS.index(low) + 1 == found.first
    assert left
    assert low < left[0]
    assert left[-1] < high


def money(sums: list[Sums], ratio: float) -> tuple[float, float]:
    """What those who bet against one ratio own after blocks that all voted at once, computed plainly."""
    higher, lower, looks, rates = [1.0] * 3, [1.0] * 3, None, Rates()
    for each in sums:
        bad = each.canary_bad + each.stable_bad
        expected = ratio * each.canary / (ratio * each.canary + each.stable)
        for place, bet in enumerate(BETS):
            if looks is None or ratio <= looks:
                stake = min(0.95, 1 - (1 / (1 + (bet - 1) * expected)) ** bad)
                higher[place] *= 1 + stake * (each.canary_bad / bad / expected - 1)
            if looks is None or ratio >= looks:
                stake = min(0.95, 1 - (1 / (1 + (bet - 1) * (1 - expected))) ** bad)
                lower[place] *= 1 + stake * (each.stable_bad / bad / (1 - expected) - 1)
        rates = rates.plus(each)
        looks = rates.ratio
    return 0.85 * sum(higher) / 3, 0.85 * sum(lower) / 3


@given(st.lists(EVENTS.filter(lambda each: each[1] + each[3]), max_size=25))
def test_every_ratio_that_is_not_left_out_is_inside(events: list[tuple[int, int, int, int]]):
    sums = [each for each in (block(*event) for event in events) if each.canary_bad + each.stable_bad]
    steps = gathered(sums)
    if any(each.pool.bad for each in steps):
        return
    low, high = steps[-1].bounds
    for ratio in RATIOS:
        wealth = [money(sums[:number], ratio) for number in range(1, len(sums) + 1)]
        if all(max(each) < 20 * (1 - 1e-9) for each in wealth):
            assert low < ratio < high


def wrong(now: Interval, rates: Rates, blocks: int, requests: tuple[float, float], ratio: float) -> tuple[float, float]:
    """How likely each end is to be wrong after all that can happen in blocks of one bad request each."""
    low, high = now.bounds
    if not blocks:
        return float(high <= ratio), float(low >= ratio)
    canary, stable = requests
    part = ratio * canary / (ratio * canary + stable)
    below = above = 0.0
    for bad, chance in ((1, part), (0, 1 - part)):
        sums = Sums(canary, bad, stable, 1 - bad)
        seen = rates.plus(sums)
        one, other = wrong(now.after(sums, seen), seen, blocks - 1, requests, ratio)
        below, above = below + chance * one, above + chance * other
    return below, above


@pytest.mark.parametrize(("share", "ratio"), [(0.05, 1.0), (0.05, 5.0), (0.5, 1.0), (0.5, 5.0), (0.5, 0.3), (0.9, 1.0)])
def test_each_end_is_wrong_with_a_chance_of_at_most_one_in_twenty(share: float, ratio: float):
    below, above = wrong(UNTRIED, Rates(), 10, (share * 1000, (1 - share) * 1000), ratio)
    assert below <= 0.05
    assert above <= 0.05


def test_pooled_blocks_are_as_fair_a_vote_as_their_parts():
    """With what is due from the canary added up block by block, whatever the share of the traffic was in each."""
    parts = [Sums(50, 0, 950, 0), Sums(500, 0, 500, 0)]
    mean = [0.0] * len(RATIOS)
    ratio = RATIOS.index(2.0)
    fair = [2.0 * each.canary / (2.0 * each.canary + each.stable) for each in parts]
    for whose in itertools.product((0, 1), repeat=2):
        chance = math.prod(part if each else 1 - part for each, part in zip(whose, fair, strict=True))
        start = Interval(voted=100.0)
        rates = Rates()
        for each, part in zip(whose, parts, strict=True):
            sums = part._replace(canary_bad=each, stable_bad=1 - each)
            rates = rates.plus(sums)
            start = start.after(sums, rates)
        mean = [one + chance * sum(other) / len(BETS) for one, other in zip(mean, start.higher, strict=True)]
    assert mean[ratio] == pytest.approx(1)
    assert max(mean[ratio:]) <= 1 + 1e-12


def test_evidence_has_the_interval_of_its_blocks():
    evidence = begun(Rule())
    for _ in range(60):
        evidence = evidence.after(Block({"a": (100, 2)}, {"x": (900, 9)}))
    assert evidence.interval() == gathered([Sums(100, 2, 900, 9)] * 60)[-1].bounds


def test_a_ratio_that_was_once_too_low_stays_so():
    won, even = (300.0, 200.0, 100.0), (1.0, 1.0, 1.0)
    place = RATIOS.index(1.0)
    higher = tuple(won if each == place else even for each in range(len(RATIOS)))
    after = Interval(higher=higher).after(Sums(50, 0, 950, 30), Rates())
    assert after.higher[place] == won
    assert after.higher[place - 1] != even
