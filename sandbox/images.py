"""Which program an image stands for, and what a container of it is started with."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from sandbox.storage import Object

PROGRAMS: Mapping[str, tuple[str, ...]] = MappingProxyType({"shop": (sys.executable, "-m", "sandbox.shop")})
# A container sees nothing of the environment of the sandbox but what lets a program of this machine run at all.
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ")
DEFAULT_PORT = 8080


def split(image: str) -> tuple[str, str]:
    """Return name and tag of an image, without registry, path and digest: `example.com/team/shop:v2` is shop, v2."""
    name, _, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    return name, tag or "latest"


def program(container: Object) -> tuple[str, ...] | None:
    """Return what to execute: `command` and `args` over what the image stands for; None if nobody knows the image."""
    own = container.get("command") or PROGRAMS.get(split(container["image"])[0])
    return (*own, *(container.get("args") or ())) if own else None


def first_port(container: Object) -> int | None:
    """Return the first containerPort."""
    return next((port["containerPort"] for port in container.get("ports") or ()), None)


def environment(pod: Object, container: Object, *, ip: str) -> dict[str, str]:
    """Return the variables of a container: its own env, and POD_IP, POD_NAME, PORT, IMAGE and IMAGE_TAG."""
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
        "PYTHONUNBUFFERED": "1",
        "HOSTNAME": pod["metadata"]["name"],
        "POD_NAME": pod["metadata"]["name"],
        "POD_IP": ip,
        "PORT": str(first_port(container) or DEFAULT_PORT),
        "IMAGE": container["image"],
        "IMAGE_TAG": split(container["image"])[1],
        **dict(_variables(pod, container, ip=ip)),
    }


def _variables(pod: Object, container: Object, *, ip: str) -> Iterator[tuple[str, str]]:
    for variable in container.get("env") or ():
        path = ((variable.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
        yield variable["name"], field(pod, path, ip=ip) if path else str(variable.get("value", ""))


def field(pod: Object, path: str, *, ip: str) -> str:
    """Return what the downward API gives for a field path, an empty string for what this kubelet does not know."""
    if path == "status.podIP":
        return ip
    if path == "spec.nodeName":
        return str(pod["spec"].get("nodeName", ""))
    name, _, key = path.removeprefix("metadata.").partition("['")
    value = pod["metadata"].get(name, "")
    return str(value.get(key.removesuffix("']"), "") if isinstance(value, dict) else value)
