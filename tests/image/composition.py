"""docker-compose.yml as Compose itself reads it, and each of its services as a command line."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controlplane.binaries import compose

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@dataclass(frozen=True, kw_only=True)
class Service:
    """What Compose would run; `files` are texts by their path in the container, `volumes` names by path."""

    name: str
    target: str  # the stage of the Dockerfile
    entrypoint: tuple[str, ...] | None  # None: the image's own
    command: tuple[str, ...]
    after: Mapping[str, str]  # service -> condition
    look: tuple[str, ...]  # the command of its healthcheck; empty for none
    files: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    scratch: tuple[str, ...] = ()  # paths of tmpfs


def resolved(variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The project with all its variables filled in; raises RuntimeError with what is wrong with the file."""
    command = [str(compose()), "--format", "json", "-"]
    text = filled(FILE.read_text(), variables or {})
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    project: dict[str, Any] = json.loads(done.stdout)
    return project


def filled(text: str, variables: Mapping[str, str]) -> str:
    """The text with each `${NAME:-default}` replaced: this command of Compose's reader knows the defaults only."""
    found = _VARIABLE.sub(lambda each: variables.get(each[1], each[2]), text)
    assert "$" not in found, "variables are written like ${NAME:-default}"
    return found


def services(project: dict[str, Any]) -> dict[str, Service]:
    """Every service by name."""
    return {name: _service(name, spec, project) for name, spec in project["services"].items()}


def _service(name: str, spec: dict[str, Any], project: dict[str, Any]) -> Service:
    kind, *look = (spec.get("healthcheck") or {}).get("test") or ["CMD"]
    assert kind == "CMD", f"{name}: no shell is needed to look at a service"
    entrypoint = spec.get("entrypoint")
    return Service(
        name=name,
        target=spec["build"]["target"],
        entrypoint=tuple(entrypoint) if entrypoint else None,
        command=tuple(spec["command"]),
        after={other: needed["condition"] for other, needed in (spec.get("depends_on") or {}).items()},
        look=tuple(look),
        files={each["target"]: project["configs"][each["source"]]["content"] for each in spec.get("configs") or ()},
        volumes={each["target"]: each["source"] for each in spec.get("volumes") or ()},
        scratch=tuple(spec.get("tmpfs") or ()),
    )


def entrypoint_of(target: str) -> tuple[str, ...]:
    """The ENTRYPOINT of a stage of the Dockerfile."""
    stage = (ROOT / "Dockerfile").read_text().partition(f" AS {target}\n")[2].partition("\nFROM ")[0]
    written = re.search(r"^ENTRYPOINT (\[.+\])$", stage, re.MULTILINE)
    assert written is not None, f"the stage {target} has an ENTRYPOINT"
    return tuple(json.loads(written[1]))
