"""Every check that can be fed by the demo's Envoy and pods comes to what its clients saw, on each side, at any time."""

import asyncio
from typing import Literal

import pytest

from analysis.checks import Latency, Ratio, Side
from analysis.history import Counts
from analysis.results import State
from tests.prometheus.arrangement import VERSIONS, Moment, Record, record
from tests.prometheus.catalogue import COUNTING, SHARE_OF_ERRORS
from tests.prometheus.traffic import Request

NOISE = 0.5  # seconds by which a client may have waited longer than the server took
READING = 1.0  # seconds between the time of a scrape and the last counter in it
FLUSH = 1.5  # seconds that a histogram of the proxy's may be behind, and what it takes to be read

pytestmark = pytest.mark.e2e
every_check = pytest.mark.parametrize("check", COUNTING, ids=lambda check: check.name)
both_sides = pytest.mark.parametrize("side", list(VERSIONS))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """One release, played once: what is asked about it does not change it."""
    return asyncio.run(record(tmp_path_factory.mktemp("arrangement")))


def agrees(check: Ratio | Latency, counts: Counts | None, seen: tuple[Request, ...]) -> bool:
    """Whether what Prometheus counted is what the clients did; none was left out or counted twice."""
    if counts is None:
        return not seen
    if isinstance(check, Ratio):
        return (counts.bad, counts.total) == (sum(each.code >= 500 for each in seen), len(seen))
    slow, fast = (sum(each.seconds > check.below + more for each in seen) for more in (0, NOISE))
    return counts.total == len(seen) and fast <= counts.bad <= slow


def explained(moment: Moment, check: Ratio | Latency, side: Side) -> str:
    seen = moment.of(side)
    slow = sorted(round(each.seconds, 2) for each in seen)[-10:]
    return f"{moment.counts[check.name, side]} for {len(seen)} requests, the slowest {slow}"


@every_check
def test_before_there_is_a_canary_it_has_no_data_which_is_not_zero(played: Record, check: Ratio | Latency) -> None:
    found = played.before.results[check.name]
    assert (found.state, found.canary, found.requests, found.bad) == (State.NO_DATA, None, None, None)
    assert found.sentence == f"{check.name}: no data: no series matches"
    assert played.before.counts[check.name, "canary"] is None
    assert played.before.of("canary") == ()


@every_check
def test_before_there_is_a_canary_stable_agrees_with_its_clients(played: Record, check: Ratio | Latency) -> None:
    seen = played.before.of("stable")
    assert len(seen) == 150
    assert agrees(check, played.before.counts[check.name, "stable"], seen), explained(played.before, check, "stable")


@both_sides
@every_check
def test_during_the_shift_each_side_agrees_with_its_clients(
    played: Record, check: Ratio | Latency, side: Literal["canary", "stable"]
) -> None:
    assert len(played.during.of(side)) >= 50
    assert agrees(check, played.during.counts[check.name, side], played.during.of(side)), explained(
        played.during, check, side
    )


@every_check
def test_during_the_shift_a_bad_canary_is_told_from_a_good_stable(played: Record, check: Ratio | Latency) -> None:
    found = played.during.results[check.name]
    counts = played.during.counts[check.name, "canary"]
    assert counts is not None
    assert (found.requests, found.bad, found.canary) == (counts.total, counts.bad, counts.bad / counts.total)
    if counts.bad > max(1, check.ceiling * counts.total):
        assert found.state is State.REGRESS
    if isinstance(check, Ratio):
        assert (found.state, found.stable) == (State.REGRESS, 0)


@both_sides
@every_check
def test_while_requests_run_no_scrape_is_ahead_of_the_clients_or_far_behind(
    played: Record, check: Ratio | Latency, side: Literal["canary", "stable"]
) -> None:
    seen = played.after.of(side)
    looks = [counts for look in played.looks if (counts := look[check.name, side]) is not None]
    assert len({counts.at for counts in looks}) >= 3
    for counts in looks:
        at = counts.at.timestamp()
        at_least = sum(each.ended < at - FLUSH for each in seen)
        at_most = sum(each.begun < at + READING for each in seen)
        assert at_least <= counts.total <= at_most


@both_sides
@every_check
def test_after_the_shift_stable_goes_on_and_the_canary_keeps_what_it_had(
    played: Record, check: Ratio | Latency, side: Literal["canary", "stable"]
) -> None:
    assert agrees(check, played.after.counts[check.name, side], played.after.of(side)), explained(
        played.after, check, side
    )
    ended = len(played.after.of(side)) - len(played.during.of(side))
    assert ended == (150 if side == "stable" else 0)


@pytest.mark.parametrize("check", [each for each in COUNTING if "pod" in str(each)], ids=lambda check: check.name)
def test_pods_that_left_are_no_data_and_keep_their_last_counts(played: Record, check: Ratio | Latency) -> None:
    found = played.after.results[check.name]
    during, after = (moment.counts[check.name, "canary"] for moment in (played.during, played.after))
    assert found.state is State.NO_DATA
    assert found.sentence == f"{check.name}: no data: nothing new for more than 3 s"
    assert during is not None
    assert after is not None
    assert (after.bad, after.total) == (during.bad, during.total)


def test_a_query_answers_nothing_before_and_each_sides_number_during_and_after(played: Record) -> None:
    before, during, after = (
        moment.results[SHARE_OF_ERRORS.name] for moment in (played.before, played.during, played.after)
    )
    seen = played.during.of("canary")
    share = sum(each.code >= 500 for each in seen) / len(seen)
    assert (before.state, before.canary, before.stable) == (State.NO_DATA, None, None)
    assert before.sentence == "query: share of errors: no data: the query answers nothing"
    assert (during.state, during.stable, after.state) == (State.REGRESS, None, State.REGRESS)
    assert during.canary == after.canary == pytest.approx(share)
