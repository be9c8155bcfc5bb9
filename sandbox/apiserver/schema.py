"""Structural schemas: what a CustomResourceDefinition says of its objects, compiled once."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from sandbox.apiserver.cel import Rule, compile_rules
from sandbox.changes import Object, decode, encode

MISSING: Any = object()


@dataclass(frozen=True, kw_only=True)
class Schema:
    """One node of a structural schema. Children may be given as functions, so that a type may contain itself."""

    type: str = ""  # "" = anything
    children: Callable[[], Mapping[str, "Schema"]] | None = None
    additional: Callable[[], "Schema"] | None = None
    items: Callable[[], "Schema"] | None = None
    required: tuple[str, ...] = ()
    enum: tuple[Any, ...] = ()
    format: str = ""
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    min_properties: int | None = None
    max_properties: int | None = None
    nullable: bool = False
    null_is_absent: bool = False  # as where a manifest is decoded into Go types
    preserve: bool = False
    int_or_string: bool = False
    embedded: bool = False
    default: Any = MISSING
    list_type: str = "atomic"
    list_keys: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    all_of: tuple["Schema", ...] = ()
    any_of: tuple["Schema", ...] = ()
    one_of: tuple["Schema", ...] = ()
    negated: "Schema | None" = None

    @cached_property
    def properties(self) -> Mapping[str, "Schema"]:
        """The named fields of an object; empty for maps and for everything else."""
        return self.children() if self.children else {}

    @cached_property
    def values(self) -> "Schema | None":
        """What a map's values must be."""
        return self.additional() if self.additional else None

    @cached_property
    def element(self) -> "Schema | None":
        """What a list's items must be."""
        return self.items() if self.items else None

    @cached_property
    def expression(self) -> re.Pattern[str] | None:
        """The pattern, compiled."""
        return re.compile(self.pattern) if self.pattern is not None else None

    @cached_property
    def has_rules(self) -> bool:
        """Whether there is a rule in it, at any depth; not for types that contain themselves."""
        inside = (*self.properties.values(), *(each for each in (self.values, self.element) if each is not None))
        return bool(self.rules) or any(each.has_rules for each in inside)

    @property
    def open(self) -> bool:
        """Whether fields that the schema does not name are kept."""
        return self.preserve or (not self.children and not self.additional)


ANYTHING = Schema(preserve=True)

_SAME_NAME = ("type", "format", "pattern", "minimum", "maximum", "nullable")
_RENAMED = {
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
    "multipleOf": "multiple_of",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_items",
    "maxItems": "max_items",
    "minProperties": "min_properties",
    "maxProperties": "max_properties",
    "default": "default",
    "x-kubernetes-preserve-unknown-fields": "preserve",
    "x-kubernetes-int-or-string": "int_or_string",
    "x-kubernetes-embedded-resource": "embedded",
    "x-kubernetes-list-type": "list_type",
}
_TUPLES = {"required": "required", "enum": "enum", "x-kubernetes-list-map-keys": "list_keys"}
_COMBINED = {"allOf": "all_of", "anyOf": "any_of", "oneOf": "one_of"}


def compiled(source: Object) -> Schema:
    """Compile an openAPIV3Schema, once for as often as it is asked for; raises as `build` does."""
    return _compiled(encode(source))


@lru_cache(maxsize=64)
def _compiled(source: bytes) -> Schema:
    return build(decode(source))


def build(source: Object) -> Schema:
    """Compile an openAPIV3Schema; raises CelError if a rule cannot be compiled."""
    fields: dict[str, Any] = {name: source[name] for name in _SAME_NAME if name in source}
    fields |= {ours: source[theirs] for theirs, ours in _RENAMED.items() if theirs in source}
    fields |= {ours: tuple(source[theirs]) for theirs, ours in _TUPLES.items() if theirs in source}
    fields |= {ours: tuple(map(build, source[theirs])) for theirs, ours in _COMBINED.items() if theirs in source}
    if "not" in source:
        fields["negated"] = build(source["not"])
    fields["rules"] = compile_rules(source.get("x-kubernetes-validations", ()))
    return Schema(**fields, **_nested(source))


def _nested(source: Object) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    if "properties" in source:
        properties = {name: build(child) for name, child in source["properties"].items()}
        nested["children"] = lambda: properties
    additional = source.get("additionalProperties")
    if additional:
        values = ANYTHING if additional is True else build(additional)
        nested["additional"] = lambda: values
    if "items" in source:
        element = build(source["items"])
        nested["items"] = lambda: element
    return nested
