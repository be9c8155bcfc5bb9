import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.judge import Several, several

evidence = st.floats(0, 1e260)


def test_one_check_alone_owns_the_whole_budget():
    assert several([(1.0, 100.0, 30.0)], alpha=0.01) == Several(100.0, (0,))
    assert several([(1.0, 99.9, 1e9)], alpha=0.01).culprits == ()


def test_a_check_with_half_the_budget_needs_twice_the_evidence():
    assert not several([(0.5, 150.0, 1e9), (0.5, 1.0, 1.0)], alpha=0.01).aborts
    assert several([(0.5, 200.0, 1e9), (0.5, 1.0, 1.0)], alpha=0.01).culprits == (0,)


def test_together_they_have_enough_where_none_has_alone_and_the_culprit_is_who_owns_most():
    found = several([(0.25, 200.0, 50.0), (0.5, 120.0, 50.0), (0.25, 1.0, 1.0)], alpha=0.01)
    assert found == Several(110.25, (1,))


def test_what_equal_pods_differ_by_is_nobodys_fault():
    assert not several([(0.5, 1000.0, 29.9), (0.5, 1.0, 1.0)], alpha=0.01).aborts


def test_a_loud_check_without_a_key_does_not_hide_one_that_has_both():
    assert several([(0.5, 1e6, 2.0), (0.5, 300.0, 40.0)], alpha=0.01).culprits == (1,)


def test_what_was_lifted_exactly_to_the_limit_is_enough():
    assert several([(1.0, 100.0 * (1 - 1e-12), 30.0)], alpha=0.01).aborts


def test_without_checks_there_is_no_evidence():
    assert several([], alpha=0.01) == Several(0.0, ())


def test_a_budget_that_is_spent_twice_is_refused():
    with pytest.raises(ValueError, match="add up to at most 1"):
        several([(0.7, 1.0, 1.0), (0.7, 1.0, 1.0)], alpha=0.01)
    with pytest.raises(ValueError, match="add up to at most 1"):
        several([(math.nan, 1.0, 1.0)], alpha=0.01)


@given(st.lists(st.tuples(evidence, st.floats(1, 1e260)), min_size=1, max_size=6))
def test_it_is_never_weaker_than_each_alone(entries: list[tuple[float, float]]):
    part = 1 / len(entries)
    found = several([(part, *each) for each in entries], alpha=0.01)
    assert math.isfinite(found.e_value)
    alone = [place for place, (value, key) in enumerate(entries) if part * value >= 100 and key >= 30]
    assert set(alone) <= set(found.culprits)
