from analysis.history import Counts, History
from analysis.queries import selector
from analysis.readings import Counting
from analysis.samples import Point, Samples, Series
from analysis.sources import NoData
from analysis.tracks import Track, begun, grown
from tests.analysis.builders import START, at

BAD = Counting(selector("all"), selector("bad"), "bad")
GOOD = Counting(selector("all"), selector("good"), "good", "no such bound")


def cumulative(*values: tuple[float, float], pod: str = "a", **labels: str) -> Series:
    """A counter of one pod, at seconds after the start."""
    points = tuple(Point(START.timestamp() + seconds, value) for seconds, value in values)
    return Series(tuple(sorted({"pod": pod, **labels}.items())), points)


def followed(reading: Counting, *answers: tuple[Samples, Samples]) -> History:
    track = begun(since=START, now=START, interval=15)
    for total, part in answers:
        found = grown(track, reading, total, part, delay=0.01)
        assert isinstance(found, Track)
        track = found
    return track.history


def test_bad_requests_of_a_scrape_that_the_total_has_not_seen_wait_for_it():
    first = Samples((cumulative((0, 100), (15, 200)),))
    bad = Samples((cumulative((0, 1), (15, 2), (30, 50)),))
    second = Samples((cumulative((0, 100), (15, 200), (30, 300)),))
    assert followed(BAD, (first, bad)).counts == (Counts(START, 0, 0), Counts(at(15), 1, 100))
    assert followed(BAD, (first, bad), (second, bad)).counts[-1] == Counts(at(30), 49, 200)


def test_bad_requests_that_appear_where_the_total_was_scraped_before_count_from_zero():
    total = Samples((cumulative((0, 100), (15, 200), (30, 300)),))
    assert followed(BAD, (total, Samples((cumulative((30, 7)),)))).counts[-1] == Counts(at(30), 7, 200)


def test_a_counter_that_may_only_have_left_the_range_does_not_count_its_past():
    total = Samples((cumulative((0, 100), (15, 200)),))
    bad = Samples((cumulative((15, 5000)),))
    track = begun(since=at(-60), now=START, interval=15)
    found = grown(track, BAD, total, bad, delay=16)
    assert isinstance(found, Track)
    assert found.history.counts[-1].bad == 0


def test_what_is_not_good_is_bad():
    total = Samples((cumulative((0, 100), (15, 200)),))
    good = Samples((cumulative((0, 90), (15, 170)),))
    assert followed(GOOD, (total, good)).counts[-1] == Counts(at(15), 20, 100)


def test_a_pod_whose_histogram_lacks_the_bound_is_left_out_and_all_pods_are_no_data():
    other = cumulative((0, 100), (15, 900), pod="b")
    total = Samples((cumulative((0, 100), (15, 200)), other))
    good = Samples((cumulative((0, 100), (15, 200)),))
    assert followed(GOOD, (total, good)).counts[-1] == Counts(at(15), 0, 100)
    track = begun(since=START, now=START, interval=15)
    assert grown(track, GOOD, total, Samples(()), delay=0) == NoData("no such bound")


def test_the_pace_is_what_is_seen_and_the_interval_never_below_what_is_configured():
    slow = Samples((cumulative((0, 1), (60, 2), (120, 3)),))
    quick = Samples((cumulative((0, 1), (1, 2), (2, 3)),))
    for answer, pace, interval in ((slow, 60, 60), (quick, 1, 15)):
        found = grown(begun(since=START, now=START, interval=15), BAD, answer, Samples(()), delay=0)
        assert isinstance(found, Track)
        assert (found.pace, found.history.interval.total_seconds()) == (pace, interval)


def test_a_gap_in_which_the_source_was_away_is_not_the_pace():
    around = Samples((cumulative((0, 1), (15, 2), (615, 3)),))
    found = grown(begun(since=START, now=START, interval=15), BAD, around, Samples(()), delay=0)
    assert isinstance(found, Track)
    assert (found.pace, found.history.interval.total_seconds()) == (15, 15)


def test_an_interval_that_was_longer_for_a_while_is_short_again():
    track = begun(since=START, now=START, interval=15)
    for answer, interval in (
        (cumulative((0, 1), (600, 2)), 600),
        (cumulative((600, 2), (615, 3), (630, 4)), 15),
    ):
        found = grown(track, BAD, Samples((answer,)), Samples(()), delay=0)
        assert isinstance(found, Track)
        track = found
        assert (track.pace, track.history.interval.total_seconds()) == (interval, interval)
