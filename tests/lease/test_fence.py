"""What keeps a plan of a deposed leader out of the cluster when it is carried out late."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rollout.core.write import Verb, Write
from rollout.kube.apply import apply
from rollout.kube.client import Client
from rollout.kube.errors import Conflict, Unavailable
from rollout.kube.indexes import INDEXES
from rollout.kube.store import Store
from rollout.models.kinds import HTTP_ROUTES, ROLLOUT_RUNS, Key, Manifest
from tests.kube.conftest import client
from tests.kube.fake_api import FakeApi, serving

__all__ = ["client"]

KEY = Key("prod", "shop")


@pytest.fixture
async def api() -> Any:
    async with serving(HTTP_ROUTES, ROLLOUT_RUNS) as api:
        for resource in (HTTP_ROUTES, ROLLOUT_RUNS):
            api.put(resource, {"metadata": {"name": "shop", "namespace": "prod"}, "spec": {}, "status": {"step": 1}})
        yield api


def taking(*, urgent: bool) -> Write:
    ops = ({"op": "add", "path": "/spec/weight", "value": 0},)
    return Write(verb=Verb.PATCH, resource=HTTP_ROUTES, key=KEY, body=ops, urgent=urgent, why="take traffic")


def progress(step: int) -> Write:
    body = {"status": {"step": step}}
    return Write(
        verb=Verb.MERGE, resource=ROLLOUT_RUNS, key=KEY, body=body, subresource="status", why="record the step"
    )


def a_store(api: FakeApi) -> Store:
    """What is in the cluster at this moment."""
    store = Store(INDEXES)
    store.put(ROLLOUT_RUNS, json.dumps(held(api)).encode())
    return store


def held(api: FakeApi) -> Manifest:
    return api.objects[ROLLOUT_RUNS.path(*KEY)]


def as_long_as(answers: Iterator[bool]) -> Any:
    return lambda: next(answers)


@pytest.mark.parametrize("urgent", [True, False])
async def test_a_leader_that_may_have_been_deposed_sends_nothing(api: FakeApi, client: Client, urgent: bool) -> None:
    told: list[str] = []
    with pytest.raises(Unavailable, match="Deposed"):
        await apply(
            (taking(urgent=urgent), progress(2)),
            client=client,
            store=a_store(api),
            urgent=urgent,
            observer=lambda done: told.append(done.outcome),
            leads=lambda: False,
        )
    assert (api.seen, told) == ([], [])


async def test_a_leader_deposed_between_two_writes_sends_no_second(api: FakeApi, client: Client) -> None:
    plan, leads = (taking(urgent=False), progress(2)), as_long_as(iter((True, False)))
    with pytest.raises(Unavailable, match="Deposed"):
        await apply(plan, client=client, store=a_store(api), urgent=False, observer=lambda *_: None, leads=leads)
    assert [seen.path for seen in api.seen] == [HTTP_ROUTES.path(*KEY)]


async def test_a_record_that_somebody_else_wrote_meanwhile_is_not_replaced(api: FakeApi, client: Client) -> None:
    store = a_store(api)
    api.put(ROLLOUT_RUNS, {**held(api), "status": {"step": 9}})
    with pytest.raises(Conflict):
        await apply((progress(2),), client=client, store=store, urgent=False, observer=lambda *_: None)
    assert held(api)["status"] == {"step": 9}


async def test_a_record_is_written_again_and_again_by_who_knows_it(api: FakeApi, client: Client) -> None:
    store = a_store(api)
    for plan in ((progress(2), progress(3)), (progress(4),)):
        await apply(plan, client=client, store=store, urgent=False, observer=lambda *_: None)
    assert held(api)["status"] == {"step": 4}
