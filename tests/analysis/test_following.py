from dataclasses import replace

import pytest

from analysis.checks import Check, Subject, Subscription, Threshold
from analysis.following import Following, follow
from analysis.sources import ScrapeSource, Source
from analysis.sources.scrape import Scrape
from tests.analysis.builders import START, a_query, a_ratio, at

CANARY = Subject(side="canary", revision="v2", namespace="n", pods=("a",), addresses=("10.0.0.1",))
STABLE = Subject(side="stable", revision="v1", namespace="n")
BY_POD = a_ratio(bad='all{pod=~"{{pods}}",code="500"}', total='all{pod=~"{{pods}}"}')
FIRST = Subscription(checks=(BY_POD,), subjects=(CANARY, STABLE))
MORE = replace(CANARY, pods=("a", "b"), addresses=("10.0.0.1", "10.0.0.2"))
SOURCE = Scrape(ScrapeSource(name="proxy", urls=("http://127.0.0.1:1",)))


def find(check: Check) -> Source | str:
    return SOURCE


def followed(subscription: Subscription, known: Following[str] | None = None, seconds: float = 0) -> Following[str]:
    return follow("a", subscription, known, find=find, now=at(seconds))


@pytest.mark.parametrize(
    "changed",
    [
        replace(FIRST, subjects=(MORE, STABLE)),
        replace(FIRST, checks=(replace(BY_POD, rule=Threshold(ceiling=0.5, failure_limit=3), critical=False),)),
        replace(FIRST, checks=(BY_POD, a_query())),
        replace(FIRST, subjects=(CANARY,)),
    ],
    ids=["more pods", "other limits", "one more check", "no stable side"],
)
def test_what_is_measured_the_same_way_goes_on(changed: Subscription):
    before = followed(FIRST)
    kept = before.places["errors", "canary"]
    track = kept.track
    after = followed(changed, before, 60)
    assert after.places["errors", "canary"] is kept
    assert (kept.track, kept.wanted, kept.check, kept.subject) == (track, True, changed.checks[0], changed.subjects[0])
    assert before.places["errors", "stable"].wanted == (len(changed.subjects) == 2)


@pytest.mark.parametrize(
    "changed",
    [
        replace(FIRST, checks=(replace(BY_POD, total="requests"),)),
        replace(FIRST, checks=(replace(BY_POD, source="proxy"),)),
        replace(FIRST, subjects=(replace(CANARY, revision="v3"), STABLE)),
        replace(FIRST, since=START),
    ],
    ids=["another text", "another source", "another canary", "another beginning"],
)
def test_what_is_another_comparison_starts_anew(changed: Subscription):
    before = followed(FIRST)
    old = before.places["errors", "canary"]
    after = followed(changed, before, 60)
    assert after.places["errors", "canary"] is not old
    assert (old.wanted, after.places["errors", "canary"].track.history.since) == (False, at(60))


def test_another_canary_begins_another_comparison_for_the_stable_side_too():
    before = followed(FIRST)
    after = followed(replace(FIRST, subjects=(replace(CANARY, revision="v3"), STABLE)), before, 60)
    assert after.places["errors", "stable"].track.start == at(60).timestamp()


def test_sums_begin_where_the_subscription_says_else_where_it_was_made():
    assert followed(replace(FIRST, since=at(-90))).places["errors", "canary"].track.start == at(-90).timestamp()
    first = followed(FIRST, seconds=5)
    later = followed(replace(FIRST, checks=(BY_POD, a_query())), first, 60)
    assert later.places["queue", "canary"].track.start == at(5).timestamp()


def test_a_query_that_reads_the_same_on_both_sides_is_asked_once():
    own = a_query(name="own", expr='depth{revision="{{revision}}"}')
    found = followed(replace(FIRST, checks=(a_query(), own)))
    assert set(found.places) == {("queue", "canary"), ("own", "canary"), ("own", "stable")}
