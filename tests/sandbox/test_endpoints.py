"""EndpointSlices say which pods a Service reaches, some time after the pods say it themselves."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import endpoints, kubelet
from sandbox.endpoints import endpoint, ports
from sandbox.reading import is_ready
from sandbox.settings import Settings
from sandbox.storage import Object, Storage
from tests.sandbox.workloads import NAMESPACE, a_pod, a_service, always, eventually, quick, running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return quick(tmp_path)


@pytest.fixture
async def storage(settings: Settings) -> AsyncIterator[Storage]:
    storage = Storage(seed=1)
    async with running(endpoints.run(storage, settings), kubelet.run(storage, settings)):
        yield storage


def slices(storage: Storage, service: str = "shop") -> list[Object]:
    return storage.list("endpointslices", NAMESPACE, {"kubernetes.io/service-name": service})


def shown(storage: Storage, service: str = "shop") -> dict[str, bool]:
    """Whether each pod of a Service is ready in its slices."""
    entries = [entry for found in slices(storage, service) for entry in found["endpoints"] or ()]
    return {entry["targetRef"]["name"]: entry["conditions"]["ready"] for entry in entries}


def change(storage: Storage, plural: str, name: str, **meta_or_spec: Any) -> None:
    def write(obj: Object) -> None:
        for part, fields in meta_or_spec.items():
            obj[part].update(fields)

    assert storage.mutate(plural, NAMESPACE, name, write)


async def test_readiness_shows_later_than_the_pod_says(tmp_path: Path) -> None:
    storage, slow = Storage(seed=1), quick(tmp_path, endpoints_lag=(0.3, 0.4))
    async with running(endpoints.run(storage, slow), kubelet.run(storage, slow)):
        storage.create("services", a_service())
        storage.create("pods", a_pod("one"))
        await eventually(lambda: is_ready(storage.get("pods", NAMESPACE, "one") or {}))
        await always(lambda: shown(storage), {}, turns=3)
        await eventually(lambda: shown(storage), {"one": True})


async def test_changes_within_the_lag_are_one_write(tmp_path: Path) -> None:
    storage, slow = Storage(seed=1), quick(tmp_path, endpoints_lag=(0.3, 0.3))
    writes: list[str] = []
    storage.listen("endpointslices", lambda change: writes.append(change.type))
    async with running(endpoints.run(storage, slow), kubelet.run(storage, slow)):
        storage.create("services", a_service())
        for number in range(5):
            storage.create("pods", a_pod(f"pod-{number}"))
        await eventually(lambda: len(shown(storage)), 5)
        await asyncio.sleep(0)
    assert writes == ["ADDED"]


async def test_a_slice_holds_a_hundred_pods(storage: Storage) -> None:
    for number in range(101):
        storage.create("pods", a_pod(f"pod-{number}"))
    storage.create("services", a_service())
    await eventually(lambda: sum(shown(storage).values()), 101)
    assert sorted(len(found["endpoints"]) for found in slices(storage)) == [1, 100]
    storage.delete("pods", NAMESPACE, "pod-0")
    await eventually(lambda: [len(found["endpoints"]) for found in slices(storage)], [100])


def a_running_pod(*, terminating: bool = False, ready: bool = True) -> Object:
    pod = a_pod("one")
    pod["metadata"] |= {"uid": "1", **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if terminating else {})}
    state = "True" if ready else "False"
    pod["status"] = {"podIP": "127.1.0.1", "conditions": [{"type": "Ready", "status": state}]}
    return pod


@pytest.mark.parametrize(
    ("terminating", "ready", "expected"),
    [
        (False, True, {"ready": True, "serving": True, "terminating": False}),
        (False, False, {"ready": False, "serving": False, "terminating": False}),
        (True, True, {"ready": False, "serving": True, "terminating": True}),
        (True, False, {"ready": False, "serving": False, "terminating": True}),
    ],
)
def test_a_terminating_pod_may_serve_but_is_not_ready(terminating: bool, ready: bool, expected: Object) -> None:
    assert endpoint(a_running_pod(terminating=terminating, ready=ready))["conditions"] == expected


@pytest.mark.parametrize(("target", "expected"), [("http", [8080]), (9000, [9000]), ("nothing", [])])
def test_a_target_port_is_a_number_or_the_name_of_a_container_port(target: int | str, expected: list[int]) -> None:
    resolved = ports(a_service(target=target), a_running_pod())
    assert [dict(port)["port"] for port in resolved] == expected
