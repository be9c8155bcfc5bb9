"""Which documents are ours, and what every Kubernetes object has to have."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from rollout.lint import fields
from rollout.lint.problems import Problem
from rollout.lint.source import Document
from rollout.models.base import OBJECT_NAME_PATTERN
from rollout.models.definitions import DEFINITIONS, LONG_NAME, LONGEST_NAME
from rollout.models.rollout import API_VERSION, GROUP

_MODELS: Mapping[str, type[BaseModel]] = {each.resource.kind: each.spec for each in DEFINITIONS}
_METADATA = (
    "name",
    "generateName",
    "namespace",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
)
_ROOT = ("apiVersion", "kind", "metadata", "spec", "status")


def ours(document: Document) -> bool:
    """Whether the document is meant to be one of our kinds; others are passed over."""
    value = document.value
    if not isinstance(value, dict):
        return False
    if "apiVersion" not in value:
        return value.get("kind") in _MODELS
    return str(value["apiVersion"]).partition("/")[0] == GROUP


def check(document: Document) -> Iterator[Problem]:
    """What is wrong with one of our documents on its own."""
    if document.value.get("apiVersion") != API_VERSION:
        yield document.problem(("apiVersion",), f"apiVersion has to be {API_VERSION}: write it so")
    kind = document.value.get("kind")
    if kind not in _MODELS:
        known = fields.suggestion(str(kind), _MODELS, otherwise=f"write {' or '.join(_MODELS)}")
        yield document.problem(("kind",), f"kind: {kind!r} is not known: {known}")
        return
    for name in document.value.keys() - set(_ROOT):
        remedy = fields.suggestion(name, _ROOT, otherwise="remove it, or move it below spec")
        yield document.problem((name,), f"{name} is not a field: {remedy}", key=True)
    yield from _metadata(document, kind)
    if "spec" not in document.value:
        yield document.problem(("spec",), "spec is missing: set it")
        return
    yield from fields.check(document, _MODELS[kind], ("spec",))


def spec(document: Document) -> Any:
    """The spec of a document in which `check` found no error, as its model."""
    return _MODELS[document.value["kind"]].model_validate(document.value["spec"])


def name(document: Document) -> tuple[str, str]:
    """Namespace, empty where none is written, and name of any object."""
    metadata = document.value.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    return str(known.get("namespace", "")), str(known.get("name", ""))


def _metadata(document: Document, kind: str) -> Iterator[Problem]:
    metadata = document.value.get("metadata")
    if not isinstance(metadata, dict) or not {"name", "generateName"} & metadata.keys():
        yield document.problem(("metadata", "name"), "metadata.name is missing: set it")
        return
    for name in metadata.keys() - set(_METADATA):
        remedy = fields.suggestion(name, _METADATA, otherwise="remove it, or move it below spec")
        yield document.problem(("metadata", name), f"metadata.{name} is not a field: {remedy}", key=True)
    if "name" in metadata:
        yield from _named(document, kind, metadata["name"])


def _named(document: Document, kind: str, name: object) -> Iterator[Problem]:
    path = ("metadata", "name")
    if not isinstance(name, str) or not re.fullmatch(OBJECT_NAME_PATTERN, name):
        message = "a name has lower-case letters, digits, '-' and '.' only"
        yield document.problem(path, f"metadata.name: {name!r} does not fit: {message}")
    elif kind == "Rollout" and len(name) > LONGEST_NAME:
        yield document.problem(path, LONG_NAME)
