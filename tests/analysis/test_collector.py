import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from analysis.checks import Check, Comparison, Latency, Split, Subject, Subscription, Threshold
from analysis.collector import Collector
from analysis.results import CheckResult, State
from analysis.selectors import Selection
from analysis.sources import Counters, PrometheusSource, ScrapeSource, Source, SourceConfiguration
from analysis.sources.opening import opened
from tests.analysis.builders import a_latency, a_query, a_ratio
from tests.analysis.fakes import FakeMetrics, FakePrometheus, eventually, hanging, refused_address, serving

CANARY = Subject(side="canary", revision="v2", namespace="store", service="shop-canary", pods=("shop-v2-a",))
STABLE = Subject(side="stable", revision="v1", namespace="store", service="shop", pods=("shop-v1-a",))
ERRORS = a_ratio(bad='all{service="{{service}}",code=~"5.."}', total='all{service="{{service}}"}')
INTERVAL = 0.4


def a_subscription(*checks: Check, **changes: Any) -> Subscription:
    return Subscription(**{"checks": checks or (ERRORS,), "subjects": (CANARY, STABLE), **changes})


class Told(list[str]):
    """The keys that the collector has told, in order."""


@asynccontextmanager
async def running(*sources: Source, told: Told | None = None) -> AsyncIterator[Collector[str]]:
    collector = Collector[str](sources, on_samples=(told if told is not None else Told()).append)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(collector.run())
        yield collector
        task.cancel()


def prom(fake: FakePrometheus, **settings: Any) -> PrometheusSource:
    return PrometheusSource(**{"name": "prom", "url": fake.url, "interval": INTERVAL, "timeout": 5, **settings})


@asynccontextmanager
async def collecting(*configurations: SourceConfiguration, told: Told | None = None) -> AsyncIterator[Collector[str]]:
    async with opened(configurations) as sources, running(*sources, told=told) as collector:
        yield collector


def scraped(fake: FakePrometheus, **sums: tuple[float, float]) -> float:
    """One scrape of a proxy now: for each Service the (bad, good) requests so far."""
    now = time.time()
    for service, (bad, good) in sums.items():
        name = service.replace("_", "-")
        fake.scrape(now, good, name="all", service=name, code="200", instance="proxy:1")
        if bad:
            fake.scrape(now, bad, name="all", service=name, code="500", instance="proxy:1")
    return now


def results(collector: Collector[str], key: str = "a") -> tuple[CheckResult, ...]:
    return collector.assessment(key, datetime.now(UTC)).results


def state(collector: Collector[str], key: str = "a") -> State:
    return results(collector, key)[0].state


async def test_a_breach_is_told_with_the_time_of_the_scrape_that_proves_it():
    fake, told = FakePrometheus(), Told()
    async with serving(fake), collecting(prom(fake), told=told) as collector:
        scraped(fake, shop=(5, 1000), shop_canary=(0, 1000))
        collector.subscribe("a", a_subscription())
        await eventually(lambda: results(collector)[0].requests is None and len(told) >= 2)
        told.clear()
        at = scraped(fake, shop=(6, 1300), shop_canary=(50, 1050))
        await eventually(lambda: state(collector) is State.REGRESS)
        await eventually(lambda: results(collector)[0].stable is not None)
        (found,) = results(collector)
    assert set(told) == {"a"}
    assert found.proved_at
    assert abs(found.proved_at.timestamp() - at) < 0.001
    assert found.sentence == "errors: canary 50 % against 0.33 % on stable, at most 1 % allowed (50 of 100 requests)"


async def test_the_first_errors_of_a_canary_that_never_had_one_count():
    fake = FakePrometheus()
    async with serving(fake), collecting(prom(fake)) as collector:
        scraped(fake, shop=(0, 1000))
        collector.subscribe("a", a_subscription())
        await eventually(lambda: len(fake.queries) >= 8)
        scraped(fake, shop=(0, 1100), shop_canary=(3, 7))
        await eventually(lambda: state(collector) is State.REGRESS)
    assert (results(collector)[0].bad, results(collector)[0].requests) == (3, 10)


async def test_where_the_comparison_began_earlier_the_scrapes_since_then_are_read():
    fake, now = FakePrometheus(), time.time()
    for place in range(10):
        at = now - 50 + 5 * place
        fake.scrape(at, 1000 + 100 * place, name="all", service="shop-canary", code="200", instance="p")
        fake.scrape(at, 5 + place, name="all", service="shop-canary", code="500", instance="p")
    async with serving(fake), collecting(prom(fake, interval=5)) as collector:
        since = datetime.fromtimestamp(now - 31, UTC)
        collector.subscribe("a", a_subscription(since=since, subjects=(CANARY,)))
        await eventually(lambda: results(collector)[0].requests is not None)
        (found,) = results(collector)
    assert (found.bad, found.requests) == (6, 606)


async def test_all_requests_are_asked_for_before_the_bad_ones_and_never_counted_further():
    fake = FakePrometheus()
    async with serving(fake), collecting(prom(fake)) as collector:
        scraped(fake, shop_canary=(1, 1000))

        def scrape_between(query: str) -> None:
            if "code" not in query and len(fake.queries) in (3, 5):
                scraped(fake, shop_canary=(1 + 10 * len(fake.queries), 1000 + 1000 * len(fake.queries)))

        fake.after = scrape_between
        collector.subscribe("a", a_subscription(subjects=(CANARY,)))
        await eventually(lambda: len(fake.queries) >= 4)
        await eventually(lambda: (results(collector)[0].requests or 0) > 4000)
        (found,) = results(collector)
    assert [("code" in query) for query in fake.queries[:6]] == [False, True] * 3
    assert found.bad is not None
    assert found.requests is not None
    assert abs(found.bad / found.requests - 0.01) < 0.001


async def test_rollouts_that_ask_the_same_share_the_questions():
    fake = FakePrometheus()
    scraped(fake, shop=(0, 10), shop_canary=(0, 10))
    async with serving(fake), collecting(prom(fake, interval=3600)) as collector:
        for number in range(20):
            collector.subscribe(str(number), a_subscription())
        await eventually(lambda: all(len(collector._followings[str(n)].places) == 2 for n in range(20)))
        await eventually(
            lambda: all(
                each.track.history.counts for n in range(20) for each in collector._followings[str(n)].places.values()
            )
        )
    assert len(fake.queries) < 20


async def test_the_same_subscription_again_changes_nothing_and_new_pods_keep_the_history():
    fake = FakePrometheus()
    by_pod = a_ratio(bad='all{pod=~"{{pods}}",code="500"}', total='all{pod=~"{{pods}}"}')
    async with serving(fake), collecting(prom(fake)) as collector:
        collector.subscribe("a", a_subscription(by_pod))
        for good in (100, 300):
            fake.scrape(time.time(), good, name="all", pod="shop-v2-a", code="200")
            await eventually(
                lambda good=good: bool(collector._followings["a"].places["errors", "canary"].track.total.last)
            )
            await asyncio.sleep(0)
        await eventually(lambda: results(collector)[0].requests == 200)
        collector.subscribe("a", a_subscription(by_pod))
        more = replace(CANARY, pods=("shop-v2-a", "shop-v2-b"))
        collector.subscribe("a", a_subscription(replace(by_pod, rule=Threshold(ceiling=0.5)), subjects=(more, STABLE)))
        fake.scrape(time.time(), 400, name="all", pod="shop-v2-a", code="200")
        fake.scrape(time.time(), 9, name="all", pod="shop-v2-b", code="200")
        await eventually(lambda: results(collector)[0].requests == 300)
        assert "at most 50 % allowed" in results(collector)[0].sentence
        assert any("shop-v2-b" in query for query in fake.queries)


@pytest.mark.parametrize(
    "changed",
    [
        a_subscription(replace(ERRORS, bad='all{service="{{service}}",code="500"}')),
        a_subscription(subjects=(replace(CANARY, revision="v3"), STABLE)),
        a_subscription(since=datetime.now(UTC) - timedelta(seconds=1)),
    ],
    ids=["another text", "another canary", "another beginning"],
)
async def test_another_comparison_starts_anew(changed: Subscription):
    fake = FakePrometheus()
    async with serving(fake), collecting(prom(fake)) as collector:
        scraped(fake, shop_canary=(0, 1000))
        collector.subscribe("a", a_subscription())
        await eventually(lambda: len(fake.queries) >= 4)
        scraped(fake, shop_canary=(0, 2000))
        await eventually(lambda: state(collector) is State.PASS)
        collector.subscribe("a", changed)
        assert (results(collector)[0].state, results(collector)[0].requests) == (State.NOT_ENOUGH_DATA, None)


async def test_a_source_that_goes_down_is_told_and_so_is_its_return():
    fake, told = FakePrometheus(), Told()
    async with serving(fake), collecting(prom(fake, timeout=0.2), told=told) as collector:
        scraped(fake, shop=(0, 1000), shop_canary=(0, 1000))
        collector.subscribe("a", a_subscription())
        await eventually(lambda: len(told) >= 2)
        told.clear()
        fake.weather = hanging
        await eventually(lambda: state(collector) is State.PROVIDER_DOWN and bool(told))
        first = results(collector)[0]
        told.clear()
        fake.weather = None
        scraped(fake, shop=(0, 1100), shop_canary=(0, 1200))
        await eventually(lambda: state(collector) is State.PASS and bool(told))
    assert first.sentence == "errors: the metric source is down: it did not answer within 0.2 s"


async def test_a_source_that_hangs_delays_no_other():
    slow, quick = FakePrometheus(weather=hanging), FakePrometheus()
    async with serving(slow), serving(quick):
        slow_source = prom(slow, name="slow", timeout=30)
        async with collecting(slow_source, prom(quick)) as collector:
            for number in range(20):
                collector.subscribe(
                    f"slow{number}", a_subscription(replace(ERRORS, bad=f"bad{number}", total=f"all{number}"))
                )
            collector.subscribe("a", a_subscription(replace(ERRORS, source="prom")))
            await eventually(lambda: len(slow.queries) >= 2)
            scraped(quick, shop_canary=(0, 1000))
            await eventually(lambda: len(quick.queries) >= 8)
            scraped(quick, shop_canary=(0, 2000))
            await eventually(lambda: state(collector) is State.PASS)


async def test_an_unsubscribed_rollout_is_asked_for_no_more():
    fake = FakePrometheus()
    async with serving(fake), collecting(prom(fake)) as collector:
        collector.subscribe("a", a_subscription())
        collector.subscribe("b", a_subscription(a_query(expr="depth")))
        await eventually(lambda: len(fake.queries) >= 4)
        collector.unsubscribe("a")
        collector.unsubscribe("never subscribed")
        assert collector.assessment("a", datetime.now(UTC)).results == ()
        await eventually(lambda: fake.queries.count("depth") >= 3)
        before = len(fake.queries) - fake.queries.count("depth")
        await eventually(lambda: fake.queries.count("depth") >= 6)
        assert len(fake.queries) - fake.queries.count("depth") <= before + 4


async def test_a_query_is_asked_on_both_sides_only_where_it_differs():
    fake = FakePrometheus(numbers={"depth": [time.time(), "12"], "shop-canary": []})
    fake.numbers |= {'q{s="shop-canary"}': [time.time(), "3"], 'q{s="shop"}': [time.time(), "2"]}
    checks = (a_query(expr="depth"), a_query(name="own", expr='q{s="{{service}}"}'))
    async with serving(fake), collecting(prom(fake)) as collector:
        collector.subscribe("a", a_subscription(*checks))
        await eventually(lambda: [each.state for each in results(collector)] == [State.REGRESS, State.PASS])
        await eventually(lambda: results(collector)[1].stable is not None)
        assert [(each.canary, each.stable) for each in results(collector)] == [(12, None), (3, 2)]


async def test_slow_requests_are_counted_from_the_buckets_of_a_histogram():
    fake = FakePrometheus()
    check = a_latency(histogram='d_seconds{service="{{service}}"}')

    def observe(every: float, fast: float, bound: str = "0.5") -> None:
        now = time.time()
        for le, count in ((bound, fast), ("1", every), ("+Inf", every)):
            fake.scrape(now, count, name="d_seconds_bucket", le=le, service="shop-canary", instance="p")

    async with serving(fake), collecting(prom(fake)) as collector:
        observe(1000, 990)
        collector.subscribe("a", a_subscription(check))
        await eventually(lambda: len(fake.queries) >= 4)
        observe(1200, 1150)
        await eventually(lambda: state(collector) is State.REGRESS)
        assert (results(collector)[0].bad, results(collector)[0].requests) == (40, 200)
        collector.subscribe("b", a_subscription(replace(check, below=0.25), subjects=(CANARY,)))
        await eventually(lambda: state(collector, "b") is State.NO_DATA)
        assert results(collector, "b")[0].sentence == (
            "p99: no data: the histogram has no bucket bound at 0.25 s; choose a bound it has"
        )


async def test_without_a_prometheus_a_proxys_own_page_is_enough():
    fake, told = FakeMetrics('all{service="shop"} 100\n'), Told()
    async with serving(fake):
        source = ScrapeSource(name="proxy", urls=(fake.url,), interval=INTERVAL)
        async with collecting(source, told=told) as collector:
            collector.subscribe("a", a_subscription())
            await eventually(lambda: len(fake.fetches) >= 3)
            fake.text = (
                'all{service="shop"} 200\nall{service="shop-canary",code="500"} 9\nall{service="shop-canary"} 1\n'
            )
            await eventually(lambda: state(collector) is State.REGRESS)
            found = results(collector)[0]
    assert (found.bad, found.requests, "a" in told) == (9, 10, True)


async def test_a_canary_that_answers_nothing_is_told_as_silent():
    fake = FakeMetrics()
    served = 0

    def page(request: object) -> Any:
        nonlocal served
        served += 100
        return web.Response(text=f'all{{service="shop"}} {served}\nall{{service="shop-canary"}} 0\n')

    fake.weather = page
    async with serving(fake):
        source = ScrapeSource(name="proxy", urls=(fake.url,), interval=INTERVAL)
        async with collecting(source) as collector:
            split = Split(weight=50, since=datetime.now(UTC))
            collector.subscribe("a", a_subscription(split=split))
            await eventually(lambda: results(collector)[0].silent)
            assert state(collector) is State.NO_DATA


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (replace(ERRORS, source="prm"), "there is no metric source prm; there are: proxy"),
        (a_query(), "source proxy evaluates no PromQL"),
    ],
)
async def test_a_check_that_can_never_be_answered_is_refused_and_has_no_data(check: Check, said: str):
    told = Told()
    source = ScrapeSource(name="proxy", urls=(refused_address(),), interval=INTERVAL)
    async with collecting(source, told=told) as collector:
        assert said in (collector.refusal(check) or "")
        collector.subscribe("a", a_subscription(check))
        assert told == ["a"] * (1 if check.name == "queue" else 2)
        assert state(collector) is State.NO_DATA
        assert said in results(collector)[0].sentence


async def test_without_any_source_every_check_says_so():
    async with collecting() as collector:
        collector.subscribe("a", a_subscription())
        assert results(collector)[0].sentence == ("errors: no data: there is no metric source at all; there are: none")


async def test_a_template_that_cannot_be_filled_in_is_no_data_with_the_reason():
    fake = FakePrometheus()
    async with serving(fake), collecting(prom(fake)) as collector:
        collector.subscribe("a", a_subscription(replace(ERRORS, bad='all{a="{{srv}}"}')))
        assert state(collector) is State.NO_DATA
        assert "there is no {{srv}} here" in results(collector)[0].sentence


class Broken:
    """A source with a fault that nobody foresaw."""

    name, interval, shows_scrapes = "broken", INTERVAL, True

    def __init__(self) -> None:
        self.asked = 0

    def refusal(self, check: Check) -> str | None:
        return None

    async def counters(
        self, selections: Sequence[Selection], subject: Subject, *, reach: float, fresh: float
    ) -> Counters:
        self.asked += 1
        raise ZeroDivisionError("nobody foresaw this")

    async def value(self, expr: str, *, fresh: float) -> Any:
        raise ZeroDivisionError("nor this")

    async def close(self) -> None:
        """Nothing to close."""


async def test_a_fault_in_one_check_is_that_checks_and_ends_nothing():
    source = Broken()
    async with running(source) as collector:
        collector.subscribe("a", a_subscription())
        await eventually(lambda: source.asked >= 4)
        assert state(collector) is State.NO_DATA
        assert "a fault in this program" in results(collector)[0].sentence


async def test_a_whole_tail_is_compared_also_where_the_stable_version_answers_first():
    fake = FakePrometheus()
    check = Latency(name="tail", histogram='d_seconds{service="{{service}}"}', rule=Comparison(exclude=0.0))

    async def slow_canary(request: web.Request) -> web.StreamResponse:
        if "canary" in request.query["query"]:
            await asyncio.sleep(0.1)
        fake.weather = None
        answer = await fake.answer(request)
        fake.weather = slow_canary
        return answer

    def scrape(number: int) -> None:
        now = time.time()
        for service in ("shop", "shop-canary"):
            for bound, part in (("0.1", 60), ("0.5", 90), ("+Inf", 100)):
                labels = {"service": service, "le": bound, "instance": f"{service}:1"}
                fake.scrape(now, part * number, name="d_seconds_bucket", **labels)

    scrape(10)
    async with serving(fake), collecting(prom(fake)) as collector:
        fake.weather = slow_canary
        collector.subscribe("a", a_subscription(check))
        for number in range(11, 24):
            await asyncio.sleep(INTERVAL)
            scrape(number)
        await eventually(lambda: (results(collector)[0].requests or 0) >= 100)
