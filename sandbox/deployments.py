"""The Deployment controller: one ReplicaSet per pod template, and the way from one to the next, as in Kubernetes."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from sandbox.deployment_status import is_complete, status
from sandbox.reading import (
    ObjectKey,
    Owned,
    adopted,
    annotations_of,
    follow,
    is_terminating,
    key_of,
    moment,
    owner_reference,
    owners_of,
)
from sandbox.rolling import Bounds, Size, bounds, grown, scaled, shrunk
from sandbox.storage import ApiError, Object, Storage
from sandbox.workqueue import Workqueue, work

DESIRED = "deployment.kubernetes.io/desired-replicas"
HASH = "pod-template-hash"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MOST = "deployment.kubernetes.io/max-replicas"
REVISION = "deployment.kubernetes.io/revision"
HASH_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True, kw_only=True)
class Family:
    """A Deployment with the ReplicaSet of its template, if there is one yet, and the others, oldest first."""

    deployment: Object
    new: Object | None
    old: tuple[Object, ...]

    @property
    def bounds(self) -> Bounds:
        """What the Deployment asks for."""
        spec = self.deployment["spec"]
        replicas = spec.get("replicas", 1)
        if is_recreate(self.deployment):
            return Bounds(replicas=replicas, surge=0, unavailable=0)
        limits = (spec.get("strategy") or {}).get("rollingUpdate") or {}
        return bounds(replicas, surge=limits.get("maxSurge", "25%"), unavailable=limits.get("maxUnavailable", "25%"))

    @property
    def members(self) -> tuple[Object, ...]:
        """All ReplicaSets, the new one last."""
        return (*self.old, self.new) if self.new else self.old


async def run(storage: Storage) -> None:
    """Roll every Deployment towards its template and size, until cancelled."""
    queue: Workqueue[ObjectKey] = Workqueue(asyncio.get_running_loop().time)
    sets, pods = Owned(storage, "replicasets"), Owned(storage, "pods")

    def set_changed(replica_set: Object, previous: Object | None) -> None:
        sets.see(replica_set, previous)
        for owner in owners_of(replica_set, previous):
            queue.add(owner)

    def pod_changed(pod: Object, previous: Object | None) -> None:
        pods.see(pod, previous)
        for replica_set in owners_of(pod, previous):
            # Recreate waits until the last old pod is gone, which changes no ReplicaSet.
            record = storage.record("replicasets", *replica_set)
            for owner in owners_of(record.object, None) if record else ():
                queue.add(owner)

    with ExitStack() as stack:
        stack.callback(follow(storage, "pods", pod_changed))
        stack.callback(follow(storage, "replicasets", set_changed))
        stack.callback(follow(storage, "deployments", lambda obj, _: queue.add(key_of(obj))))
        await work(queue, lambda key: reconcile(storage, sets, pods, key))


def reconcile(storage: Storage, sets: Owned, pods: Owned, key: ObjectKey) -> float | None:
    """Take one Deployment one step further; return the seconds until its deadline has to be looked at."""
    deployment = storage.get("deployments", *key)
    if deployment is None:
        return None
    if is_terminating(deployment):
        return _report(storage, family(deployment, sets))
    adopted(storage, "replicasets", owner=deployment, orphans=sets.of(None))
    current = family(deployment, sets)
    if deployment["spec"].get("paused") or _was_scaled(current):
        _scale(storage, current)
    elif is_recreate(deployment):
        _recreate(storage, current, pods)
    else:
        _roll(storage, current)
    return _report(storage, family(storage.get("deployments", *key) or deployment, sets))


def family(deployment: Object, sets: Owned) -> Family:
    """Return a Deployment with its ReplicaSets."""
    owned = sorted(sets.of(deployment["metadata"]["uid"]), key=lambda obj: (_revision(obj), key_of(obj)))
    template = deployment["spec"]["template"]
    new = next((obj for obj in owned if without_hash(obj["spec"]["template"]) == template), None)
    return Family(deployment=deployment, new=new, old=tuple(obj for obj in owned if obj is not new))


def is_recreate(deployment: Object) -> bool:
    """Whether all old pods have to be gone before the first new one starts."""
    return (deployment["spec"].get("strategy") or {}).get("type") == "Recreate"


def without_hash(template: Object) -> Object:
    """Return the pod template as the Deployment has it."""
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key != HASH}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def template_hash(template: Object, collisions: int = 0) -> str:
    """Return the name of a pod template: the same for equal templates, whatever the order of their fields."""
    digest = hashlib.sha256(json.dumps([template, collisions], sort_keys=True).encode()).digest()
    return "".join(HASH_LETTERS[byte % len(HASH_LETTERS)] for byte in digest[:10])


def size_of(replica_set: Object) -> Size:
    """Return what the arithmetic needs to know of a ReplicaSet."""
    return Size(
        name=replica_set["metadata"]["name"],
        replicas=replica_set["spec"].get("replicas", 1),
        available=replica_set.get("status", {}).get("availableReplicas", 0),
        most=int(annotations_of(replica_set).get(MOST, "0")),
    )


def _was_scaled(current: Family) -> bool:
    desired = str(current.bounds.replicas)
    active = (member for member in current.members if member["spec"].get("replicas", 1) > 0)
    return any(annotations_of(member).get(DESIRED, desired) != desired for member in active)


def _scale(storage: Storage, current: Family) -> None:
    new = size_of(current.new) if current.new else None
    _resize(storage, current, scaled(current.bounds, new, [size_of(member) for member in current.old]))


def _roll(storage: Storage, current: Family) -> None:
    old = [size_of(member) for member in current.old]
    if current.new is None:
        _create(storage, current, grown(current.bounds, Size(name="", replicas=0), old))
        return
    new = size_of(current.new)
    larger = grown(current.bounds, new, old)
    if larger != new.replicas:
        _resize(storage, current, (replace(new, replicas=larger),))
        return
    _resize(storage, current, (new, *shrunk(current.bounds, new, old)))
    _forget(storage, current)


def _recreate(storage: Storage, current: Family, pods: Owned) -> None:
    _resize(storage, current, [replace(size_of(member), replicas=0) for member in current.old])
    if any(pods.of(member["metadata"]["uid"]) for member in current.old):
        return
    if current.new is None:
        _create(storage, current, current.bounds.replicas)
        return
    _resize(storage, current, (replace(size_of(current.new), replicas=current.bounds.replicas),))
    _forget(storage, current)


def _resize(storage: Storage, current: Family, sizes: Sequence[Size]) -> None:
    """Write those sizes, and with each the Deployment's size that led to it."""
    namespace, _ = key_of(current.deployment)
    for size in sizes:

        def write(obj: Object, replicas: int = size.replicas) -> None:
            obj["spec"]["replicas"] = replicas
            if replicas:
                obj["metadata"].setdefault("annotations", {}).update(_notes(current.bounds))

        storage.mutate("replicasets", namespace, size.name, write)
    _mark_revision(storage, current)


def _notes(limits: Bounds) -> dict[str, str]:
    return {DESIRED: str(limits.replicas), MOST: str(limits.replicas + limits.surge)}


def _mark_revision(storage: Storage, current: Family) -> None:
    """A template that returns gets the next revision; the Deployment says which one it is at."""
    if current.new is None:
        return
    revision = max(_revision(current.new), max(map(_revision, current.old), default=0) + 1)

    def write(obj: Object) -> None:
        obj["metadata"].setdefault("annotations", {})[REVISION] = str(revision)

    storage.mutate("replicasets", *key_of(current.new), write)
    storage.mutate("deployments", *key_of(current.deployment), write)


def _create(storage: Storage, current: Family, replicas: int) -> None:
    try:
        new = storage.create("replicasets", _replica_set(current, replicas))
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        storage.mutate("deployments", *key_of(current.deployment), _count_collision, subresource="status")
        return
    _mark_revision(storage, replace(current, new=new))


def _count_collision(deployment: Object) -> None:
    status = deployment.setdefault("status", {})
    status["collisionCount"] = status.get("collisionCount", 0) + 1


def _replica_set(current: Family, replicas: int) -> Object:
    namespace, name = key_of(current.deployment)
    spec, collisions = current.deployment["spec"], current.deployment.get("status", {}).get("collisionCount", 0)
    label = {HASH: template_hash(spec["template"], collisions)}
    labels = {**spec["template"]["metadata"]["labels"], **label}
    kept = {k: v for k, v in annotations_of(current.deployment).items() if k not in (REVISION, LAST_APPLIED)}
    return {
        "metadata": {
            "name": f"{name}-{label[HASH]}",
            "namespace": namespace,
            "labels": labels,
            "annotations": {**kept, **_notes(current.bounds)},
            "ownerReferences": [owner_reference(current.deployment)],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": spec.get("minReadySeconds", 0),
            "selector": {
                **spec["selector"],
                "matchLabels": {**(spec["selector"].get("matchLabels") or {}), **label},
            },
            "template": {
                **spec["template"],
                "metadata": {**spec["template"]["metadata"], "labels": labels},
            },
        },
    }


def _forget(storage: Storage, current: Family) -> None:
    """Delete the oldest ReplicaSets beyond revisionHistoryLimit once the rollout is over."""
    if not is_complete(current.deployment, current.bounds.replicas):
        return
    empty = [m for m in current.old if not m["spec"].get("replicas") and not m.get("status", {}).get("replicas")]
    surplus = len(empty) - current.deployment["spec"].get("revisionHistoryLimit", 10)
    for member in empty[: max(surplus, 0)]:
        storage.delete("replicasets", *key_of(member))


def _revision(replica_set: Object) -> int:
    return int(annotations_of(replica_set).get(REVISION, "0"))


def _report(storage: Storage, current: Family) -> float | None:
    new_status, again = status(
        current.deployment, new=current.new, old=current.old, least=current.bounds.least, now=moment(storage.now())
    )

    def write(obj: Object) -> None:
        obj["status"] = new_status

    storage.mutate("deployments", *key_of(current.deployment), write, subresource="status")
    return again
