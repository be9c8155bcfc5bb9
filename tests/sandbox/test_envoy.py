import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox import gateway
from sandbox.child import fetch
from sandbox.envoy import Config, Envoy, EnvoyFailed, Files, envoy
from sandbox.gateway.translation import translate
from sandbox.settings import Settings
from sandbox.storage import Object, Storage
from tests.sandbox.traffic import (
    NAMESPACE,
    Backend,
    a_gateway,
    a_path,
    a_ref,
    a_route,
    a_rule,
    a_service,
    filled,
    serving,
)
from tests.sandbox.workloads import eventually, quick


@asynccontextmanager
async def gateway_of(storage: Storage, settings: Settings) -> AsyncIterator[gateway.Gateway]:
    """The whole Gateway controller on a real Envoy."""
    ready: asyncio.Future[gateway.Gateway] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(gateway.run(storage, settings, ready=ready.set_result))
        try:
            await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                yield ready.result()
        finally:
            task.cancel()


@asynccontextmanager
async def proxy(directory: Path, config: Config) -> AsyncIterator[Envoy]:
    files = Files(directory)
    files.write(config, now=0)
    async with envoy(directory, files) as running:
        yield running


def a_shop(*routes: Object, backends: dict[str, Backend | None]) -> Storage:
    """A Service per name with one endpoint, or with none."""
    return filled(
        gateways=[a_gateway()],
        httproutes=list(routes),
        services=[a_service(name) for name in backends],
        endpointslices=[backend.slice(name) for name, backend in backends.items() if backend],
    )


async def answers(url: str, times: int) -> Counter[tuple[int, str]]:
    """Codes and versions of so many requests; ours say "app", the proxy's own nothing."""
    found: Counter[tuple[int, str]] = Counter()
    async with aiohttp.ClientSession() as session:
        for _ in range(times):
            async with session.get(url) as answer:
                found[answer.status, answer.headers.get("x-version", "")] += 1
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick(tmp_path)


async def test_traffic_follows_the_weights_and_each_backend_has_its_counters(settings: Settings) -> None:
    stable, canary = Backend("stable"), Backend("canary", code=500)
    route = a_route(a_rule(a_ref("shop", 80), a_ref("canary", 20)))
    async with serving(stable, canary):
        storage = a_shop(route, backends={"shop": stable, "canary": canary})
        async with gateway_of(storage, settings) as running:
            found = await answers(running.url, 400)
            metrics = await fetch(running.metrics_url) or ""
    assert set(found) == {(200, "stable"), (500, "canary")}
    assert 40 <= found[500, "canary"] <= 125  # 80 expected, 5.6 standard deviations
    series = 'envoy_cluster_upstream_rq_xx{{envoy_response_code_class="{}",envoy_cluster_name="shop/{}/80"}} {}'
    assert series.format(2, "shop", found[200, "stable"]) in metrics
    assert series.format(5, "canary", found[500, "canary"]) in metrics


async def test_a_missing_service_answers_500_and_one_without_ready_endpoints_503_each_for_its_share(
    settings: Settings,
) -> None:
    stable = Backend("stable")
    route = a_route(a_rule(a_ref("shop", 50), a_ref("missing", 25), a_ref("empty", 25)))
    async with (
        serving(stable),
        gateway_of(a_shop(route, backends={"shop": stable, "empty": None}), settings) as running,
    ):
        found = await answers(running.url, 200)
    assert set(found) == {(200, "stable"), (500, ""), (503, "")}


async def test_the_closest_match_answers(settings: Settings) -> None:
    one, other, named = Backend("prefix"), Backend("exact"), Backend("header")
    header = {"headers": [{"name": "X-Who", "value": "me"}]}
    route = a_route(
        a_rule(a_ref("one"), matches=[a_path("/a")]),
        a_rule(a_ref("other"), matches=[a_path("/a/b", "Exact")]),
        a_rule(a_ref("named"), matches=[a_path("/a") | header]),
    )
    async with serving(one, other, named):
        storage = a_shop(route, backends={"one": one, "other": other, "named": named})
        async with gateway_of(storage, settings) as running, aiohttp.ClientSession(running.url) as session:
            found = [
                await body(session, "/a"),
                await body(session, "/a/b/c"),
                await body(session, "/a/b"),
                await body(session, "/a/x", {"x-who": "me"}),
                await body(session, "/ab"),
            ]
    assert found == ["prefix", "prefix", "exact", "header", ""]


async def body(session: aiohttp.ClientSession, path: str, headers: dict[str, str] | None = None) -> str:
    async with session.get(path, headers=headers) as answer:
        return await answer.text()


async def test_filters_change_what_the_backend_sees(settings: Settings) -> None:
    stable = Backend("stable")
    filters = [
        {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-share", "value": "10%"}]}},
        {
            "type": "URLRewrite",
            "urlRewrite": {"hostname": "inner", "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
        },
    ]
    full = {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/whole"}}}
    route = a_route(
        a_rule(a_ref(), matches=[a_path("/old")], filters=filters),
        a_rule(a_ref(), matches=[a_path("/full")], filters=[full]),
    )
    async with serving(stable), gateway_of(a_shop(route, backends={"shop": stable}), settings) as running:
        for path in ("/old/page?q=1", "/old", "/full/page?q=2"):
            assert await answers(running.url + path, 1) == {(200, "stable"): 1}
    assert [first for first, _ in stable.requests] == [
        "GET /page?q=1 HTTP/1.1",
        "GET / HTTP/1.1",
        "GET /whole?q=2 HTTP/1.1",
    ]
    assert (stable.requests[0][1]["host"], stable.requests[0][1]["x-share"]) == ("inner", "10%")


async def test_a_route_and_its_endpoints_reach_the_proxy_after_they_have_changed(settings: Settings) -> None:
    stable, canary = Backend("stable"), Backend("canary")
    async with serving(stable, canary):
        storage = a_shop(a_route(), backends={"shop": stable})
        async with gateway_of(storage, settings) as running:
            await becomes(running.url, {(200, "stable"): 5})
            storage.create("services", a_service("canary"))
            storage.create("endpointslices", canary.slice("canary"))
            storage.mutate("httproutes", NAMESPACE, "shop", lambda o: o["spec"].update(rules=[a_rule(a_ref("canary"))]))
            await becomes(running.url, {(200, "canary"): 5})
            storage.delete("services", NAMESPACE, "canary")
            await becomes(running.url, {(500, ""): 5})
            storage.delete("httproutes", NAMESPACE, "shop")
            await becomes(running.url, {(404, ""): 5})


async def becomes(url: str, expected: dict[tuple[int, str], int]) -> None:
    found: Counter[tuple[int, str]] = Counter()
    for _ in range(200):
        found = await answers(url, 5)
        if found == expected:
            break
        await asyncio.sleep(0.02)
    assert found == expected


async def test_what_a_backend_has_begun_is_never_repeated_but_a_refused_connection_is(settings: Settings) -> None:
    good, bad = Backend("good"), Backend("bad", hang_up=True)
    async with serving(good, bad):
        storage = a_shop(a_route(), backends={"shop": good})
        storage.create("endpointslices", Backend("dead", address="127.1.255.9", port=1).slice("shop"))
        async with gateway_of(storage, settings) as running:
            assert await answers(running.url, 20) == {(200, "good"): 20}
            storage.create("endpointslices", bad.slice("shop"))
            seen: Counter[tuple[int, str]] = Counter()
            while not bad.requests:
                seen += await answers(running.url, 5)
    assert seen[503, ""] == len(bad.requests)


async def test_a_service_is_reached_at_its_cluster_ip_through_the_endpoints_of_the_moment(settings: Settings) -> None:
    stable, canary = Backend("stable"), Backend("canary")
    address = "127.2.255.1"
    async with serving(stable, canary):
        with_port = a_service(clusterIP=address, ports=[{"name": "http", "port": 28080}])
        storage = filled(services=[with_port], endpointslices=[stable.slice("shop")])
        async with gateway_of(storage, settings) as running:
            await becomes(f"http://{address}:28080", {(200, "stable"): 5})
            storage.create("endpointslices", canary.slice("shop"))
            storage.delete("endpointslices", NAMESPACE, stable.slice("shop")["metadata"]["name"])
            await becomes(f"http://{address}:28080", {(200, "canary"): 5})
            metrics = await fetch(running.metrics_url) or ""
    assert 'envoy_cluster_name="clusterip/shop/shop/28080"' in metrics


async def test_ports_that_are_asked_for_are_used_and_no_access_log_is_kept_if_none_is_wanted(
    settings: Settings,
) -> None:
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        port, metrics = one.getsockname()[1], other.getsockname()[1]
    wanted = replace(settings, gateway_port=port, proxy_metrics_port=metrics, access_log=False)
    stable = Backend("stable")
    async with (
        serving(stable),
        gateway_of(a_shop(a_route(a_rule(a_ref())), backends={"shop": stable}), wanted) as running,
    ):
        await answers(running.url + "/", 1)
        assert running.url == f"http://127.0.0.1:{port}"
        assert running.metrics_url == f"http://127.0.0.1:{metrics}/stats/prometheus"
    assert list(settings.directory.rglob("access.log")) == []


async def test_the_access_log_says_who_answered_and_when(settings: Settings) -> None:
    stable = Backend("stable")
    route = a_route(a_rule(a_ref()), a_rule(a_ref("empty"), matches=[a_path("/empty")]))
    async with (
        serving(stable),
        gateway_of(a_shop(route, backends={"shop": stable, "empty": None}), settings) as running,
    ):
        await answers(running.url + "/", 1)
        await answers(running.url + "/empty", 1)

        def lines() -> list[dict[str, Any]]:
            return [json.loads(line) for line in running.access_log.read_text().splitlines()]

        await eventually(lambda: len(lines()), 2)
        first, second = lines()
    assert 0 <= float(second.pop("start")) - float(first.pop("start")) < 60
    assert (first.pop("duration_ms") >= 0, second.pop("duration_ms") >= 0) == (True, True)
    common = {"protocol": "HTTP/1.1"}
    assert first == common | {
        "code": 200,
        "flags": "-",
        "cluster": "shop/shop/80",
        "host": f"{stable.address}:{stable.port}",
        "version": "stable",
        "path": "/",
    }
    assert second == common | {
        "code": 503,
        "flags": "UH",
        "cluster": "shop/empty/80",
        "host": None,
        "version": None,
        "path": "/empty",
    }


# The process and its files


@pytest.mark.parametrize("broken", [{"name": "no type"}, {"match": {"safe_regex": {"regex": "("}}}])
async def test_a_refused_update_is_counted_and_the_state_before_it_stays(tmp_path: Path, broken: Object) -> None:
    stable = Backend("stable")
    async with serving(stable):
        storage = a_shop(a_route(), backends={"shop": stable})
        good = config_of(storage, tmp_path)
        async with proxy(tmp_path, good) as running:
            routes = broken if "name" in broken else good.routes | {"virtual_hosts": [a_host(broken)]}
            running.files.write(replace(good, routes=routes), now=1)
            for _ in range(200):
                if await running.rejections():
                    break
                await asyncio.sleep(0.01)
            assert list(await running.rejections()) != []
            assert await answers(running.url, 1) == {(200, "stable"): 1}


def a_host(envoy_route: Object) -> Object:
    return {"name": "*", "domains": ["*"], "routes": [{**envoy_route, "direct_response": {"status": 200}}]}


def config_of(storage: Storage, directory: Path) -> Config:
    return translate(
        routes=storage.list("httproutes"),
        services=storage.list("services"),
        endpointslices=storage.list("endpointslices"),
        gateways=storage.list("gateways"),
        referencegrants=[],
        endpoints=str(Files(directory).endpoints),
    )


async def test_an_envoy_that_cannot_start_says_why(tmp_path: Path) -> None:
    broken = Files(tmp_path)
    broken.write(Config(), now=0)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        taken = server.sockets[0].getsockname()[1]
        with pytest.raises(EnvoyFailed, match="Address already in use"):
            async with envoy(tmp_path, broken, port=taken):
                pass


async def test_two_proxies_never_share_a_port(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    async with proxy(one, Config()) as first:
        files = Files(other)
        files.write(Config(), now=0)
        with pytest.raises(EnvoyFailed, match="Address already in use"):
            async with envoy(other, files, port=int(first.url.rsplit(":", 1)[1])):
                pass


async def test_an_envoy_that_dies_ends_the_gateway(settings: Settings, tmp_path: Path) -> None:
    async with proxy(tmp_path, Config()) as running:
        running.process.kill()
        with pytest.raises(EnvoyFailed, match="ended with code -9"):
            await running.ended()


def test_a_cluster_that_is_gone_stays_until_it_is_pruned(tmp_path: Path) -> None:
    storage = a_shop(backends={"shop": None, "canary": None})
    files = Files(tmp_path)
    files.write(config_of(storage, tmp_path), now=0)
    storage.delete("services", NAMESPACE, "canary")
    files.write(config_of(storage, tmp_path), now=10)

    def names() -> list[str]:
        return [one["name"] for one in json.loads(files.path("clusters").read_text())["resources"]]

    assert (files.prune(gone_before=9), names()) == (1, ["shop/canary/80", "shop/shop/80"])
    assert (files.prune(gone_before=10), names()) == (0, ["shop/shop/80"])
    assert [path.name for path in files.endpoints.iterdir()] == ["shop_shop_80.json"]
