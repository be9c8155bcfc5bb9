"""Pods without processes: they become ready after a while, and annotations make them misbehave. For tests and scale.

`sandbox/never-ready: "true"` keeps a pod unready and `sandbox/restarts: "3"` is its restartCount, from the pod template
or set while it runs.
"""

import asyncio
from contextlib import ExitStack, closing
from random import Random

from sandbox.addresses import Addresses
from sandbox.pod_status import RESTARTS, Observed, is_kept_unready, started, status
from sandbox.reading import ObjectKey, annotations_of, follow, is_terminating, key_of
from sandbox.scheduling import bind
from sandbox.settings import Settings
from sandbox.storage import Object, Storage
from sandbox.workqueue import Workqueue, work

VANISH_SECONDS = 0.05


async def run(storage: Storage, settings: Settings) -> None:
    """Start, steer and end virtual pods, until cancelled."""
    loop = asyncio.get_running_loop()
    queue: Workqueue[ObjectKey] = Workqueue(loop.time)
    chance = Random(f"{settings.seed}/kubelet")  # noqa: S311 - delays, not secrets
    starts: dict[str, float] = {}

    def see(pod: Object, previous: Object | None) -> None:
        uid = pod["metadata"]["uid"]
        start = starts.setdefault(uid, loop.time() + chance.uniform(*settings.start_delay))
        if storage.record("pods", *key_of(pod)):
            queue.add(key_of(pod), after=VANISH_SECONDS if is_terminating(pod) else max(start - loop.time(), 0))
            return
        del starts[uid]
        if address := (previous or pod).get("status", {}).get("podIP"):
            addresses.give_back(address)

    with closing(Addresses(exclusive=False)) as addresses, ExitStack() as stack:
        stack.callback(follow(storage, "pods", see))
        await work(queue, lambda key: reconcile(storage, addresses, key))


def reconcile(storage: Storage, addresses: Addresses, key: ObjectKey) -> None:
    """Let a pod run, or go if its deletion was asked for."""
    pod = storage.get("pods", *key)
    if pod is None:
        return
    if is_terminating(pod):
        storage.delete("pods", *key, grace=0)
        return
    bind(storage, key)
    address = pod.get("status", {}).get("podIP") or addresses.take()
    observed = Observed(
        ip=address,
        state=_state(pod, storage.now()),
        ready=not is_kept_unready(pod),
        restarts=int(annotations_of(pod).get(RESTARTS, "0")),
    )

    def write(obj: Object) -> None:
        obj["status"] = status(obj, observed, now=storage.now())

    storage.mutate("pods", *key, write, subresource="status")


def _state(pod: Object, now: str) -> dict[str, Object]:
    known = pod.get("status", {}).get("containerStatuses")
    return dict(known[0]["state"]) if known else started(now)
