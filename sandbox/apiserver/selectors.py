"""Label and field selectors: which objects a list or a watch shows."""

import re
from collections.abc import Callable, Mapping

from sandbox.apiserver.replies import bad_request
from sandbox.changes import Object
from sandbox.kinds import Kind
from sandbox.storage import labels_of

Match = Callable[[Object], bool]
_LabelTest = Callable[[Mapping[str, str]], bool]

_SET = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s!=,()]*)$")
_EXISTS = re.compile(r"^(?P<not>!?)\s*(?P<key>[^\s!=,()]+)$")
_FIELDS = ("metadata.name", "metadata.namespace")
_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_MORE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "pods": (
        *("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"),
        *("status.phase", "status.podIP", "status.nominatedNodeName"),
    ),
    "events": (*(f"involvedObject.{each}" for each in _INVOLVED), "reason", "reportingComponent", "source", "type"),
    "namespaces": ("status.phase",),
    "replicasets": ("status.replicas",),
    "secrets": ("type",),
    "services": ("spec.clusterIP", "spec.type"),
}
_SPLIT = re.compile(r",(?![^(]*\))")


def matcher(kind: Kind, labels: str, fields: str) -> Match | None:
    """Return the test of both selectors, None if they select everything; raises 400."""
    tests = [_label_test(text.strip()) for text in _SPLIT.split(labels) if text.strip()]
    paths = [_field_test(kind, text) for text in fields.split(",") if text]
    if not tests and not paths:
        return None

    def match(obj: Object) -> bool:
        own = labels_of(obj)
        return all(test(own) for test in tests) and all(path(obj) for path in paths)

    return match


def _label_test(text: str) -> _LabelTest:
    if found := _SET.match(text):
        return _member(found["key"], found["op"], found["values"])
    if found := _EQUAL.match(text):
        key, value = found["key"], found["value"]
        if found["op"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := _EXISTS.match(text):
        key, wanted = found["key"], not found["not"]
        return lambda labels: (key in labels) is wanted
    raise bad_request(f"unable to parse requirement: {text!r}")


def _member(key: str, op: str, listed: str) -> _LabelTest:
    values = frozenset(value.strip() for value in listed.split(","))
    if op == "in":
        return lambda labels: labels.get(key) in values
    return lambda labels: labels.get(key) not in values


def _field_test(kind: Kind, text: str) -> Match:
    found = re.match(r"^([^!=]+)(==|=|!=)(.*)$", text)
    if not found:
        raise bad_request(f"invalid selector: '{text}'; can't understand '{text}'")
    path, op, value = found[1], found[2], found[3]
    if path not in _FIELDS and (kind.custom or path not in _MORE_FIELDS.get(kind.plural, ())):
        known = ", ".join(f'"{each}"' for each in _FIELDS)
        unknown = f'"{path}" is not a known field selector: only {known}'
        raise bad_request(f"field label not supported: {path}" if kind.custom else unknown)
    keys = path.split(".")

    def test(obj: Object) -> bool:
        at: object = obj
        for key in keys:
            at = at.get(key) if isinstance(at, dict) else None
        return (str(at if at is not None else "") == value) is (op != "!=")

    return test


def field_name(fields: str) -> str | None:
    """Return the name if the selector chooses by name, so that the authorizer can be asked about that name."""
    found = re.search(r"(?:^|,)metadata\.name==?([^,]+)", fields)
    return found[1] if found else None
