"""Where a service of docker-compose.yml runs: on this machine as it is, or in the root file system of its image."""

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.image.composition import ROOT, Service, entrypoint_of


class Place(Protocol):
    """Gives a command of a service as one of this machine, with its environment."""

    def command(self, service: Service, words: Sequence[str]) -> list[str]: ...

    def environment(self, service: Service) -> dict[str, str]: ...

    def whole(self, service: Service) -> list[str]: ...


@dataclass(frozen=True, kw_only=True)
class Host:
    """This machine, as anybody: only the paths of volumes, configuration and scratch are others."""

    directory: Path

    def whole(self, service: Service) -> list[str]:
        """Entrypoint and command of the service."""
        return self.command(service, [*(service.entrypoint or entrypoint_of(service.target)), *service.command])

    def command(self, service: Service, words: Sequence[str]) -> list[str]:
        """The words with their paths mapped."""
        paths = self._paths(service)
        pattern = re.compile("|".join(re.escape(path) for path in paths))
        return [pattern.sub(lambda found: str(paths[found[0]]), word) for word in words]

    def environment(self, service: Service) -> dict[str, str]:
        """The programs are those of the environment that runs the tests."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self._scratch(service)), "TZ": "UTC", "PYTHONPATH": str(ROOT)}

    def _paths(self, service: Service) -> dict[str, Path]:
        volumes = {target: _made(self.directory / "volumes" / name) for target, name in service.volumes.items()}
        files = {target: _file(self.directory / "files" / target[1:], text) for target, text in service.files.items()}
        return {**volumes, **files, **dict.fromkeys(service.scratch, self._scratch(service))}

    def _scratch(self, service: Service) -> Path:
        return _made(self.directory / "scratch" / service.name)


# All mounts are in a namespace that ends with the process: nothing is left to be taken away.
_ENTER = """
root=$1; shift
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
while [ "$1" != -- ]; do
    if [ -f "$1" ]; then mkdir -p "$(dirname "$root$2")"; touch "$root$2"; else mkdir -p "$root$2"; fi
    mount --bind "$1" "$root$2"; shift 2
done
shift
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs --inh-caps=-all \
    --bounding-set=-all -- "$@"
"""


@dataclass(frozen=True, kw_only=True)
class InImage:
    """The image's own files, read-only, as its user and without any capability, as docker-compose.yml asks for."""

    host: Host  # where volumes and files are on this machine
    roots: Mapping[str, Path]  # by stage
    variables: Mapping[str, Mapping[str, str]]  # those of the image, by stage

    def whole(self, service: Service) -> list[str]:
        """Entrypoint and command of the service."""
        return self.command(service, [*(service.entrypoint or entrypoint_of(service.target)), *service.command])

    def command(self, service: Service, words: Sequence[str]) -> list[str]:
        """The words as they are, inside."""
        mounts = self.host._paths(service)
        for path in mounts.values():
            os.chown(path, 65532, 65532)
        pairs = [word for target, path in mounts.items() for word in (str(path), target)]
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", _ENTER, "enter"]
        return [*enter, str(self.roots[service.target]), *pairs, "--", *self._env(service), *words]

    def environment(self, service: Service) -> dict[str, str]:
        """What enters needs this machine's own programs."""
        return {"PATH": os.environ["PATH"]}

    def _env(self, service: Service) -> Iterable[str]:
        return ["env", "-i", *(f"{name}={value}" for name, value in self.variables[service.target].items())]


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _file(path: Path, text: str) -> Path:
    _made(path.parent)
    path.write_text(text)
    return path
