import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from analysis.samples import (
    Increment,
    Point,
    Samples,
    Seen,
    Series,
    covered,
    difference,
    newest,
    reporter,
    series,
    target,
)

POD = (("instance", "10.0.0.1:80"), ("job", "shop"), ("pod", "shop-x"))
TARGET = ("shop", "10.0.0.1:80")


def a_series(*points: tuple[float, float], code: str = "200", place: int = 0) -> Series:
    return Series((("code", code), *POD), tuple(Point(*point) for point in points), place)


def grew(*answers: Samples, since: float = -math.inf, **options: object) -> list[Increment]:
    """What one answer after the other adds."""
    seen, found = Seen(), list[Increment]()
    for answer in answers:
        seen, more = difference(
            seen, answer, since=since, examined=options.get("examined", {}), until=options.get("until")
        )
        found += more
    return found


@given(st.lists(st.integers(0, 50), max_size=30), st.data())
def test_increments_add_up_to_what_was_counted_however_the_answers_overlap(steps: list[int], data: st.DataObject):
    points = [(0.0, 100.0)]
    for step in steps:
        points.append((points[-1][0] + 15, points[-1][1] + step))
    ends = sorted(data.draw(st.sets(st.integers(1, len(points)))) | {len(points)})
    answers = [Samples((a_series(*points[max(0, end - data.draw(st.integers(4, 40))) : end]),)) for end in ends]
    total = sum(each.value for each in grew(*answers))
    missed = any(later - earlier > 4 for earlier, later in itertools.pairwise(ends))
    first = next(each.points[0].value for answer in answers for each in answer.series)
    assert missed or total == points[-1][1] - first


@given(st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=5), min_size=1, max_size=5))
def test_a_reset_counts_from_zero_and_never_backwards(lives: list[list[int]]):
    points, at, expected, before = [(0.0, 1000.0)], 0.0, 0.0, 1000.0
    for life in lives:
        value = 0.0
        for step in life:
            at, value = at + 15, value + step
            points.append((at, value))
            expected += value if value < before else value - before
            before = value
    found = grew(Samples((a_series(*points),)))
    assert sum(each.value for each in found) == expected
    assert all(each.value >= 0 for each in found)


def test_every_scrape_is_an_increment_of_its_own_with_its_own_time():
    assert grew(Samples((a_series((0, 5), (15, 7), (30, 7), (45, 12)),))) == [
        Increment(15, "shop-x", 2),
        Increment(30, "shop-x", 0),
        Increment(45, "shop-x", 5),
    ]


def test_the_same_scrape_seen_twice_counts_once():
    answer = Samples((a_series((0, 5), (15, 7)),))
    assert grew(answer, answer, answer) == [Increment(15, "shop-x", 2)]


def test_a_series_that_appears_late_counts_from_zero_where_its_target_answered_before():
    first = Samples((a_series((0, 5)),))
    second = Samples((a_series((15, 7)), a_series((15, 3), code="500")))
    assert grew(first, second) == [Increment(15, "shop-x", 2), Increment(15, "shop-x", 3)]


def test_a_series_that_appears_late_within_one_answer_counts_from_zero():
    assert grew(Samples((a_series((0, 5), (15, 7)), a_series((15, 3), code="500")))) == [
        Increment(15, "shop-x", 2),
        Increment(15, "shop-x", 3),
    ]


def test_a_series_of_a_target_never_heard_before_starts_where_it_is():
    assert grew(Samples((a_series((15, 1000), (30, 1004)),))) == [Increment(30, "shop-x", 4)]


def test_a_series_of_a_target_that_answered_without_it_counts_from_zero():
    assert grew(Samples((a_series((30, 4)),)), examined={TARGET: 15.0}) == [Increment(30, "shop-x", 4)]


def test_a_series_as_old_as_the_scrape_that_should_lack_it_starts_where_it_is():
    assert grew(Samples((a_series((15, 4)),)), examined={TARGET: 15.0}) == []


def test_a_series_known_before_the_beginning_starts_at_its_last_scrape_before_it():
    assert grew(Samples((a_series((0, 5), (15, 7), (30, 12)),)), since=20.0) == [Increment(30, "shop-x", 5)]


def test_a_series_that_vanished_and_comes_back_goes_on_from_what_was_seen():
    with_it = Samples((a_series((0, 5)), a_series((0, 1), code="500")))
    without = Samples((a_series((15, 6)),))
    back = Samples((a_series((30, 8)), a_series((30, 4), code="500")))
    assert grew(with_it, without, back) == [
        Increment(15, "shop-x", 1),
        Increment(30, "shop-x", 2),
        Increment(30, "shop-x", 3),
    ]


def test_scrapes_newer_than_the_limit_wait_for_the_next_time():
    answer = Samples((a_series((0, 5), (15, 7), (30, 9)),))
    seen, first = difference(Seen(), answer, examined={}, until={TARGET: 15.0})
    _, second = difference(seen, answer, examined={}, until={TARGET: 30.0})
    assert (first, second) == ((Increment(15, "shop-x", 2),), (Increment(30, "shop-x", 2),))


def test_the_selectors_of_a_sum_are_told_apart():
    answer = [Samples((a_series((at, at), place=0), a_series((at, at), place=1))) for at in (0.0, 15.0)]
    assert grew(*answer) == [Increment(15, "shop-x", 15), Increment(15, "shop-x", 15)]


def test_what_is_no_number_is_left_out():
    points = [Point(0, 1), Point(15, math.nan), Point(30, math.inf), Point(45, -math.inf), Point(60, 2)]
    assert series({"b": "2", "a": "1"}, points) == Series((("a", "1"), ("b", "2")), (Point(0, 1), Point(60, 2)))
    assert series({}, [Point(0, math.nan)]) is None


def test_a_later_question_covers_the_scrapes_that_cannot_have_left_its_range():
    answer = Samples((a_series((0, 1), (15, 2), (30, 3)),))
    assert covered(answer, delay=1.0) == {TARGET: 15.0}
    assert covered(answer, delay=20.0) == {TARGET: 30.0}
    assert covered(answer, delay=60.0) == {TARGET: math.inf}


def test_the_newest_scrape_counts_whoever_shows_it():
    answer = Samples((a_series((0, 1), (15, 2)), a_series((0, 1), code="500")), {("", "other:80"): 3.0})
    assert newest(answer) == {TARGET: 15, ("", "other:80"): 3.0}


def test_a_target_is_its_job_and_instance_else_its_pod():
    assert [target(POD), target((("pod", "x"),)), target(())] == [TARGET, ("x",), ()]
    assert [reporter(POD), reporter((("instance", "i"),)), reporter(())] == ["shop-x", "i", ""]
