import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from rollout.kube.backoff import Backoff
from rollout.kube.client import Client
from rollout.kube.reflector import Pace, Reflector
from rollout.kube.store import Store
from rollout.models.kinds import DEPLOYMENTS, HTTP_ROUTES, Key, Manifest, Resource
from tests.kube.builders import a_deployment, eventually
from tests.kube.fake_api import FakeApi, Trouble, babble, connected, hang, hang_up, refuse

QUICK = Pace(page=2, watch=30, idle=5.0, absent=0.02, backoff=Backoff(first=0.01, cap=0.02))


def a_store() -> Store:
    return Store({DEPLOYMENTS: {}, HTTP_ROUTES: {}})


def names(store: Store) -> list[str]:
    return [key.name for key in store.keys(DEPLOYMENTS)]


@asynccontextmanager
async def running(reflector: Reflector) -> AsyncIterator[Reflector]:
    """The reflector at work, and synced."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reflector.run())
        async with asyncio.timeout(10):
            await reflector.synced.wait()
        yield reflector
        task.cancel()


async def test_a_kind_is_listed_page_by_page_and_then_followed(api: FakeApi, client: Client) -> None:
    for name in ("a", "b", "c"):
        api.put(DEPLOYMENTS, a_deployment(name))
    store = a_store()

    async with running(Reflector(client, DEPLOYMENTS, store, pace=QUICK)):
        assert names(store) == ["a", "b", "c"]
        api.put(DEPLOYMENTS, a_deployment("d"))
        api.put(DEPLOYMENTS, a_deployment("a", replicas=5))
        api.remove(DEPLOYMENTS, "prod", "b")
        await eventually(lambda: names(store) == ["a", "c", "d"])

    assert store.get(DEPLOYMENTS, Key("prod", "a")) == a_deployment("a", version=105, replicas=5)
    assert (api.count("list"), api.count("watch")) == (2, 1)


async def test_nothing_is_synced_before_the_last_page(api: FakeApi, client: Client) -> None:
    for name in ("a", "b", "c"):
        api.put(DEPLOYMENTS, a_deployment(name))
    reflector = Reflector(client, DEPLOYMENTS, a_store(), pace=QUICK)
    api.next("list", api.serve, hang)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(reflector.run())
        await eventually(lambda: api.count("list") == 2)
        assert not reflector.synced.is_set()
        task.cancel()


async def test_a_selector_and_a_namespace_go_into_the_list_and_the_watch(api: FakeApi, client: Client) -> None:
    reflector = Reflector(client, DEPLOYMENTS, a_store(), namespace="prod", label_selector="a=b", pace=QUICK)
    async with running(reflector):
        await eventually(lambda: api.count("watch") == 1)
    assert [(seen.path, seen.query["labelSelector"]) for seen in api.seen] == [
        ("/apis/apps/v1/namespaces/prod/deployments", "a=b")
    ] * 2


async def test_an_ordinary_end_of_the_watch_is_resumed_without_a_list(api: FakeApi, client: Client) -> None:
    api.put(DEPLOYMENTS, a_deployment("a"))
    store = a_store()
    async with running(Reflector(client, DEPLOYMENTS, store, pace=QUICK)):
        await eventually(lambda: api.count("watch") == 1)
        api.bookmark(DEPLOYMENTS)
        api.end_watches()
        api.put(DEPLOYMENTS, a_deployment("b"))
        await eventually(lambda: names(store) == ["a", "b"])
    watches = [seen.query["resourceVersion"] for seen in api.seen if "watch" in seen.query]
    assert (watches, api.count("list")) == (["101", "102"], 1)


async def test_a_cut_connection_is_resumed_without_a_list(api: FakeApi, client: Client) -> None:
    store = a_store()
    async with running(Reflector(client, DEPLOYMENTS, store, pace=QUICK)):
        await eventually(lambda: api.watching == 1)
        api.end_watches(abort=True)
        api.put(DEPLOYMENTS, a_deployment("a"))
        await eventually(lambda: names(store) == ["a"])
    assert api.count("list") == 1


async def test_a_connection_that_is_dead_but_open_is_given_up(api: FakeApi, client: Client) -> None:
    store = a_store()
    pace = Pace(watch=3600, idle=0.1, backoff=Backoff(first=0.01, cap=0.02))
    async with running(Reflector(client, DEPLOYMENTS, store, pace=pace)):
        await eventually(lambda: api.watching == 1)
        api.mute = True
        api.put(DEPLOYMENTS, a_deployment("a"))
        await eventually(lambda: api.count("watch") >= 2)
        api.mute = False
        await eventually(lambda: names(store) == ["a"])
    assert api.count("list") == 1


@pytest.mark.parametrize("as_event", [True, False])
async def test_an_expired_history_is_listed_again_and_deletions_while_away_are_told(
    api: FakeApi, client: Client, as_event: bool
) -> None:
    api.gone_as_event = as_event
    api.put(DEPLOYMENTS, a_deployment("gone"))
    api.put(DEPLOYMENTS, a_deployment("stays"))
    store = a_store()
    told: list[tuple[str, bool]] = []

    def tell(_: Resource, key: Key, new: Manifest | None, old: Manifest | None) -> None:
        told.append((key.name, new is None))

    async with running(Reflector(client, DEPLOYMENTS, store, pace=QUICK)):
        await eventually(lambda: api.watching == 1)
        store.subscribe(tell)
        api.mute = True
        api.remove(DEPLOYMENTS, "prod", "gone")
        api.put(DEPLOYMENTS, a_deployment("new"))
        api.compact()
        api.end_watches(abort=True)
        api.mute = False
        await eventually(lambda: names(store) == ["new", "stays"])
    assert sorted(told) == [("gone", True), ("new", False)]


async def test_a_cluster_restored_from_a_backup_is_listed_again(api: FakeApi, client: Client) -> None:
    api.put(DEPLOYMENTS, a_deployment("lost"))
    store = a_store()
    async with running(Reflector(client, DEPLOYMENTS, store, pace=QUICK)):
        await eventually(lambda: api.watching == 1)
        api.objects.clear()
        api.history.clear()
        api.version = api.compacted = 50
        api.put(DEPLOYMENTS, a_deployment("old"))
        await eventually(lambda: names(store) == ["old"])
        api.put(DEPLOYMENTS, a_deployment("new"))
        await eventually(lambda: names(store) == ["new", "old"])


async def test_a_page_token_that_expired_starts_the_list_over(api: FakeApi, client: Client) -> None:
    for name in ("a", "b", "c"):
        api.put(DEPLOYMENTS, a_deployment(name))
    store = a_store()

    api.next("list", api.serve, refuse(410, "Expired"))
    async with running(Reflector(client, DEPLOYMENTS, store, pace=QUICK)):
        assert names(store) == ["a", "b", "c"]
    assert api.count("list") == 4


@pytest.mark.parametrize("sort", ["list", "watch"])
@pytest.mark.parametrize(
    "trouble",
    [refuse(500), refuse(429, Retry_After="0"), refuse(403, "Forbidden"), hang, hang_up, babble],
    ids=["500", "429", "403", "hang", "hang_up", "babble"],
)
async def test_a_server_in_trouble_is_outlasted(api: FakeApi, tmp_path: Path, sort: str, trouble: Trouble) -> None:
    store = a_store()
    api.put(DEPLOYMENTS, a_deployment("a"))
    api.next(sort, trouble, trouble, trouble)
    async with (
        await connected(api, tmp_path, timeout_seconds=0.1) as client,
        running(Reflector(client, DEPLOYMENTS, store, pace=QUICK)),
    ):
        await eventually(lambda: api.watching == 1)
        api.put(DEPLOYMENTS, a_deployment("b"))
        await eventually(lambda: names(store) == ["a", "b"])
    assert api.count(sort) >= 4


async def test_a_kind_that_is_not_installed_is_synced_and_empty_until_it_is(api: FakeApi, client: Client) -> None:
    store = a_store()
    async with running(Reflector(client, HTTP_ROUTES, store, pace=QUICK)):
        assert store.keys(HTTP_ROUTES) == ()
        api.install(HTTP_ROUTES)
        api.put(HTTP_ROUTES, {"metadata": {"name": "shop", "namespace": "prod"}})
        await eventually(lambda: store.keys(HTTP_ROUTES) == (Key("prod", "shop"),))


async def test_a_kind_that_is_uninstalled_is_emptied(api: FakeApi, client: Client) -> None:
    api.put(DEPLOYMENTS, a_deployment("a"))
    store = a_store()
    async with running(Reflector(client, DEPLOYMENTS, store, pace=QUICK)):
        await eventually(lambda: api.watching == 1)
        api.installed.clear()
        api.end_watches()
        await eventually(lambda: names(store) == [])


async def test_failures_are_answered_with_growing_waits_until_an_event_arrives(api: FakeApi, client: Client) -> None:
    waits: list[float] = []

    def all_of_it(seconds: float) -> float:
        waits.append(seconds)
        return seconds

    pace = Pace(watch=30, backoff=Backoff(first=0.001, cap=0.004))
    api.next("list", *[refuse(500)] * 4)
    reflector = Reflector(client, DEPLOYMENTS, a_store(), clock=lambda: 0.0, jitter=all_of_it, pace=pace)
    async with running(reflector):
        await eventually(lambda: api.watching == 1)
        api.end_watches()
        await eventually(lambda: api.watching == 1 and api.count("watch") == 2)
        api.bookmark(DEPLOYMENTS)
        api.end_watches()
        await eventually(lambda: api.count("watch") == 3)
    assert waits == [0.001, 0.002, 0.004, 0.004, 30, 0.004, 30, 0.001, 30]


@pytest.mark.parametrize(("failures", "levels"), [(1, ["info"]), (3, ["info", "warning", "warning"])])
async def test_a_watch_that_ends_is_every_days_and_a_server_that_stays_away_is_a_warning(
    api: FakeApi, client: Client, failures: int, levels: list[str]
) -> None:
    with capture_logs() as logs:
        async with running(Reflector(client, DEPLOYMENTS, a_store(), pace=QUICK)):
            await eventually(lambda: api.watching == 1)
            api.next("watch", *[refuse(500)] * (failures - 1))
            api.end_watches(abort=True)
            await eventually(lambda: len(logs) == failures and api.watching == 1)
    assert [(each["event"], each["log_level"]) for each in logs] == [("watch interrupted", level) for level in levels]


async def test_a_server_that_never_was_there_is_a_warning_at_once(api: FakeApi, client: Client) -> None:
    api.next("list", refuse(500))
    with capture_logs() as logs:
        async with running(Reflector(client, DEPLOYMENTS, a_store(), pace=QUICK)):
            await eventually(lambda: api.watching == 1)
    assert [(each["event"], each["log_level"]) for each in logs] == [("watch interrupted", "warning")]


async def test_the_age_is_that_of_the_last_word_from_the_server(api: FakeApi, client: Client) -> None:
    now = 1000.0
    reflector = Reflector(client, DEPLOYMENTS, a_store(), clock=lambda: now, pace=QUICK)
    async with running(reflector):
        await eventually(lambda: api.watching == 1)
        now = 1007.0
        assert reflector.age == 7.0
        api.bookmark(DEPLOYMENTS)
        await eventually(lambda: reflector.age == 0.0)
