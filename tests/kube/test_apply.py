from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from rollout.core.write import Plan, Verb, Write
from rollout.kube.apply import apply
from rollout.kube.client import Client
from rollout.kube.errors import Conflict, Forbidden, Unavailable
from rollout.kube.indexes import INDEXES
from rollout.kube.store import Store
from rollout.models.kinds import HTTP_ROUTES, ROLLOUT_RUNS, SERVICES, Key, Resource
from tests.kube.builders import raw
from tests.kube.fake_api import FakeApi, refuse, serving


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with serving(HTTP_ROUTES, SERVICES, ROLLOUT_RUNS) as api:
        for name in "abc":
            api.put(HTTP_ROUTES, an_object(HTTP_ROUTES, name, weight=10))
        yield api


def an_object(resource: Resource, name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "prod"}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": spec}


def weight(name: str, *, urgent: bool) -> Write:
    ops = ({"op": "replace", "path": "/spec/weight", "value": 0},)
    return Write(
        verb=Verb.PATCH, resource=HTTP_ROUTES, key=Key("prod", name), body=ops, urgent=urgent, why="take traffic"
    )


def creation(resource: Resource, name: str) -> Write:
    body = an_object(resource, name)
    return Write(verb=Verb.CREATE, resource=resource, key=Key("prod", name), body=body, why="make it")


async def carried_out(plan: Plan, client: Client) -> list[tuple[str, str]]:
    """The writes that were told, each with how it ended; raises as `apply` does."""
    told: list[tuple[str, str]] = []
    store = Store(INDEXES)
    await apply(
        plan,
        client=client,
        store=store,
        urgent=False,
        observer=lambda done: told.append((done.write.key.name, done.outcome)),
    )
    return told


def weights(api: FakeApi) -> dict[str, int]:
    return {name: api.objects[HTTP_ROUTES.path("prod", name)]["spec"]["weight"] for name in "abc"}


async def test_a_route_that_cannot_be_written_keeps_no_traffic_on_the_others(api: FakeApi, client: Client) -> None:
    api.next("patch", refuse(403, "Forbidden"))
    plan = (weight("a", urgent=True), weight("b", urgent=True), creation(SERVICES, "twin"), weight("c", urgent=True))
    with pytest.raises(Forbidden):
        await carried_out(plan, client)
    assert weights(api) == {"a": 10, "b": 0, "c": 10}
    assert SERVICES.path("prod", "twin") not in api.objects


async def test_of_several_failed_urgent_writes_the_first_is_told(api: FakeApi, client: Client) -> None:
    api.next("patch", refuse(500), refuse(403, "Forbidden"))
    with pytest.raises(Unavailable):
        await carried_out((weight("a", urgent=True), weight("b", urgent=True), weight("c", urgent=True)), client)
    assert weights(api) == {"a": 10, "b": 10, "c": 0}


async def test_the_first_other_write_that_fails_ends_the_plan(api: FakeApi, client: Client) -> None:
    api.next("patch", refuse(403, "Forbidden"))
    with pytest.raises(Forbidden):
        await carried_out((weight("a", urgent=False), weight("b", urgent=True), weight("c", urgent=False)), client)
    assert weights(api) == {"a": 10, "b": 10, "c": 10}


async def test_a_record_whose_name_is_taken_does_not_stop_a_release(api: FakeApi, client: Client) -> None:
    api.put(ROLLOUT_RUNS, an_object(ROLLOUT_RUNS, "shop-3"))
    told = await carried_out((creation(ROLLOUT_RUNS, "shop-3"), weight("a", urgent=False)), client)
    assert told == [("shop-3", "AlreadyExists"), ("a", "ok")]
    assert weights(api) == {"a": 0, "b": 10, "c": 10}


async def test_any_other_name_that_is_taken_ends_the_plan(api: FakeApi, client: Client) -> None:
    api.put(SERVICES, an_object(SERVICES, "twin"))
    with pytest.raises(Conflict):
        await carried_out((creation(SERVICES, "twin"), weight("a", urgent=False)), client)
    assert weights(api) == {"a": 10, "b": 10, "c": 10}


async def test_a_conflict_ends_the_plan_and_nothing_is_repeated_where_it_stands(api: FakeApi, client: Client) -> None:
    api.next("patch", refuse(409, "Conflict"))
    with pytest.raises(Conflict):
        await carried_out((fenced("a", "101"), weight("b", urgent=False)), client)
    assert weights(api) == {"a": 10, "b": 10, "c": 10}
    assert api.count("patch") == 1


async def test_a_patch_first_names_the_version_it_was_made_from(api: FakeApi, client: Client) -> None:
    await carried_out((fenced("a", "101"), weight("b", urgent=False)), client)
    change = {"op": "replace", "path": "/spec/weight", "value": 0}
    fence = {"op": "replace", "path": "/metadata/resourceVersion", "value": "101"}
    assert [each.body for each in api.seen] == [[fence, change], [change]]


async def test_what_was_deleted_is_gone_at_once(api: FakeApi, client: Client) -> None:
    store, key = Store(INDEXES), Key("prod", "a")
    store.put(HTTP_ROUTES, raw(api.objects[HTTP_ROUTES.path("prod", "a")]))
    deletion = Write(verb=Verb.DELETE, resource=HTTP_ROUTES, key=key, why="it is over")
    await apply((deletion,), client=client, store=store, urgent=False, observer=lambda _: None)
    assert (store.get(HTTP_ROUTES, key), HTTP_ROUTES.path("prod", "a") in api.objects) == (None, False)


async def test_what_was_written_is_known_at_once_and_the_next_write_to_it_starts_from_there(
    api: FakeApi, client: Client
) -> None:
    store = Store(INDEXES)
    held = api.objects[HTTP_ROUTES.path("prod", "a")]
    store.put(HTTP_ROUTES, raw(held))
    plan = (weight("a", urgent=False), fenced("a", held["metadata"]["resourceVersion"]))
    await apply(plan, client=client, store=store, urgent=False, observer=lambda _: None)
    now = api.objects[HTTP_ROUTES.path("prod", "a")]
    assert store.get(HTTP_ROUTES, Key("prod", "a")) == now
    written = str(int(now["metadata"]["resourceVersion"]) - 1)
    assert api.seen[-1].body[0] == {"op": "replace", "path": "/metadata/resourceVersion", "value": written}


def fenced(name: str, version: str) -> Write:
    return replace(weight(name, urgent=False), version=version)
