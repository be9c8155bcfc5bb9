"""Ingresses and the canary annotations of ingress-nginx, as the sandbox's proxy obeys them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.gateway.ingresses import Location, locations
from sandbox.settings import Settings
from sandbox.storage import Object, Storage
from tests.sandbox.test_envoy import gateway_of
from tests.sandbox.traffic import CREATED, NAMESPACE, Backend, a_service, filled, serving
from tests.sandbox.workloads import quick

PREFIX = "nginx.ingress.kubernetes.io/"
SERVICES = {(NAMESPACE, name): a_service(name) for name in ("shop", "shop-canary", "cart")}


def an_ingress(
    name: str = "shop", *, service: str = "shop", host: str | None = "shop.example", paths: Any = (("/", "Prefix"),)
) -> Object:
    entries = [{"path": path, "pathType": kind, "backend": a_backend(service)} for path, kind in paths]
    rule = {"http": {"paths": entries}} | ({"host": host} if host else {})
    metadata = {"name": name, "namespace": NAMESPACE, "creationTimestamp": CREATED}
    return {"metadata": metadata, "spec": {"rules": [rule]}}


def a_backend(service: str, **port: Any) -> Object:
    return {"service": {"name": service, "port": port or {"number": 80}}}


def a_canary(**annotations: str) -> Object:
    made = an_ingress("shop-canary", service="shop-canary")
    named = {name.replace("_", "-"): value for name, value in annotations.items()}
    made["metadata"]["annotations"] = {PREFIX + name: value for name, value in {"canary": "true", **named}.items()}
    return made


def opened(*ingresses: Object) -> list[Location]:
    found = locations(ingresses, service_of=SERVICES.get)
    return sorted(found, key=lambda each: (each.hostname, each.precedence))


def split(**annotations: str) -> dict[str, int]:
    """How requests without header and cookie are divided."""
    return {
        name.split("/")[1]: weight
        for name, weight in opened(an_ingress(), a_canary(**annotations))[-1].clusters.items()
    }


def headers_of(**annotations: str) -> list[tuple[str, Any, str]]:
    """The header, its match, and where such a request goes."""
    found = opened(an_ingress(), a_canary(**annotations))[:-1]
    return [
        (
            each.match["headers"][0]["name"],
            each.match["headers"][0]["string_match"],
            next(iter(each.clusters)).split("/")[1],
        )
        for each in found
    ]


# What is opened


def test_an_exact_path_goes_before_a_longer_prefix_and_that_before_a_shorter_one() -> None:
    paths = (("/", "Prefix"), ("/cart", "Prefix"), ("/cart", "Exact"), ("/api", "ImplementationSpecific"))
    assert [each.match | {"headers": None} for each in opened(an_ingress(paths=paths))] == [
        {"path": "/cart", "headers": None},
        {"path_separated_prefix": "/cart", "headers": None},
        {"prefix": "/api", "headers": None},
        {"prefix": "/", "headers": None},
    ]


def test_a_rule_without_a_host_is_for_all_of_them() -> None:
    assert [each.hostname for each in opened(an_ingress(host=None))] == ["*"]


def test_a_default_backend_takes_what_no_path_matches() -> None:
    ingress = an_ingress(paths=(("/cart", "Exact"),))
    ingress["spec"]["defaultBackend"] = a_backend("cart")
    assert [(each.hostname, dict(each.clusters)) for each in opened(ingress)] == [
        ("*", {"shop/cart/80": 1}),
        ("shop.example", {"shop/shop/80": 1}),
        ("shop.example", {"shop/cart/80": 1}),
    ]


def test_a_port_is_named_or_numbered_and_what_is_not_there_has_no_cluster() -> None:
    ingress = an_ingress()
    path = ingress["spec"]["rules"][0]["http"]["paths"][0]
    found = []
    for backend in (a_backend("shop", name="http"), a_backend("shop", number=81), a_backend("gone")):
        path["backend"] = backend
        found.append(next(iter(opened(ingress)[0].clusters)))
    assert found == ["shop/shop/80", "", ""]


def test_of_two_ingresses_with_the_same_place_the_older_one_counts() -> None:
    younger = an_ingress("other", service="cart")
    younger["metadata"]["creationTimestamp"] = "2026-12-01T00:00:00Z"
    assert [dict(each.clusters) for each in opened(younger, an_ingress())] == [{"shop/shop/80": 1}]


# The canary


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"canary_weight": "0"}, {"shop": 100}),
        ({"canary_weight": "30"}, {"shop": 70, "shop-canary": 30}),
        ({"canary_weight": "100"}, {"shop-canary": 100}),
        ({"canary_weight": "25", "canary_weight_total": "1000"}, {"shop": 975, "shop-canary": 25}),
        ({"canary_weight": "25", "canary_weight_total": "50"}, {"shop": 75, "shop-canary": 25}),
        ({"canary_weight": "300"}, {"shop-canary": 100}),
        ({"canary_weight": "half"}, {"shop": 100}),
        ({}, {"shop": 100}),
    ],
)
def test_the_weight_is_of_a_hundred_or_of_a_larger_total(annotations: dict[str, str], expected: dict[str, int]) -> None:
    assert split(**annotations) == expected


def test_a_canary_without_an_ingress_beside_it_is_ignored() -> None:
    assert opened(a_canary(canary_weight="50")) == []
    assert [dict(each.clusters) for each in opened(an_ingress(host="else.example"), a_canary(canary_weight="50"))] == [
        {"shop/shop/80": 1}
    ]


def test_a_canary_whose_service_is_not_there_is_ignored() -> None:
    canary = a_canary(canary_weight="50")
    canary["spec"]["rules"][0]["http"]["paths"][0]["backend"] = a_backend("gone")
    assert [dict(each.clusters) for each in opened(an_ingress(), canary)] == [{"shop/shop/80": 1}]


def test_a_canary_without_a_ready_endpoint_is_ignored() -> None:
    found = locations((an_ingress(), a_canary(canary_weight="50")), service_of=SERVICES.get, answers=lambda _: False)
    assert [dict(each.clusters) for each in found] == [{"shop/shop/80": 1}]


def test_without_the_word_canary_the_other_annotations_mean_nothing() -> None:
    other = a_canary(canary="false", canary_weight="50")
    assert [dict(each.clusters) for each in opened(an_ingress(), other)] == [{"shop/shop/80": 1}]


def test_a_header_says_always_or_never_and_a_cookie_after_it() -> None:
    assert headers_of(canary_by_header="X-Canary", canary_by_cookie="beta", canary_weight="10") == [
        ("x-canary", {"exact": "always"}, "shop-canary"),
        ("x-canary", {"exact": "never"}, "shop"),
        ("cookie", {"safe_regex": {"regex": r"(?:.*;\s*)?beta=always(?:\s*;.*)?"}}, "shop-canary"),
        ("cookie", {"safe_regex": {"regex": r"(?:.*;\s*)?beta=never(?:\s*;.*)?"}}, "shop"),
    ]


def test_a_value_replaces_the_two_words_and_a_pattern() -> None:
    assert headers_of(canary_by_header="X-Team", canary_by_header_value="shop", canary_by_header_pattern="s.*") == [
        ("x-team", {"exact": "shop"}, "shop-canary")
    ]


def test_a_pattern_is_looked_for_anywhere_in_the_value() -> None:
    assert headers_of(canary_by_header="X-Team", canary_by_header_pattern="sho[bp]") == [
        ("x-team", {"safe_regex": {"regex": "(?s).*(?:sho[bp]).*"}}, "shop-canary")
    ]


def test_a_pattern_that_cannot_be_read_keeps_everybody_with_the_header_on_the_stable() -> None:
    assert headers_of(canary_by_header="X-Team", canary_by_header_pattern="(", canary_weight="50") == [
        ("x-team", {"prefix": ""}, "shop")
    ]


# By real requests


@asynccontextmanager
async def a_shop(settings: Settings) -> AsyncIterator[tuple[Storage, str]]:
    """Two backends behind an Ingress without a canary, on a real Envoy."""
    stable, canary = Backend("stable"), Backend("canary")
    async with serving(stable, canary):
        storage = filled(
            ingresses=[an_ingress()],
            services=[a_service(), a_service("shop-canary")],
            endpointslices=[stable.slice("shop"), canary.slice("shop-canary")],
        )
        async with gateway_of(storage, settings) as running:
            yield storage, running.url


async def asked(url: str, times: int, **headers: str) -> Counter[tuple[int, str]]:
    """Codes and versions of so many requests, one after another."""
    found: Counter[tuple[int, str]] = Counter()
    sent = {"Host": "shop.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with aiohttp.ClientSession() as session:
        for _ in range(times):
            async with session.get(url, headers=sent) as answer:
                found[answer.status, answer.headers.get("x-version", "")] += 1
    return found


def annotate(storage: Storage, **annotations: str) -> None:
    fresh = a_canary(**annotations)["metadata"]["annotations"]

    def change(obj: Object) -> None:
        obj["metadata"]["annotations"] = fresh

    storage.mutate("ingresses", NAMESPACE, "shop-canary", change)


async def reaches(url: str, version: str, **headers: str) -> None:
    """Wait until such a request is answered by this version alone."""
    async with asyncio.timeout(10):
        while set(await asked(url, 20, **headers)) != {(200, version)}:  # noqa: ASYNC110 - the proxy tells nobody
            await asyncio.sleep(0.05)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick(tmp_path)


@pytest.mark.e2e
async def test_weights_headers_and_cookies_are_obeyed(settings: Settings) -> None:
    async with a_shop(settings) as (storage, url):
        await reaches(url, "stable")
        rules = {"canary_by_header": "X-Canary", "canary_by_cookie": "beta"}
        storage.create("ingresses", a_canary(canary_weight="30", **rules))
        await reaches(url, "canary", X_Canary="always")
        divided = await asked(url, 300)
        assert 50 <= divided[200, "canary"] <= 130  # 90 expected, 5 standard deviations
        assert set(await asked(url, 50, X_Canary="never")) == {(200, "stable")}
        assert set(await asked(url, 50, Cookie="a=b; beta=always; c=d")) == {(200, "canary")}
        assert set(await asked(url, 50, Cookie="beta=never")) == {(200, "stable")}
        assert set(await asked(url, 50, Cookie="beta=never", X_Canary="always")) == {(200, "canary")}
        assert len(await asked(url, 100, Cookie="xbeta=always")) == 2


@pytest.mark.e2e
async def test_no_request_is_lost_while_weights_change_and_the_canary_comes_and_goes(settings: Settings) -> None:
    async with a_shop(settings) as (storage, url):
        await reaches(url, "stable")
        found: Counter[tuple[int, str]] = Counter()
        over = asyncio.Event()

        async def load() -> None:
            while not over.is_set():
                found.update(await asked(url, 20))

        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(load())
            for _ in range(3):
                storage.create("ingresses", a_canary(canary_weight="0"))
                for weight in ("10", "50"):
                    annotate(storage, canary_weight=weight)
                    await asyncio.sleep(0.1)
                annotate(storage, canary_weight="100")
                await reaches(url, "canary")
                annotate(storage, canary_weight="0")
                await reaches(url, "stable")
                storage.delete("ingresses", NAMESPACE, "shop-canary")
                await reaches(url, "stable")
            over.set()
    assert set(found) == {(200, "stable"), (200, "canary")}
    assert min(found.values()) > 50
