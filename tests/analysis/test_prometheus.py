import asyncio
import base64
import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from analysis.checks import Subject
from analysis.queries import selector
from analysis.samples import Point, Samples, Series
from analysis.sources import Counters, NoData, Number, PrometheusSource, ProviderDown
from analysis.sources.configuration import BasicAuth
from analysis.sources.deadline import DeadlineSession, TooLargeError, TooSlowError
from analysis.sources.prometheus import Prometheus
from tests.analysis.fakes import FakePrometheus, hanging, refused_address, serving, trickling

SUBJECT = Subject(side="canary", revision="r", namespace="n")
SOON = math.inf
"""No answer is fresh enough to be shared."""


@asynccontextmanager
async def a_prometheus(fake: FakePrometheus, **settings: Any) -> AsyncIterator[Prometheus]:
    async with serving(fake), connected(fake.url, **settings) as source:
        yield source


@asynccontextmanager
async def connected(url: str, **settings: Any) -> AsyncIterator[Prometheus]:
    source = Prometheus(PrometheusSource(name="prom", url=url, **{"timeout": 5, **settings}))
    try:
        yield source
    finally:
        await source.close()


def replying(status: int = 200, body: object = "", **headers: str) -> FakePrometheus:
    text = body if isinstance(body, str) else json.dumps(body)
    return FakePrometheus(weather=lambda request: web.Response(status=status, text=text, headers=headers))


def result(found: object) -> object:
    return {"status": "success", "data": {"resultType": "vector", "result": found}}


async def value(fake: FakePrometheus, **settings: Any) -> object:
    async with a_prometheus(fake, **settings) as source:
        return await source.value("up", fresh=SOON)


async def test_raw_samples_come_with_the_times_of_their_scrapes():
    fake, now = FakePrometheus(), time.time()
    fake.scrape(now - 25, 1, name="all", pod="a")
    fake.scrape(now - 10, 3, name="all", pod="a")
    fake.scrape(now - 10, 7, name="all", pod="b")
    fake.scrape(now - 10, math.nan, name="all", pod="c")
    async with a_prometheus(fake) as source:
        answer = await source.counters([selector("all"), selector("none")], SUBJECT, reach=60, fresh=SOON)
    assert isinstance(answer, Counters)
    assert answer.samples == (
        Samples(
            (
                Series((("__name__", "all"), ("pod", "a")), (Point(now - 25, 1), Point(now - 10, 3))),
                Series((("__name__", "all"), ("pod", "b")), (Point(now - 10, 7),)),
            )
        ),
        Samples(()),
    )
    assert fake.queries == ["all{}[60s]", "none{}[60s]"]


async def test_each_selector_of_a_sum_is_asked_for_by_itself():
    fake, now = FakePrometheus(), time.time()
    fake.scrape(now, 1, name="a")
    fake.scrape(now, 2, name="b")
    async with a_prometheus(fake) as source:
        answer = await source.counters([selector("sum(a) + b")], SUBJECT, reach=0.5, fresh=SOON)
    assert isinstance(answer, Counters)
    assert [(each.place, each.points[0].value) for each in answer.samples[0].series] == [(0, 1), (1, 2)]
    assert fake.queries == ["a{}[500ms]", "b{}[500ms]"]


async def test_those_who_ask_the_same_in_the_same_moment_share_one_answer():
    fake = FakePrometheus(numbers={"up": [{"metric": {}, "value": [1, "2"]}]})
    async with a_prometheus(fake) as source:
        before = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*(source.value("up", fresh=before) for _ in range(5)))
        answers.append(await source.value("up", fresh=before))
        assert (answers, len(fake.queries)) == ([Number(1, 2)] * 6, 1)
        await source.value("up", fresh=asyncio.get_running_loop().time())
        assert len(fake.queries) == 2


async def test_who_gives_up_does_not_take_the_answer_from_the_others():
    fake = FakePrometheus(numbers={"up": [1, "2"]})
    async with a_prometheus(fake) as source:
        first = asyncio.ensure_future(source.value("up", fresh=0))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(source.value("up", fresh=0))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == Number(1, 2)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([{"metric": {}, "value": [1700000000.5, "0.25"]}], Number(1700000000.5, 0.25)),
        ([1700000000.5, "3"], Number(1700000000.5, 3.0)),
        ([], NoData("the query answers nothing")),
        ([{"value": [1, "1"]}] * 3, NoData("the query answers 3 series; make it one, with sum() or max()")),
        ([{"value": [1, "NaN"]}], NoData("the query answers NaN, which is no number; there may have been no requests")),
        (
            [{"value": [1, "+Inf"]}],
            NoData("the query answers +Inf, which is no number; there may have been no requests"),
        ),
        ([{"values": [[1, "1"]]}], ProviderDown("it answers something that is not Prometheus' format")),
        ([1, "text"], ProviderDown("it answers something that is not Prometheus' format")),
        ({"a": 1}, ProviderDown("it answers something that is not Prometheus' format")),
        (None, ProviderDown("it answers something that is not Prometheus' format")),
        (7, ProviderDown("it answers something that is not Prometheus' format")),
    ],
    ids=["vector", "scalar", "empty", "several", "NaN", "infinite", "matrix", "string", "object", "null", "number"],
)
async def test_a_query_comes_to_one_number_or_to_the_reason_why_not(found: object, expected: object):
    assert await value(replying(body=result(found))) == expected


@pytest.mark.parametrize(
    ("fake", "expected"),
    [
        (replying(500, "oops"), ProviderDown("it answers with HTTP status 500")),
        (replying(503), ProviderDown("it answers with HTTP status 503")),
        (replying(401), ProviderDown("it refuses the credentials (401)")),
        (replying(404), ProviderDown("there is no query API at its address (404)")),
        (replying(429), ProviderDown("it is asked too often (429)")),
        (replying(302, "", Location="http://127.0.0.1:1/"), ProviderDown("it answers with HTTP status 302")),
        (replying(200, "<html>hello</html>"), ProviderDown("it answers something that is not Prometheus' format")),
        (replying(200, ""), ProviderDown("it answers something that is not Prometheus' format")),
        (replying(200, "{}"), ProviderDown("it answers something that is not Prometheus' format")),
        (replying(200, "[" * 100000), ProviderDown("it answers something that is not Prometheus' format")),
        (
            replying(400, {"status": "error", "error": "at http://me:secret@x/: bad"}),
            NoData("it refuses the query: at http://x/: bad"),
        ),
        (replying(422, "?"), NoData("it refuses the query: no reason given")),
        (FakePrometheus(weather=hanging), ProviderDown("it did not answer within 0.2 s")),
        (FakePrometheus(weather=trickling), ProviderDown("it did not answer within 0.2 s")),
    ],
    ids=lambda each: getattr(each, "reason", ""),
)
async def test_whatever_goes_wrong_there_is_an_answer_too(fake: FakePrometheus, expected: object):
    assert await value(fake, timeout=0.2 if "0.2" in str(expected) else 5) == expected


async def test_an_answer_that_is_cut_off_is_a_source_that_is_down():
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"status":')
        assert request.transport
        request.transport.close()
        return response

    assert await value(FakePrometheus(weather=cut)) == ProviderDown("it broke off its answer")


async def test_nobody_at_the_address_is_a_source_that_is_down_and_no_retry_hides_it():
    async with connected(refused_address()) as source:
        assert await source.value("up", fresh=SOON) == ProviderDown("it cannot be reached")


async def test_a_failed_question_is_asked_once():
    fake = replying(503)
    await value(fake)
    assert len(fake.queries) == 1


async def test_counters_end_with_the_first_thing_that_goes_wrong():
    async with a_prometheus(replying(500)) as source:
        answer = await source.counters([selector("a"), selector("b")], SUBJECT, reach=60, fresh=SOON)
    assert answer == ProviderDown("it answers with HTTP status 500")


async def test_questions_that_hang_do_not_stop_the_loop_nor_later_ones_for_ever():
    fake = FakePrometheus(weather=hanging)
    async with a_prometheus(fake, timeout=0.2) as source:
        answers = await asyncio.gather(*(source.value(f"up{number}", fresh=SOON) for number in range(10)))
        assert set(answers) == {ProviderDown("it did not answer within 0.2 s")}
        fake.weather = None
        fake.numbers["up"] = [1, "1"]
        async with asyncio.timeout(10):
            while await source.value("up", fresh=SOON) != Number(1, 1):  # noqa: ASYNC110 - a server changes
                await asyncio.sleep(0.01)


async def test_a_trickling_answer_does_not_keep_a_thread():
    session = DeadlineSession(seconds=0.2, limit=1000)
    async with serving(fake := FakePrometheus(weather=trickling)):
        with pytest.raises(TooSlowError):
            await asyncio.to_thread(session.request, "GET", fake.url, params={"query": "up"}, timeout=5)
    session.close()


async def test_an_answer_without_end_does_not_fill_the_memory():
    session = DeadlineSession(seconds=30, limit=1000)
    async with serving(fake := replying(body="x" * 100_000)):
        with pytest.raises(TooLargeError):
            await asyncio.to_thread(session.request, "GET", fake.url, params={"query": "up"}, timeout=5)
    session.close()


async def test_a_part_is_never_older_than_the_total_asked_for_before_it():
    fake = FakePrometheus()
    async with a_prometheus(fake) as source:
        moment = asyncio.get_running_loop().time()
        await source.counters([selector("bad")], SUBJECT, reach=60, fresh=moment)
        await source.counters([selector("all"), selector("bad")], SUBJECT, reach=60, fresh=moment)
        await source.counters([selector("all"), selector("bad")], SUBJECT, reach=60, fresh=moment)
    assert fake.queries == ["bad{}[60s]", "all{}[60s]", "bad{}[60s]"]


async def test_one_connection_serves_many_questions():
    ports = set()

    def remember(request: web.Request) -> web.Response:
        assert request.transport
        ports.add(request.transport.get_extra_info("peername"))
        return web.json_response(result([]))

    async with a_prometheus(FakePrometheus(weather=remember)) as source:
        for number in range(5):
            await source.value(f"up{number}", fresh=SOON)
    assert len(ports) == 1


async def test_the_token_is_read_anew_for_every_question(tmp_path: Path):
    token, fake = tmp_path / "token", FakePrometheus()
    async with a_prometheus(fake, token_file=token, headers={"X-Scope-OrgID": "team"}) as source:
        for each in ("one", "two"):
            token.write_text(f"{each}\n")
            await source.value("up", fresh=SOON)
        token.unlink()
        assert await source.value("up", fresh=SOON) == ProviderDown("its credentials or its CA file cannot be read")
    assert [(each["Authorization"], each["X-Scope-OrgID"]) for each in fake.headers] == [
        ("Bearer one", "team"),
        ("Bearer two", "team"),
    ]


async def test_a_user_is_known_by_the_password_in_a_file(tmp_path: Path):
    (tmp_path / "password").write_text("secret\n")
    fake = FakePrometheus()
    await value(fake, basic_auth=BasicAuth(username="me", password_file=tmp_path / "password"))
    assert fake.headers[0]["Authorization"] == "Basic " + base64.b64encode(b"me:secret").decode()


async def test_a_missing_ca_file_is_told_apart_from_a_source_that_is_down(tmp_path: Path):
    async with connected("https://127.0.0.1:1", ca_file=tmp_path / "ca.pem") as source:
        assert await source.value("up", fresh=SOON) == ProviderDown("its credentials or its CA file cannot be read")


def test_neither_address_nor_secret_shows_in_the_configuration():
    shown = repr(PrometheusSource(name="prom", url="http://there:9090/secret", headers={"X-Key": "secret"}))
    assert "secret" not in shown
    assert "there" not in shown
