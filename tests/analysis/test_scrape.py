import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from analysis.checks import Subject
from analysis.queries import selector
from analysis.samples import Point, Samples, Series
from analysis.sources import Counters, NoData, PodEndpoint, ProviderDown, ScrapeSource, Unsupported
from analysis.sources.scrape import Scrape
from tests.analysis.builders import a_query, a_ratio
from tests.analysis.fakes import FakeMetrics, hanging, refused_address, serving, trickling

SUBJECT = Subject(side="canary", revision="r", namespace="store", pods=("shop-a",), addresses=("127.0.0.1",))
GARBAGE = ProviderDown("it answers something that is not the Prometheus text format")
PAGE = 'all{code="200"} 5\nall{code="500"} 2\nall{code="503"} NaN\n'


@asynccontextmanager
async def a_scrape(**settings: Any) -> AsyncIterator[Scrape]:
    source = Scrape(ScrapeSource(name="proxy", **settings), clock=lambda: 1000.0)
    try:
        yield source
    finally:
        await source.close()


async def asked(source: Scrape, *exprs: str, subject: Subject = SUBJECT) -> object:
    answer = await source.counters([selector(each) for each in exprs], subject, reach=60, fresh=math.inf)
    return answer.samples if isinstance(answer, Counters) else answer


async def test_the_counters_are_those_of_the_moment_of_the_scrape():
    fake = FakeMetrics(PAGE)
    async with serving(fake), a_scrape(urls=(fake.url + "/stats",)) as source:
        found = await asked(source, 'all{code=~"5.."}', 'sum(all{code="200"}) + all{code="500"}', "none")
        host = fake.url.removeprefix("http://")
    labels = {code: (("__name__", "all"), ("code", code), ("instance", host)) for code in ("200", "500")}
    heard = {("", host): 1000.0}
    assert found == (
        Samples((Series(labels["500"], (Point(1000, 2),)),), heard),
        Samples((Series(labels["200"], (Point(1000, 5),), 0), Series(labels["500"], (Point(1000, 2),), 1)), heard),
        Samples((), heard),
    )
    assert fake.fetches == ["/stats"]


async def test_pods_are_scraped_at_their_own_addresses_and_known_by_their_names():
    fake = FakeMetrics("all 5\n")
    async with serving(fake), a_scrape(pods=PodEndpoint(port=fake.port)) as source:
        found = await asked(source, 'all{pod=~"shop-a|shop-b",namespace="store"}', 'all{pod="shop-b"}')
    assert isinstance(found, tuple)
    assert [dict(each.labels)["pod"] for each in found[0].series] == ["shop-a"]
    assert found[1].series == ()
    assert fake.fetches == ["/metrics"]


async def test_rollouts_that_ask_in_the_same_moment_share_one_fetch():
    fake = FakeMetrics(PAGE)
    async with serving(fake), a_scrape(urls=(fake.url,)) as source:
        moment = asyncio.get_running_loop().time()
        exprs = ["all", 'all{code="500"}', "none"]
        await asyncio.gather(*(source.counters([selector(each)], SUBJECT, reach=60, fresh=moment) for each in exprs))
        assert len(fake.fetches) == 1
        await source.counters([selector("all")], SUBJECT, reach=60, fresh=asyncio.get_running_loop().time())
        assert len(fake.fetches) == 2


async def test_an_address_that_does_not_answer_leaves_the_others():
    fake = FakeMetrics("all 5\n")
    async with serving(fake), a_scrape(urls=(refused_address(), fake.url)) as source:
        found = await asked(source, "all")
    assert isinstance(found, tuple)
    assert [each.points for each in found[0].series] == [(Point(1000, 5),)]


@pytest.mark.parametrize(
    ("fake", "expected"),
    [
        (FakeMetrics(weather=lambda _: web.Response(status=500)), ProviderDown("it answers with HTTP status 500")),
        (
            FakeMetrics(weather=lambda _: web.Response(status=302, headers={"Location": "/elsewhere"})),
            ProviderDown("it answers with HTTP status 302"),
        ),
        (FakeMetrics("<html></html>"), GARBAGE),
        (FakeMetrics('all{a="} 1'), GARBAGE),
        (FakeMetrics(weather=lambda _: web.Response(body=b'all{a="\xff"} 1')), GARBAGE),
        (
            FakeMetrics("# " + "x" * (16 * 1024 * 1024) + "\nall 1\n"),
            ProviderDown("its answer is larger than 16 MB"),
        ),
        (FakeMetrics(weather=hanging), ProviderDown("it did not answer within 0.2 s")),
        (FakeMetrics(weather=trickling), ProviderDown("it did not answer within 0.2 s")),
    ],
    ids=lambda each: getattr(each, "reason", ""),
)
async def test_whatever_goes_wrong_there_is_an_answer_too(fake: FakeMetrics, expected: object):
    timeout = 0.2 if "0.2" in str(expected) else 10
    async with serving(fake), a_scrape(urls=(fake.url,), timeout=timeout) as source:
        assert await asked(source, "all") == expected


async def test_nobody_at_a_fixed_address_is_a_source_that_is_down():
    async with a_scrape(urls=(refused_address(),)) as source:
        assert await asked(source, "all") == ProviderDown("it cannot be reached")


async def test_pods_that_do_not_answer_are_no_data_because_they_are_what_is_judged():
    async with a_scrape(pods=PodEndpoint(port=1)) as source:
        assert await asked(source, "all") == NoData("none of its 1 pods shows metrics: it cannot be reached")
        nobody = Subject(side="canary", revision="r", namespace="n")
        assert await asked(source, "all", subject=nobody) == NoData("there are no pods to scrape")


async def test_a_large_page_is_read_as_well():
    fake = FakeMetrics("".join(f'all{{code="{number}"}} {number}\n' for number in range(30000)))
    async with serving(fake), a_scrape(urls=(fake.url,)) as source:
        found = await asked(source, 'all{code="29999"}')
    assert isinstance(found, tuple)
    assert [each.points for each in found[0].series] == [(Point(1000, 29999),)]


async def test_a_query_is_refused_with_what_would_do():
    async with a_scrape(urls=(refused_address(),)) as source:
        remedy = "write the check as ratio or latency, or name a Prometheus source"
        assert source.refusal(a_query()) == (
            f"queue: source proxy evaluates no PromQL, it reads counters directly; {remedy}"
        )
        assert source.refusal(a_ratio()) is None
        assert await source.value("up", fresh=0) == Unsupported(
            f"it evaluates no PromQL, it reads counters directly; {remedy}"
        )


async def test_addresses_of_the_sixth_version_are_bracketed():
    subject = Subject(side="canary", revision="r", namespace="n", pods=("a",), addresses=("::1",))
    fake = FakeMetrics("all 5\n")
    async with serving(fake, "::1"), a_scrape(pods=PodEndpoint(port=fake.port)) as source:
        found = await asked(source, "all", subject=subject)
    assert isinstance(found, tuple)
    assert dict(found[0].series[0].labels)["instance"] == f"[::1]:{fake.port}"
