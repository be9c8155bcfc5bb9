"""The storage keeps the promises that Kubernetes makes about objects."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.storage import ApiError, Event, Storage

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def storage() -> Storage:
    return Storage(seed=1, now=lambda: NOON)


def a_deployment(name: str = "shop", **meta: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **meta}, "spec": {"replicas": 1}}


def test_a_new_object_gets_identity_version_and_time(storage: Storage) -> None:
    created = storage.create("deployments", a_deployment())
    assert created == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "shop",
            "namespace": "default",
            "uid": created["metadata"]["uid"],
            "creationTimestamp": "2026-11-21T12:00:00Z",
            "generation": 1,
            "resourceVersion": "2",
        },
        "spec": {"replicas": 1},
    }
    assert storage.get("deployments", "default", "shop") == created


def test_the_same_seed_gives_the_same_names_and_uids() -> None:
    one, other = (Storage(seed=7, now=lambda: NOON).create("pods", {"metadata": {"generateName": "a-"}}) for _ in "xy")
    assert one == other
    assert one["metadata"]["name"].startswith("a-")
    assert len(one["metadata"]["name"]) == 7


def test_a_second_object_of_that_name_is_refused(storage: Storage) -> None:
    storage.create("deployments", a_deployment())
    with pytest.raises(ApiError, match=r'deployments.apps "shop" already exists') as caught:
        storage.create("deployments", a_deployment())
    assert (caught.value.status, caught.value.reason) == (409, "AlreadyExists")


def test_what_comes_out_is_a_private_copy(storage: Storage) -> None:
    mine = a_deployment()
    storage.create("deployments", mine)["spec"]["replicas"] = 7
    mine["spec"]["replicas"] = 8
    storage.list("deployments")[0]["spec"]["replicas"] = 9
    assert storage.get("deployments", None, "shop")["spec"] == {"replicas": 1}  # type: ignore[index]


def test_only_a_change_of_the_desired_state_raises_the_generation(storage: Storage) -> None:
    storage.create("deployments", a_deployment())
    generations = []
    for change in (
        lambda obj: obj["metadata"].update(labels={"a": "b"}),
        lambda obj: obj["spec"].update(replicas=2),
        lambda obj: obj.update(status={"replicas": 2}),
    ):
        storage.mutate("deployments", "default", "shop", change)
        storage.mutate("deployments", "default", "shop", change, subresource="status")
        generations.append(storage.list("deployments")[0]["metadata"]["generation"])
    assert generations == [1, 2, 2]


def test_a_plain_write_cannot_change_the_status_and_a_status_write_nothing_else(storage: Storage) -> None:
    storage.create("deployments", a_deployment())

    def change(obj: dict[str, Any]) -> None:
        obj["status"] = {"replicas": 3}
        obj["spec"] = {"replicas": 3}
        obj["metadata"]["labels"] = {"a": "b"}

    plain = storage.mutate("deployments", "default", "shop", change)
    assert plain is not None
    assert (plain["spec"], plain.get("status"), plain["metadata"]["labels"]) == ({"replicas": 3}, None, {"a": "b"})
    storage.create("deployments", a_deployment("other"))
    status = storage.mutate("deployments", "default", "other", change, subresource="status")
    assert status is not None
    assert (status["spec"], status["status"]) == ({"replicas": 1}, {"replicas": 3})
    assert "labels" not in status["metadata"]


def test_a_write_that_changes_nothing_keeps_the_version_and_is_not_seen(storage: Storage) -> None:
    created = storage.create("deployments", a_deployment())
    feed = storage.feed("deployments")
    assert storage.update("deployments", created) == created
    assert feed.take() == []


def test_a_stale_version_or_another_uid_is_a_conflict(storage: Storage) -> None:
    stale = storage.create("deployments", a_deployment())
    storage.mutate("deployments", "default", "shop", lambda obj: obj["spec"].update(replicas=2))
    other = {**stale, "metadata": {"name": "shop", "uid": "other"}}
    for obj in (stale, other):
        with pytest.raises(ApiError) as caught:
            storage.update("deployments", obj)
        assert (caught.value.status, caught.value.reason) == (409, "Conflict")


def test_a_mutation_of_what_does_not_exist_is_none_and_an_update_is_not_found(storage: Storage) -> None:
    assert storage.mutate("deployments", "default", "shop", lambda obj: obj.clear()) is None
    with pytest.raises(ApiError, match=r'deployments.apps "shop" not found'):
        storage.update("deployments", a_deployment())


def test_a_finalizer_holds_an_object_until_it_is_taken_away(storage: Storage) -> None:
    storage.create("deployments", a_deployment(finalizers=["a/b"]))
    storage.delete("deployments", "default", "shop")
    held = storage.get("deployments", "default", "shop")
    assert held is not None
    assert held["metadata"]["deletionTimestamp"] == "2026-11-21T12:00:00Z"
    storage.mutate("deployments", "default", "shop", lambda obj: obj["metadata"].update(finalizers=[]))
    assert storage.get("deployments", "default", "shop") is None


@pytest.mark.parametrize(("propagation", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")])
def test_foreground_and_orphan_deletions_wait_for_the_garbage_collection(
    storage: Storage, propagation: str, finalizer: str
) -> None:
    storage.create("deployments", a_deployment())
    storage.delete("deployments", "default", "shop", propagation=propagation)
    assert storage.list("deployments")[0]["metadata"]["finalizers"] == [finalizer]


def test_a_deleted_pod_waits_for_its_kubelet_and_is_then_removed(storage: Storage) -> None:
    storage.create("pods", {"metadata": {"name": "a"}, "spec": {"terminationGracePeriodSeconds": 5}})
    storage.delete("pods", "default", "a")
    assert storage.list("pods")[0]["metadata"]["deletionGracePeriodSeconds"] == 5
    storage.delete("pods", "default", "a", grace=2)
    assert storage.list("pods")[0]["metadata"]["deletionGracePeriodSeconds"] == 2
    storage.remove("pods", "default", "a")
    storage.remove("pods", "default", "a")
    assert storage.list("pods") == []


def test_a_pod_without_grace_is_gone_at_once(storage: Storage) -> None:
    storage.create("pods", {"metadata": {"name": "a"}})
    storage.delete("pods", "default", "a", grace=0)
    assert storage.list("pods") == []


def test_lists_choose_by_namespace_and_labels_in_the_order_of_names(storage: Storage) -> None:
    for namespace, name, labels in (("b", "z", {"app": "x"}), ("a", "y", {"app": "x", "v": "1"}), ("a", "x", {})):
        storage.create("pods", {"metadata": {"name": name, "namespace": namespace, "labels": labels}})

    def names(**chosen: Any) -> list[str]:
        return [obj["metadata"]["name"] for obj in storage.list("pods", **chosen)]

    assert names() == ["x", "y", "z"]
    assert names(namespace="a") == ["x", "y"]
    assert names(labels={"app": "x"}) == ["y", "z"]
    assert names(namespace="a", labels={"app": "x", "v": "1"}) == ["y"]


async def test_a_subscription_begins_with_everything_and_goes_on_with_every_change(storage: Storage) -> None:
    first = storage.create("deployments", a_deployment())
    async with storage.subscribe("deployments", "pods") as events:
        pod = storage.create("pods", {"metadata": {"name": "a"}})
        storage.create("services", {"metadata": {"name": "a"}})
        storage.remove("deployments", "default", "shop")
        seen = [await anext(events) for _ in range(3)]
    assert seen[:2] == [Event("ADDED", "deployments", first), Event("ADDED", "pods", pod)]
    assert (seen[2].type, seen[2].object["metadata"]["resourceVersion"]) == ("DELETED", "5")


async def test_a_subscriber_waits_for_changes(storage: Storage) -> None:
    async with storage.subscribe("pods") as events:
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        assert not waiting.done()
        storage.create("pods", {"metadata": {"name": "a"}})
        assert (await waiting).type == "ADDED"


def test_a_feed_replays_the_history_from_a_version_and_410_before_it() -> None:
    storage = Storage(history=2)
    versions = [storage.create("pods", {"metadata": {"name": name}})["metadata"]["resourceVersion"] for name in "abc"]
    replayed = storage.feed("pods", since=int(versions[0])).take()
    assert [change.name for change in replayed] == ["b", "c"]
    with pytest.raises(ApiError) as caught:
        storage.feed("pods", since=int(versions[0]) - 1)
    assert (caught.value.status, caught.value.reason) == (410, "Expired")
    storage.compact()
    with pytest.raises(ApiError):
        storage.feed("pods", since=int(versions[1]))
    assert storage.feed("pods", since=int(versions[2])).take() == []
