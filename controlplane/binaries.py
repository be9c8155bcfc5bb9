"""The programs of a control plane, built from the Go modules beside this file into a cache folder outside the tree."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MODULES = Path(__file__).parent / "modules"
_KUBERNETES = "v1.36.1"
_GATEWAY_API = "sigs.k8s.io/gateway-api"
# Without a version an API server says v0.0.0, and kubectl refuses to talk to it.
_VERSION = "-X k8s.io/component-base/version.git"
_FLAGS = f"-s -w {_VERSION}Version={_KUBERNETES} {_VERSION}Major=1 {_VERSION}Minor=36"
_BUILT = "complete"  # present once every program is


class NotBuilt(Exception):  # noqa: N818 - what has happened, as a sentence would say it
    """The programs are not there and cannot be built; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Module:
    """A Go module of ours that only pins others, and the programs that it builds, by name; none = files are taken."""

    name: str
    programs: tuple[tuple[str, str], ...] = ()
    flags: str = "-s -w"

    @property
    def directory(self) -> Path:
        """A cache folder for exactly these versions, so that a change builds anew beside what is there."""
        digest = hashlib.sha256(repr(self).encode())
        for path in sorted((_MODULES / self.name).glob("go.*")):
            digest.update(path.read_bytes())
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return base / "progressive-delivery" / "controlplane" / f"{self.name}-{digest.hexdigest()[:12]}"

    @property
    def is_built(self) -> bool:
        """Whether everything of it is there."""
        return (self.directory / _BUILT).exists()


_COMMANDS = ("kube-apiserver", "kube-controller-manager", "kubectl")
KUBERNETES = Module(
    name="kubernetes",
    programs=tuple((name, f"k8s.io/kubernetes/cmd/{name}") for name in _COMMANDS),
    flags=_FLAGS,
)
ETCD = Module(name="etcd", programs=(("etcd", "go.etcd.io/etcd/server/v3"),))
GATEWAY_API = Module(name="gatewayapi")
TRAEFIK = Module(name="traefik", programs=(("traefik", "github.com/traefik/traefik/v3/cmd/traefik"),))
COMPOSE = Module(name="compose", programs=(("compose", "github.com/compose-spec/compose-go/v2/cmd"),))
MODULES = (GATEWAY_API, COMPOSE, ETCD, KUBERNETES, TRAEFIK)


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """Where the programs are, and the Gateway API's CRDs (standard channel)."""

    etcd: Path
    apiserver: Path
    controller_manager: Path
    kubectl: Path
    gateway_api: Path


def binaries() -> Binaries:
    """What a build made before; raises NotBuilt with what to do."""
    for module in (GATEWAY_API, ETCD, KUBERNETES):
        _require(module)
    return Binaries(
        etcd=ETCD.directory / "etcd",
        apiserver=KUBERNETES.directory / "kube-apiserver",
        controller_manager=KUBERNETES.directory / "kube-controller-manager",
        kubectl=KUBERNETES.directory / "kubectl",
        gateway_api=GATEWAY_API.directory,
    )


def traefik() -> Path:
    """The program of a Gateway API implementation, which a build made before; raises NotBuilt with what to do."""
    _require(TRAEFIK)
    return TRAEFIK.directory / "traefik"


def compose() -> Path:
    """The program that validates and resolves a compose file, which a build made before; raises NotBuilt."""
    _require(COMPOSE)
    return COMPOSE.directory / "compose"


def _require(module: Module) -> None:
    if not module.is_built:
        hint = "call `make controlplane`" if shutil.which("go") else "install Go 1.26, then call `make controlplane`"
        raise NotBuilt(f"the real control plane is not built ({module.name}): {hint}")


def build() -> Binaries:
    """Build what is missing (minutes the first time), saying what is being done; raises NotBuilt."""
    for module in MODULES:
        with _alone(module.directory):
            if not module.is_built:
                _build(_compiler(), module)
                (module.directory / _BUILT).touch()
    return binaries()


def _compiler() -> str:
    found = shutil.which("go")
    if found is None:
        raise NotBuilt("there is no `go` on the PATH: install Go 1.26")
    return found


def _build(go: str, module: Module) -> None:
    if not module.programs:
        _fetch_definitions(go, module)
    for name, package in module.programs:
        made = module.directory / name
        if not made.exists():
            _say(f"building {name} (minutes the first time) ...")
            unfinished = made.with_suffix(".new")  # an interrupted build leaves nothing that looks finished
            _go(go, module, "build", "-trimpath", "-ldflags", module.flags, "-o", str(unfinished), package)
            unfinished.rename(made)


def _fetch_definitions(go: str, module: Module) -> None:
    answer = _go(go, module, "mod", "download", "-json", _GATEWAY_API)
    source = Path(json.loads(answer)["Dir"]) / "config" / "crd" / "standard"
    for each in sorted(source.glob("gateway.networking.k8s.io_*.yaml")):
        (module.directory / each.name).write_bytes(each.read_bytes())


def _go(go: str, module: Module, *arguments: str) -> str:
    # CGO off: the programs run wherever the kernel does, also in a bare root file system.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    try:
        done = subprocess.run(
            [go, *arguments], cwd=_MODULES / module.name, env=environment, stdout=subprocess.PIPE, check=True, text=True
        )
    except subprocess.CalledProcessError as error:
        said = f"`go {arguments[0]}` failed in controlplane/modules/{module.name} with code {error.returncode}"
        raise NotBuilt(said) from None
    return done.stdout


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One build at a time in this folder; a second one waits, and then finds everything there."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"waiting for another build in {directory} ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
