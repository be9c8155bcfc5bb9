"""Native histograms, read as if they had fixed bounds."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.native import bound, classic, uppers
from analysis.samples import Bucket, Distribution, Native, Point

ONE = Native(
    (("pod", "a"),),
    (
        Distribution(10.0, 5.0, (Bucket(0.25, 2.0), Bucket(0.5, 1.0), Bucket(4.0, 2.0))),
        Distribution(20.0, 9.0, (Bucket(0.25, 2.0), Bucket(0.5, 3.0), Bucket(1.0, 1.0), Bucket(4.0, 3.0))),
    ),
)


def test_each_bound_and_all_events_are_a_cumulative_counter():
    found = {dict(series.labels)["le"]: series.points for series in classic([ONE], (0.5, 1.0)).series}
    assert found == {
        "0.5": (Point(10.0, 3.0), Point(20.0, 5.0)),
        "1.0": (Point(10.0, 3.0), Point(20.0, 6.0)),
        "+Inf": (Point(10.0, 5.0), Point(20.0, 9.0)),
    }


def test_a_bound_below_all_buckets_has_nothing():
    (below, _) = classic([ONE], (0.1,)).series
    assert [point.value for point in below.points] == [0.0, 0.0]


def test_all_bounds_that_ever_occur_are_known():
    assert uppers([ONE]) == (0.25, 0.5, 1.0, 4.0)


@pytest.mark.parametrize(("value", "expected"), [(0.5, 0.5), (1.0, 1.0), (500.0, 512.0), (0.3, 2 ** (-13 / 8))])
def test_a_limit_is_the_next_bound_that_client_libraries_begin_with(value: float, expected: float):
    assert bound(value) == pytest.approx(expected)


@given(st.floats(1e-6, 1e6))
def test_a_bound_is_never_below_the_limit_and_close_to_it(value: float):
    assert value * (1 - 1e-6) <= bound(value) <= value * 2 ** (1 / 8) * (1 + 1e-6)


@given(st.lists(st.tuples(st.floats(0.001, 100), st.integers(0, 50)), max_size=12, unique_by=lambda each: each[0]))
def test_a_higher_bound_never_has_fewer_events(buckets: list[tuple[float, int]]):
    held = tuple(sorted(Bucket(upper, float(events)) for upper, events in buckets))
    shown = Native((), (Distribution(1.0, sum(bucket.events for bucket in held), held),))
    values = [series.points[0].value for series in classic([shown], (0.01, 0.1, 1.0, 10.0, 1000.0)).series]
    assert all(lower <= higher for lower, higher in pairwise(values))
    assert values[-1] == values[-2] == shown.points[0].events
