"""Plays scheduler and kubelet with pods that are no processes: bound, ready after a moment, gone when told to go.

`sandbox/never-ready: "true"` keeps a pod unready and `sandbox/restarts: "3"` is its restartCount, from the pod template
or set while it runs, as in the sandbox.
"""

import asyncio
from datetime import UTC, datetime
from itertools import count

from controlplane.api import Api, Object
from sandbox.pod_status import RESTARTS, Observed, is_kept_unready, started, status
from sandbox.reading import annotations_of, is_terminating

_NODE = "node"
_PODS = "/api/v1/pods"
_START_SECONDS = 0.02


async def run(api: Api) -> None:
    """Steer every pod of the cluster until cancelled."""
    # Pods of a node that does not exist are left out of EndpointSlices.
    await join(api)
    addresses = (f"10.244.{number // 250 % 250}.{number % 250 + 1}" for number in count())
    async with asyncio.TaskGroup() as group:
        async for pod, gone in api.follow(_PODS):
            if not gone:
                group.create_task(_steer(api, pod, address=pod.get("status", {}).get("podIP") or next(addresses)))


async def join(api: Api) -> None:
    """Become the one node of the cluster: EndpointSlices list no pod of a node that nobody knows."""
    await api.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": _NODE}})


async def _steer(api: Api, pod: Object, *, address: str) -> None:
    path = path_of(pod)
    if is_terminating(pod):
        await asyncio.sleep(_START_SECONDS)
        await api.delete_now(path, pod["metadata"]["uid"])
    elif not pod["spec"].get("nodeName"):
        await api.create(f"{path}/binding", binding(pod))  # comes back as a change
    else:
        await _report(api, pod, address=address)


async def _report(api: Api, pod: Object, *, address: str) -> None:
    if not pod.get("status", {}).get("podIP"):
        await asyncio.sleep(_START_SECONDS)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    observed = Observed(
        ip=address,
        state=_state(pod, now),
        ready=not is_kept_unready(pod),
        restarts=int(annotations_of(pod).get(RESTARTS, "0")),
    )
    wanted = status(pod, observed, now=now)
    if _essence(wanted) != _essence(pod.get("status", {})):
        # With the version that was looked at: what changed since comes as a change of its own.
        version = {"resourceVersion": pod["metadata"]["resourceVersion"]}
        await api.merge(f"{path_of(pod)}/status", {"metadata": version, "status": wanted})


def path_of(pod: Object) -> str:
    """Where the API server has a pod."""
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def binding(pod: Object) -> Object:
    """What schedules a pod to the one node."""
    target = {"apiVersion": "v1", "kind": "Node", "name": _NODE}
    return {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod["metadata"]["name"]}, "target": target}


def _state(pod: Object, now: str) -> dict[str, Object]:
    known = pod.get("status", {}).get("containerStatuses")
    return dict(known[0]["state"]) if known else started(now)


def _essence(status: Object) -> object:
    """What of a status a change of the pod can change: readiness, restarts and the address."""
    ready = next((each["status"] for each in status.get("conditions", ()) if each["type"] == "Ready"), None)
    restarts = [each["restartCount"] for each in status.get("containerStatuses", ())]
    return status.get("podIP"), status.get("phase"), ready, restarts
