"""Series as they come and go in a real Prometheus: nothing is counted twice, below nothing, or made up."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from analysis.checks import Ratio, Subject, Threshold
from analysis.results import State
from tests.prometheus.conftest import Scraped
from tests.prometheus.watching import Watch, watching

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

BY_SERVICE = Ratio(
    name="errors",
    bad='requests_total{namespace="{{namespace}}",service="{{service}}",code="500"}',
    total='requests_total{namespace="{{namespace}}",service="{{service}}"}',
    rule=Threshold(ceiling=0.01),
)
BY_POD = Ratio(
    name="errors",
    bad='requests_total{namespace="{{namespace}}",pod=~"{{pods}}",code="500"}',
    total='requests_total{namespace="{{namespace}}",pod=~"{{pods}}"}',
    rule=Threshold(ceiling=0.01),
)


@pytest.fixture
def case(request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own, so that it has no series in common with another."""
    return str(request.node.name)[:40]


def series(case: str, code: int, **labels: str) -> str:
    named = "".join(f',{name}="{value}"' for name, value in labels.items())
    return f'requests_total{{namespace="{case}",code="{code}"{named}}}'


def sides(case: str, *, canary: tuple[str, ...] = (), stable: tuple[str, ...] = ()) -> tuple[Subject, Subject]:
    return (
        Subject(side="canary", revision="v2", namespace=case, service="shop-canary", pods=canary),
        Subject(side="stable", revision="v1", namespace=case, service="shop", pods=stable),
    )


@asynccontextmanager
async def comparing(scraped: Scraped, check: Ratio, subjects: tuple[Subject, ...]) -> AsyncIterator[Watch]:
    """Both sides measured, from a scrape on that stable is known by."""
    await scraped.scrapes(2)
    async with watching(scraped.source) as watch:
        watch.subscribe(check, subjects=subjects)
        await watch.until(lambda: watch.counts("errors", "stable") is not None, "the first scrape of stable")
        yield watch


def never_fell(watch: Watch) -> bool:
    """Whether requests and bad ones of the canary only ever grew."""
    seen = [(each.requests or 0, each.bad or 0) for each in watch.said]
    return all(before[0] <= after[0] and before[1] <= after[1] for before, after in pairwise(seen))


async def test_a_canary_whose_series_appear_scrapes_later_counts_from_its_first_request(
    scraped: Scraped, case: str
) -> None:
    scraped.exporter.shows("proxy", series(case, 200, service="shop"), 1000)
    async with comparing(scraped, BY_SERVICE, sides(case)) as watch:
        await watch.scrapes("errors", "stable", 4)
        assert watch.result("errors").state is State.NO_DATA
        assert watch.sums("errors", "canary") is None
        scraped.exporter.shows("proxy", series(case, 200, service="shop"), 1400)
        scraped.exporter.shows("proxy", series(case, 200, service="shop-canary"), 197)
        scraped.exporter.shows("proxy", series(case, 500, service="shop-canary"), 3)
        await watch.comes_to("errors", "canary", (3, 200))
        await watch.comes_to("errors", "stable", (0, 400))
    assert "errors: canary 1.5 % against 0 % on stable, at most 1 % allowed (3 of 200 requests)" in watch.regressed()


async def test_the_errors_of_a_canary_that_never_had_one_count_from_the_first(scraped: Scraped, case: str) -> None:
    scraped.exporter.shows("proxy", series(case, 200, service="shop"), 1000)
    scraped.exporter.shows("proxy", series(case, 200, service="shop-canary"), 50)
    async with comparing(scraped, BY_SERVICE, sides(case)) as watch:
        await watch.comes_to("errors", "canary", (0, 0))
        scraped.exporter.shows("proxy", series(case, 200, service="shop-canary"), 140)
        scraped.exporter.shows("proxy", series(case, 500, service="shop-canary"), 2)
        await watch.comes_to("errors", "canary", (2, 92))


async def test_what_a_pod_had_counted_when_it_was_first_scraped_is_not_the_canarys(scraped: Scraped, case: str) -> None:
    scraped.exporter.shows("pod-a", series(case, 200), 1000)
    scraped.exporter.down.add("pod-b")
    async with comparing(scraped, BY_POD, sides(case, canary=("pod-b",), stable=("pod-a",))) as watch:
        scraped.exporter.shows("pod-b", series(case, 200), 900)
        scraped.exporter.shows("pod-b", series(case, 500), 100)
        scraped.exporter.down.clear()
        await watch.comes_to("errors", "canary", (0, 0))
        scraped.exporter.shows("pod-b", series(case, 200), 1000)
        await watch.comes_to("errors", "canary", (0, 100))
    assert watch.regressed() == []


async def test_counters_that_begin_anew_lose_nothing_and_are_no_breach(scraped: Scraped, case: str) -> None:
    good, bad = series(case, 200), series(case, 500)
    scraped.exporter.shows("pod-a", good, 1000)
    scraped.exporter.shows("pod-b", good, 500)
    scraped.exporter.shows("pod-b", bad, 5)
    async with comparing(scraped, BY_POD, sides(case, canary=("pod-b",), stable=("pod-a",))) as watch:
        await watch.comes_to("errors", "canary", (0, 0))
        scraped.exporter.shows("pod-b", good, 700)
        scraped.exporter.shows("pod-b", bad, 6)
        await watch.comes_to("errors", "canary", (1, 201))
        scraped.exporter.forgets("pod-b", bad)  # the process is another one, and has had no error yet
        scraped.exporter.shows("pod-b", good, 0)
        await watch.scrapes("errors", "canary", 2)
        assert watch.sums("errors", "canary") == (1, 201)
        scraped.exporter.shows("pod-b", good, 90)
        scraped.exporter.shows("pod-b", bad, 1)
        await watch.comes_to("errors", "canary", (2, 292))
        await watch.scrapes("errors", "canary", 3)
        assert watch.sums("errors", "canary") == (2, 292)
    assert never_fell(watch)
    assert watch.regressed() == []


async def test_a_pod_that_leaves_in_the_middle_keeps_its_last_counts_and_no_other_gets_them(
    scraped: Scraped, case: str
) -> None:
    for pod in ("pod-a", "pod-b"):
        scraped.exporter.shows(pod, series(case, 200), 1000)
        scraped.exporter.shows(pod, series(case, 500), 0)
    canary = sides(case, canary=("pod-a", "pod-b"))[:1]
    await scraped.scrapes(2)
    async with watching(scraped.source) as watch:
        watch.subscribe(BY_POD, subjects=canary)
        await watch.comes_to("errors", "canary", (0, 0))
        scraped.exporter.shows("pod-a", series(case, 200), 1100)
        scraped.exporter.shows("pod-b", series(case, 200), 1200)
        scraped.exporter.shows("pod-b", series(case, 500), 1)
        await watch.comes_to("errors", "canary", (1, 301))
        scraped.exporter.pages["pod-b"].clear()
        scraped.exporter.down.add("pod-b")
        watch.subscribe(BY_POD, subjects=sides(case, canary=("pod-a",))[:1])
        scraped.exporter.shows("pod-a", series(case, 200), 1150)
        await watch.comes_to("errors", "canary", (1, 351))
        await watch.scrapes("errors", "canary", 3)
        counts = watch.counts("errors", "canary")
        scraped.exporter.down.clear()
    assert counts is not None
    assert (counts.bad, counts.total) == (1, 351)
    assert never_fell(watch)


@pytest.mark.parametrize("restarted", [False, True], ids=["the same process", "another process"])
async def test_a_target_that_was_down_and_is_back_goes_on_where_it_was(
    scraped: Scraped, case: str, *, restarted: bool
) -> None:
    good = series(case, 200)
    scraped.exporter.shows("pod-a", good, 1000)
    scraped.exporter.shows("pod-b", good, 500)
    async with comparing(scraped, BY_POD, sides(case, canary=("pod-b",), stable=("pod-a",))) as watch:
        await watch.comes_to("errors", "canary", (0, 0))
        scraped.exporter.shows("pod-b", good, 600)
        await watch.comes_to("errors", "canary", (0, 100))
        scraped.exporter.down.add("pod-b")  # a marker of staleness ends its series
        await watch.until(lambda: watch.result("errors").state is State.NO_DATA, "no data of the canary")
        assert watch.sums("errors", "canary") == (0, 100)
        scraped.exporter.shows("pod-b", good, 30 if restarted else 630)
        scraped.exporter.down.clear()
        await watch.comes_to("errors", "canary", (0, 130))
        await watch.scrapes("errors", "canary", 2)
        assert watch.sums("errors", "canary") == (0, 130)
        assert watch.result("errors").state is State.PASS
    assert watch.regressed() == []


async def test_samples_that_come_twice_or_late_with_a_time_of_their_own_count_once(scraped: Scraped, case: str) -> None:
    stable, canary = series(case, 200, service="shop"), series(case, 200, service="shop-canary")
    scraped.exporter.shows("proxy", stable, 1000)
    scraped.exporter.shows("proxy", canary, 100, at=time.time() - 0.8)
    async with comparing(scraped, BY_SERVICE, sides(case)) as watch:
        await watch.comes_to("errors", "canary", (0, 0))
        newest = time.time() - 0.4
        scraped.exporter.shows("proxy", canary, 150, at=newest)
        await watch.comes_to("errors", "canary", (0, 50))
        await scraped.scrapes(2)  # the same sample over and over
        scraped.exporter.shows("proxy", canary, 120, at=newest - 0.2)  # one that is late: older than what is known
        await scraped.scrapes(2)
        scraped.exporter.shows("proxy", canary, 170, at=newest)  # the same moment with another value
        await scraped.scrapes(2)
        assert watch.sums("errors", "canary") == (0, 50)
        scraped.exporter.shows("proxy", canary, 180, at=time.time())
        await watch.comes_to("errors", "canary", (0, 80))
    assert never_fell(watch)


async def test_values_that_are_no_numbers_are_no_data(scraped: Scraped, case: str) -> None:
    scraped.exporter.shows("proxy", series(case, 200, service="shop"), 1000)
    scraped.exporter.pages["proxy"][series(case, 200, service="shop-canary")] = "NaN"
    async with comparing(scraped, BY_SERVICE, sides(case)) as watch:
        await watch.until(lambda: watch.result("errors").state is State.NO_DATA, "no data of the canary")
        assert watch.sums("errors", "canary") is None
        assert State.PASS not in watch.states("errors")
    scraped.exporter.forgets("proxy", series(case, 200, service="shop-canary"))
