"""Discovery: which groups, versions and resources there are; and an OpenAPI just large enough for kubectl."""

from collections.abc import Iterator
from typing import Any

from sandbox.apiserver.registry import Registry, Resource
from sandbox.apiserver.reviews import VIRTUAL
from sandbox.changes import Object

VERSION: Object = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0-sandbox",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "python",
}
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_PART_VERBS = ["get", "patch", "update"]


def document(registry: Registry, path: str, accept: str) -> tuple[Object, str] | None:
    """Return the discovery document at `path` and its media type, None if there is none."""
    parts = path.strip("/").split("/")
    aggregated = "as=APIGroupDiscoveryList" in accept and "v=v2" in accept
    if parts in (["api"], ["apis"]):
        if aggregated:
            return _aggregated(registry, core=parts == ["api"]), AGGREGATED
        return _roots(registry, parts[0]), "application/json"
    body = _document(registry, parts)
    return (body, "application/json") if body is not None else None


def _document(registry: Registry, parts: list[str]) -> Object | None:
    if parts[0] == "api" and len(parts) == 2:
        return _resource_list(registry, "", parts[1])
    if parts[0] == "apis" and len(parts) == 2:
        return _group(registry, parts[1])
    if parts[0] == "apis" and len(parts) == 3:
        return _resource_list(registry, parts[1], parts[2])
    if parts == ["version"]:
        return VERSION
    return openapi(registry, parts) if parts[0] == "openapi" else None


def _groups(registry: Registry) -> dict[str, tuple[str, ...]]:
    groups = dict(registry.groups())
    for resource in VIRTUAL:
        groups.setdefault(resource.kind.group, (resource.version,))
    return groups


def _roots(registry: Registry, root: str) -> Object:
    if root == "api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    groups = [_group(registry, group) for group in _groups(registry) if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _group(registry: Registry, group: str) -> Object | None:
    versions = _groups(registry).get(group)
    if not versions or not group:
        return None
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": group,
        "versions": listed,
        "preferredVersion": listed[0],
    }


def _resources(registry: Registry, group: str, version: str) -> Iterator[Resource]:
    for resource in (*registry, *VIRTUAL):
        if (resource.kind.group, resource.version) == (group, version):
            yield resource


def _resource_list(registry: Registry, group: str, version: str) -> Object | None:
    resources = [entry for r in _resources(registry, group, version) for entry in _entries(r)]
    if not resources:
        return None
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources}


def _verbs(resource: Resource) -> list[str]:
    return ["create"] if resource in VIRTUAL else _VERBS


def _singular(resource: Resource) -> str:
    return resource.singular or resource.kind.kind.lower()


def _entries(resource: Resource) -> Iterator[Object]:
    kind = resource.kind
    entry: Object = {
        "name": kind.plural,
        "singularName": _singular(resource),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": _verbs(resource),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    yield entry
    for part in resource.subresources:
        sub = {"name": f"{kind.plural}/{part}", "singularName": "", "namespaced": kind.namespaced}
        named = {"group": "autoscaling", "version": "v1", "kind": "Scale"} if part == "scale" else {"kind": kind.kind}
        yield {**sub, **named, "verbs": _PART_VERBS}


def _aggregated(registry: Registry, *, core: bool) -> Object:
    groups = [(group, versions) for group, versions in _groups(registry).items() if (group == "") is core]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None},
                "versions": [_version(registry, group, version) for version in versions],
            }
            for group, versions in groups
        ],
    }


def _version(registry: Registry, group: str, version: str) -> Object:
    resources = [_discovered(resource) for resource in _resources(registry, group, version)]
    return {"version": version, "resources": resources, "freshness": "Current"}


def _discovered(resource: Resource) -> Object:
    kind = resource.kind
    response = {"group": kind.group, "version": resource.version, "kind": kind.kind}
    scale = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    parts = [
        {"subresource": part, "responseKind": scale if part == "scale" else response, "verbs": _PART_VERBS}
        for part in resource.subresources
    ]
    entry: Object = {
        "resource": kind.plural,
        "responseKind": response,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": _singular(resource),
        "verbs": _verbs(resource),
    }
    optional = {"shortNames": list(kind.short_names), "categories": list(kind.categories), "subresources": parts}
    return {**entry, **{name: value for name, value in optional.items() if value}}


def openapi(registry: Registry, parts: list[str]) -> Object | None:
    """Return the OpenAPI v2 document, the index of v3, or the v3 document of one group version.

    Just enough for kubectl to learn that the server itself validates fields.
    """
    if parts == ["openapi", "v2"]:
        info = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
        return {"swagger": "2.0", "info": info, "paths": {}, "definitions": {}}
    if parts == ["openapi", "v3"]:
        paths = {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in _documents(registry)}
        return {"paths": paths}
    name = "/".join(parts[2:])
    return _openapi_v3(registry, *_documents(registry)[name]) if name in _documents(registry) else None


def _documents(registry: Registry) -> dict[str, tuple[str, str]]:
    return {
        (f"apis/{group}/{version}" if group else f"api/{version}"): (group, version)
        for group, versions in registry.groups().items()
        for version in versions
    }


def _openapi_v3(registry: Registry, group: str, version: str) -> Object:
    info = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
    paths = {_template(resource): _operations(resource) for resource in _resources(registry, group, version)}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}


def _template(resource: Resource) -> str:
    root = f"/apis/{resource.api_version}" if resource.kind.group else f"/api/{resource.version}"
    space = "/namespaces/{namespace}" if resource.kind.namespaced else ""
    return f"{root}{space}/{resource.kind.plural}/{{name}}"


def _operations(resource: Resource) -> Object:
    kind = {"group": resource.kind.group, "version": resource.version, "kind": resource.kind.kind}
    names = ("dryRun", "fieldManager", "fieldValidation", "force")
    parameters: list[Any] = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]
    responses = {"200": {"description": "OK"}}
    return {
        "patch": {
            "parameters": parameters,
            "responses": responses,
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": kind,
        }
    }
