"""What the verbs of the API server work on."""

import base64
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import count

import msgspec

from sandbox.addresses import Addresses
from sandbox.apiserver.registry import Registry, Resource
from sandbox.apiserver.replies import bad_request
from sandbox.changes import Change, Object, decode, encode
from sandbox.errors import ApiError, identified, not_found
from sandbox.storage import Record, Storage

_PAGES_KEPT = 256
_INCONSISTENT = -1
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True)
class Snapshot:
    """The rest of a paged list: the same objects in the same versions, whatever happens meanwhile."""

    version: int
    records: tuple[Record, ...]

    @property
    def start(self) -> tuple[str, str]:
        """The namespace and name of the first of them."""
        return place(self.records[0])


def place(record: Record) -> tuple[str, str]:
    """Return where an object is in a list: its namespace and name."""
    meta = record.object["metadata"]
    return meta.get("namespace", ""), meta["name"]


class Pages:
    """The lists that clients are reading page by page."""

    def __init__(self) -> None:
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()
        self._numbers = count(1)

    def keep(self, snapshot: Snapshot) -> str:
        """Return the token that continues with `snapshot`."""
        token = _token({"v": snapshot.version, "page": next(self._numbers), "start": snapshot.start})
        self._snapshots[token] = snapshot
        if len(self._snapshots) > _PAGES_KEPT:
            self._snapshots.popitem(last=False)
        return token

    def find(self, token: str, storage: Storage) -> Snapshot | tuple[str, str]:
        """Return what a token continues with; if it may be inconsistent, the first place in the list of now.

        Raises 400 for what is no token, and 410, with a token that may be inconsistent, if the list was compacted.
        """
        snapshot = self._snapshots.get(token)
        said = _read_token(token)
        if said["v"] == _INCONSISTENT:
            return tuple(said["start"])
        if snapshot is None or storage.expired(snapshot.version):
            raise ApiError(410, "Expired", _TOO_OLD, proceed=_token({**said, "v": _INCONSISTENT}))
        return snapshot


def _token(said: Object) -> str:
    return base64.urlsafe_b64encode(encode(said)).decode()


def _read_token(token: str) -> Object:
    try:
        said: Object = decode(base64.urlsafe_b64decode(token))
    except (ValueError, msgspec.DecodeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
    return said


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

    def check_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        """Raise 404 if the namespace is missing and 403 if it is going: nothing may be created there."""
        if not resource.kind.namespaced:
            return
        record = self.storage.record("namespaces", None, namespace)
        if record is None:
            raise not_found(self.storage.kind("namespaces"), namespace)
        if "deletionTimestamp" in record.object["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            details = {**identified(resource.kind, name), "causes": [cause]}
            raise ApiError(403, "Forbidden", f'{resource.kind.resource} "{name}" is forbidden: {why}', details)
