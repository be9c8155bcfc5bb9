"""A pydantic model as the structural OpenAPI v3 schema that a CustomResourceDefinition needs."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from pydantic import BaseModel

Schema: TypeAlias = dict[str, Any]
"""One node of an OpenAPI v3 schema, as JSON."""

_DROPPED = ("title", "default", "const", "prefixItems", "anyOf", "$ref", "properties", "items", "additionalProperties")
_ORDER = ("type", "format", "description", "required", "properties", "items")


class SchemaError(ValueError):
    """A field that the API server could not bound or merge; the message names the field and what it lacks."""


def structural(model: type[BaseModel]) -> Schema:
    """The model's schema: references inlined, optional fields unwrapped, nothing defaulted, every size bounded.

    Raises SchemaError for a field without description, a string without `maxLength`, and a list without `maxItems`
    or `x-kubernetes-list-type`: the API server estimates the cost of CEL rules from them, and server-side apply
    merges by them.
    """
    source = model.model_json_schema(by_alias=True)
    schema = _node(source, source.get("$defs", {}))
    problems = [f"{model.__name__}{path}: {problem}" for path, node in walk(schema) for problem in _lacks(path, node)]
    if problems:
        raise SchemaError("; ".join(problems))
    return _kept(schema)


def walk(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every node with its path below the root: `.strategy.canary.steps[].weight`; the root's is empty."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")


def _node(source: Schema, definitions: dict[str, Schema]) -> Schema:
    source = _resolved(source, definitions)
    node = {key: value for key, value in source.items() if key not in _DROPPED and key != "$defs"}
    if "const" in source:
        node["enum"] = [source["const"]]
    if "properties" in source:
        node["properties"] = {name: _node(child, definitions) for name, child in source["properties"].items()}
    if "items" in source:
        node["items"] = _node(source["items"], definitions)
    return {key: node[key] for key in (*_ORDER, *node) if key in node}


def _kept(node: Schema) -> Schema:
    """The node as the API server keeps it: without empty maps, which every `kubectl apply` would find missing again."""
    kept = {key: value for key, value in node.items() if key != "properties" or value}
    if "properties" in kept:
        kept["properties"] = {name: _kept(child) for name, child in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = _kept(kept["items"])
    return kept


def _resolved(source: Schema, definitions: dict[str, Schema]) -> Schema:
    """The node with its reference followed and `| None` taken away; what stands beside them wins."""
    options = [option for option in source.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) > 1:
        raise SchemaError(f"{source.get('title', 'a field')} has several types: give each field one")
    for inner in options or ([definitions[source["$ref"].rpartition("/")[2]]] if "$ref" in source else []):
        beside = {key: value for key, value in source.items() if key not in ("anyOf", "$ref")}
        return _resolved({**inner, **beside}, definitions)
    return source


def _lacks(path: str, node: Schema) -> Iterator[str]:
    if not path.endswith("[]") and not node.get("description"):
        yield "has no description"
    if node.get("type") == "string" and "maxLength" not in node and "enum" not in node:
        yield "has no maxLength"
    if node.get("x-kubernetes-int-or-string") and not {"pattern", "maxLength"} <= node.keys():
        yield "needs pattern and maxLength"
    if node.get("type") == "array":
        yield from (f"has no {key}" for key in ("maxItems", "x-kubernetes-list-type", "items") if key not in node)
    if node.get("type") == "object" and "properties" not in node and "x-kubernetes-preserve-unknown-fields" not in node:
        yield "has no fields"
    if not {"type", "x-kubernetes-int-or-string"} & node.keys():
        yield "has no type"
