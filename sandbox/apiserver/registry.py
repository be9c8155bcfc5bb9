"""Which resources are served, in which versions, and what their objects look like."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandbox.apiserver.builtin import EVENTS_V1, MODELS, model_schema
from sandbox.apiserver.gatewayapi import SCHEMAS
from sandbox.apiserver.schema import ANYTHING, Schema, compiled
from sandbox.changes import Change, Object
from sandbox.kinds import Kind
from sandbox.storage import Storage


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of `kubectl get`. `path` is a JSONPath such as `.status.phase`."""

    name: str
    type: str
    path: str
    description: str = ""
    format: str = ""
    priority: int = 0


@dataclass(frozen=True, kw_only=True)
class ScalePaths:
    """Where the scale subresource reads and writes."""

    replicas: str = ".spec.replicas"
    status: str = ".status.replicas"
    selector: str = ""  # of a serialized selector; "" = spec.selector.matchLabels


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource in one served version. Versions share the storage, and their objects differ in apiVersion only."""

    kind: Kind
    version: str
    schema: Schema = ANYTHING
    columns: tuple[Column, ...] = ()
    scale: ScalePaths | None = None
    status: bool = True
    singular: str = ""
    list_kind: str = ""

    @property
    def api_version(self) -> str:
        """`group/version` as objects carry it."""
        return f"{self.kind.group}/{self.version}" if self.kind.group else self.version

    @property
    def subresources(self) -> tuple[str, ...]:
        """The names of its subresources."""
        return (("status",) if self.status else ()) + (("scale",) if self.scale else ())


class Registry:
    """The resources of a storage; follows its CustomResourceDefinitions."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._resources: dict[tuple[str, str, str], Resource] = {}
        for kind in storage.kinds:
            if kind.plural in MODELS or kind.plural in SCHEMAS:
                self._add_all(_builtin(kind))
        for record in storage.records("customresourcedefinitions"):
            self._define(record.object)
        self._unlisten = storage.listen("customresourcedefinitions", self._follow)

    def close(self) -> None:
        """Follow no more."""
        self._unlisten()

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """Return the resource at that address, None if there is none."""
        return self._resources.get((group, version, plural))

    def __iter__(self) -> Iterator[Resource]:
        """Go through all resources and versions, the preferred version of each first."""
        return iter(tuple(self._resources.values()))

    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Return the versions of every group, preferred first."""
        groups: dict[str, list[str]] = {}
        for resource in self:
            versions = groups.setdefault(resource.kind.group, [])
            if resource.version not in versions:
                versions.append(resource.version)
        for versions in groups.values():
            versions.sort(key=_priority)
        return {group: tuple(versions) for group, versions in groups.items()}

    def _add_all(self, resources: Iterator[Resource]) -> None:
        for resource in resources:
            self._resources[resource.kind.group, resource.version, resource.kind.plural] = resource

    def _follow(self, change: Change) -> None:
        spec = change.object["spec"]
        group, plural = spec["group"], spec["names"]["plural"]
        for key in [k for k in self._resources if k[0] == group and k[2] == plural]:
            del self._resources[key]
        if change.type == "DELETED":
            self._storage.unregister(self._key(group, plural))
        else:
            self._define(change.object)

    def _key(self, group: str, plural: str) -> str:
        taken = any(kind.plural == plural and kind.group != group and not kind.key for kind in self._storage.kinds)
        return f"{plural}.{group}" if taken else plural

    def _define(self, crd: Object) -> None:
        spec = crd["spec"]
        stored = next(version["name"] for version in spec["versions"] if version.get("storage"))
        names = spec["names"]
        key = self._key(spec["group"], names["plural"])
        kind = Kind(
            group=spec["group"],
            version=stored,
            plural=names["plural"],
            kind=names["kind"],
            namespaced=spec["scope"] == "Namespaced",
            status=any("status" in (version.get("subresources") or {}) for version in spec["versions"]),
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            custom=True,
            key=key if key != names["plural"] else "",
        )
        self._storage.register(kind)
        self._add_all(_custom(kind, version, names) for version in spec["versions"] if version.get("served"))


def _priority(version: str) -> tuple[int, str]:
    """Order v2 before v1 before v1beta1 before v1alpha1, as kubectl prefers them."""
    return (2 if "alpha" in version else 1 if "beta" in version else 0, "".join(chr(255 - ord(c)) for c in version))


def _builtin(kind: Kind) -> Iterator[Resource]:
    if kind.plural in SCHEMAS:
        schema = compiled(SCHEMAS[kind.plural])
        columns = _GATEWAY_COLUMNS.get(kind.plural, ())
        for version in (kind.version, *kind.also):
            yield Resource(kind=kind, version=version, schema=schema, columns=columns, status=kind.status)
        return
    schema = model_schema(MODELS[kind.plural])
    scale = ScalePaths() if kind.scale else None
    yield Resource(kind=kind, version=kind.version, schema=schema, scale=scale, status=kind.status)
    if kind.plural == "events":
        later = Kind(
            group="events.k8s.io",
            version="v1",
            plural="events",
            kind="Event",
            status=False,
            generation=False,
            short_names=("ev",),
        )
        yield Resource(kind=later, version="v1", schema=model_schema(EVENTS_V1), status=False)


def _custom(kind: Kind, version: Object, names: Object) -> Resource:
    subresources = version.get("subresources") or {}
    scale = subresources.get("scale")
    source = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    return Resource(
        kind=kind,
        version=version["name"],
        schema=compiled(source),
        columns=tuple(_column(each) for each in version.get("additionalPrinterColumns") or ()),
        scale=_scale(scale) if scale else None,
        status="status" in subresources,
        singular=names.get("singular") or names["kind"].lower(),
        list_kind=names.get("listKind") or "",
    )


def _column(source: Object) -> Column:
    return Column(
        name=source["name"],
        type=source["type"],
        path=source["jsonPath"],
        description=source.get("description", ""),
        format=source.get("format", ""),
        priority=source.get("priority", 0),
    )


def _scale(source: Object) -> ScalePaths:
    return ScalePaths(
        replicas=source["specReplicasPath"],
        status=source["statusReplicasPath"],
        selector=source.get("labelSelectorPath", ""),
    )


def _named(name: str, path: str, type_: str = "string") -> Column:
    return Column(name=name, type=type_, path=path)


_AGE = _named("Age", ".metadata.creationTimestamp", "date")
_GATEWAY_COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "gatewayclasses": (
        _named("Controller", ".spec.controllerName"),
        _named("Accepted", '.status.conditions[?(@.type=="Accepted")].status'),
        _AGE,
    ),
    "gateways": (
        _named("Class", ".spec.gatewayClassName"),
        _named("Address", ".status.addresses[*].value"),
        _named("Programmed", '.status.conditions[?(@.type=="Programmed")].status'),
        _AGE,
    ),
    "httproutes": (_named("Hostnames", ".spec.hostnames"), _AGE),
    "grpcroutes": (_named("Hostnames", ".spec.hostnames"), _AGE),
    "referencegrants": (_AGE,),
}
