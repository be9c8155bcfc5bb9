from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.growth import growths
from analysis.history import (
    KEPT,
    Counts,
    History,
    Round,
    Trouble,
    Value,
    counted,
    moment,
    rounds,
    troubled,
    valued,
)
from analysis.samples import Increment
from tests.analysis.builders import START, at

EMPTY = History(since=START, interval=timedelta(seconds=15))


def one(seconds: float, bad: float, total: float) -> Round:
    return Round(at(seconds), bad, total)


def test_sums_start_from_an_entry_of_zeros_and_add_up():
    history = counted(EMPTY, START, [one(15, 1, 15), one(30, 0, 10)])
    assert history.counts == (
        Counts(START, 0, 0),
        Counts(at(15), 1, 15),
        Counts(at(30), 1, 25),
    )


def test_a_scrape_that_shows_itself_late_joins_the_newest_sample():
    history = counted(counted(EMPTY, START, [one(15, 1, 10)]), START, [one(12, 1, 5)])
    assert history.counts == (Counts(START, 0, 0), Counts(at(15), 2, 15))


def test_without_a_new_scrape_there_is_no_new_sample():
    history = counted(EMPTY, START, [one(15, 1, 10)])
    assert counted(history, at(15), []) == history


@settings(deadline=None)  # thousands of scrapes, on whatever machine
@given(st.integers(KEPT, KEPT + 200))
def test_a_long_history_loses_resolution_and_no_counts(scrapes: int):
    history = EMPTY
    for place in range(1, scrapes + 1):
        history = counted(history, START, [one(15 * place, 1, 10)])
    assert len(history.counts) == KEPT
    assert (history.counts[0], history.counts[-1].total) == (Counts(START, 0, 0), 10 * scrapes)


def test_a_round_holds_one_scrape_of_every_reporter():
    total = [
        Increment(3, "a", 1),
        Increment(7, "b", 2),
        Increment(18, "a", 3),
        Increment(22, "b", 4),
        Increment(22, "b", 1),
    ]
    bad = [Increment(7, "b", 1), Increment(18, "a", 1)]
    assert rounds(growths(total, bad)) == (Round(moment(7), 1, 3), Round(moment(22), 1, 8))
    assert rounds(()) == ()


def test_trouble_of_one_kind_goes_on_since_it_began():
    first = troubled(EMPTY, "providerDown", "it cannot be reached", at(1))
    second = troubled(first, "providerDown", "it did not answer", at(9))
    third = troubled(second, "noData", "no series matches", at(12))
    assert [each.trouble for each in (second, third)] == [
        Trouble("providerDown", "it did not answer", at(1)),
        Trouble("noData", "no series matches", at(12)),
    ]


def test_a_number_ends_the_trouble_and_the_same_answer_is_no_second_sample():
    history = valued(troubled(EMPTY, "noData", "x", START), Value(at(15), 1.0))
    assert history == replace(EMPTY, values=(Value(at(15), 1.0),))
    assert valued(history, Value(at(15), 2.0)) == history
