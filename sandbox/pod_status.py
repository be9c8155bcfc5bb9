"""What a kubelet reports of a pod. Pure: from what was observed to `status`, in Kubernetes' words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.reading import annotations_of, condition
from sandbox.storage import Object

HOST_IP = "127.0.0.1"
NEVER_READY = "sandbox/never-ready"
RESTARTS = "sandbox/restarts"
IMAGE_PULL = ("ErrImagePull", "ImagePullBackOff")
NOT_STARTED = ("ContainerCreating", *IMAGE_PULL)


@dataclass(frozen=True, kw_only=True)
class Observed:
    """The first container, which stands for all: its state and last state as in a containerStatus."""

    ip: str
    state: Mapping[str, Object]
    ready: bool = False
    restarts: int = 0
    last: Mapping[str, Object] = field(default_factory=dict)
    over: bool = False  # it has ended and will not be started again


def waiting(reason: str, message: str = "") -> dict[str, Object]:
    """Return the state of a container that does not run yet, or not again."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def started(now: str) -> dict[str, Object]:
    """Return the state of a container that runs."""
    return {"running": {"startedAt": now}}


def ended(code: int, *, since: str, now: str) -> dict[str, Object]:
    """Return the state of a container whose process ended with `code`, negative for a signal as Python has it."""
    exit_code = 128 - code if code < 0 else code
    reason = "Completed" if exit_code == 0 else "Error"
    return {"terminated": {"exitCode": exit_code, "reason": reason, "startedAt": since, "finishedAt": now}}


def is_kept_unready(pod: Object) -> bool:
    """Whether an annotation keeps a pod from becoming ready; it may come and go while the pod runs."""
    return annotations_of(pod).get(NEVER_READY) == "true"


def status(pod: Object, observed: Observed, *, now: str) -> Object:
    """Return the status of a pod; times of conditions change with the conditions only."""
    return {
        "phase": _phase(observed),
        "hostIP": HOST_IP,
        "hostIPs": [{"ip": HOST_IP}],
        "podIP": observed.ip,
        "podIPs": [{"ip": observed.ip}],
        "startTime": pod.get("status", {}).get("startTime", now),
        "qosClass": pod.get("status", {}).get("qosClass", "BestEffort"),  # said at creation, and never again
        "conditions": _conditions(pod, ready=observed.ready, over=observed.over, now=now),
        "containerStatuses": [_container(container, observed) for container in pod["spec"]["containers"]],
    }


def _phase(observed: Observed) -> str:
    if observed.over:
        return "Failed" if observed.state["terminated"]["exitCode"] else "Succeeded"
    reason = observed.state.get("waiting", {}).get("reason")
    return "Pending" if reason in NOT_STARTED else "Running"


def _conditions(pod: Object, *, ready: bool, over: bool, now: str) -> list[Object]:
    names = " ".join(container["name"] for container in pod["spec"]["containers"])
    unready = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{names}]"}
    done = {"reason": "PodCompleted"} if over else unready
    return [
        _condition(pod, "PodScheduled", now=now),
        _condition(pod, "Initialized", now=now),
        _condition(pod, "ContainersReady", now=now, why={} if ready else done),
        _condition(pod, "Ready", now=now, why={} if ready else done),
    ]


def _condition(pod: Object, type_: str, *, now: str, why: Mapping[str, str] = {}) -> Object:
    current = condition(pod, type_)
    state = "False" if why else "True"
    since = current["lastTransitionTime"] if current and current["status"] == state else now
    return {"type": type_, "status": state, "lastProbeTime": None, "lastTransitionTime": since, **why}


def _container(container: Object, observed: Observed) -> Object:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": observed.ready,
        "started": "running" in observed.state,
        "restartCount": observed.restarts,
        "state": dict(observed.state),
        "lastState": dict(observed.last),
    }
