import math

import pytest

from analysis.judge import Block, Rule, begun, likelihood, ratio_evidence, words
from tests.analysis.judge.tables import a_block


def said(*blocks: Block, **settings: float) -> str:
    return ratio_evidence(blocks, ceiling=0.01, **settings).sentence


def test_a_worse_canary_is_told_with_both_sides_the_ratio_and_the_chance():
    assert said(*[a_block([(51, 3)], [(130, 1)] * 7)] * 10) == (
        "canary 30 of 510 requests bad (5.9 %), stable 70 of 9,100 (0.77 %): 7.6 times the stable's rate, "
        "between 4.5 and 18 times; by chance 1 in 1,300,000"
    )


def test_an_equal_canary_shows_no_sign_of_harm_and_in_the_end_that_is_proved():
    assert said(a_block([(50, 0)], [(950, 5)])) == (
        "canary 0 of 50 requests bad (0 %), stable 5 of 950 (0.53 %): 0 times the stable's rate; no sign of harm"
    )
    assert said(*[a_block([(1000, 2)], [(1000, 2)])] * 60).endswith(
        "about the stable's rate, between 0.85 and 1.1 times; no sign of harm, and less than 2 times is proved"
    )


def test_where_the_stable_side_has_nothing_bad_there_is_no_ratio():
    assert said(a_block([(50, 2)], [(950, 0)])) == (
        "canary 2 of 50 requests bad (4 %), stable 0 of 950 (0 %): by chance 1 in 5.4"
    )


def test_what_equal_pods_may_differ_by_is_said():
    unequal = [(100, 20)] + [(100, 0)] * 9
    assert said(*[a_block([(100, 10)], unequal)] * 10).endswith(", but equal pods may differ as much")


def test_nothing_so_far_is_said():
    assert said() == "no requests to compare so far"
    assert said(Block({"a": (10, 0)}, {})) == (
        "canary 0 of 10 requests bad (0 %), stable without requests: no sign of harm"
    )


def test_slow_requests_are_called_slow():
    evidence = begun(Rule()).after(a_block([(50, 2)], [(950, 4)]))
    assert words.compared(evidence, bad="slow").startswith("canary 2 of 50 requests slow (4 %), stable 4 of 950")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "1 in 1"),
        (0.3, "1 in 1"),
        (1.0, "1 in 1"),
        (2.46, "1 in 2.5"),
        (19.8, "1 in 20"),
        (3412.0, "1 in 3,400"),
        (123_456.0, "1 in 120,000"),
        (9.99e8, "1 in 1,000,000,000"),
        (1e9, "less than 1 in 1,000,000,000"),
        (math.exp(600), "less than 1 in 1,000,000,000"),
    ],
)
def test_a_chance_is_one_in_so_many(value: float, text: str):
    assert likelihood(value) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [(0, "0 %"), (1e-7, "under 0.001 %"), (0.00055, "0.055 %"), (0.03, "3 %"), (0.123, "12 %"), (1, "100 %")],
)
def test_a_share_is_told_in_per_cent(part: float, text: str):
    assert words.percent(part) == text
