"""One request for a resource, read from its URL and headers."""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.apiserver.records import RequestRecord
from sandbox.apiserver.registry import Resource

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_NAMESPACE_SUBRESOURCES = ("status", "finalize")


@dataclass(frozen=True)
class Address:
    """What a path names. Empty strings where it does not."""

    group: str
    version: str
    namespace: str
    plural: str
    name: str
    subresource: str


@dataclass(frozen=True)
class Call:
    """A request whose resource is known."""

    record: RequestRecord
    resource: Resource
    accept: str

    @property
    def table(self) -> bool:
        """Whether the client wants rows and columns."""
        return "as=Table" in self.accept

    @property
    def metadata_only(self) -> bool:
        """Whether the client wants the metadata alone."""
        return "as=PartialObjectMetadata" in self.accept

    @property
    def namespace(self) -> str | None:
        """The namespace, None for all of them and for cluster-scoped objects."""
        return self.record.namespace or None

    @property
    def dry(self) -> bool:
        """Whether nothing may be stored."""
        return self.record.query.get("dryRun") == "All"

    @property
    def strictness(self) -> str:
        """What to do with unknown fields: Strict, Warn, Ignore or nothing said."""
        return self.record.query.get("fieldValidation", "")

    @property
    def manager(self) -> str:
        """Whose name the changed fields get."""
        named = self.record.query.get("fieldManager")
        return named or self.record.user_agent.partition("/")[0].partition(" ")[0] or "unknown"


def parse(path: str) -> Address | None:
    """Return what `path` names, None if it is not the path of a resource."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "")[:3]
    return Address(group, version, namespace, plural, name, subresource) if len(rest) <= 3 else None


def verb(method: str, name: str, query: Mapping[str, str]) -> str:
    """Return Kubernetes' verb; "" for a method that it does not have."""
    if method == "GET":
        watching = query.get("watch") in ("1", "true", "True")
        return "watch" if watching else "get" if name else "list"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    return _VERBS.get(method, "")
