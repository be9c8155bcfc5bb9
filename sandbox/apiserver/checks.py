"""What must hold for Kubernetes' own kinds beyond the types of their fields."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sandbox.apiserver.cel import CelError
from sandbox.apiserver.replies import Problem
from sandbox.apiserver.schema import compiled
from sandbox.apiserver.validation import shown
from sandbox.changes import Object

_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_SERVICE = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?\Z")
_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\Z")
_QUALIFIED = re.compile(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\Z")
_ANNOTATIONS_LIMIT = 256 * 1024


def check_meta(plural: str, obj: Object, old: Object | None) -> Iterator[Problem]:
    """Yield what is wrong with the metadata of an object of any kind."""
    meta = obj["metadata"]
    if old is not None and "deletionTimestamp" in old["metadata"]:
        yield from _check_finalizers(meta, old["metadata"])
    name = meta.get("name") or ""
    if name:
        yield from _check_name(plural, name)
    for key, value in (meta.get("labels") or {}).items():
        yield from _check_label("metadata.labels", key, value)
    annotations = meta.get("annotations") or {}
    if sum(len(key) + len(str(value)) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT:
        yield Problem("metadata.annotations", f"Too long: may not be more than {_ANNOTATIONS_LIMIT} bytes")


_SUBDOMAIN_SAYS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_SAYS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def _check_name(plural: str, name: str) -> Iterator[Problem]:
    pattern, most = _SUBDOMAIN, 253
    if plural in ("services", "namespaces"):
        pattern, most = (_SERVICE if plural == "services" else _LABEL), 63
    if not pattern.match(name):
        kind = "RFC 1123 subdomain" if pattern is _SUBDOMAIN else "DNS label"
        detail = f"a lowercase {kind} must consist of lower case alphanumeric characters or '-'"
        detail = _SUBDOMAIN_SAYS if pattern is _SUBDOMAIN else detail
        yield Problem("metadata.name", f"Invalid value: {shown(name)}: {detail}")
    if len(name) > most:
        yield Problem("metadata.name", f"Invalid value: {shown(name)}: must be no more than {most} bytes")


def _check_finalizers(meta: Object, old: Object) -> Iterator[Problem]:
    """What goes cannot be held by somebody else from now on."""
    new = [each for each in meta.get("finalizers") or () if each not in (old.get("finalizers") or ())]
    if new:
        listed = ", ".join(f'"{each}"' for each in new)
        why = (
            f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{listed}}}"
        )
        yield Problem("metadata.finalizers", f"Forbidden: {why}")


def _check_label(path: str, key: str, value: Any) -> Iterator[Problem]:
    if not _QUALIFIED.match(key):
        yield Problem(path, f"Invalid value: {shown(key)}: name part must consist of alphanumeric characters")
    if not isinstance(value, str) or not _LABEL_VALUE.match(value) or len(value) > 63:
        too_long = "must be no more than 63 bytes"
        says = too_long if isinstance(value, str) and len(value) > 63 else _LABEL_SAYS
        yield Problem(path, f"Invalid value: {shown(value)}: {says}")


def check(plural: str, obj: Object, old: Object | None) -> Iterator[Problem]:
    """Yield what is wrong with an object of a built-in kind."""
    if plural in _CHECKS:
        yield from _CHECKS[plural](obj, old)


def _workload(obj: Object, old: Object | None) -> Iterator[Problem]:
    spec = obj.get("spec") or {}
    selector, template = spec.get("selector") or {}, spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    wanted = selector.get("matchLabels") or {}
    if not selector:
        yield Problem("spec.selector", "Required value")
    if not selector or not wanted.items() <= labels.items():
        detail = "`selector` does not match template `labels`"
        yield Problem("spec.template.metadata.labels", f"Invalid value: {shown(labels)}: {detail}")
    if old is not None and selector != (old["spec"].get("selector") or {}):
        yield Problem("spec.selector", f"Invalid value: {shown(selector)}: field is immutable")
    yield from _replicas(spec)
    yield from _pod_spec(template.get("spec") or {}, "spec.template.spec")
    for key, value in labels.items():
        yield from _check_label("spec.template.labels", key, value)


def _replicas(spec: Object) -> Iterator[Problem]:
    replicas = spec.get("replicas")
    if replicas is not None and replicas < 0:
        yield Problem("spec.replicas", f"Invalid value: {replicas}: must be greater than or equal to 0")


def _pod(obj: Object, old: Object | None) -> Iterator[Problem]:
    if old is None:
        yield from _pod_spec(obj.get("spec") or {}, "spec")
    elif _fixed(obj["spec"]) != _fixed(old["spec"]):
        yield Problem("spec", "Forbidden: pod updates may not change fields other than " + ",".join(_CHANGEABLE))


_CHANGEABLE = (
    "`spec.containers[*].image`",
    "`spec.initContainers[*].image`",
    "`spec.activeDeadlineSeconds`",
    "`spec.tolerations` (only additions to existing tolerations)",
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
)


def _fixed(spec: Object) -> Object:
    """Return what nobody may change of a pod."""
    kept = {key: value for key, value in spec.items() if key not in ("activeDeadlineSeconds", "tolerations")}
    for name in ("containers", "initContainers"):
        if name in kept:
            kept[name] = [{**each, "image": ""} for each in kept[name]]
    return kept


def _map(obj: Object, _: Object | None) -> Iterator[Problem]:
    for part in ("data", "binaryData"):
        for key in obj.get(part) or {}:
            if not _DATA_KEY.match(key):
                yield Problem(
                    f"{part}[{key}]", f"Invalid value: {shown(key)}: a valid config key must consist of {_LETTERS}"
                )


def _event(obj: Object, old: Object | None) -> Iterator[Problem]:
    """Events of the newer group have to say when, who and what; the core group lets everything pass."""
    if old is not None or obj.get("apiVersion") == "v1":
        return
    if not obj.get("eventTime"):
        yield Problem("eventTime", "Required value")
        return
    for name in ("reportingController", "reportingInstance", "action"):
        if not obj.get(name):
            yield Problem(name, "Required value")


_DATA_KEY = re.compile(r"^[-._a-zA-Z0-9]+\Z")
_LETTERS = (
    "alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for "
    "validation is '[-._a-zA-Z0-9]+')"
)


def _pod_spec(spec: Object, path: str) -> Iterator[Problem]:
    containers = spec.get("containers") or []
    if not containers:
        yield Problem(f"{path}.containers", "Required value")
    seen: set[str] = set()
    for n, container in enumerate(containers):
        where = f"{path}.containers[{n}]"
        yield from _container(container, where)
        if container.get("name") in seen:
            yield Problem(f"{where}.name", f"Duplicate value: {shown(container['name'])}")
        seen.add(container.get("name", ""))
    policy = spec.get("restartPolicy")
    if policy not in (None, "Always", "OnFailure", "Never"):
        supported = '"Always", "OnFailure", "Never"'
        yield Problem(f"{path}.restartPolicy", f"Unsupported value: {shown(policy)}: supported values: {supported}")


def _container(container: Object, where: str) -> Iterator[Problem]:
    name = container.get("name")
    if not name:
        yield Problem(f"{where}.name", "Required value")
    elif not _LABEL.match(name):
        yield Problem(f"{where}.name", f"Invalid value: {shown(name)}: a lowercase RFC 1123 label is required")
    if not container.get("image"):
        yield Problem(f"{where}.image", "Required value")
    policy = container.get("imagePullPolicy")
    if policy not in (None, "Always", "IfNotPresent", "Never"):
        supported = '"Always", "IfNotPresent", "Never"'
        yield Problem(f"{where}.imagePullPolicy", f"Unsupported value: {shown(policy)}: supported values: {supported}")
    for n, port in enumerate(container.get("ports") or ()):
        yield from _port(port.get("containerPort"), f"{where}.ports[{n}].containerPort")


def _port(port: Any, where: str) -> Iterator[Problem]:
    if port is None:
        yield Problem(where, "Required value")
    elif not 1 <= port <= 65535:
        yield Problem(where, f"Invalid value: {port}: must be between 1 and 65535, inclusive")


def _service(obj: Object, old: Object | None) -> Iterator[Problem]:
    spec = obj.get("spec") or {}
    ports = spec.get("ports") or []
    if not ports and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        yield Problem("spec.ports", "Required value")
    taken: set[tuple[Any, Any]] = set()
    for n, port in enumerate(ports):
        yield from _port(port.get("port"), f"spec.ports[{n}].port")
        if isinstance(port.get("targetPort"), int):
            yield from _port(port["targetPort"], f"spec.ports[{n}].targetPort")
        if len(ports) > 1 and not port.get("name"):
            yield Problem(f"spec.ports[{n}].name", "Required value")
        if (port.get("port"), port.get("protocol")) in taken:
            shape = {"Name": "", "Protocol": port.get("protocol"), "AppProtocol": None, "Port": port.get("port")}
            yield Problem(f"spec.ports[{n}]", f"Duplicate value: {shown({**shape, 'TargetPort': 0, 'NodePort': 0})}")
        taken.add((port.get("port"), port.get("protocol")))
    before = (old or {}).get("spec", {}).get("clusterIP")
    if before and spec.get("clusterIP") and spec["clusterIP"] != before:
        yield Problem("spec.clusterIPs[0]", f"Invalid value: {shown([spec['clusterIP']])}: may not change once set")


def _definition(obj: Object, _: Object | None) -> Iterator[Problem]:
    spec = obj.get("spec") or {}
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    yield from _missing(spec, "spec", "group", "scope", "versions")
    yield from _missing(names, "spec.names", "plural", "kind")
    if obj["metadata"].get("name") != f"{names.get('plural')}.{spec.get('group')}":
        wanted = f"{names.get('plural')}.{spec.get('group')}"
        yield Problem("metadata.name", f"Invalid value: {shown(obj['metadata'].get('name'))}: must be {shown(wanted)}")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        yield Problem("spec.versions", "Invalid value: must have exactly one version marked as storage version")
    for n, version in enumerate(versions):
        yield from _missing(version, f"spec.versions[{n}]", "name")
        for m, column in enumerate(version.get("additionalPrinterColumns") or ()):
            where = f"spec.versions[{n}].additionalPrinterColumns[{m}]"
            yield from _missing(column, where, "name", "type", "jsonPath")
        yield from _schema(version, f"spec.versions[{n}].schema.openAPIV3Schema")


def _missing(node: Object, where: str, *names: str) -> Iterator[Problem]:
    return (Problem(f"{where}.{name}", "Required value") for name in names if not node.get(name))


def _schema(version: Object, where: str) -> Iterator[Problem]:
    source = (version.get("schema") or {}).get("openAPIV3Schema")
    if not source:
        yield Problem(where, "Required value: schemas are required")
        return
    try:
        compiled(source)
    except (CelError, re.error) as error:
        yield Problem(where, f"Invalid value: {error}")
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        yield Problem(where, f"Invalid value: malformed schema: {error!r}")


_CHECKS: Mapping[str, Callable[[Object, Object | None], Iterator[Problem]]] = {
    "deployments": _workload,
    "replicasets": _workload,
    "events": _event,
    "pods": _pod,
    "configmaps": _map,
    "secrets": _map,
    "services": _service,
    "customresourcedefinitions": _definition,
}
