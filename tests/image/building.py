"""The images, built by Buildah from the Dockerfile on a Debian that debootstrap makes, and kept in a cache folder."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

from tests.image.composition import ROOT

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "progressive-delivery" / "image"
_BASE = "localhost/bookworm"
_KEPT = 100  # steps of earlier builds that may stay to be used again
_PATIENCE = 900  # seconds until a step that hangs has failed
_PASSED_ON = ("index-url", "extra-index-url", "trusted-host", "timeout", "retries")
# What makes a slim image out of what debootstrap leaves; and no daemon is started by the installation of its package.
_SLIM = """
cd "$1"
rm -rf var/cache/apt/archives/*.deb var/lib/apt/lists/* var/log/* usr/share/doc/* usr/share/man/* usr/share/locale/*
printf 'path-exclude /usr/share/%s/*\\n' doc man locale > etc/dpkg/dpkg.cfg.d/slim
printf 'deb http://deb.debian.org/debian %s main\\n' bookworm bookworm-updates > etc/apt/sources.list
printf 'deb http://deb.debian.org/debian-security bookworm-security main\\n' >> etc/apt/sources.list
printf '#!/bin/sh\\nexit 101\\n' > usr/sbin/policy-rc.d
chmod +x usr/sbin/policy-rc.d
rm -f etc/resolv.conf etc/hostname
"""


@dataclass(frozen=True, kw_only=True)
class Image:
    """A built image, unpacked: its root file system, and its configuration as OCI has it."""

    root: Path
    config: Mapping[str, Any]

    @property
    def variables(self) -> dict[str, str]:
        """The variables that every process in it starts with."""
        return dict(entry.split("=", 1) for entry in self.config["Env"])


def missing() -> str | None:
    """Why no image can be built here, if none can."""
    absent = [name for name in ("buildah", "debootstrap", "unshare") if which(name) is None]
    if sys.platform != "linux" or os.geteuid() != 0:
        return "the image is built and entered by root only: run these tests as root"
    return f"the image needs {', '.join(absent)} (Debian: apt-get install buildah debootstrap)" if absent else None


@contextmanager
def built(target: str) -> Iterator[Image]:
    """Build a stage, and unpack it beside the block."""
    if not _buildah("images", "--quiet", "--filter", f"reference={_BASE}"):
        _bootstrap()
    name = f"localhost/{target}"
    with tempfile.TemporaryDirectory(prefix="image-") as directory:
        options = ["--isolation", "chroot", "--network", "host", "--layers", "--build-arg", f"BASE={_BASE}"]
        _buildah("build", *options, *_index(Path(directory)), "--target", target, "--tag", name, str(ROOT))
    if len(_buildah("images", "--all", "--quiet").splitlines()) > _KEPT:
        _buildah("rmi", "--prune")
    inspected = json.loads(_buildah("inspect", "--type", "image", name))
    container = _buildah("from", name)
    try:
        yield Image(root=Path(_buildah("mount", container)), config=inspected["OCIv1"]["config"])
    finally:
        _buildah("rm", container)


def _bootstrap() -> None:
    """Make the base image, as near to Debian's slim one as its packages go."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bookworm-", dir=_CACHE) as directory:
        _run("debootstrap", "--variant=minbase", "bookworm", directory)
        _run("sh", "-euc", _SLIM, "slim", directory)
        os.chmod(directory, 0o755)
        container = _buildah("from", "scratch")
        try:
            _buildah("add", "--quiet", container, directory, "/")
            _buildah("commit", "--quiet", container, _BASE)
        finally:
            _buildah("rm", container)


def _index(directory: Path) -> list[str]:
    """Mounts that let pip inside find packages where pip here does; nothing of them is in the image."""
    listed = _run(sys.executable, "-m", "pip", "config", "list").splitlines()
    found = {name.rpartition(".")[2]: value.strip("'\"") for name, _, value in (line.partition("=") for line in listed)}
    lines = [f"{key} = {found[key]}" for key in _PASSED_ON if key in found]
    mounts = []
    for key, inside in (("cert", "/mnt/ca.crt"), ("find-links", "/mnt/wheels")):
        if key in found and Path(found[key]).exists():
            lines.append(f"{key} = {inside}")
            mounts += ["--volume", f"{Path(found[key]).resolve()}:{inside}:ro"]
    (directory / "pip.conf").write_text("\n".join(["[global]", *lines, ""]))
    return [*mounts, "--volume", f"{directory / 'pip.conf'}:/etc/pip.conf:ro"]


def _buildah(*arguments: str) -> str:
    storage = ["--root", str(_CACHE / "storage"), "--runroot", str(_CACHE / "run"), "--storage-driver", "overlay"]
    return _run("buildah", *storage, *arguments)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    if done.returncode:
        raise RuntimeError(f"`{command[0]}` failed: {(done.stdout + done.stderr)[-3000:]}")
    return done.stdout.strip()


def size(root: Path) -> int:
    """Megabytes (10^6) on disk."""
    return int(_run("du", "--summarize", "--block-size=1", "--one-file-system", str(root)).split()[0]) // 10**6
