import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from api.app import create_app
from rollout.kube.client import Client
from rollout.kube.store import Store
from rollout.models.kinds import ROLLOUTS, Resource
from rollout.models.rollout import parse_status
from sandbox.apiserver.server import ApiServer
from sandbox.settings import Settings
from sandbox.storage import Storage
from tests.api.cluster import NOW, a_store, caller, moving

CRDS = Path(__file__).parents[2] / "crds"
DEFINITIONS = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
PATH = "/api/v1/namespaces/store/rollouts/shop"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A client of a sandbox API server that has our resources installed."""
    settings = Settings(directory=tmp_path, processes=False, gateway=False, prometheus=False)
    async with (
        ApiServer(Storage(), settings) as server,
        await Client.connect(server.write_kubeconfig(tmp_path / "kubeconfig")) as client,
    ):
        for file in sorted(CRDS.glob("*.yaml")):
            await client.create(DEFINITIONS, None, yaml.safe_load(file.read_text()))
        await client.create(NAMESPACES, None, {"metadata": {"name": "store"}})
        yield client


@pytest.fixture
async def store(client: Client) -> Store:
    """The cache of a Rollout that the controller has seen, as it stands in the cluster."""
    manifest = moving()
    del manifest["metadata"]["resourceVersion"]
    await client.create(ROLLOUTS, "store", manifest)
    patch = {"status": manifest["status"]}
    raw = await client.merge_patch(ROLLOUTS, "store", "shop", patch, subresource="status")
    return a_store(json.loads(raw))


def app_of(client: Client, store: Store) -> httpx2.AsyncClient:
    ids = iter(f"id-{number}" for number in range(100))
    return caller(create_app(store=store, client=client, clock=lambda: NOW, version="1", new_id=lambda: next(ids)))


async def waiting(client: Client) -> list[tuple[str, str]]:
    manifest: dict[str, Any] = json.loads(await client.get(ROLLOUTS, "store", "shop"))
    return [(command.id, command.verb) for command in parse_status(manifest).commands or ()]


async def test_commands_pass_the_schema_and_wait_in_the_order_they_came(client: Client, store: Store) -> None:
    async with app_of(client, store) as api:
        answers = [await api.post(f"{PATH}/{verb}", json={"reason": "why"}) for verb in ("pause", "abort")]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert await waiting(client) == [("id-0", "pause"), ("id-1", "abort")]


async def test_of_many_at_once_every_accepted_one_waits(client: Client, store: Store) -> None:
    async with app_of(client, store) as api:
        answers = await asyncio.gather(*(api.post(f"{PATH}/promote") for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {202, 503}
    accepted = sorted(answer.json()["id"] for answer in answers if answer.status_code == 202)
    assert accepted
    assert sorted(id_ for id_, _ in await waiting(client)) == accepted
