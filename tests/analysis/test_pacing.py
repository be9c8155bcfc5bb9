import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import pacing


def test_the_next_question_is_due_just_after_the_next_scrape_of_the_last_target():
    assert pacing.after_scrape(scrapes=[88.0, 92.0, 30.0], interval=15, now=92.5) == pytest.approx(14.6)


def test_a_scrape_that_is_overdue_or_far_away_is_asked_for_within_bounds():
    assert pacing.after_scrape(scrapes=[50.0], interval=15, now=92) == pacing.SLACK
    assert pacing.after_scrape(scrapes=[100.0], interval=15, now=92) == 15
    assert pacing.after_scrape(scrapes=[], interval=15, now=92) == 15


def test_a_scrape_that_is_missing_is_looked_for_less_and_less_often():
    assert [pacing.after_nothing(misses=each, interval=15) for each in (1, 2, 3, 8, 9, 99)] == [
        0.1,
        0.2,
        0.4,
        12.8,
        15,
        15,
    ]


@given(st.floats(0, 1e10), st.sampled_from([0.5, 5.0, 15.0, 60.0]))
def test_questions_in_step_are_at_least_half_an_interval_apart(now: float, interval: float):
    assert interval / 2 - 1e-6 <= pacing.in_step(interval=interval, now=now) < 1.5 * interval + 1e-6


def test_questions_in_step_are_asked_at_the_same_moments():
    moments = {round(now + pacing.in_step(interval=5, now=now), 6) for now in (100.0, 100.3, 101.7, 102.4)}
    assert moments == {105.0}


@given(st.floats(0, 3000), st.sampled_from([5.0, 15.0, 60.0]))
def test_a_question_reaches_to_the_scrape_before_the_last_one_seen(age: float, interval: float):
    found = pacing.reach(since=1e6 - age, interval=interval, now=1e6)
    assert found >= min(age + 2 * interval, pacing.LONGEST)
    assert found <= max(2 * (age + 2 * interval), 4 * interval)


def test_steady_questions_reach_equally_far_so_that_they_can_be_shared():
    assert {pacing.reach(since=1000 - age, interval=15, now=1000) for age in (0, 1, 14.9, 15, 29)} == {60.0}
    assert pacing.reach(since=0, interval=15, now=1e6) == 3600


@given(st.integers(1, 99), st.floats(0, 1), st.sampled_from([0.5, 5.0, 15.0, 60.0]))
def test_a_source_that_is_down_is_tried_again_soon_and_for_ever(failures: int, chance: float, interval: float):
    assert 0 < pacing.back_off(failures=failures, interval=interval, chance=chance) <= 15


def test_a_source_that_stays_down_is_tried_less_often():
    delays = [pacing.back_off(failures=each, interval=15, chance=1) for each in (1, 2, 3, 9)]
    assert delays == [1, 2, 4, 15]
