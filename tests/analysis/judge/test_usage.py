import itertools
import json
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.judge import Usage

WOBBLE = (1.0, 1.1, 0.95, 1.02, 0.9, 1.05)


def gathered(ratio: float, batches: int, margin: float = 0.2) -> Usage:
    usage = Usage.begun(margin=margin)
    for noise in itertools.islice(itertools.cycle(WOBBLE), batches):
        usage = usage.after(ratio * noise * 0.003, 0.003)
    return usage


def test_the_interval_is_that_of_a_normal_mixture():
    usage = gathered(1.3, 12)
    logs = [math.log(1.3 * noise) for noise in itertools.islice(itertools.cycle(WOBBLE), 12)]
    level = -2 * math.log(0.05)
    q2 = (level + math.log(level) + 1) / 10
    root = math.sqrt(2 * (12 * q2 + 1) / (12**2 * q2) * math.log(math.sqrt(12 * q2 + 1) / 0.05))
    width = statistics.stdev(logs) * root
    assert usage.ratio == pytest.approx(math.exp(statistics.mean(logs)))
    assert usage.interval == pytest.approx(
        (math.exp(statistics.mean(logs) - width), math.exp(statistics.mean(logs) + width))
    )


def test_a_canary_that_uses_more_than_the_margin_is_found_and_one_within_it_is_not():
    assert gathered(1.6, 10).worse
    assert not gathered(1.2, 500).worse
    assert not gathered(1.6, 10, margin=0.7).worse


def test_a_few_batches_say_nothing_however_clear():
    assert gathered(10.0, 4).interval == (0.0, math.inf)
    assert not gathered(10.0, 4).worse
    assert Usage.begun().ratio is None


def test_the_interval_narrows_around_the_ratio():
    for batches in (5, 20, 100):
        low, high = gathered(1.0, batches).interval
        assert low < gathered(1.0, batches).ratio < high
    assert gathered(1.0, 100).interval[1] < gathered(1.0, 10).interval[1]


@pytest.mark.parametrize("nothing", [(0, 1), (1, 0), (0, 0)])
def test_a_side_that_used_nothing_says_nothing(nothing: tuple[float, float]):
    assert Usage.begun().after(*nothing) == Usage.begun()


@pytest.mark.parametrize("wrong", [(-1, 1), (1, -1), (math.nan, 1), (1, math.inf)])
def test_usage_that_cannot_be_is_refused(wrong: tuple[float, float]):
    with pytest.raises(ValueError, match="usage must be a number"):
        Usage.begun().after(*wrong)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="margin must be"):
        Usage.begun(margin=-0.1)
    with pytest.raises(ValueError, match="alpha must be"):
        Usage.begun(alpha=0)


positive = st.floats(5e-324, 1.7e308)


@given(st.lists(st.tuples(positive, positive), max_size=12))
def test_whatever_was_used_it_is_finite_and_goes_on_exactly_from_what_is_remembered(used: list[tuple[float, float]]):
    usage = Usage.begun()
    for each in used:
        usage = usage.after(*each)
    low, high = usage.interval
    assert 0 <= low <= high
    assert usage.ratio is None or math.isfinite(usage.ratio)
    assert Usage.load(json.loads(json.dumps(usage.dump()))) == usage


@pytest.mark.parametrize(
    "garbage", [None, {}, {"batches": 2.5, "mean": 0, "squares": 0}, {"batches": 2, "mean": 0, "squares": -1}]
)
def test_garbage_is_not_loaded(garbage: object):
    with pytest.raises(ValueError, match="remembered"):
        Usage.load(garbage)
