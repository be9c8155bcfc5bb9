"""What a Deployment's status says: counts, and the conditions Available and Progressing. Pure; Kubernetes' rules."""

from collections.abc import Sequence
from datetime import datetime

from sandbox.reading import condition, moment, without_zeros
from sandbox.storage import Object

DONE = "NewReplicaSetAvailable"
LATE = "ProgressDeadlineExceeded"
PAUSED = "DeploymentPaused"
RESUMED = "DeploymentResumed"


def status(
    deployment: Object, *, new: Object | None, old: Sequence[Object], least: int, now: datetime
) -> tuple[Object, float | None]:
    """Return the status, and in how many seconds the progress deadline ends if it runs.

    `least` is the number of available pods that makes the Deployment Available.
    """
    counts = _counts(deployment, new=new, old=old)
    after = {**deployment, "status": {**deployment.get("status", {}), **counts}}
    available = _available(enough=counts["availableReplicas"] >= least)
    progressing, deadline = _progress(deployment, after, new=new, now=now)
    conditions = [
        _kept(deployment, available, now=now),
        *((_kept(deployment, progressing, now=now),) if progressing else ()),
    ]
    collisions = deployment.get("status", {}).get("collisionCount", 0)
    return without_zeros({**counts, "collisionCount": collisions, "conditions": conditions}), deadline


def is_complete(deployment: Object, replicas: int) -> bool:
    """Whether all pods are of the newest template and available, and the status speaks of the current spec."""
    counts = deployment.get("status", {})
    return counts.get("observedGeneration", 0) >= deployment["metadata"]["generation"] and all(
        counts.get(field, 0) == replicas for field in ("updatedReplicas", "replicas", "availableReplicas")
    )


def _counts(deployment: Object, *, new: Object | None, old: Sequence[Object]) -> dict[str, int]:
    members = (*old, new) if new else tuple(old)
    available = _sum(members, "availableReplicas")
    wanted = sum(member["spec"].get("replicas", 1) for member in members)
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": _sum(members, "replicas"),
        "updatedReplicas": _sum((new,) if new else (), "replicas"),
        "readyReplicas": _sum(members, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(wanted - available, 0),
    }


def _sum(members: Sequence[Object], field: str) -> int:
    return sum(member.get("status", {}).get(field, 0) for member in members)


def _available(*, enough: bool) -> Object:
    if enough:
        return _condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    message = "Deployment does not have minimum availability."
    return _condition("Available", "False", "MinimumReplicasUnavailable", message)


def _progress(
    before: Object, after: Object, *, new: Object | None, now: datetime
) -> tuple[Object | None, float | None]:
    """Return the Progressing condition and, if its deadline runs, the seconds until then."""
    seconds = before["spec"].get("progressDeadlineSeconds", 600)
    current = condition(before, "Progressing")
    reason = current["reason"] if current else ""
    if before["spec"].get("paused"):
        paused = _condition("Progressing", "Unknown", PAUSED, "Deployment is paused")
        return (current if reason == LATE else paused), None
    if new is None:
        return current, None
    name = new["metadata"]["name"]
    counts = after["status"]
    if reason == DONE and counts["replicas"] == counts["updatedReplicas"] and _names(current, name):
        return current, None
    if is_complete(after, before["spec"].get("replicas", 1)):
        return _condition("Progressing", "True", DONE, f'ReplicaSet "{name}" has successfully progressed.'), None
    return _under_way(before, counts, new=new, now=now, deadline=seconds)


def _under_way(
    before: Object, counts: dict[str, int], *, new: Object, now: datetime, deadline: float
) -> tuple[Object, float | None]:
    current, name = condition(before, "Progressing"), new["metadata"]["name"]
    if current and current["reason"] == PAUSED:
        return _stamped(_condition("Progressing", "Unknown", RESUMED, "Deployment is resumed"), now), deadline
    if current is None or not (current["reason"] == RESUMED or _names(current, name)):
        return _stamped(_begun(new), now), deadline
    if _moved(before.get("status", {}), counts):
        updated = _condition("Progressing", "True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
        return _stamped(updated, now), deadline
    left = deadline - (now - moment(current["lastUpdateTime"])).total_seconds()
    if left >= 0 and current["reason"] != LATE:
        return current, left + 1
    return _condition("Progressing", "False", LATE, f'ReplicaSet "{name}" has timed out progressing.'), None


def _begun(new: Object) -> Object:
    name = new["metadata"]["name"]
    if "observedGeneration" in new.get("status", {}):
        return _condition("Progressing", "True", "FoundNewReplicaSet", f'Found new replica set "{name}"')
    return _condition("Progressing", "True", "NewReplicaSetCreated", f'Created new replica set "{name}"')


def _names(current: Object | None, replica_set: str) -> bool:
    return current is not None and f'"{replica_set}"' in current["message"]


def _moved(before: Object, counts: dict[str, int]) -> bool:
    old = before.get("replicas", 0) - before.get("updatedReplicas", 0)
    return (
        any(counts[f] > before.get(f, 0) for f in ("updatedReplicas", "readyReplicas", "availableReplicas"))
        or counts["replicas"] - counts["updatedReplicas"] < old
    )


def _condition(type_: str, state: str, reason: str, message: str) -> Object:
    return {"type": type_, "status": state, "reason": reason, "message": message}


def _stamped(new: Object, now: datetime) -> Object:
    return {**new, "lastUpdateTime": now.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _kept(deployment: Object, new: Object, *, now: datetime) -> Object:
    """Return a condition with its times: updated if it says something new, transitioned if its status flips."""
    current = condition(deployment, new["type"]) or {}
    if "lastUpdateTime" not in new and all(current.get(key) == new[key] for key in ("status", "reason", "message")):
        return current
    time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    flipped = current.get("status") != new["status"]
    return {
        "lastUpdateTime": time,
        **new,
        "lastTransitionTime": time if flipped else current["lastTransitionTime"],
    }
