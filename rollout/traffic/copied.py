"""What an owned object takes over from the metadata of the one people have."""

from typing import Literal

from rollout.models.kinds import Manifest
from rollout.models.rollout import GROUP

# What would make a tool take the copy for the original: prune it, or publish its pods under the same host name.
_NOT_COPIED = (
    f"{GROUP}/",
    "kubectl.kubernetes.io/last-applied-configuration",
    "app.kubernetes.io/instance",  # by which Argo CD tells what is its own
    "argocd.argoproj.io/",
    "external-dns.alpha.kubernetes.io/",
)


def copied(manifest: Manifest, field: Literal["labels", "annotations"]) -> dict[str, str]:
    """Its labels or annotations, without those that say what it is to a tool."""
    entries: dict[str, str] = manifest["metadata"].get(field) or {}
    return {name: value for name, value in entries.items() if not name.startswith(_NOT_COPIED)}
