"""The series of proxies and libraries that are not here, as they show them: each side is told from the other."""

import asyncio

import pytest
import pytest_asyncio

from analysis.checks import Query, Subject
from analysis.results import State
from tests.prometheus.catalogue import example
from tests.prometheus.conftest import Scraped
from tests.prometheus.providers import NGINX, PROVIDERS, Provider, nginx
from tests.prometheus.watching import watching

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


def sides(case: str) -> tuple[Subject, Subject]:
    return (
        Subject(side="canary", revision="v2", namespace=case, service="shop-canary", beside=True, pods=("pod-b",)),
        Subject(side="stable", revision="v1", namespace=case, service="shop", pods=("pod-a",)),
    )


def show(scraped: Scraped, provider: Provider, side: Subject, *, good: float, bad: float) -> None:
    target = side.pods[0] if provider.by_pod else "proxy"
    for series, value in provider.series(side, good, bad).items():
        scraped.exporter.shows(target, series, value)


async def play(scraped: Scraped, provider: Provider) -> None:
    """A shift as the provider shows it, with what the checks have to say before, during and after."""
    canary, stable = sides(provider.name.replace(".", "-"))
    names = [check.name for check in provider.checks]
    show(scraped, provider, stable, good=1000, bad=10)
    await scraped.scrapes(2)
    async with watching(scraped.source) as watch:
        watch.subscribe(*provider.checks, subjects=(canary, stable))
        for name in names:
            await watch.comes_to(name, "stable", (0, 0))
            await watch.until(lambda name=name: watch.result(name).state is State.NO_DATA, "no data")  # type: ignore[misc]
            assert watch.result(name).canary is None
        show(scraped, provider, canary, good=0, bad=0)
        for name in names:
            await watch.comes_to(name, "canary", (0, 0))
        show(scraped, provider, stable, good=1200, bad=11)
        show(scraped, provider, canary, good=180, bad=20)
        for name in names:
            await watch.comes_to(name, "stable", (1, 201))
            await watch.comes_to(name, "canary", (20, 200))
            assert (watch.result(name).state, watch.result(name).canary) == (State.REGRESS, 0.1)
        show(scraped, provider, stable, good=1300, bad=11)
        for name in names:
            await watch.comes_to(name, "stable", (1, 301))
            assert watch.sums(name, "canary") == (20, 200)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(scraped: Scraped) -> dict[str, BaseException | None]:
    """What went wrong with each provider, if anything; all are played at once, since each is mostly waiting."""
    ends = await asyncio.gather(*(play(scraped, each) for each in PROVIDERS), return_exceptions=True)
    return {provider.name: end for provider, end in zip(PROVIDERS, ends, strict=True)}


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda each: each.name)
async def test_each_side_is_told_from_the_other_before_during_and_after_a_shift(
    played: dict[str, BaseException | None], provider: Provider
) -> None:
    problem = played[provider.name]
    if problem is not None:
        raise problem


async def test_a_query_that_names_no_side_is_asked_once_and_judged_within_its_bounds(scraped: Scraped) -> None:
    (queue,) = (check for check in example("worker.yaml") if isinstance(check, Query))
    age = 'queue_oldest_job_age_seconds{namespace="queue"}'
    async with watching(scraped.source) as watch:
        watch.subscribe(queue, subjects=sides("queue"))
        await watch.until(lambda: watch.result("queue").state is State.NO_DATA, "no data")
        assert watch.result("queue").sentence == "queue: no data: the query answers nothing"
        scraped.exporter.shows("proxy", age, 12)
        await watch.until(lambda: watch.result("queue").state is State.PASS, "pass")
        assert (watch.result("queue").canary, watch.result("queue").stable) == (12, None)
        scraped.exporter.shows("proxy", age, 700)
        await watch.until(lambda: watch.result("queue").state is State.REGRESS, "regress")
        assert watch.result("queue").failing == 3
        scraped.exporter.forgets("proxy", age)
        await watch.until(lambda: watch.result("queue").state is State.NO_DATA, "no data")


async def test_where_only_the_canary_can_be_named_it_is_judged_and_stable_has_no_data(scraped: Scraped) -> None:
    canary, stable = sides("nginx")
    async with watching(scraped.source) as watch:
        watch.subscribe(NGINX, subjects=(canary, stable))
        for good, bad in ((100, 0), (290, 10)):
            for side in (canary, stable):
                for series, value in nginx(side, good, bad).items():
                    scraped.exporter.shows("proxy", series, value)
            await watch.until(lambda: watch.history("errors", "canary").at is not None, "a scrape")
        await watch.until(lambda: watch.result("errors").state is State.REGRESS, "regress")
        found = watch.result("errors")
        assert (found.requests, found.bad, found.stable) == (200, 10, None)
        assert watch.sums("errors", "stable") is None
