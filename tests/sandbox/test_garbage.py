"""What is left behind is collected, in the order Kubernetes promises."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import garbage
from sandbox.kinds import Kind
from sandbox.settings import Settings
from sandbox.storage import Storage


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    storage = Storage(seed=1)
    collecting = asyncio.ensure_future(garbage.run(storage, Settings(directory=tmp_path)))
    await settled()
    yield storage
    collecting.cancel()
    await asyncio.gather(collecting, return_exceptions=True)


async def settled() -> None:
    """Let the collector do all it can do now."""
    for _ in range(20):
        await asyncio.sleep(0)


def owned(storage: Storage, plural: str, name: str, *owners: dict[str, Any], **meta: Any) -> dict[str, Any]:
    references = [
        {"apiVersion": o["apiVersion"], "kind": o["kind"], "name": o["metadata"]["name"], "uid": o["metadata"]["uid"],
         "controller": True, "blockOwnerDeletion": True}
        for o in owners
    ]  # fmt: skip
    body = {"metadata": {"name": name, **meta}}
    if owners:
        body["metadata"]["ownerReferences"] = references
    return storage.create(plural, body)


def names(storage: Storage, *plurals: str) -> list[str]:
    return [obj["metadata"]["name"] for plural in plurals for obj in storage.list(plural)]


async def test_objects_of_a_kind_defined_later_are_collected_too(storage: Storage) -> None:
    storage.register(Kind(group="example.com", version="v1", plural="trains", kind="Train"))
    storage.create("customresourcedefinitions", {"metadata": {"name": "trains.example.com"}})
    await settled()
    train = owned(storage, "trains", "t")
    owned(storage, "configmaps", "wagon", train)
    storage.delete("trains", "default", "t")
    await settled()
    assert names(storage, "configmaps") == []
