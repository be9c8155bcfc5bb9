import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.assess import CheckResult, State, assess
from analysis.checks import Split
from analysis.history import Counts, History, Trouble
from analysis.judgement import judged
from tests.analysis.builders import START, a_latency, a_query, a_ratio, at, counts, nothing, steady, values

FRESH = History(since=START, interval=timedelta(seconds=15))
HEALTHY = steady(2, 1000, 8)
DOWN = Trouble("providerDown", "it cannot be reached", at(100))


def state(*arguments: object, **options: object) -> State:
    return assess(*arguments, **options).state  # type: ignore[arg-type]


def test_a_regression_says_everything_it_is_made_of():
    canary = counts((0, 0), (1, 200), (31, 604))
    stable = counts((0, 0), (2, 1000), (4, 2000))
    assert assess(a_ratio(), canary, stable, at(31)) == CheckResult(
        name="errors",
        state=State.REGRESS,
        critical=True,
        warn_only=False,
        canary=31 / 604,
        stable=0.002,
        requests=604,
        bad=31,
        stable_requests=2000,
        stable_bad=4,
        failing=1,
        at=at(30),
        proved_at=at(30),
        since=at(30),
        sentence="errors: canary 5.1 % against 0.2 % on stable, at most 1 % allowed (31 of 604 requests)",
    )


def test_a_pass_says_everything_it_is_made_of():
    assert assess(a_ratio(critical=False, warn_only=True), steady(1, 200, 6), None, at(95)) == CheckResult(
        name="errors",
        state=State.PASS,
        critical=False,
        warn_only=True,
        canary=0.005,
        requests=800,
        bad=4,
        at=at(90),
        since=at(15),
        proven=True,
        sentence="errors: canary 0.5 %, at most 1 % allowed (4 of 800 requests)",
    )


def test_a_latency_is_told_in_its_own_words():
    found = assess(a_latency(), steady(7, 100, 4), steady(1, 1000, 4), at(61))
    assert (found.state, found.sentence) == (
        State.REGRESS,
        "p99: 7 % of the canary's requests slower than 500 ms against 0.1 % on stable,"
        " at most 1 % allowed (28 of 400 requests)",
    )


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (counts((0, 0), (1, 1)), State.NOT_ENOUGH_DATA),
        (counts((0, 0), (2, 2)), State.REGRESS),
        (counts((0, 0), (0, 99)), State.NOT_ENOUGH_DATA),
        (counts((0, 0), (0, 100)), State.PASS),
        (counts((0, 0), (1, 100)), State.PASS),
        (counts((0, 0), (2, 100)), State.REGRESS),
        (counts((0, 0), (2, 200)), State.PASS),
        (counts((0, 0), (0, 0)), State.NOT_ENOUGH_DATA),
        (counts((0, 0)), State.NOT_ENOUGH_DATA),
    ],
    ids=[
        "one bad answer alone is never a breach",
        "two bad answers of two are",
        "one request too few to allow one bad one",
        "just enough, none bad",
        "just at the ceiling",
        "above the ceiling",
        "at the ceiling with more requests",
        "no request at all",
        "only the scrape that sums start from",
    ],
)
def test_one_sample_is_judged_by_the_ceiling(history: History, expected: State):
    assert state(a_ratio(), history, None, at(16)) == expected


def test_a_share_exactly_at_the_ceiling_is_allowed_whatever_floats_make_of_it():
    assert state(a_ratio(ceiling=0.29), counts((0, 0), (29, 100)), None, at(16)) == State.PASS


def test_old_trouble_leaves_the_window_when_a_minute_and_requests_enough_have_passed():
    burst = counts((0, 0), (50, 1000), *((50, 1000 * place) for place in range(2, 8)))
    assert [state(a_ratio(), replace(burst, counts=burst.counts[:n]), None, at(15 * n)) for n in (5, 6, 7)] == [
        State.REGRESS,
        State.PASS,
        State.PASS,
    ]


def test_a_minute_with_too_few_requests_is_looked_at_together_with_what_was_before():
    rare = counts((0, 0), *((2, 10 * place) for place in range(1, 9)))
    assert state(a_ratio(), rare, None, at(121)) == State.REGRESS
    enough = counts((0, 0), *((2, 10 * place) for place in range(1, 13)))
    assert state(a_ratio(), enough, None, at(181)) == State.PASS


def test_only_as_many_failures_in_a_row_as_allowed_prove_a_regression():
    check = a_ratio(limit=3)
    bad = steady(10, 100, 5)
    seen = [assess(check, replace(bad, counts=bad.counts[:n]), None, at(15 * n)) for n in (2, 3, 4, 5, 6)]
    assert [(each.state, each.failing, each.proved_at, each.since) for each in seen] == [
        (State.NOT_ENOUGH_DATA, 1, None, START),
        (State.NOT_ENOUGH_DATA, 2, None, START),
        (State.REGRESS, 3, at(45), at(45)),
        (State.REGRESS, 4, at(45), at(45)),
        (State.REGRESS, 5, at(45), at(45)),
    ]
    assert seen[1].sentence == (
        "errors: canary 10 %, at most 1 % allowed (20 of 200 requests), 2 of 3 bad samples in a row"
    )


def test_a_good_sample_between_starts_the_row_anew():
    found = assess(a_query(failure_limit=2), values(11, 9, 11), None, at(31))
    assert (found.state, found.failing, found.since) == (State.NOT_ENOUGH_DATA, 1, at(30))


@pytest.mark.parametrize(
    ("number", "expected"),
    [(10, State.PASS), (10.1, State.REGRESS), (-5, State.PASS), (math.nan, State.REGRESS), (math.inf, State.REGRESS)],
)
def test_a_query_passes_inside_its_bounds_only(number: float, expected: State):
    assert state(a_query(), values(number), None, at(1)) == expected


def test_a_query_without_an_upper_bound_is_still_not_passed_by_what_is_no_number():
    check = a_query(min=1, max=None)
    assert [state(check, values(each), None, at(1)) for each in (1, 0.9, math.nan, math.inf)] == [
        State.PASS,
        State.REGRESS,
        State.REGRESS,
        State.REGRESS,
    ]


def test_a_query_shows_both_values_and_its_range():
    found = assess(a_query(min=1), values(12.345), values(4), at(1))
    assert (found.canary, found.stable, found.requests) == (12.345, 4, None)
    assert found.sentence == "queue: canary 12.35 against 4 on stable, allowed 1 to 10"


def test_a_query_that_has_no_number_any_more_is_no_data_and_its_failures_are_no_regression():
    gone = Trouble("noData", "the query answers NaN", at(20))
    found = assess(a_query(), values(12, trouble=gone), None, at(21))
    assert (found.state, found.since, found.sentence) == (
        State.NO_DATA,
        at(20),
        "queue: no data: the query answers NaN",
    )


def test_nothing_asked_yet_is_not_enough_data():
    found = assess(a_ratio(), FRESH, FRESH, at(1))
    assert (found.state, found.since, found.requests, found.sentence) == (
        State.NOT_ENOUGH_DATA,
        START,
        None,
        "errors: waiting for the first scrape",
    )


def test_too_few_requests_say_how_many_are_missing():
    assert assess(a_ratio(), counts((0, 0), (1, 37)), None, at(16)).sentence == (
        "errors: 37 of the 100 requests needed so far, 1 of them bad"
    )


def test_no_series_on_either_side_is_no_data_at_once():
    found = assess(a_ratio(), nothing(since=3), nothing(since=2), at(4))
    assert (found.state, found.since, found.silent, found.sentence) == (
        State.NO_DATA,
        at(3),
        False,
        "errors: no data: no series matches",
    )


def test_a_canary_without_series_yet_is_given_three_intervals():
    seen = [assess(a_ratio(), nothing(since=2), HEALTHY, at(seconds)) for seconds in (47, 48)]
    assert [(each.state, each.since) for each in seen] == [(State.NOT_ENOUGH_DATA, START), (State.NO_DATA, at(47))]


@pytest.mark.parametrize("side", ["canary", "stable"])
def test_a_source_that_fails_is_down_since_it_began_to_fail(side: str):
    canary, stable = (replace(HEALTHY, trouble=DOWN if side == each else None) for each in ("canary", "stable"))
    found = assess(a_ratio(source="prom"), canary, stable, at(121))
    assert (found.state, found.since, found.sentence) == (
        State.PROVIDER_DOWN,
        at(100),
        "errors: source prom is down: it cannot be reached",
    )


def test_a_proved_regression_is_not_hidden_by_a_source_that_goes_down_afterwards():
    bad = replace(steady(50, 100, 8), trouble=DOWN)
    assert [state(a_ratio(), bad, HEALTHY, at(seconds)) for seconds in (121, 165, 166)] == [
        State.REGRESS,
        State.REGRESS,
        State.PROVIDER_DOWN,
    ]


def test_samples_older_than_three_intervals_are_no_data():
    seen = [assess(a_ratio(), HEALTHY, HEALTHY, at(seconds)) for seconds in (165, 166)]
    assert [(each.state, each.since) for each in seen] == [(State.PASS, at(15)), (State.NO_DATA, at(165))]
    assert seen[1].sentence == "errors: no data: nothing new for more than 45 s"


def test_the_sentence_stays_the_same_where_scrapes_come_a_little_late():
    late = replace(HEALTHY, interval=timedelta(seconds=15.0034))
    assert assess(a_ratio(), late, late, at(170)).sentence == "errors: no data: nothing new for more than 45 s"


def five(since: float = 0) -> Split:
    return Split(weight=5, since=at(since))


def test_a_canary_that_answers_nothing_while_stable_does_is_silent():
    found = assess(a_ratio(), counts((0, 0), (0, 0), (0, 0)), steady(0, 100, 2), at(31), split=five())
    assert (found.state, found.silent, found.since, found.sentence) == (
        State.NO_DATA,
        True,
        at(30),
        "errors: the canary answered none of about 11 requests, while stable answered 200",
    )


@pytest.mark.parametrize(
    ("canary", "stable", "split"),
    [
        (counts((0, 0), (0, 0), (0, 0)), steady(0, 90, 2), five()),
        (counts((0, 0), (0, 0), (0, 1)), steady(0, 1000, 2), five()),
        (counts((0, 0), (0, 0), (0, 0)), steady(0, 1000, 2), five(since=20)),
        (counts((0, 0), (0, 0), (0, 0)), steady(0, 1000, 2), Split(weight=0, since=START)),
        (counts((0, 0), (0, 0), (0, 0)), steady(0, 1000, 2), Split(weight=100, since=START)),
        (counts((0, 0), (0, 0), (0, 0)), steady(0, 1000, 2), None),
        (counts((0, 0), (0, 0), (0, 0)), nothing(), five()),
        (counts((0, 0)), steady(0, 1000, 2), five()),
        (nothing(), steady(0, 1000, 2), five()),
    ],
    ids=[
        "fewer than ten requests expected",
        "it answered at the last scrape",
        "the weight is newer than the requests",
        "weight 0",
        "weight 100",
        "no split",
        "stable is silent too",
        "canary not scraped again yet",
        "a new pod is not scraped yet",
    ],
)
def test_a_canary_of_which_nothing_was_owed_is_not_silent(canary: History, stable: History, split: Split | None):
    assert not assess(a_ratio(), canary, stable, at(31), split=split).silent


def test_a_canary_that_answered_in_the_very_scrape_its_sums_start_from_is_not_silent():
    first = at(15)
    both = replace(nothing(), counts=(Counts(first, 0, 0), Counts(first, 0, 200)))
    assert not assess(a_ratio(), both, both, at(16), split=Split(weight=10, since=at(0))).silent


def test_a_canary_that_answered_once_and_then_stopped_is_silent_although_its_window_passes():
    canary = counts((0, 0), (0, 500), (0, 500), (0, 500))
    before = assess(a_ratio(), replace(canary, counts=canary.counts[:2]), steady(0, 1000, 1), at(16), split=five())
    after = assess(a_ratio(), canary, steady(0, 1000, 3), at(46), split=five())
    assert (before.state, after.state, after.silent) == (State.PASS, State.NO_DATA, True)


def test_a_canary_whose_metrics_never_come_is_silent_after_a_minute():
    stable = steady(0, 1000, 8)
    assert [assess(a_ratio(), nothing(), stable, at(each), split=five()).silent for each in (60, 61)] == [False, True]


def test_a_canary_whose_metrics_vanished_is_silent_after_a_minute():
    canary, stable = counts((0, 0), (0, 50)), steady(0, 1000, 8)
    assert [assess(a_ratio(), canary, stable, at(each), split=five()).silent for each in (75, 76)] == [False, True]


def test_a_source_that_is_down_is_not_the_canarys_silence():
    canary = replace(counts((0, 0), (0, 0), (0, 0)), trouble=DOWN)
    found = assess(a_ratio(), canary, steady(0, 1000, 2), at(101), split=five())
    assert (found.state, found.silent) == (State.PROVIDER_DOWN, False)


def test_the_stable_side_is_shown_over_the_same_time():
    stable = counts((0, 0), (90, 100), (90, 200), (90, 300), (90, 400), (90, 500), (90, 600))
    assert assess(a_ratio(), steady(0, 100, 6), stable, at(91)).stable == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 100)), min_size=1, max_size=40), st.integers(1, 4))
def test_a_history_judged_as_it_grows_is_judged_as_a_whole(steps: list[tuple[int, int]], failure_limit: int):
    check, sums = a_ratio(limit=failure_limit), [(0.0, 0.0)]
    known = None
    for bad, more in steps:
        sums.append((sums[-1][0] + min(bad, more), sums[-1][1] + more))
        known = judged(check, counts(*sums), known)
        assert known.judgement == judged(check, counts(*sums)).judgement


def test_a_newest_sample_that_gains_a_late_scrape_is_judged_again():
    before = judged(a_ratio(), counts((0, 0), (0, 100), (1, 200)))
    grown = counts((0, 0), (0, 100), (9, 250))
    assert (before.judgement.state, judged(a_ratio(), grown, before).judgement.state) == (State.PASS, State.REGRESS)


def test_another_limit_judges_the_whole_history_again():
    history = steady(2, 100, 4)
    before = judged(a_ratio(), history)
    assert (before.judgement.state, judged(a_ratio(ceiling=0.05), history, before).judgement.state) == (
        State.REGRESS,
        State.PASS,
    )
