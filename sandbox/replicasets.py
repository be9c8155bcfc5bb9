"""The ReplicaSet controller: as many pods of one template as the spec says, and a status that counts them."""

import asyncio
import copy
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime

from sandbox.apiserver.defaults import fill_defaults
from sandbox.reading import (
    ObjectKey,
    Owned,
    adopted,
    follow,
    is_active,
    is_ready,
    is_terminating,
    key_of,
    labels_of,
    matches,
    moment,
    owner_reference,
    owners_of,
    seconds_until_available,
    without_zeros,
)
from sandbox.storage import Object, Storage
from sandbox.workqueue import Workqueue, work

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


async def run(storage: Storage) -> None:
    """Keep every ReplicaSet at its size, until cancelled."""
    queue: Workqueue[ObjectKey] = Workqueue(asyncio.get_running_loop().time)
    pods = Owned(storage, "pods")

    def pod_changed(pod: Object, previous: Object | None) -> None:
        pods.see(pod, previous)
        for owner in owners_of(pod, previous):
            queue.add(owner)

    with ExitStack() as stack:
        stack.callback(follow(storage, "pods", pod_changed))
        stack.callback(follow(storage, "replicasets", lambda obj, _: queue.add(key_of(obj))))
        await work(queue, lambda key: reconcile(storage, pods, key))


def reconcile(storage: Storage, pods: Owned, key: ObjectKey) -> float | None:
    """Bring one ReplicaSet to its size; return the seconds until its next pod becomes available by mere time."""
    replica_set = storage.get("replicasets", *key)
    if replica_set is None:
        return None
    if not is_terminating(replica_set):
        _let_go(storage, replica_set, _active(pods, replica_set))
        adopted(storage, "pods", owner=replica_set, orphans=pods.of(None))
        _resize(storage, replica_set, _active(pods, replica_set))
    return _report(storage, replica_set, _active(pods, replica_set))


def _let_go(storage: Storage, replica_set: Object, active: Sequence[Object]) -> None:
    """A pod that the selector does not match any more is nobody's, and is replaced."""
    uid = replica_set["metadata"]["uid"]

    def write(pod: Object) -> None:
        owners = pod["metadata"]["ownerReferences"]
        pod["metadata"]["ownerReferences"] = [owner for owner in owners if owner["uid"] != uid]

    for pod in active:
        if not matches(replica_set["spec"].get("selector"), labels_of(pod)):
            storage.mutate("pods", *key_of(pod), write)


def victims(pods: Sequence[Object], count: int) -> list[Object]:
    """Return the `count` pods that are missed least: those not running, not ready, cheap, ready last, made last."""
    return sorted(pods, key=_value)[:count]


def _value(pod: Object) -> tuple[bool, bool, bool, int, float, float]:
    status = pod.get("status", {})
    ready = is_ready(pod)
    since = next((c["lastTransitionTime"] for c in status.get("conditions", ()) if c["type"] == "Ready"), None)
    return (
        bool(pod["spec"].get("nodeName")),
        status.get("phase") == "Running",
        ready,
        int((pod["metadata"].get("annotations") or {}).get(DELETION_COST, "0")),
        -moment(since).timestamp() if ready and since else 0.0,
        -moment(pod["metadata"]["creationTimestamp"]).timestamp(),
    )


def _active(pods: Owned, replica_set: Object) -> list[Object]:
    return [pod for pod in pods.of(replica_set["metadata"]["uid"]) if is_active(pod)]


def _resize(storage: Storage, replica_set: Object, active: Sequence[Object]) -> None:
    missing = replica_set["spec"].get("replicas", 1) - len(active)
    for _ in range(missing):
        storage.create("pods", _pod(replica_set))
    # The newest of equals is the last that was made: timestamps say no more than the second.
    for pod in victims(active[::-1], -missing) if missing < 0 else ():
        storage.delete("pods", *key_of(pod))


def _pod(replica_set: Object) -> Object:
    template = replica_set["spec"]["template"]
    meta = template.get("metadata") or {}
    pod: Object = {
        "metadata": {
            "generateName": f"{replica_set['metadata']['name']}-",
            "namespace": key_of(replica_set)[0],
            "labels": meta.get("labels") or {},
            "annotations": meta.get("annotations") or {},
            "ownerReferences": [owner_reference(replica_set)],
        },
        "spec": copy.deepcopy(template["spec"]),
        "status": {"phase": "Pending"},
    }
    fill_defaults("pods", pod)  # what the API server does with everybody else's pods
    return pod


def _report(storage: Storage, replica_set: Object, active: Sequence[Object]) -> float | None:
    minimum = replica_set["spec"].get("minReadySeconds", 0)
    waits = [seconds_until_available(p, minimum=minimum, now=_now(storage)) for p in active]
    template = labels_of(replica_set["spec"]["template"]).items()
    status = without_zeros(
        {
            "observedGeneration": replica_set["metadata"]["generation"],
            "fullyLabeledReplicas": sum(template <= labels_of(pod).items() for pod in active),
            "readyReplicas": sum(is_ready(pod) for pod in active),
            "availableReplicas": sum(wait is not None and wait <= 0 for wait in waits),
        }
    )

    def write(obj: Object) -> None:
        obj["status"] = {"replicas": len(active), **status}

    storage.mutate("replicasets", *key_of(replica_set), write, subresource="status")
    return min((wait for wait in waits if wait is not None and wait > 0), default=None)


def _now(storage: Storage) -> datetime:
    return moment(storage.now())
