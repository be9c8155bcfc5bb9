"""The loop around `reconcile`: what is urgent, what a lost lease leaves behind, what the cache makes of odd objects."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analysis.collector import Collector
from analysis.results import Assessment, CheckResult, State
from rollout import controller
from rollout.core.world import Settings, World
from rollout.kube.errors import NotFound
from rollout.kube.events import EventRecorder
from rollout.kube.indexes import INDEXES
from rollout.kube.observe import observe
from rollout.kube.queue import Queue
from rollout.kube.store import Store
from rollout.live import Live
from rollout.metrics import Metrics
from rollout.models.kinds import EVENTS, GRPC_ROUTES, HTTP_ROUTES, PODS, ROLLOUT_RUNS, ROLLOUTS, Key, Manifest, Resource
from rollout.models.rollout import COMMAND, REVISION_LABEL, ROLLOUT_LABEL
from rollout.watched import QueryOutcome
from tests.api.test_metrics import readings
from tests.controller import harness
from tests.controller.harness import ERRORS, controlling, stage, template
from tests.controller.test_commands import LONG, holding
from tests.kube.builders import eventually, raw
from tests.kube.fake_api import FakeApi, connected, hang, refuse, serving

NAMESPACE = "shop"
SHOP, OTHER = Key(NAMESPACE, "shop"), Key(NAMESPACE, "other")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def a_rollout(**spec: Any) -> Manifest:
    """A Rollout in the namespace."""
    return placed(harness.a_rollout(**spec))


def a_route(name: str = "shop") -> Manifest:
    """A route in the namespace."""
    return placed(harness.a_route(name))


def placed(manifest: Manifest) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": NAMESPACE}}


def made(manifest: Manifest, **metadata: Any) -> Manifest:
    """The object as an API server gives it back."""
    given = {"uid": "u-1", "resourceVersion": "7", "creationTimestamp": "2026-11-21T10:00:00Z", **metadata}
    return {**manifest, "metadata": {**manifest["metadata"], **given}}


@asynccontextmanager
async def parts_on(api: FakeApi, folder: Path) -> AsyncIterator[controller.Parts]:
    """The parts of a controller beside this server, with nothing in its cache."""
    store, queue = Store(INDEXES), Queue[Key](jitter=lambda seconds: seconds / 10)
    async with await connected(api, folder) as client:
        yield controller.Parts(
            client=client,
            store=store,
            live=Live(store),
            queue=queue,
            collector=Collector((), on_samples=queue.add),
            recorder=EventRecorder(client, now=lambda: NOW, instance="test"),
            metrics=Metrics(),
            settings=Settings(settle=timedelta(milliseconds=50), annotation_commands=True),
            now=lambda: NOW,
        )


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with serving(ROLLOUTS, EVENTS) as api:
        yield api


@pytest.fixture
async def parts(api: FakeApi, tmp_path: Path) -> AsyncIterator[controller.Parts]:
    async with parts_on(api, tmp_path) as parts:
        yield parts


@asynccontextmanager
async def acting(parts: controller.Parts) -> AsyncIterator[None]:
    """This replica holds the lease until the block ends."""
    task = asyncio.get_running_loop().create_task(controller.act(parts, ()))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def put(parts: controller.Parts, api: FakeApi, manifest: Manifest) -> None:
    """Put a Rollout into the cluster and the cache."""
    parts.store.put(ROLLOUTS, raw(api.put(ROLLOUTS, manifest)))


async def test_a_rollout_that_was_in_work_as_the_lease_was_lost_is_taken_up_when_it_is_won_again(
    api: FakeApi, parts: controller.Parts
) -> None:
    put(parts, api, made(a_rollout()))
    api.next("patch", hang)
    async with acting(parts):
        await eventually(lambda: api.count("patch") == 1)
    async with acting(parts):
        await eventually(lambda: "status" in api.objects[ROLLOUTS.path(*SHOP)])


async def test_a_replica_that_lost_the_lease_measures_nothing_and_shows_no_numbers_of_its_own(tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        async with controlling(there):
            await there.create(a_rollout(strategy=LONG, analysis={"checks": [ERRORS]}))
            await there.healthy("v1")
            await there.release("v2")
            await holding(there, 10)
            parts = there.parts
            assert parts is not None
            await there.until(lambda: parts.collector.assessment(SHOP, parts.now()).results, "something measured")
            assert parts.live.told() == (SHOP,)
        assert parts.collector.assessment(SHOP, parts.now()).results == ()
        assert parts.live.told() == ()
        assert parts.live.get(ROLLOUTS, SHOP) == parts.store.get(ROLLOUTS, SHOP)


async def test_a_replica_that_leads_again_does_not_show_what_sources_answered_before(parts: controller.Parts) -> None:
    parts.metrics.read(readings(leads=lambda: True))
    parts.metrics.queried("main", QueryOutcome.OK, 0.1)
    assert b"metric_source_up{" in parts.metrics.render()
    async with acting(parts):
        await asyncio.sleep(0)
        assert b"metric_source_up{" not in parts.metrics.render()


async def test_an_abort_that_was_not_asked_for_is_retried_in_the_urgent_lane(api: FakeApi, tmp_path: Path) -> None:
    async with stage(tmp_path) as there:
        async with controlling(there):
            await there.create(a_rollout(strategy=LONG))
            await there.healthy("v1")
            await there.release("v2")
            await holding(there, 10)
        known = {resource: there.cluster.storage.list(resource.plural) for resource in INDEXES if resource.namespaced}
    async with parts_on(api, tmp_path) as parts:
        for resource, manifests in known.items():
            for manifest in manifests:
                parts.store.put(resource, raw({**manifest, "kind": resource.kind, "apiVersion": resource.api_version}))
        rollout = parts.store.get(ROLLOUTS, SHOP)
        assert rollout is not None
        version = str(int(rollout["metadata"]["resourceVersion"]) + 1)
        parts.store.put(ROLLOUTS, raw(made(rollout, annotations={COMMAND: "abort"}, resourceVersion=version)))
        parts.queue.add(SHOP)
        with pytest.raises(NotFound):  # the server knows no routes
            await controller.reconcile(await parts.queue.get(), parts)
        parts.queue.retry(SHOP)
        parts.queue.done(SHOP)
        async with asyncio.timeout(10):
            assert await parts.queue.get(only_urgent=True) == SHOP


def a_pod(*, ready: bool, **metadata: Any) -> Manifest:
    labels = {ROLLOUT_LABEL: "shop", REVISION_LABEL: "abc"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "shop-abc-1", "namespace": NAMESPACE, "labels": labels, "resourceVersion": "7"} | metadata,
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


async def first_in_work(
    parts: controller.Parts, resource: Resource, *, new: Manifest | None, old: Manifest | None
) -> Key:
    """Which key comes first, of the one that waited already and the one this change concerns."""
    parts.store.put(ROLLOUTS, raw(made(a_rollout(traffic=[router("HTTPRoute"), router("GRPCRoute")]))))
    parts.queue.add(OTHER)
    controller.wake(parts)(resource, SHOP, new, old)
    assert parts.queue.depth == 2
    return await parts.queue.get()


def router(kind: str) -> dict[str, Any]:
    return {"name": kind.lower(), "gatewayRoute": {"kind": kind, "name": "shop"}}


@pytest.mark.parametrize("resource", [HTTP_ROUTES, GRPC_ROUTES])
async def test_a_deleted_route_is_urgent(resource: Resource, parts: controller.Parts) -> None:
    assert await first_in_work(parts, resource, new=None, old=made(a_route())) == SHOP


async def test_a_changed_route_waits_its_turn(parts: controller.Parts) -> None:
    assert await first_in_work(parts, HTTP_ROUTES, new=made(a_route()), old=made(a_route())) == OTHER


async def test_a_pod_that_stops_being_ready_is_urgent(parts: controller.Parts) -> None:
    assert await first_in_work(parts, PODS, new=a_pod(ready=False), old=a_pod(ready=True)) == SHOP


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (a_pod(ready=True), a_pod(ready=False)),
        (a_pod(ready=False), a_pod(ready=False)),
        (a_pod(ready=False), None),
        (None, a_pod(ready=True)),
        (a_pod(ready=False, deletionTimestamp="2026-11-21T12:00:00Z"), a_pod(ready=True)),
    ],
    ids=["ready", "still not ready", "new", "gone", "asked to go"],
)
async def test_any_other_change_of_a_pod_waits_its_turn(
    new: Manifest | None, old: Manifest | None, parts: controller.Parts
) -> None:
    assert await first_in_work(parts, PODS, new=new, old=old) == OTHER


async def test_an_abort_that_is_asked_for_is_urgent(parts: controller.Parts) -> None:
    asked = made(a_rollout(), annotations={COMMAND: "abort"})
    assert await first_in_work(parts, ROLLOUTS, new=asked, old=made(a_rollout())) == SHOP


def a_result(state: State, **fields: Any) -> CheckResult:
    values = {"name": "errors", "critical": False, "warn_only": False, "since": NOW, "sentence": "", **fields}
    return CheckResult(state=state, **values)


@pytest.mark.parametrize(
    ("result", "first"),
    [
        (a_result(State.REGRESS), SHOP),
        (a_result(State.REGRESS, warn_only=True), OTHER),
        (a_result(State.NO_DATA, warn_only=True, silent=True), SHOP),
        (a_result(State.REGRESS, holds_only=True), OTHER),
        (a_result(State.PASS), OTHER),
    ],
    ids=["regress", "only a warning", "silence", "only to be held", "pass"],
)
async def test_samples_are_urgent_where_they_may_end_a_release(
    result: CheckResult, first: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue: Queue[Key] = Queue()
    collector = controller.collecting((), queue, Metrics(), lambda: NOW)
    monkeypatch.setattr(collector, "assessment", lambda _key, _now: Assessment(results=(result,)))
    queue.add(OTHER)
    collector._on_samples(SHOP)
    assert await queue.get() == first


async def test_a_write_that_is_forbidden_is_told_once_with_the_servers_own_words(
    api: FakeApi, parts: controller.Parts
) -> None:
    put(parts, api, made(a_rollout()))
    api.next("patch", *[refuse(403, "Forbidden")] * 3)
    async with asyncio.TaskGroup() as group:
        telling = group.create_task(parts.recorder.run())
        async with acting(parts):
            await eventually(lambda: "status" in api.objects[ROLLOUTS.path(*SHOP)])
        parts.recorder.record(made(a_rollout()), "Normal", reason="Last", action="End", note="events go in their order")
        await eventually(lambda: any(each.get("reason") == "Last" for each in api.objects.values()))
        telling.cancel()
    sent = [each.body for each in api.seen if each.method == "POST"]
    told = [(each["type"], each["note"]) for each in sent if each["reason"] == "WriteRefused"]
    assert told == [("Warning", "The API server refuses a write, which is tried again: trouble was asked for")]


def a_record(name: str, *, owner: str | None = "u-1", **spec: Any) -> Manifest:
    owners = [{"apiVersion": "v1", "kind": "Rollout", "name": "shop", "uid": owner, "controller": True}]
    fields = {"rollout": "shop", "number": 1, "revision": "abc", "template": template("v1"), **spec}
    return {
        "apiVersion": ROLLOUT_RUNS.api_version,
        "kind": ROLLOUT_RUNS.kind,
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {ROLLOUT_LABEL: "shop"},
            "resourceVersion": "7",
            **({"ownerReferences": owners} if owner else {}),
        },
        "spec": fields,
    }


def observed(key: Key, resource: Resource, *manifests: Manifest) -> World:
    """What is observed of a Rollout in a cluster of these objects and the Rollout `shop`."""
    store = Store(INDEXES)
    store.put(ROLLOUTS, raw(made(a_rollout())))
    for manifest in manifests:
        store.put(resource, json.dumps(manifest).encode())
    world = observe(store, key, NOW, settings=Settings(), refusal=lambda _check: None)
    assert world is not None
    return world


def test_records_that_cannot_be_read_or_belong_to_an_earlier_namesake_only_hold_their_numbers() -> None:
    world = observed(
        SHOP,
        ROLLOUT_RUNS,
        a_record("shop-1"),
        a_record("shop-2", number="two"),
        a_record("shop-3", owner="u-0", number=3),
        a_record("shop-12", owner=None, number=12),
        a_record("a-note", owner=None),
    )
    assert [run.name for run in world.runs] == ["shop-1"]
    assert world.taken == frozenset({2, 3, 12})


def test_two_rollouts_of_which_one_has_the_service_that_the_other_makes_are_found_out() -> None:
    twin = made(a_rollout(services=[{"name": "shop-canary"}], traffic=None), creationTimestamp="2026-11-21T11:00:00Z")
    twin["metadata"] |= {"name": "twin", "uid": "u-2"}
    world = observed(Key(NAMESPACE, "twin"), ROLLOUTS, twin)
    assert world.problems == (
        "Cannot start: Service shop/shop-canary belongs to Rollout shop/shop already: remove it from one of the two.",
    )
