import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.judge import Share

counts = st.one_of(st.integers(0, 1000), st.floats(0, 1e9))


def gathered(share: Share, *counted: tuple[float, float]) -> Share:
    for canary, stable in counted:
        share = share.after(canary, stable)
    return share


def blocks(part: float, number: int) -> list[tuple[float, float]]:
    return [(1000 * part, 1000 * (1 - part))] * number


def test_the_observed_share_is_that_of_all_requests_seen():
    assert Share.begun(0.1).observed is None
    assert gathered(Share.begun(0.1), (10, 90), (20, 80)).observed == pytest.approx(0.15)


@pytest.mark.parametrize("expected", [0.0, 0.01, 0.05, 0.1, 0.5, 0.9, 1.0])
def test_what_is_as_configured_or_within_what_is_tolerated_is_never_spoken_of(expected: float):
    slack = max(0.02, 0.2 * expected)
    for part in (expected, min(1.0, expected + slack), max(0.0, expected - slack)):
        found = gathered(Share.begun(expected), *blocks(part, 3000))
        assert not found.too_many
        assert not found.too_few


@pytest.mark.parametrize("expected", [0.05, 0.1, 0.5])
def test_a_share_that_is_twice_as_large_or_nothing_at_all_is_found(expected: float):
    assert gathered(Share.begun(expected), *blocks(2 * expected, 60)).too_many
    many = gathered(Share.begun(expected), *blocks(0.0, 300))
    assert many.too_few
    assert not many.too_many


def test_of_a_share_within_two_points_of_nothing_too_few_can_never_be_said():
    assert not gathered(Share.begun(0.02), *blocks(0.0, 3000)).too_few


def test_a_wider_tolerance_says_less():
    assert gathered(Share.begun(0.5), *blocks(0.7, 300)).too_many
    assert not gathered(Share.begun(0.5, tolerance=0.5), *blocks(0.7, 300)).too_many


def binomial(number: int, chance: float) -> list[float]:
    return [math.comb(number, each) * chance**each * (1 - chance) ** (number - each) for each in range(number + 1)]


@pytest.mark.parametrize("expected", [0.01, 0.05, 0.3, 0.9])
@pytest.mark.parametrize("requests", [1, 20, 200])
def test_both_bets_are_fair_at_the_edge_of_what_is_tolerated(expected: float, requests: int):
    slack = max(0.02, 0.2 * expected)
    for part, name in ((min(1.0, expected + slack), "many_value"), (max(0.0, expected - slack), "few_value")):
        after = [Share.begun(expected).after(each, requests - each) for each in range(requests + 1)]
        chances = binomial(requests, part)
        assert math.fsum(chance * getattr(each, name) for chance, each in zip(chances, after, strict=True)) <= 1 + 1e-12


def test_each_of_the_two_has_half_of_the_chance_to_err():
    number = next(number for number in range(200) if gathered(Share.begun(0.1), *blocks(1.0, number)).too_many)
    found = gathered(Share.begun(0.1), *blocks(1.0, number))
    assert found.many_value >= 200
    assert gathered(Share.begun(0.1), *blocks(1.0, number - 1)).many_value < 200


@given(st.floats(0, 1), st.lists(st.tuples(counts, counts), max_size=9))
def test_whatever_was_counted_it_is_finite_and_goes_on_exactly_from_what_is_remembered(
    expected: float, counted: list[tuple[float, float]]
):
    found = gathered(Share.begun(expected), *counted)
    assert math.isfinite(found.many_value)
    assert math.isfinite(found.few_value)
    assert found.observed is None or 0 <= found.observed <= 1
    assert Share.load(json.loads(json.dumps(found.dump()))) == found


def test_without_requests_it_says_nothing():
    assert Share.begun(0.1).after(0, 0) == Share.begun(0.1)


@pytest.mark.parametrize("counted", [(-1, 0), (0, -1), (math.nan, 1), (1, math.inf)])
def test_counts_that_cannot_be_are_refused(counted: tuple[float, float]):
    with pytest.raises(ValueError, match="counts are numbers"):
        Share.begun(0.1).after(*counted)


def test_settings_that_cannot_be_are_refused():
    for wrong in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="expected must be a share"):
            Share.begun(wrong)
    with pytest.raises(ValueError, match="alpha must be"):
        Share.begun(0.1, alpha=0)


@pytest.mark.parametrize(
    "garbage",
    [None, {}, {**Share.begun(0.1).dump(), "many": [1]}, {**Share.begun(0.1).dump(), "settings": [2, 1, 1, 1]}],
)
def test_garbage_is_not_loaded(garbage: object):
    with pytest.raises(ValueError, match=r"remembered|share"):
        Share.load(garbage)
