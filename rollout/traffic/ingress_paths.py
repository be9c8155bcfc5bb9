"""The hosts and paths of an Ingress, as far as they lead to a Rollout's Services."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from rollout.models.kinds import Manifest
from rollout.models.split import Backend

Rule: TypeAlias = dict[str, Any]
Path: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where requests come in: a host, empty for all, and a path with its type. An Ingress has each once."""

    host: str
    path: str
    type: str


def rules_of(manifest: Manifest) -> list[Rule]:
    """The rules."""
    return list((manifest.get("spec") or {}).get("rules") or ())


def paths_of(rule: Rule) -> list[Path]:
    """The paths of a rule."""
    return list((rule.get("http") or {}).get("paths") or ())


def service_of(backend: dict[str, Any] | None) -> str | None:
    """The Service that a backend names; None where it names something else."""
    return ((backend or {}).get("service") or {}).get("name")


def beside(manifest: Manifest, backends: tuple[Backend, ...]) -> list[Rule]:
    """The rules with the paths that lead to one of the Services, each leading to the canary beside that."""
    twins = {backend.service: backend.canary for backend in backends}
    found = []
    for rule in rules_of(manifest):
        paths = [_turned(path, twins) for path in paths_of(rule) if service_of(path.get("backend")) in twins]
        if paths:
            host = {"host": rule["host"]} if rule.get("host") else {}
            found.append({**host, "http": {"paths": paths}})
    return found


def places(rules: list[Rule]) -> Iterator[Place]:
    """Every host and path of the rules."""
    for rule in rules:
        for path in paths_of(rule):
            yield Place(rule.get("host") or "", path.get("path") or "/", path.get("pathType") or "")


def _turned(path: Path, twins: dict[str, str]) -> Path:
    service = path["backend"]["service"]
    return {**path, "backend": {"service": {**service, "name": twins[service["name"]]}}}
