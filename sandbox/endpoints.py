"""The EndpointSlice controller: which addresses stand behind a Service, some time after the pods have changed."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import zip_longest
from random import Random

from sandbox.reading import ObjectKey, Owned, follow, is_ready, is_terminating, key_of, labels_of, owner_reference
from sandbox.selections import Selections
from sandbox.settings import Settings
from sandbox.storage import Object, Storage
from sandbox.workqueue import Workqueue, work

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"
HEADLESS = "service.kubernetes.io/headless"
SLICE_SIZE = 100

Ports = tuple[tuple[tuple[str, str | int], ...], ...]  # hashable: the fields of each port


async def run(storage: Storage, settings: Settings) -> None:
    """Keep the EndpointSlices of every Service with a selector, each change `endpoints_lag` late, until cancelled."""
    queue: Workqueue[ObjectKey] = Workqueue(asyncio.get_running_loop().time)
    chance = Random(f"{settings.seed}/endpoints")  # noqa: S311 - delays, not secrets

    selections, slices = Selections(storage), Owned(storage, "endpointslices")

    def service_changed(service: Object, previous: Object | None) -> None:
        selections.see_service(service)
        if previous is None or service["spec"] != previous["spec"] or labels_of(service) != labels_of(previous):
            queue.add(key_of(service), after=chance.uniform(*settings.endpoints_lag))

    def slice_changed(endpoint_slice: Object, previous: Object | None) -> None:
        slices.see(endpoint_slice, previous)
        service = labels_of(endpoint_slice).get(SERVICE_NAME)
        if service and storage.record("endpointslices", *key_of(endpoint_slice)) is None:
            queue.add((key_of(endpoint_slice)[0], service), after=chance.uniform(*settings.endpoints_lag))

    def pod_changed(pod: Object, previous: Object | None) -> None:
        selections.see_pod(pod, previous)
        exists = storage.record("pods", *key_of(pod)) is not None
        if previous and exists and _facts(pod) == _facts(previous):
            return
        concerned = {key for version in (pod, previous) if version for key in selections.services_of(version)}
        for service in sorted(concerned):
            queue.add(service, after=chance.uniform(*settings.endpoints_lag))

    with ExitStack() as stack:
        stack.callback(follow(storage, "services", service_changed))
        stack.callback(follow(storage, "pods", pod_changed))
        stack.callback(follow(storage, "endpointslices", slice_changed))
        await work(queue, lambda key: reconcile(storage, selections, slices, key))


def reconcile(storage: Storage, selections: Selections, slices: Owned, key: ObjectKey) -> None:
    """Make the slices of one Service say what its pods are now."""
    service = storage.get("services", *key)
    if service is None or is_terminating(service) or not service["spec"].get("selector"):
        return
    existing = slices.of(service["metadata"]["uid"])
    for wanted, current in zip_longest(list(_slices(service, selections.pods_of(service))), existing):
        if wanted is None:
            storage.delete("endpointslices", *key_of(current))
        elif current is None:
            storage.create("endpointslices", wanted)
        else:
            # Under the name it has: who follows a slice should see it change, not vanish.
            storage.update("endpointslices", _renewed(current, wanted))


def endpoint(pod: Object, *, publish_not_ready: bool = False) -> Object:
    """Return how a pod appears in a slice: ready means serving and not about to go."""
    serving, terminating = is_ready(pod), is_terminating(pod)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": publish_not_ready or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "nodeName": pod["spec"].get("nodeName"),
        "targetRef": {
            "kind": "Pod",
            "namespace": key_of(pod)[0],
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        },
    }


def ports(service: Object, pod: Object) -> Ports:
    """Return a Service's ports as they are on a pod: targetPort resolved, one that the pod does not have left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        number = _number(port.get("targetPort", port["port"]), pod)
        if number is not None:
            fields = {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": number}
            application = {"appProtocol": port["appProtocol"]} if "appProtocol" in port else {}
            found.append(tuple({**fields, **application}.items()))
    return tuple(found)


def _number(target: int | str, pod: Object) -> int | None:
    if isinstance(target, int):
        return target
    declared = (port for container in pod["spec"]["containers"] for port in container.get("ports") or ())
    return next((port["containerPort"] for port in declared if port.get("name") == target), None)


def _slices(service: Object, selected: Sequence[Object]) -> Iterator[Object]:
    """Yield one slice per set of resolved ports and hundred pods, and an empty one if there is no pod at all."""
    chosen = [pod for pod in selected if _has_address(pod)]
    groups: dict[Ports, list[Object]] = {}
    for pod in chosen:
        shown = endpoint(pod, publish_not_ready=bool(service["spec"].get("publishNotReadyAddresses")))
        groups.setdefault(ports(service, pod), []).append(shown)
    for resolved, endpoints in groups.items():
        for start in range(0, len(endpoints), SLICE_SIZE):
            yield _slice(service, resolved, endpoints[start : start + SLICE_SIZE])
    if not groups:
        yield _slice(service, (), [])


def _slice(service: Object, resolved: Ports, endpoints: Sequence[Object]) -> Object:
    namespace, name = key_of(service)
    headless = {HEADLESS: ""} if service["spec"].get("clusterIP") == "None" else {}
    return {
        "metadata": {
            "generateName": f"{name}-",
            "namespace": namespace,
            "labels": {**labels_of(service), **headless, SERVICE_NAME: name, MANAGED_BY: MANAGER},
            "ownerReferences": [owner_reference(service)],
        },
        "addressType": "IPv4",
        # Kubernetes serializes the empty lists of a Service without pods as null.
        "endpoints": list(endpoints) or None,
        "ports": [dict(fields) for fields in resolved] or None,
    }


def _renewed(current: Object, wanted: Object) -> Object:
    kept = {k: v for k, v in current["metadata"].items() if k not in ("labels", "ownerReferences")}
    meta = {"labels": wanted["metadata"]["labels"], "ownerReferences": wanted["metadata"]["ownerReferences"]}
    return {**wanted, "metadata": {**kept, **meta}}


def _has_address(pod: Object) -> bool:
    status = pod.get("status", {})
    return bool(status.get("podIP")) and status.get("phase") not in ("Succeeded", "Failed")


def _facts(pod: Object) -> tuple[object, ...]:
    status = pod.get("status", {})
    return labels_of(pod), is_ready(pod), is_terminating(pod), status.get("podIP"), status.get("phase")
