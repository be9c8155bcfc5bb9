"""The parts of one controller put together as `rollout controller` does, beside an API server that tests command."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from analysis.sources import ScrapeSource
from rollout.cli import controller
from rollout.core.world import Settings
from rollout.kube.indexes import INDEXES
from rollout.kube.reflector import Reflector
from rollout.metrics import PREFIX
from rollout.models.kinds import PODS, ROLLOUTS, Key
from rollout.models.rollout import ROLLOUT_LABEL
from tests.kube.builders import eventually
from tests.kube.fake_api import FakeApi
from tests.notifications.builders import settings

SHOP = Key("shop", "shop")
A_ROLLOUT = {
    "apiVersion": ROLLOUTS.api_version,
    "kind": ROLLOUTS.kind,
    "metadata": {"namespace": SHOP.namespace, "name": SHOP.name, "uid": "u-1"},
    "spec": {
        "replicas": 1,
        "template": {
            "metadata": {"labels": {"app": "shop"}},
            "spec": {"containers": [{"name": "shop", "image": "shop:v1"}]},
        },
        "strategy": {"canary": {"steps": [{"weight": 10}]}},
    },
}


def options_for(folder: Path) -> controller.Options:
    """Those of a controller for the cluster that the kubeconfig in the folder names."""
    return controller.Options(
        kubeconfig=folder / "kubeconfig",
        context=None,
        namespace=None,
        sources=(),
        settings=Settings(settle=timedelta(milliseconds=50)),
        api=("127.0.0.1", 0),
        health=("127.0.0.1", 0),
        lease_namespace="prod",
    )


@asynccontextmanager
async def running(folder: Path, **options: Any) -> AsyncIterator[str]:
    """The address of the health port of a whole controller."""
    with capture_logs() as logs:
        task = asyncio.get_running_loop().create_task(controller.run(replace(options_for(folder), **options)))
        try:
            await eventually(lambda: any(each.get("name") == "health" for each in logs) or task.done())
            port = next(each["port"] for each in logs if each.get("name") == "health")
            yield f"http://127.0.0.1:{port}"
        finally:
            task.cancel()
            await asyncio.wait([task])


async def ask(url: str) -> tuple[int, str]:
    async with ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def metrics(url: str) -> dict[str, dict[tuple[str, ...], float]]:
    """By name the values by labels, which are in the order of their names."""
    _, text = await ask(f"{url}/metrics")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        values = {tuple(each.labels[name] for name in sorted(each.labels)): each.value for each in family.samples}
        found[family.name.removeprefix(f"{PREFIX}_")] = values
    return found


async def test_it_is_alive_at_once_and_ready_when_every_kind_was_listed(api: FakeApi, tmp_path: Path) -> None:
    listed = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        await listed.wait()
        return await api.serve(request)

    api.next("list", *[slow] * len(INDEXES))
    async with running(tmp_path) as url:
        assert await ask(f"{url}/healthz") == (200, "ok")
        status, why = await ask(f"{url}/readyz")
        assert (status, set(why.removeprefix("not listed yet: ").split(", "))) == (503, {r.plural for r in INDEXES})
        listed.set()
        await eventually(lambda: api.watching == len(INDEXES))
        assert await ask(f"{url}/readyz") == (200, "ok")


async def test_a_watch_that_stopped_makes_the_process_unhealthy(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as url:
        await eventually(lambda: api.watching == len(INDEXES))
        monkeypatch.setattr(Reflector, "stuck", property(lambda each: 1000.0 * (each.resource == PODS)))
        assert await ask(f"{url}/healthz") == (503, "watches that stopped more than 300 s ago: pods")


async def test_the_age_of_every_watch_can_be_seen(api: FakeApi, tmp_path: Path) -> None:
    async with running(tmp_path) as url:
        await eventually(lambda: api.watching == len(INDEXES))
        assert set((await metrics(url))["watch_age_seconds"]) == {(each.plural,) for each in INDEXES}


async def test_what_the_configuration_names_is_counted_from_the_start(api: FakeApi, tmp_path: Path) -> None:
    scraped = ScrapeSource(name="proxy", urls=("http://127.0.0.1:1/metrics",), interval=15.0)
    hook = {"name": "hook", "webhook": {"url": "https://hooks.example", "secretFrom": {"env": "HOOK_SECRET"}}}
    async with running(tmp_path, sources=(scraped,), notifications=settings(hook)) as url:
        shown = await metrics(url)
    assert shown["metric_source_queries"][("down", "proxy")] == 0
    assert shown["notifications"][("givenUp", "hook")] == 0


async def test_what_is_written_is_counted_by_verb_kind_and_outcome(api: FakeApi, tmp_path: Path) -> None:
    api.put(ROLLOUTS, A_ROLLOUT)
    async with running(tmp_path) as url:
        await eventually(lambda: api.count("post") >= 2 and api.count("patch") >= 2)
        written = (await metrics(url))["api_server_writes"]
    assert set(written) >= {("ok", "rollouts", "patch"), ("ok", "deployments", "create")}


async def test_of_pods_only_those_of_rollouts_are_kept(api: FakeApi, tmp_path: Path) -> None:
    async with running(tmp_path):
        await eventually(lambda: api.watching == len(INDEXES))
    asked = {each.query.get("labelSelector") for each in api.seen if each.path == PODS.path()}
    assert asked == {ROLLOUT_LABEL}


async def test_every_watch_is_asked_to_end_and_to_send_bookmarks(api: FakeApi, tmp_path: Path) -> None:
    async with running(tmp_path):
        await eventually(lambda: api.watching == len(INDEXES))
    watches = [each.query for each in api.seen if "watch" in each.query]
    assert len(watches) == len(INDEXES)
    assert [each for each in watches if not 240 <= int(each["timeoutSeconds"]) <= 480] == []
    assert {each["allowWatchBookmarks"] for each in watches} == {"true"}


async def test_no_metric_has_the_name_of_an_object_that_people_made(api: FakeApi, tmp_path: Path) -> None:
    api.put(ROLLOUTS, A_ROLLOUT)
    async with running(tmp_path) as url:
        await eventually(lambda: api.count("post") >= 2 and api.count("patch") >= 2)
        _, text = await ask(f"{url}/metrics")
    assert [line for line in text.splitlines() if SHOP.name in line] == []
