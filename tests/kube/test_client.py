import asyncio
import json
import threading
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from rollout.kube.client import Client, Lane, Page
from rollout.kube.errors import ApiError, Conflict, Gone, Invalid, NotFound, Unavailable
from rollout.kube.transport import POOL_SIZES, USER_AGENT
from rollout.models.kinds import CLUSTER_ANALYSIS_TEMPLATES, DEPLOYMENTS, HTTP_ROUTES
from tests.kube.builders import a_deployment, eventually
from tests.kube.fake_api import FakeApi, Trouble, babble, connected, hang, hang_up, refuse


async def watched(client: Client, *, since: int, wanted: int) -> list[tuple[str, str, str]]:
    """The first `wanted` events as (type, name, resourceVersion)."""
    found = []
    events = client.watch(DEPLOYMENTS, resource_version=str(since), timeout_seconds=5, idle_seconds=5)
    async with aclosing(events):
        async for event in events:
            found.append((event.type, json.loads(event.raw)["metadata"].get("name", ""), event.resource_version))
            if len(found) == wanted:
                break
    return found


async def test_a_list_comes_in_pages(api: FakeApi, client: Client) -> None:
    held = [api.put(DEPLOYMENTS, a_deployment(name)) for name in ("a", "b", "c")]

    first = await client.list_page(DEPLOYMENTS, limit=2)
    second = await client.list_page(DEPLOYMENTS, limit=2, continue_token=first.continue_token)

    assert [json.loads(item) for item in first.items + second.items] == held
    assert (first.resource_version, second) == ("103", Page(second.items, "103", None))


async def test_a_list_asks_for_one_namespace_and_by_label(api: FakeApi, client: Client) -> None:
    api.put(DEPLOYMENTS, a_deployment("a", namespace="test"))

    page = await client.list_page(DEPLOYMENTS, namespace="prod", label_selector="a=b,c in (d, e+f)")

    assert page.items == ()
    assert api.seen[0].path == "/apis/apps/v1/namespaces/prod/deployments"
    assert api.seen[0].query == {"labelSelector": "a=b,c in (d, e+f)", "limit": "500"}


async def test_requests_say_who_sends_them(api: FakeApi, client: Client) -> None:
    await client.list_page(DEPLOYMENTS)

    headers = api.seen[0].headers
    assert (headers["User-Agent"], headers["Authorization"]) == (USER_AGENT, "Bearer sesame")


async def test_a_create_gives_the_object_with_its_version(api: FakeApi, client: Client) -> None:
    made = await client.create(DEPLOYMENTS, "prod", a_deployment("a"), strict=True)

    assert json.loads(made) == a_deployment("a", version=101)
    assert api.seen[0].query == {"fieldManager": "progressive-delivery", "fieldValidation": "Strict"}


async def test_a_dry_run_stores_nothing(api: FakeApi, client: Client) -> None:
    await client.create(DEPLOYMENTS, "prod", a_deployment("a"), dry_run=True)

    with pytest.raises(NotFound):
        await client.get(DEPLOYMENTS, "prod", "a")


async def test_a_name_that_is_taken_is_a_conflict_of_its_own(api: FakeApi, client: Client) -> None:
    await client.create(DEPLOYMENTS, "prod", a_deployment("a"))

    with pytest.raises(Conflict) as caught:
        await client.create(DEPLOYMENTS, "prod", a_deployment("a"))
    assert caught.value.reason == "AlreadyExists"


async def test_a_json_patch_is_all_or_nothing(api: FakeApi, client: Client) -> None:
    api.put(DEPLOYMENTS, a_deployment("a"))
    fits = {"op": "test", "path": "/spec/replicas", "value": 1}
    fails = {"op": "test", "path": "/spec/replicas", "value": 2}
    change = {"op": "replace", "path": "/spec/replicas", "value": 9}

    with pytest.raises(Invalid):
        await client.json_patch(DEPLOYMENTS, "prod", "a", (fails, change))
    patched = await client.json_patch(DEPLOYMENTS, "prod", "a", (fits, change))

    assert json.loads(patched) == a_deployment("a", version=102, replicas=9)
    assert api.seen[-1].headers["Content-Type"] == "application/json-patch+json"


async def test_a_merge_patch_of_a_stale_version_is_a_conflict(api: FakeApi, client: Client) -> None:
    api.put(DEPLOYMENTS, a_deployment("a"))
    patch = {"metadata": {"resourceVersion": "7"}, "status": {"phase": "Holding"}}

    with pytest.raises(Conflict):
        await client.merge_patch(DEPLOYMENTS, "prod", "a", patch, subresource="status")

    assert api.seen[0].path.endswith("/deployments/a/status")
    assert api.seen[0].headers["Content-Type"] == "application/merge-patch+json"
    assert api.seen[0].query == {"fieldManager": "progressive-delivery"}


async def test_a_server_side_apply_takes_fields_over_only_by_force(api: FakeApi, client: Client) -> None:
    api.put(DEPLOYMENTS, a_deployment("a"))

    await client.apply_patch(DEPLOYMENTS, "prod", "a", a_deployment("a"))
    await client.apply_patch(DEPLOYMENTS, "prod", "a", a_deployment("a"), force=True)

    assert [seen.query.get("force") for seen in api.seen] == [None, "true"]
    assert api.seen[0].headers["Content-Type"] == "application/apply-patch+yaml"
    assert api.seen[0].body == a_deployment("a")


async def test_a_delete_says_whether_the_object_lingers(api: FakeApi, client: Client) -> None:
    api.put(DEPLOYMENTS, a_deployment("plain"))
    held = a_deployment("held")
    held["metadata"]["finalizers"] = ["progressive.delivery/traffic"]
    held = api.put(DEPLOYMENTS, held)

    gone = await client.delete(DEPLOYMENTS, "prod", "plain")
    lingering = await client.delete(DEPLOYMENTS, "prod", "held", propagation="Orphan")

    assert (gone, json.loads(lingering or b"null")) == (None, held)
    assert [seen.body["propagationPolicy"] for seen in api.seen] == ["Background", "Orphan"]


async def test_a_delete_meant_for_another_object_of_that_name_is_refused(api: FakeApi, client: Client) -> None:
    deployment = a_deployment("a")
    deployment["metadata"]["uid"] = "new"
    api.put(DEPLOYMENTS, deployment)

    with pytest.raises(Conflict):
        await client.delete(DEPLOYMENTS, "prod", "a", uid="old")
    assert await client.delete(DEPLOYMENTS, "prod", "a", uid="new") is None


async def test_a_cluster_scoped_object_needs_no_namespace(api: FakeApi, client: Client) -> None:
    body = {"metadata": {"name": "http"}}
    await client.create(CLUSTER_ANALYSIS_TEMPLATES, None, body)

    found = json.loads(await client.get(CLUSTER_ANALYSIS_TEMPLATES, None, "http"))
    assert found == {"metadata": {"name": "http", "resourceVersion": "101"}}


async def test_a_watch_tells_what_happened_since(api: FakeApi, client: Client) -> None:
    api.put(DEPLOYMENTS, a_deployment("before"))
    api.put(DEPLOYMENTS, a_deployment("a"))
    api.put(DEPLOYMENTS, a_deployment("a", replicas=2))
    api.remove(DEPLOYMENTS, "prod", "a")
    api.bookmark(DEPLOYMENTS)

    assert await watched(client, since=101, wanted=4) == [
        ("ADDED", "a", "102"),
        ("MODIFIED", "a", "103"),
        ("DELETED", "a", "104"),
        ("BOOKMARK", "", "105"),
    ]
    assert api.seen[0].query["allowWatchBookmarks"] == "true"


async def test_a_watch_event_may_be_larger_than_any_buffer(api: FakeApi, client: Client) -> None:
    large = a_deployment("large", text="x" * 3_000_000)
    large = api.put(DEPLOYMENTS, large)
    events = client.watch(DEPLOYMENTS, resource_version="100", timeout_seconds=5, idle_seconds=5)

    async with aclosing(events):
        event = await anext(events)

    assert (event.type, json.loads(event.raw)) == ("ADDED", large)


@pytest.mark.parametrize("as_event", [True, False])
async def test_a_watch_from_a_forgotten_version_is_gone_however_the_server_says_it(
    api: FakeApi, client: Client, as_event: bool
) -> None:
    api.gone_as_event = as_event
    api.put(DEPLOYMENTS, a_deployment("a"))
    api.compact()

    with pytest.raises(Gone) as caught:
        await watched(client, since=100, wanted=1)
    assert (caught.value.status, caught.value.reason) == (410, "Expired")


async def test_a_watch_that_is_cut_is_unavailable(api: FakeApi, client: Client) -> None:
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(_failure_of(watched(client, since=100, wanted=1)))
        await eventually(lambda: bool(api.seen))
        await asyncio.sleep(0.02)
        api.end_watches(abort=True)
    assert isinstance(watch.result(), Unavailable)


async def test_a_watch_that_falls_silent_is_unavailable(api: FakeApi, client: Client) -> None:
    events = client.watch(DEPLOYMENTS, resource_version="100", timeout_seconds=60, idle_seconds=0.05)
    assert isinstance(await _failure_of(anext(events)), Unavailable)


async def _failure_of(call: Any) -> BaseException | None:
    try:
        await call
    except ApiError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (refuse(500), "InternalError"),
        (refuse(503, "ServiceUnavailable"), "ServiceUnavailable"),
        (hang, "Timeout"),
        (hang_up, "ServerDisconnectedError"),
    ],
)
async def test_a_write_without_an_answer_is_unavailable(
    api: FakeApi, tmp_path: Path, trouble: Trouble, reason: str
) -> None:
    async with await connected(api, tmp_path, timeout_seconds=0.2) as client:
        api.next("post", trouble)
        with pytest.raises(Unavailable) as caught:
            await client.create(DEPLOYMENTS, "prod", a_deployment("a"))
    assert caught.value.reason == reason


async def test_a_server_that_asks_to_wait_is_heard(api: FakeApi, client: Client) -> None:
    api.next("get", refuse(429, "TooManyRequests", Retry_After="3"))

    with pytest.raises(Unavailable) as caught:
        await client.get(DEPLOYMENTS, "prod", "a")
    assert (caught.value.status, caught.value.retry_after) == (429, 3.0)


async def test_an_answer_that_is_not_kubernetes_is_unavailable(api: FakeApi, client: Client) -> None:
    api.next("list", babble)

    with pytest.raises(Unavailable):
        await client.list_page(DEPLOYMENTS)


async def test_a_server_that_is_not_there_is_unavailable(api: FakeApi, tmp_path: Path) -> None:
    api.url = "http://127.0.0.1:1"
    async with await connected(api, tmp_path) as client:
        with pytest.raises(Unavailable):
            await client.list_page(DEPLOYMENTS)


async def test_a_kind_that_is_not_installed_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound):
        await client.list_page(HTTP_ROUTES)


async def test_no_error_carries_the_token(api: FakeApi, client: Client, tmp_path: Path) -> None:
    api.next("get", refuse(403), hang_up, refuse(500))
    errors = [await _failure_of(client.get(DEPLOYMENTS, "prod", "a")) for _ in range(3)]

    assert all(isinstance(error, ApiError) for error in errors)
    assert "sesame" not in "".join(f"{error!r} {vars(error)} {error.__cause__!r}" for error in errors if error)


async def test_an_urgent_write_does_not_wait_behind_others_that_hang(api: FakeApi, client: Client) -> None:
    api.put(DEPLOYMENTS, a_deployment("a"))
    stuck = POOL_SIZES[Lane.WRITE] + 1
    api.next("post", *[hang] * stuck)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.create(DEPLOYMENTS, "prod", a_deployment())) for _ in range(stuck)]
        await eventually(lambda: api.count("post") == POOL_SIZES[Lane.WRITE])
        patched = await client.merge_patch(DEPLOYMENTS, "prod", "a", {"spec": {}}, lane=Lane.URGENT)
        for task in tasks:
            task.cancel()

    assert json.loads(patched)["spec"] == {}


async def test_a_proxy_from_the_environment_is_used_unless_the_host_is_exempt(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxied, api.url = api.url, "http://api.example:8080"
    monkeypatch.setenv("http_proxy", proxied)
    monkeypatch.setenv("no_proxy", "")
    async with await connected(api, tmp_path) as client:
        await client.list_page(DEPLOYMENTS)
    assert api.seen[-1].headers["Host"] == "api.example:8080"

    api.url = proxied
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with await connected(api, tmp_path) as client:
        await client.list_page(DEPLOYMENTS)


async def test_a_full_thread_pool_holds_up_no_request(api: FakeApi, client: Client) -> None:
    """The default pool is where blocking metric queries may sit."""
    release = threading.Event()
    loop = asyncio.get_running_loop()
    stuck = [loop.run_in_executor(None, release.wait) for _ in range(64)]
    try:
        async with asyncio.timeout(5):
            await client.list_page(DEPLOYMENTS)
    finally:
        release.set()
        await asyncio.gather(*stuck)
