"""An overlay applied beside a block, as people do it, and everything taken away afterwards."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from controlplane.cluster import ControlPlane
from tests.deploy.overlays import Folder, Manifest, a_copy, built


def of_the_operator(plural: str, kind: str) -> Manifest:
    """As much of a kind of the Prometheus Operator as the API server needs to take objects of it."""
    spec = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "names": {"plural": plural, "kind": kind, "listKind": f"{kind}List"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


OPERATOR = (of_the_operator("servicemonitors", "ServiceMonitor"), of_the_operator("prometheusrules", "PrometheusRule"))


async def kubectl(cluster: ControlPlane, *arguments: str, stdin: str | None = None) -> str:
    """What kubectl prints; fails with what it complains of."""
    try:
        return await asyncio.to_thread(cluster.kubectl, *arguments, stdin=stdin)
    except subprocess.CalledProcessError as error:
        raise AssertionError(f"kubectl {' '.join(arguments)}: {error.stderr}") from None


async def refused(cluster: ControlPlane, *arguments: str, stdin: str | None = None) -> str:
    """What kubectl says against a command that must not succeed."""
    try:
        await asyncio.to_thread(cluster.kubectl, *arguments, stdin=stdin)
    except subprocess.CalledProcessError as error:
        return str(error.stderr)
    raise AssertionError(f"kubectl {' '.join(arguments)} succeeded")


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A cluster, a copy of the manifests as somebody edited them, and the overlay that is installed."""

    cluster: ControlPlane
    folder: Folder
    name: str

    @property
    def path(self) -> str:
        """The overlay's folder."""
        return str(self.folder.overlay(self.name))

    @property
    def objects(self) -> list[Manifest]:
        """What it consists of."""
        return built(Path(self.path))

    async def apply(self, *options: str) -> list[str]:
        """Apply it; what kubectl says of each object."""
        return (await kubectl(self.cluster, "apply", *options, "-k", self.path)).splitlines()


@asynccontextmanager
async def prepared(
    cluster: ControlPlane, name: str, directory: Path, namespace: str = "store"
) -> AsyncIterator[Folder]:
    """What has to be there before an overlay is applied, and a copy to edit. Only the kinds are left after it."""
    folder = a_copy(directory / "copy")
    once = folder.root / "deploy" / "cluster"
    if name == "monitoring":
        for definition in OPERATOR:
            await kubectl(cluster, "apply", "-f", "-", stdin=json.dumps(definition))
            name_of = f"crd/{definition['metadata']['name']}"
            await kubectl(cluster, "wait", "--for=condition=Established", name_of)
    if name == "one-namespace":
        folder.edit("deploy/overlays/one-namespace/kustomization.yaml", "namespace: store", f"namespace: {namespace}")
        await kubectl(cluster, "apply", "-k", str(once))
    try:
        yield folder
    finally:
        # A kind that was served for a second only takes half a minute to go, and the next test needs it again.
        everything = [*built(folder.overlay(name)), *(built(once) if name == "one-namespace" else ())]
        rest = [each for each in everything if each["kind"] != "CustomResourceDefinition"]
        manifests = json.dumps({"apiVersion": "v1", "kind": "List", "items": rest})
        await kubectl(cluster, "delete", "-f", "-", "--timeout=60s", "--ignore-not-found", stdin=manifests)


@asynccontextmanager
async def installed(
    cluster: ControlPlane,
    name: str,
    directory: Path,
    *,
    edits: Sequence[tuple[str, str, str]] = (),
    namespace: str = "store",
) -> AsyncIterator[Installation]:
    """An overlay in a cluster beside the block, with edits to its files; all but the kinds deleted afterwards."""
    async with prepared(cluster, name, directory, namespace) as folder:
        for edit in edits:
            folder.edit(*edit)
        made = Installation(cluster=cluster, folder=folder, name=name)
        await made.apply()
        yield made
