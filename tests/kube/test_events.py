import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from rollout.kube.client import Client
from rollout.kube.events import EventRecorder
from rollout.models.kinds import Manifest
from tests.kube.builders import eventually
from tests.kube.fake_api import FakeApi, hang, hang_up, refuse

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def a_rollout(name: str = "shop") -> Manifest:
    metadata = {"namespace": "prod", "name": name, "uid": "u-1", "resourceVersion": "7"}
    return {"apiVersion": "progressive.delivery/v1alpha1", "kind": "Rollout", "metadata": metadata}


def a_recorder(client: Client, **more: Any) -> EventRecorder:
    return EventRecorder(client, now=lambda: NOON, instance="controller-0", retry_seconds=0.01, **more)


def record(recorder: EventRecorder, note: str, **more: Any) -> None:
    recorder.record(a_rollout(), "Warning", reason="Regressed", action="Abort", note=note, **more)


def notes(api: FakeApi) -> list[str]:
    return [manifest["note"] for manifest in api.objects.values()]


@asynccontextmanager
async def running(recorder: EventRecorder) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(recorder.run())
        yield
        task.cancel()


async def test_an_event_says_what_was_done_to_which_object_and_why(api: FakeApi, client: Client) -> None:
    recorder = a_recorder(client)
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "prod", "name": "shop", "uid": "u-2"}}
    record(recorder, "errors: canary 4 %, stable 0.5 %", related=service)
    async with running(recorder):
        await eventually(lambda: bool(api.objects))

    ((path, event),) = api.objects.items()
    name = event["metadata"]["name"]
    assert path == f"/apis/events.k8s.io/v1/namespaces/prod/events/{name}"
    assert name.startswith("shop.")
    assert event == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "prod", "name": name, "resourceVersion": "101"},
        "eventTime": "2026-11-21T12:00:00.000000Z",
        "type": "Warning",
        "reason": "Regressed",
        "action": "Abort",
        "note": "errors: canary 4 %, stable 0.5 %",
        "regarding": {
            "apiVersion": "progressive.delivery/v1alpha1",
            "kind": "Rollout",
            "namespace": "prod",
            "name": "shop",
            "uid": "u-1",
        },
        "related": {"apiVersion": "v1", "kind": "Service", "namespace": "prod", "name": "shop", "uid": "u-2"},
        "reportingController": "progressive.delivery/controller",
        "reportingInstance": "controller-0",
    }


async def test_events_about_cluster_scoped_objects_live_in_the_default_namespace(api: FakeApi, client: Client) -> None:
    template = {"apiVersion": "v1", "kind": "ClusterAnalysisTemplate", "metadata": {"name": "http"}}
    recorder = a_recorder(client)
    recorder.record(template, "Normal", reason="Used", action="Read", note="-")
    async with running(recorder):
        await eventually(lambda: bool(api.objects))
    assert "/namespaces/default/" in next(iter(api.objects))


@pytest.mark.parametrize(
    ("note", "expected"),
    [("x" * 1024, "x" * 1024), ("x" * 1025, "x" * 1021 + "…"), ("é" * 513, "é" * 510 + "…")],
)
async def test_a_note_is_cut_to_what_the_api_takes(api: FakeApi, client: Client, note: str, expected: str) -> None:
    recorder = a_recorder(client)
    record(recorder, note)
    async with running(recorder):
        await eventually(lambda: bool(api.objects))
    assert notes(api) == [expected]


async def test_recording_never_waits_and_what_does_not_fit_is_counted(api: FakeApi, client: Client) -> None:
    api.next("post", hang)
    recorder = a_recorder(client, capacity=2)
    async with running(recorder):
        record(recorder, "0")
        await eventually(lambda: api.count("post") == 1)
        for number in range(1, 6):
            record(recorder, str(number))
        assert recorder.lost == 3


@pytest.mark.parametrize("trouble", [refuse(503), hang_up])
async def test_an_event_is_tried_again_once(api: FakeApi, client: Client, trouble: Any) -> None:
    api.next("post", trouble)
    recorder = a_recorder(client)
    record(recorder, "first")
    async with running(recorder):
        await eventually(lambda: notes(api) == ["first"])
    assert recorder.lost == 0


async def test_a_second_try_after_a_lost_answer_makes_no_second_event(api: FakeApi, client: Client) -> None:
    async def stored_but_unanswered(request: Any) -> Any:
        await api.serve(request)
        return await hang_up(request)

    api.next("post", stored_but_unanswered)
    recorder = a_recorder(client)
    record(recorder, "first")
    async with running(recorder):
        await eventually(lambda: api.count("post") == 2)
        record(recorder, "second")
        await eventually(lambda: notes(api) == ["first", "second"])
    assert recorder.lost == 0


async def test_an_event_that_is_refused_is_lost_and_the_next_one_is_sent(api: FakeApi, client: Client) -> None:
    api.next("post", refuse(403, "Forbidden"))
    recorder = a_recorder(client)
    record(recorder, "first")
    record(recorder, "second")
    async with running(recorder):
        await eventually(lambda: notes(api) == ["second"])
    assert recorder.lost == 1
