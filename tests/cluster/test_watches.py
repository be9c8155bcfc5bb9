"""Watches, as a reflector depends on them."""

import asyncio
from typing import Any

from tests.backends import Backend
from tests.cluster.api import TABLE, Api, eventually
from tests.cluster.objects import a_map, a_rollout
from tests.cluster.trains import a_definition, a_train, trains_of


async def test_a_watch_goes_on_where_a_list_ended(api: Api) -> None:
    await api.create("configmaps", a_map("a"))
    version = await api.version("configmaps")
    await api.create("configmaps", a_map("b"))
    async with api.watch("configmaps", resourceVersion=version) as stream:
        await api.create("configmaps", a_map("c"))
        assert await stream.brief(2) == [("ADDED", "b"), ("ADDED", "c")]


async def test_a_watch_without_a_version_begins_with_what_is_there(api: Api) -> None:
    await api.create("configmaps", a_map("a"))
    for query in ({}, {"resourceVersion": "0"}):
        async with api.watch("configmaps", **query) as stream:
            assert await stream.brief(1) == [("ADDED", "a")]


async def test_events_carry_the_whole_object_as_it_was_then(api: Api) -> None:
    version = await api.version("configmaps")
    created = await api.create("configmaps", a_map("a", data={"x": "1"}))
    changed = (await api.merge("configmaps", "a", {"data": {"x": "2"}})).body
    await api.delete("configmaps", "a")
    async with api.watch("configmaps", resourceVersion=version) as stream:
        added, modified, deleted = [await stream.next() for _ in range(3)]
    assert (added["type"], added["object"]) == ("ADDED", created)
    assert (modified["type"], modified["object"]) == ("MODIFIED", changed)
    assert deleted["type"] == "DELETED"
    newer = deleted["object"]["metadata"].pop("resourceVersion")
    assert int(newer) > int(changed["metadata"].pop("resourceVersion"))
    assert deleted["object"] == changed


async def test_an_object_that_enters_or_leaves_the_selection_is_added_or_deleted(api: Api) -> None:
    await api.create("configmaps", a_map("a"))
    version = await api.version("configmaps")
    async with api.watch("configmaps", resourceVersion=version, labelSelector="app") as stream:
        for labels in ({"app": "x"}, {"app": "y"}, {"app": None}):
            await api.merge("configmaps", "a", {"metadata": {"labels": labels}})
        events = [await stream.next() for _ in range(3)]
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))


async def test_an_object_that_has_left_the_selection_is_shown_as_it_last_was_in_it(api: Api) -> None:
    await api.create("configmaps", a_map("a", labels={"app": "x"}))
    version = await api.version("configmaps")
    async with api.watch("configmaps", resourceVersion=version, labelSelector="app=x") as stream:
        left = (await api.merge("configmaps", "a", {"metadata": {"labels": {"app": "y"}}})).body
        event = await stream.next()
    assert event["type"] == "DELETED"
    assert event["object"]["metadata"]["labels"] == {"app": "x"}
    assert event["object"]["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]


async def test_a_watch_of_one_name_sees_nothing_else(api: Api) -> None:
    version = await api.version("configmaps")
    async with api.watch("configmaps", resourceVersion=version, fieldSelector="metadata.name=a") as stream:
        await api.create("configmaps", a_map("b"))
        await api.create("secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}})
        created = await api.create("configmaps", a_map("a"))
        assert (await stream.next())["object"] == created


async def test_all_watchers_see_a_change_of_the_status(api: Api) -> None:
    await api.create("rollouts", a_rollout())
    version = await api.version("rollouts")
    query = {"resourceVersion": version}
    async with api.watch("rollouts", **query) as one, api.watch("rollouts", **query) as other:
        await api.merge("rollouts", "shop", {"status": {"message": "hello"}}, "status")
        assert await one.brief(1) == await other.brief(1) == [("MODIFIED", "shop")]


async def test_a_streaming_list_ends_with_a_bookmark_that_says_so(api: Api) -> None:
    await api.create("configmaps", a_map("a"))
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    async with api.watch("configmaps", **query) as stream:
        added, bookmark = await stream.next(), await stream.next()
    assert (added["type"], bookmark["type"]) == ("ADDED", "BOOKMARK")
    assert bookmark["object"]["kind"] == "ConfigMap"
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(bookmark["object"]["metadata"]["resourceVersion"]) >= int(added["object"]["metadata"]["resourceVersion"])


async def test_a_bookmark_tells_the_version_before_a_watch_ends(api: Api) -> None:
    created = await api.create("configmaps", a_map("a"))
    version = await api.version("configmaps")
    query = {"resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": "3"}
    async with api.watch("configmaps", **query) as stream:
        await api.merge("configmaps", "a", {"metadata": {"labels": {"x": "y"}}})
        assert await stream.brief(1) == [("MODIFIED", "a")]
        bookmark = await stream.next()
    assert bookmark["type"] == "BOOKMARK"
    assert int(bookmark["object"]["metadata"]["resourceVersion"]) > int(created["metadata"]["resourceVersion"])
    assert (bookmark["object"]["kind"], bookmark["object"]["apiVersion"]) == ("ConfigMap", "v1")


async def test_a_watch_ends_at_its_timeout(api: Api) -> None:
    version = await api.version("configmaps")
    async with api.watch("configmaps", resourceVersion=version, timeoutSeconds="1") as stream:
        async with asyncio.timeout(20):
            assert await stream.answer.content.read() == b""


async def test_a_watch_from_before_the_compaction_is_told_410_as_an_event(api: Api, backend: Backend) -> None:
    async with trains_of(api):
        version = await api.version("trains")
        await api.create("trains", a_train())
        await backend.compact()
        # A real API server forgets what it keeps in memory of a kind when the kind's definition changes.
        changed = a_definition()["spec"] | {"names": {**a_definition()["spec"]["names"], "shortNames": ["tr", "tra"]}}
        await api.merge("customresourcedefinitions", "trains.example.com", {"spec": changed})

        async def told() -> Any:
            async with api.watch("trains", resourceVersion=version, timeoutSeconds="1") as stream:
                event = await stream.next()
                return stream.answer.status, event.get("type"), event.get("object", {}).get("reason")

        await eventually(told, (200, "ERROR", "Expired"))


async def test_a_version_of_the_future_is_waited_for_in_vain(api: Api) -> None:
    answer = await api.read("configmaps", resourceVersion="999999999999")
    assert (answer.status, answer.body["reason"]) == (504, "Timeout")
    assert answer.body["message"].startswith("Timeout: Too large resource version: 999999999999, current: ")


async def test_a_watch_of_a_table_has_tables(api: Api) -> None:
    await api.create("configmaps", a_map("a", data={"x": "1"}))
    async with api.watch("configmaps", accept=TABLE) as stream:
        event = await stream.next()
    assert (event["object"]["kind"], event["object"]["rows"][0]["cells"][:2]) == ("Table", ["a", 1])
