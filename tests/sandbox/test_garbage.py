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


async def test_what_is_owned_goes_with_its_owner_down_to_the_last(storage: Storage) -> None:
    top = owned(storage, "deployments", "top")
    middle = owned(storage, "replicasets", "middle", top)
    owned(storage, "configmaps", "bottom", middle)
    owned(storage, "configmaps", "other")
    storage.delete("deployments", "default", "top")
    await settled()
    assert names(storage, "deployments", "replicasets", "configmaps") == ["other"]


async def test_one_of_two_owners_keeps_an_object_and_the_dead_reference_goes(storage: Storage) -> None:
    one, two = owned(storage, "deployments", "one"), owned(storage, "deployments", "two")
    owned(storage, "configmaps", "shared", one, two)
    storage.delete("deployments", "default", "one")
    await settled()
    assert [r["name"] for r in storage.list("configmaps")[0]["metadata"]["ownerReferences"]] == ["two"]


async def test_an_owner_of_another_life_is_no_owner(storage: Storage) -> None:
    old = owned(storage, "deployments", "shop")
    storage.delete("deployments", "default", "shop")
    owned(storage, "deployments", "shop")
    owned(storage, "configmaps", "late", old)
    await settled()
    assert names(storage, "configmaps") == []


async def test_in_the_foreground_the_owner_goes_last(storage: Storage) -> None:
    top = owned(storage, "deployments", "top")
    owned(storage, "replicasets", "held", top, finalizers=["a/b"])
    storage.delete("deployments", "default", "top", propagation="Foreground")
    await settled()
    assert names(storage, "deployments", "replicasets") == ["top", "held"]
    assert "deletionTimestamp" in storage.list("replicasets")[0]["metadata"]
    storage.mutate("replicasets", "default", "held", lambda obj: obj["metadata"].pop("finalizers"))
    await settled()
    assert names(storage, "deployments", "replicasets") == []


async def test_an_orphan_deletion_leaves_what_was_owned(storage: Storage) -> None:
    top = owned(storage, "deployments", "top")
    owned(storage, "replicasets", "left", top)
    storage.delete("deployments", "default", "top", propagation="Orphan")
    await settled()
    assert names(storage, "deployments", "replicasets") == ["left"]
    assert "ownerReferences" not in storage.list("replicasets")[0]["metadata"]


async def test_a_namespace_goes_when_the_last_of_its_objects_has(storage: Storage) -> None:
    storage.create("namespaces", {"metadata": {"name": "team"}})
    storage.create("pods", {"metadata": {"name": "slow", "namespace": "team"}})
    storage.create("configmaps", {"metadata": {"name": "a", "namespace": "team"}})
    storage.delete("namespaces", None, "team")
    await settled()
    assert names(storage, "namespaces", "configmaps", "pods") == ["team", "slow"]
    assert storage.list("namespaces")[0]["status"] == {"phase": "Terminating"}
    storage.remove("pods", "team", "slow")
    await settled()
    assert names(storage, "namespaces") == []


async def test_objects_of_a_kind_defined_later_are_collected_too(storage: Storage) -> None:
    storage.register(Kind(group="example.com", version="v1", plural="trains", kind="Train"))
    storage.create("customresourcedefinitions", {"metadata": {"name": "trains.example.com"}})
    await settled()
    train = owned(storage, "trains", "t")
    owned(storage, "configmaps", "wagon", train)
    storage.delete("trains", "default", "t")
    await settled()
    assert names(storage, "configmaps") == []
