import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.judge import Outage


def gathered(*counts: tuple[float, float], alpha: float = 0.01) -> Outage:
    outage = Outage(alpha=alpha)
    for requests, bad in counts:
        outage = outage.after(requests, bad)
    return outage


def test_a_total_outage_is_found_in_a_dozen_blocks_and_half_of_it_never():
    assert gathered(*[(500, 500)] * 14).speaks
    assert not gathered(*[(500, 500)] * 8).speaks
    assert not gathered(*[(500, 250)] * 5000).speaks


def test_it_speaks_at_twenty_times_what_aborts():
    number = next(number for number in range(100) if gathered(*[(1, 1)] * number).speaks)
    assert gathered(*[(1, 1)] * number).e_value >= 2000 > gathered(*[(1, 1)] * (number - 1)).e_value


def test_without_requests_it_says_nothing():
    assert gathered((0, 0), (0, 0)) == Outage()


def test_it_stays_finite():
    assert 1e100 < gathered(*[(1e9, 1e9)] * 3000).e_value <= math.exp(600)


@pytest.mark.parametrize("counted", [(1, 2), (-1, -2), (math.nan, 0), (1, math.nan), (math.inf, 1)])
def test_counts_that_cannot_be_are_refused(counted: tuple[float, float]):
    with pytest.raises(ValueError, match=r"^canary: "):
        Outage().after(*counted)


@given(st.lists(st.integers(0, 9), max_size=9))
def test_what_is_remembered_goes_on_exactly(bad: list[int]):
    outage = gathered(*[(9, each) for each in bad])
    assert Outage.load(0.01, json.loads(json.dumps(outage.dump()))) == outage


@pytest.mark.parametrize("garbage", [None, [], {}, {"money": 3}, {"money": [1, 2]}, {"money": [None] * 5}])
def test_garbage_is_not_loaded(garbage: object):
    with pytest.raises(ValueError, match="remembered"):
        Outage.load(0.01, garbage)
