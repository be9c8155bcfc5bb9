"""What each fault does to a real request over real HTTP."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from yarl import URL

from tests.faults import leaping
from tests.faults.access import Certificate, kubeconfig_through
from tests.faults.effects import (
    CONFLICT,
    EXPIRED_TOKEN,
    GONE,
    INTERNAL_ERROR,
    UNAVAILABLE,
    CutAfter,
    CutBefore,
    CutWithin,
    Delay,
    Dribble,
    Effect,
    GoneInStream,
    HalfOpen,
    Hold,
    Late,
    Refuse,
    Silence,
    Twice,
    too_many_requests,
)
from tests.faults.proxy import FaultProxy, NewConnections, fault_proxy
from tests.faults.rules import Match, Rule
from tests.faults.upstream import ROUTE, ROUTES, Upstream, upstream
from tests.kube.builders import eventually

LINES = [b'{"type":"ADDED"}\n', b'{"type":"MODIFIED"}\n', b'{"type":"BOOKMARK"}\n']


class Bench:
    """A client, a proxy and what is behind it."""

    def __init__(self, behind: Upstream, proxy: FaultProxy, http: aiohttp.ClientSession) -> None:
        self.behind = behind
        self.proxy = proxy
        self.http = http

    def suffer(self, effect: Effect, match: Match | None = None) -> None:
        self.proxy.rules = (Rule(match or Match(), effect),)

    async def patch(self) -> tuple[int, bytes]:
        async with self.http.patch(self.proxy.url + ROUTE, data=b"[1]") as answer:
            return answer.status, await answer.read()

    async def lost(self) -> str:
        """The error that a patch ends in."""
        with pytest.raises((aiohttp.ClientError, TimeoutError)) as caught:
            await self.patch()
        return type(caught.value).__name__

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[aiohttp.StreamReader]:
        async with self.http.get(f"{self.proxy.url}{ROUTES}?watch=true") as answer:
            yield answer.content


@asynccontextmanager
async def benched(certificate: Certificate | None = None, **options: Any) -> AsyncIterator[Bench]:
    tls = ssl.create_default_context(cafile=certificate.ca) if certificate else True
    async with (
        upstream() as behind,
        fault_proxy(behind.url, certificate=certificate, **options) as proxy,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as http,
    ):
        yield Bench(behind, proxy, http)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with benched() as made:
        yield made


async def test_without_rules_everything_passes_as_it_is(bench: Bench) -> None:
    headers = {
        "User-Agent": "kubectl/1",
        "Authorization": "Bearer sesame",
        "Content-Type": "application/json-patch+json",
    }
    target = f"{ROUTE}?fieldManager=a%2Fb&x="
    url = URL(bench.proxy.url + target, encoded=True)
    async with bench.http.patch(url, data=b"[1]", headers=headers) as answer:
        got = (answer.status, await answer.read(), answer.headers["X-Kept"], answer.content_type)
    assert got == (200, b'{"items": []}', "yes", "application/json")
    assert (bench.behind.done, bench.behind.bodies) == ([("PATCH", target)], [b"[1]"])
    assert headers.items() <= bench.behind.headers[0].items()


async def test_an_exchange_says_what_was_asked_and_what_came_of_it(bench: Bench) -> None:
    await bench.patch()
    bench.suffer(CONFLICT)
    await bench.http.delete(bench.proxy.url + "/api/v1/namespaces/shop")
    await bench.http.put(bench.proxy.url + ROUTE + "/status")
    await bench.http.get(bench.proxy.url + "/metrics?x=1")
    told = [(each.asked, each.effect, each.status) for each in bench.proxy.exchanges]
    assert [
        (asked.verb, asked.plural, asked.namespace, asked.name, asked.subresource, effect, status)
        for asked, effect, status in told
    ] == [
        ("patch", "httproutes", "shop", "shop", "", None, 200),
        ("delete", "namespaces", "", "shop", "", CONFLICT, None),
        ("update", "httproutes", "shop", "shop", "status", CONFLICT, None),
        ("list", "", "", "", "", CONFLICT, None),
    ]
    assert [each.asked.name for each in bench.proxy.asked("patch", "httproutes")] == ["shop"]


@pytest.mark.parametrize(
    ("refusal", "retry_after"),
    [
        (CONFLICT, None),
        (too_many_requests(7), "7"),
        (INTERNAL_ERROR, None),
        (UNAVAILABLE, None),
        (EXPIRED_TOKEN, None),
        (GONE, None),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Refuse) else "",
)
async def test_a_refusal_is_a_proper_status_and_reaches_nobody(
    bench: Bench, refusal: Refuse, retry_after: str | None
) -> None:
    bench.suffer(refusal)
    async with bench.http.patch(bench.proxy.url + ROUTE) as answer:
        body = await answer.json()
        assert (answer.status, answer.headers.get("Retry-After")) == (refusal.status, retry_after)
    details = {"retryAfterSeconds": 7} if retry_after else {}
    said = {key: body[key] for key in ("kind", "status", "reason", "code", "details")}
    assert said == {
        "kind": "Status", "status": "Failure", "reason": refusal.reason, "code": refusal.status, "details": details
    }  # fmt: skip
    assert bench.behind.done == []


async def test_a_rule_taken_away_does_no_more_harm(bench: Bench) -> None:
    bench.suffer(UNAVAILABLE)
    assert (await bench.patch())[0] == 503
    bench.proxy.rules = ()
    assert (await bench.patch())[0] == 200


async def test_a_connection_cut_before_the_request_leaves_no_effect(bench: Bench) -> None:
    bench.suffer(CutBefore())
    assert await bench.lost() == "ServerDisconnectedError"
    assert bench.behind.done == []


async def test_a_connection_cut_after_the_request_loses_the_answer_only(bench: Bench) -> None:
    bench.suffer(CutAfter())
    assert await bench.lost() == "ServerDisconnectedError"
    assert bench.behind.done == [("PATCH", ROUTE)]


async def test_a_connection_cut_within_the_answer_brings_a_part_of_it(bench: Bench) -> None:
    bench.suffer(CutWithin(0.5))
    async with bench.http.get(bench.proxy.url + ROUTES) as answer:
        assert await answer.content.readexactly(6) == bench.behind.answer[:6]
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_a_half_open_connection_never_answers_and_nothing_takes_effect(bench: Bench) -> None:
    bench.suffer(HalfOpen())
    bench.http._timeout = aiohttp.ClientTimeout(total=0.1)
    assert await bench.lost() == "TimeoutError"
    assert bench.behind.done == []


async def test_a_watch_cut_within_an_event_brings_a_part_of_it(bench: Bench) -> None:
    bench.behind.events.put_nowait(LINES[0])
    bench.suffer(CutWithin(0.5))
    async with bench.watch() as content:
        assert await content.readexactly(8) == LINES[0][:8]
        with pytest.raises(aiohttp.ClientPayloadError):
            await content.read()


async def test_a_watch_passes_line_by_line_and_ends_when_its_upstream_does(bench: Bench) -> None:
    async with bench.watch() as content:
        for line in LINES:
            bench.behind.events.put_nowait(line)
            assert await content.readline() == line
        bench.behind.events.put_nowait(None)
        assert await content.read() == b""


async def test_a_long_event_passes_whole(bench: Bench) -> None:
    line = b"x" * 1_500_000 + b"\n"
    for each in (line, None):
        bench.behind.events.put_nowait(each)
    async with bench.watch() as content:
        assert await content.read() == line


async def test_a_watch_goes_silent_with_its_connection_open(bench: Bench) -> None:
    bench.suffer(Silence(after=1))
    for line in LINES:
        bench.behind.events.put_nowait(line)
    async with bench.watch() as content:
        assert await content.readline() == LINES[0]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await content.readline()
        assert not content.at_eof()


async def test_events_come_twice_in_their_order(bench: Bench) -> None:
    bench.suffer(Twice())
    for line in (*LINES, None):
        bench.behind.events.put_nowait(line)
    async with bench.watch() as content:
        assert await content.read() == b"".join(line * 2 for line in LINES)


async def test_a_watch_is_told_in_the_stream_that_its_version_is_gone(bench: Bench) -> None:
    bench.suffer(GoneInStream(after=1))
    bench.behind.events.put_nowait(LINES[0])
    async with bench.watch() as content:
        assert await content.readline() == LINES[0]
        event = json.loads(await content.readline())
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert await content.read() == b""


async def test_a_client_that_leaves_a_held_up_stream_is_no_failure(bench: Bench) -> None:
    bench.suffer(Late(0.01, 0.02))
    for line in LINES:
        bench.behind.events.put_nowait(line)
    async with bench.watch() as content:
        assert await content.readline() == LINES[0]
    bench.proxy.rules = ()
    assert (await bench.patch())[0] == 200


def test_late_events_keep_their_order_and_a_delay_and_a_slow_answer_take_their_time() -> None:
    """In fake time, so that the seconds are exact: the proxy knows no clock but the loop's."""

    async def scenario() -> list[float]:
        loop = asyncio.get_running_loop()
        times = []
        async with benched() as bench:
            bench.http._timeout = aiohttp.ClientTimeout(total=None)
            bench.suffer(Delay(5))
            before = loop.time()
            await bench.patch()
            times.append(loop.time() - before)
            bench.suffer(Dribble(size=5, every=2))
            before = loop.time()
            assert (await bench.patch())[1] == bench.behind.answer
            times.append(loop.time() - before)
            bench.suffer(Late(10, 20))
            for line in (*LINES, None):
                bench.behind.events.put_nowait(line)
            before = loop.time()
            async with bench.watch() as content:
                assert await content.read() == b"".join(LINES)
            times.append(loop.time() - before)
        return times

    delay, dribble, late = leaping.run(scenario())
    assert (round(delay, 1), round(dribble, 1)) == (5, 4)
    assert 10 <= late < 21


async def test_a_held_request_goes_on_when_it_is_released(bench: Bench) -> None:
    hold = Hold(outlives_client=False)
    bench.suffer(hold)
    async with asyncio.TaskGroup() as group:
        patch = group.create_task(bench.patch())
        await hold.arrived.wait()
        assert (bench.behind.done, hold.statuses) == ([], [])
        hold.release()
    assert (patch.result()[0], bench.behind.done, hold.statuses) == (200, [("PATCH", ROUTE)], [200])


@pytest.mark.parametrize("outlives", [True, False])
async def test_a_held_request_outlives_its_client_if_it_was_told_to(bench: Bench, outlives: bool) -> None:
    hold = Hold(outlives_client=outlives)
    bench.suffer(hold)
    bench.http._timeout = aiohttp.ClientTimeout(total=0.1)
    assert await bench.lost() == "TimeoutError"
    bench.proxy.partitioned = True
    await asyncio.sleep(0.05)
    hold.release()
    await hold.answered.wait()
    assert bench.behind.done == ([("PATCH", ROUTE)] if outlives else [])
    assert hold.statuses == ([200] if outlives else [None])


async def test_a_request_still_held_at_the_end_is_lost() -> None:
    hold = Hold(outlives_client=True)
    async with upstream() as behind, aiohttp.ClientSession() as http:
        async with fault_proxy(behind.url) as proxy:
            proxy.rules = (Rule(Match(), hold),)
            with pytest.raises(TimeoutError):
                await http.patch(proxy.url + ROUTE, timeout=aiohttp.ClientTimeout(total=0.1))
        assert (behind.done, hold.statuses) == ([], [None])


async def test_a_partition_silences_what_is_open_and_heals_where_it_was(bench: Bench) -> None:
    async with bench.watch() as content:
        bench.behind.events.put_nowait(LINES[0])
        assert await content.readline() == LINES[0]
        bench.proxy.partitioned = True
        bench.behind.events.put_nowait(LINES[1])
        reading = asyncio.ensure_future(content.readline())
        patching = asyncio.ensure_future(bench.patch())
        await asyncio.sleep(0.1)
        assert (reading.done(), patching.done(), len(bench.behind.done)) == (False, False, 1)
        bench.proxy.partitioned = False
        assert await reading == LINES[1]
        assert (await patching)[0] == 200


async def test_an_answer_under_way_does_not_pass_a_partition(bench: Bench) -> None:
    bench.suffer(Delay(0.05))
    patching = asyncio.ensure_future(bench.patch())
    await eventually(lambda: bool(bench.proxy.exchanges))
    bench.proxy.partitioned = True
    await eventually(lambda: bool(bench.behind.done))
    await asyncio.sleep(0.05)
    assert not patching.done()
    bench.proxy.partitioned = False
    assert (await patching)[0] == 200


async def test_new_connections_are_refused_in_a_partition_if_so_chosen(bench: Bench) -> None:
    bench.proxy.partitioned = True
    bench.proxy.new_connections = NewConnections.REFUSED
    assert await bench.lost() in {"ServerDisconnectedError", "ClientOSError", "ClientConnectorError"}
    bench.proxy.partitioned = False
    assert (await bench.patch())[0] == 200


async def test_an_upstream_that_is_not_there_is_a_cut_connection() -> None:
    async with fault_proxy("http://127.0.0.1:1") as proxy, aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await http.patch(proxy.url + ROUTE)


async def test_a_proxy_between_https_and_https_shows_a_good_certificate_and_then_wrong_ones(tmp_path: Path) -> None:
    good, behind_it = Certificate.issued(tmp_path / "good"), Certificate.issued(tmp_path / "behind")
    tls = ssl.create_default_context(cafile=good.ca)
    async with (
        upstream(behind_it) as behind,
        fault_proxy(behind.url, behind_it.ca, good) as proxy,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as http,
    ):
        async with http.get(proxy.url + ROUTES) as answer:
            assert (proxy.url[:8], answer.status) == ("https://", 200)
        for wrong in (Certificate.issued(tmp_path / "other"), good.for_names(tmp_path / "name", "shop.example")):
            proxy.present(wrong)
            proxy.disconnect()
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await http.get(proxy.url + ROUTES)
        proxy.present(good)
        async with http.get(proxy.url + ROUTES) as answer:
            assert answer.status == 200


async def test_a_proxy_over_http_has_no_certificate_to_show(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no certificate"):
        bench.proxy.present(Certificate.issued(tmp_path))


async def test_what_a_block_raises_is_raised_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with fault_proxy("http://127.0.0.1:1"):
            raise KeyError


def test_a_kubeconfig_leads_through_the_proxy_with_its_own_users_or_a_token(tmp_path: Path) -> None:
    like = tmp_path / "like"
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "shop"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://k", "certificate-authority-data": "eA=="}}],
        "users": [{"name": "u", "user": {"token": "sesame"}}],
    }
    like.write_text(json.dumps(config))

    def written(**options: Any) -> dict[str, Any]:
        path = kubeconfig_through("https://127.0.0.1:1", like, tmp_path / "to", **options)
        return dict(yaml.safe_load(path.read_text()))

    through = {**config, "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}]}
    assert written() == through
    ours = {"server": "https://127.0.0.1:1", "certificate-authority": "/ca.pem"}
    assert written(ca=Path("/ca.pem"), token="other") == {
        **through,
        "clusters": [{"name": "k", "cluster": ours}],
        "users": [{"name": "u", "user": {"token": "other"}}],
    }
