"""What becomes of an object on its way into the cache: completed, freed of managedFields, its last writer noted."""

from collections.abc import Iterable

import msgspec

from rollout.kube.request import FIELD_MANAGER
from rollout.models.kinds import Manifest, Resource

_DECODER = msgspec.json.Decoder(Manifest)


def opened(raw: bytes, resource: Resource) -> tuple[Manifest, str | None]:
    """The manifest to keep, with the `kind` and `apiVersion` that lists leave out, and who else wrote it last."""
    manifest = _DECODER.decode(raw)
    manifest["apiVersion"] = resource.api_version
    manifest["kind"] = resource.kind
    return manifest, _last_writer(manifest["metadata"].pop("managedFields", ()))


def encoded(manifest: Manifest) -> bytes:
    """The bytes to keep."""
    return msgspec.json.encode(manifest)


def manifest_of(raw: bytes) -> Manifest:
    """A fresh copy of what was kept."""
    return _DECODER.decode(raw)


def _last_writer(managed_fields: Iterable[Manifest]) -> str | None:
    """The newest manager that is not ours; a write of a subresource (status, scale) reverts nothing and is left out."""
    others = [
        (entry.get("time", ""), entry["manager"])
        for entry in managed_fields
        if entry.get("manager", FIELD_MANAGER) != FIELD_MANAGER and not entry.get("subresource")
    ]
    return max(others)[1] if others else None
