"""Deployments and ReplicaSets behave as in Kubernetes, over virtual pods."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox import deployments, kubelet, replicasets
from sandbox.deployment_status import status
from sandbox.reading import is_ready, is_terminating, matches
from sandbox.replicasets import victims
from sandbox.rolling import Bounds, Size, bounds, grown, scaled, shrunk
from sandbox.storage import Object, Storage
from tests.sandbox.workloads import (
    NAMESPACE,
    a_deployment,
    a_template,
    eventually,
    pods,
    quick,
    running,
    status_of,
)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    storage, settings = Storage(seed=1), quick(tmp_path)
    async with running(deployments.run(storage), replicasets.run(storage), kubelet.run(storage, settings)):
        yield storage


def settled(replicas: int) -> Object:
    fields = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    return dict.fromkeys(fields, replicas)


def edit(storage: Storage, name: str = "shop", **spec: Any) -> None:
    def change(deployment: Object) -> None:
        deployment["spec"].update(spec)

    assert storage.mutate("deployments", NAMESPACE, name, change)


def sizes(storage: Storage) -> dict[str, int]:
    """Desired replicas by image."""
    sets = storage.list("replicasets", NAMESPACE)
    return {s["spec"]["template"]["spec"]["containers"][0]["image"]: s["spec"]["replicas"] for s in sets}


def images(storage: Storage) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in pods(storage)}


def watched(storage: Storage, read: Callable[[], int]) -> list[int]:
    """Every value that `read` has had after a write to a pod."""
    values: list[int] = []
    storage.listen("pods", lambda _: values.append(read()))
    return values


async def test_a_terminating_pod_is_replaced_before_it_is_gone(storage: Storage) -> None:
    storage.create("deployments", a_deployment(replicas=2))
    await eventually(lambda: status_of(storage), settled(2))
    name = pods(storage)[0]["metadata"]["name"]

    def hold(pod: Object) -> None:
        pod["metadata"]["finalizers"] = ["test/hold"]

    storage.mutate("pods", NAMESPACE, name, hold)
    storage.delete("pods", NAMESPACE, name)
    await eventually(lambda: sum(map(is_ready, pods(storage))), 3)
    assert [p["metadata"]["name"] for p in pods(storage) if is_terminating(p)] == [name]
    await eventually(lambda: status_of(storage), settled(2))


async def test_a_rolling_update_stays_between_its_bounds(storage: Storage) -> None:
    limits = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}, "type": "RollingUpdate"}
    storage.create("deployments", a_deployment(replicas=4, strategy=limits))
    await eventually(lambda: status_of(storage), settled(4))
    active = watched(storage, lambda: sum("deletionTimestamp" not in p["metadata"] for p in pods(storage)))
    serving = watched(
        storage, lambda: sum(is_ready(p) and "deletionTimestamp" not in p["metadata"] for p in pods(storage))
    )
    edit(storage, template=a_template("shop:v2"))
    await eventually(lambda: images(storage), {"shop:v2"})
    await eventually(lambda: status_of(storage), settled(4))
    assert max(active) == 5
    assert min(serving) == 3
    assert sizes(storage) == {"shop:v1": 0, "shop:v2": 4}


async def test_a_deployment_that_makes_no_sense_does_not_stop_the_others(storage: Storage) -> None:
    nonsense = a_deployment("nonsense", template={"spec": {}})
    storage.create("deployments", nonsense)
    storage.create("deployments", a_deployment(replicas=1))
    await eventually(lambda: status_of(storage), settled(1))


def a_pod_that_is(name: str, *, ready: bool, created: str = "2026-01-01T00:00:00Z", cost: str = "0") -> Object:
    state = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": created}
    annotations = {"controller.kubernetes.io/pod-deletion-cost": cost}
    return {
        "metadata": {"name": name, "creationTimestamp": created, "annotations": annotations},
        "spec": {"nodeName": "sandbox"},
        "status": {"phase": "Running", "conditions": [state]},
    }


def test_not_ready_pods_go_first_then_the_cheap_then_the_newest() -> None:
    old = a_pod_that_is("old", ready=True)
    new = a_pod_that_is("new", ready=True, created="2026-01-02T00:00:00Z")
    cheap = a_pod_that_is("cheap", ready=True, cost="-1")
    unready = a_pod_that_is("unready", ready=False)
    chosen = [pod["metadata"]["name"] for pod in victims([old, new, cheap, unready], 3)]
    assert chosen == ["unready", "cheap", "new"]


@pytest.mark.parametrize(
    ("surge", "unavailable", "expected"),
    [
        ("25%", "25%", Bounds(replicas=10, surge=3, unavailable=2)),
        (1, 0, Bounds(replicas=10, surge=1, unavailable=0)),
        (0, "0%", Bounds(replicas=10, surge=0, unavailable=1)),
        ("100%", 20, Bounds(replicas=10, surge=10, unavailable=10)),
    ],
)
def test_surge_is_rounded_up_and_unavailability_down(
    surge: int | str, unavailable: int | str, expected: Bounds
) -> None:
    assert bounds(10, surge=surge, unavailable=unavailable) == expected


TEN = Bounds(replicas=10, surge=3, unavailable=2)


def a_size(name: str, replicas: int, available: int | None = None, most: int = 13) -> Size:
    return Size(name=name, replicas=replicas, available=replicas if available is None else available, most=most)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        pytest.param(a_size("new", 0), [a_size("old", 10)], 3, id="as far as the surge allows"),
        pytest.param(a_size("new", 3), [a_size("old", 10)], 3, id="not at all when there is no room"),
        pytest.param(a_size("new", 3), [a_size("old", 1)], 10, id="not beyond the size"),
        pytest.param(a_size("new", 12), [], 10, id="down to the size"),
    ],
)
def test_the_new_replicaset_grows(new: Size, old: list[Size], expected: int) -> None:
    assert grown(TEN, new, old) == expected


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        pytest.param(a_size("new", 3, 0), [a_size("old", 10)], [8], id="to the least while the new does not serve"),
        pytest.param(a_size("new", 3), [a_size("old", 10)], [5], id="by what the new serves"),
        pytest.param(a_size("new", 3), [a_size("a", 4), a_size("b", 4, 0)], [4, 1], id="by pods that do not serve"),
        pytest.param(a_size("new", 3, 0), [a_size("old", 10, 6)], [8], id="as if new pods that do not serve were none"),
        pytest.param(a_size("new", 2, 0), [a_size("old", 8)], [8], id="not below the least"),
    ],
)
def test_old_replicasets_shrink(new: Size, old: list[Size], expected: list[int]) -> None:
    assert [size.replicas for size in shrunk(TEN, new, old)] == expected


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        pytest.param(a_size("new", 5), [], [10], id="the only one takes all"),
        pytest.param(None, [a_size("old", 4)], [10], id="without a new one the active one"),
        pytest.param(a_size("new", 10), [a_size("old", 2)], [0, 10], id="a complete new one ends the old"),
        pytest.param(
            a_size("new", 2, most=7), [a_size("old", 5, most=7)], [9, 4], id="in proportion in the middle of a rollout"
        ),
    ],
)
def test_a_change_of_size_is_shared(new: Size | None, old: list[Size], expected: list[int]) -> None:
    assert [size.replicas for size in scaled(TEN, new, old)] == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"key": "app", "operator": "In", "values": ["shop", "cart"]}, True),
        ({"key": "app", "operator": "NotIn", "values": ["shop"]}, False),
        ({"key": "tier", "operator": "NotIn", "values": ["web"]}, True),
        ({"key": "app", "operator": "Exists"}, True),
        ({"key": "app", "operator": "DoesNotExist"}, False),
    ],
)
def test_selectors_have_expressions(expression: Object, expected: bool) -> None:
    assert matches({"matchLabels": {"app": "shop"}, "matchExpressions": [expression]}, {"app": "shop"}) is expected


def test_an_empty_selector_selects_nothing() -> None:
    assert not matches({}, {"app": "shop"})


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def a_set(name: str, replicas: int, **status: int) -> Object:
    return {"metadata": {"name": name}, "spec": {"replicas": replicas}, "status": {"replicas": replicas, **status}}


def progressing(reason: str, message: str, *, since: str = "2026-01-01T12:00:00Z") -> Object:
    state = {"DeploymentPaused": "Unknown", "ProgressDeadlineExceeded": "False"}.get(reason, "True")
    times = {"lastUpdateTime": since, "lastTransitionTime": since}
    return {"type": "Progressing", "status": state, "reason": reason, "message": message, **times}


@pytest.mark.parametrize(
    ("current", "new", "expected"),
    [
        pytest.param(None, a_set("a", 1), "NewReplicaSetCreated", id="a first one"),
        pytest.param(None, a_set("a", 1, observedGeneration=1), "FoundNewReplicaSet", id="one that was there"),
        pytest.param(
            progressing("DeploymentPaused", "Deployment is paused"), a_set("a", 1), "DeploymentResumed", id="resumed"
        ),
        pytest.param(
            progressing("NewReplicaSetCreated", '"a"'), a_set("a", 1, readyReplicas=1), "ReplicaSetUpdated", id="moves"
        ),
        pytest.param(
            progressing("ReplicaSetUpdated", '"a"', since="2026-01-01T11:50:00Z"),
            a_set("a", 0),
            "ReplicaSetUpdated",
            id="just in time",
        ),
        pytest.param(
            progressing("ReplicaSetUpdated", '"a"', since="2026-01-01T11:49:59Z"),
            a_set("a", 0),
            "ProgressDeadlineExceeded",
            id="late",
        ),
        pytest.param(
            progressing("NewReplicaSetAvailable", '"a"'),
            a_set("a", 2),
            "NewReplicaSetAvailable",
            id="scaling is no progress",
        ),
        pytest.param(
            progressing("NewReplicaSetAvailable", '"a"'), a_set("b", 2), "NewReplicaSetCreated", id="the next template"
        ),
    ],
)
def test_progressing_gives_the_reasons_of_kubernetes(current: Object | None, new: Object, expected: str) -> None:
    deployment = a_deployment(replicas=1)
    deployment["metadata"]["generation"] = 1
    deployment["status"] = {"conditions": [current] if current else []}
    found, _ = status(deployment, new=new, old=(), least=1, now=NOON)
    assert [c["reason"] for c in found["conditions"] if c["type"] == "Progressing"] == [expected]
