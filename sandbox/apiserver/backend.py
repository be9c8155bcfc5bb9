"""What the verbs of the API server work on."""

import base64
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import count

from sandbox.addresses import Addresses
from sandbox.apiserver.registry import Registry, Resource
from sandbox.changes import Change, Object, encode
from sandbox.storage import ApiError, Record, Storage

_PAGES_KEPT = 256


@dataclass(frozen=True)
class Snapshot:
    """The rest of a paged list: the same objects in the same versions, whatever happens meanwhile."""

    version: int
    records: tuple[Record, ...]


class Pages:
    """The lists that clients are reading page by page."""

    def __init__(self) -> None:
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()
        self._numbers = count(1)

    def keep(self, snapshot: Snapshot) -> str:
        """Return the token that continues with `snapshot`."""
        token = base64.urlsafe_b64encode(encode({"v": snapshot.version, "page": next(self._numbers)})).decode()
        self._snapshots[token] = snapshot
        if len(self._snapshots) > _PAGES_KEPT:
            self._snapshots.popitem(last=False)
        return token

    def find(self, token: str, storage: Storage) -> Snapshot:
        """Return what a token continues with; raises 410 if that has been compacted."""
        snapshot = self._snapshots.get(token)
        if snapshot is None or storage.expired(snapshot.version):
            message = "The provided continue parameter is too old to display a consistent list result."
            raise ApiError(410, "Expired", message)
        return snapshot


class ClusterIps:
    """The cluster addresses of Services, 127.2.x.y, each used by one Service at a time."""

    def __init__(self, storage: Storage) -> None:
        self._used = {_address(record.object) for record in storage.records("services")}
        self._fresh = Addresses(exclusive=True, network="127.2")
        self._ended = storage.listen("services", self._follow)

    def close(self) -> None:
        """Let others have the addresses."""
        self._ended()
        self._fresh.close()

    def _follow(self, change: Change) -> None:
        if change.previous is not None:
            self._used.discard(_address(change.previous))
            if change.type == "DELETED" and _address(change.previous).startswith("127.2."):
                self._fresh.give_back(_address(change.previous))
        if change.type != "DELETED":
            self._used.add(_address(change.object))

    def allocate(self, service: Object) -> None:
        """Give a Service its clusterIP in place, unless it is headless, external, or has one."""
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            return
        if not spec.get("clusterIP"):
            spec["clusterIP"] = self._free()
        spec["clusterIPs"] = [spec["clusterIP"]]

    def _free(self) -> str:
        while True:
            address = self._fresh.take()
            if address not in self._used:
                return address


def _address(service: Object) -> str:
    return str(service.get("spec", {}).get("clusterIP", ""))


@dataclass(frozen=True)
class Backend:
    """The storage and what the API server knows beside it."""

    storage: Storage
    registry: Registry
    addresses: ClusterIps
    pages: Pages = field(default_factory=Pages)

    def record(self, resource: Resource, namespace: str | None, name: str) -> Record | None:
        """Return a stored object, to be read only."""
        return self.storage.record(self.key(resource), namespace, name)

    def key(self, resource: Resource) -> str:
        """Return the name of a resource in the storage."""
        return resource.kind.storage_key

    def stored_version(self, resource: Resource) -> str:
        """Return the apiVersion in which the objects of a resource are stored."""
        return self.storage.kind(self.key(resource)).api_version

    def check_namespace(self, resource: Resource, namespace: str) -> None:
        """Raise 404 if the namespace is missing and 403 if it is going: nothing may be created there."""
        if not resource.kind.namespaced:
            return
        record = self.storage.record("namespaces", None, namespace)
        if record is None:
            details = {"name": namespace, "kind": "namespaces"}
            raise ApiError(404, "NotFound", f'namespaces "{namespace}" not found', details)
        if "deletionTimestamp" in record.object["metadata"]:
            message = f"unable to create new content in namespace {namespace} because it is being terminated"
            causes = [{"reason": "NamespaceTerminating", "message": f"namespace {namespace} is being terminated"}]
            raise ApiError(403, "Forbidden", message, {"causes": causes})
