"""The manifests of deploy/ as kubectl builds them, and copies of them as people edit them."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from controlplane.binaries import NotBuilt, binaries
from tests.backends import ROOT

Manifest: TypeAlias = dict[str, Any]

OVERLAYS = sorted(path.name for path in (ROOT / "deploy" / "overlays").iterdir())
NAME = "progressive-delivery"


@dataclass(frozen=True)
class Folder:
    """The repository's folders crds and deploy, or a copy."""

    root: Path = ROOT

    def overlay(self, name: str) -> Path:
        """Where an overlay is."""
        return self.root / "deploy" / "overlays" / name

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace words in a file, as people do in their editor; they have to be there."""
        file = self.root / path
        text = file.read_text()
        assert old in text, f"{path} does not say {old!r}"
        file.write_text(text.replace(old, new))


def a_copy(directory: Path) -> Folder:
    """The folders of the repository, to be edited."""
    for folder in ("crds", "deploy"):
        shutil.copytree(ROOT / folder, directory / folder)
    return Folder(directory)


def built(path: Path) -> list[Manifest]:
    """The objects of a kustomization; skips where there is no kubectl."""
    try:
        kubectl = binaries().kubectl
    except NotBuilt as error:
        pytest.skip(str(error))
    said = subprocess.run([str(kubectl), "kustomize", str(path)], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, ""), said.stderr
    return list(yaml.safe_load_all(said.stdout))


def overlay(name: str) -> list[Manifest]:
    """The objects of an overlay of the repository."""
    return built(Folder().overlay(name))


def one(objects: list[Manifest], kind: str, name: str = NAME) -> Manifest:
    """The only object of a kind and name."""
    (found,) = (each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found


def deployment(objects: list[Manifest]) -> Manifest:
    """The controller's Deployment."""
    return one(objects, "Deployment")


def container(objects: list[Manifest]) -> Manifest:
    """The controller's container."""
    (found,) = deployment(objects)["spec"]["template"]["spec"]["containers"]
    return dict(found)
