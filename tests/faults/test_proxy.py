"""What passes a fault proxy as it is, what it notes, and how it is reached."""

import json
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from yarl import URL

from tests.faults.access import Certificate, kubeconfig_through
from tests.faults.bench import Bench
from tests.faults.effects import CONFLICT
from tests.faults.proxy import fault_proxy
from tests.faults.upstream import ROUTE, ROUTES, upstream


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
