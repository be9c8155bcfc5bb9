"""Just enough of the wire format to route an object without decoding it."""

from typing import Literal, NamedTuple, TypeAlias

import msgspec

from rollout.models.kinds import Key


class Page(NamedTuple):
    """One page of a list: objects as received, and the token of the next page (None on the last).

    Objects of built-in kinds come without `kind` and `apiVersion` here, as the API server leaves them out of lists.
    """

    items: tuple[bytes, ...]
    resource_version: str
    continue_token: str | None


EventType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]


class WatchEvent(NamedTuple):
    """One event of a watch; the object of a BOOKMARK holds nothing but its resourceVersion, ERROR is raised instead."""

    type: EventType
    raw: bytes
    resource_version: str


class Head(NamedTuple):
    """Who an object is, and its resourceVersion: an integer, comparable within one kind since Kubernetes 1.35."""

    key: Key
    version: int


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class _Object(msgspec.Struct):
    metadata: _Metadata


class _Kind(msgspec.Struct):
    kind: str = ""


class _ListMetadata(msgspec.Struct, rename={"resource_version": "resourceVersion", "continue_token": "continue"}):
    resource_version: str = ""
    continue_token: str = ""


class _List(msgspec.Struct):
    metadata: _ListMetadata
    items: tuple[msgspec.Raw, ...] | None = ()


class _Event(msgspec.Struct):
    type: EventType
    object: msgspec.Raw


_OBJECT = msgspec.json.Decoder(_Object)
_KIND = msgspec.json.Decoder(_Kind)
_LIST = msgspec.json.Decoder(_List)
_EVENT = msgspec.json.Decoder(_Event)


def page_of(body: bytes) -> Page:
    """A list answer; an absent or null `items` is an empty page."""
    decoded = _LIST.decode(body)
    items = tuple(bytes(item) for item in decoded.items or ())
    return Page(items, decoded.metadata.resource_version, decoded.metadata.continue_token or None)


def event_of(line: bytes) -> tuple[EventType, bytes]:
    """The type and the object of one watch line."""
    decoded = _EVENT.decode(line)
    return decoded.type, bytes(decoded.object)


def resource_version_of(raw: bytes) -> str:
    """The resourceVersion as sent."""
    return _OBJECT.decode(raw).metadata.resource_version


def head_of(raw: bytes) -> Head:
    """Key and version of an object; an object without a resourceVersion is older than any other."""
    metadata = _OBJECT.decode(raw).metadata
    return Head(Key(metadata.namespace, metadata.name), int(metadata.resource_version or 0))


def kind_of(raw: bytes) -> str:
    """The `kind`, empty where the server left it out."""
    return _KIND.decode(raw).kind
