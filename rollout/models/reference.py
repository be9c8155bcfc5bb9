"""The reference of every resource and field as Markdown, from the same definitions as the CRDs."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from rollout.models.base import DURATION_PATTERN, NAME_PATTERN, OBJECT_NAME_PATTERN, PERCENT_PATTERN, WEIGHT_PATTERN
from rollout.models.definitions import Definition, schema
from rollout.models.illustrations import EXAMPLES
from rollout.models.rollout import API_VERSION
from rollout.models.schema import Schema, walk
from rollout.models.spec import REPLICAS_PATTERN

_FORMATS = {
    DURATION_PATTERN: "duration",
    WEIGHT_PATTERN: "percentage",
    PERCENT_PATTERN: "percentage",
    REPLICAS_PATTERN: "number or percentage",
    NAME_PATTERN: "name",
    OBJECT_NAME_PATTERN: "object name",
}

_INTRODUCTION = f"""\
# Reference

<!-- Generated from rollout/models by `make crds`. Do not edit. -->

Every resource of `{API_VERSION}` and every field it has. On a cluster, `kubectl explain rollout.spec --recursive` shows
the same.

| Format | How it is written |
|---|---|
| duration | Hours, minutes, seconds and milliseconds: `1h30m`, `15s`, `250ms`. |
| percentage | A whole number, or a number with decimals in quotes: `25`, `'2.5'`. A weight has at most one decimal, \
other percentages at most three. Without quotes, `2.5` is refused. |
| number or percentage | A number of pods, or a percentage with its sign: `3`, `50%`. |
| name | Lower-case letters, digits and `-`; at most 50 characters, a namespace 63. |
| object name | Like a name, also with `.`; at most 253 characters. |
| time | RFC 3339, as in `2026-03-01T12:00:00.000Z`. |

The schemas have no defaults: what is not set stays unset, and the description says what that means. A list that is
*merged by* a field can be shared by several appliers; the others are *replaced as a whole*.
"""


def reference(definitions: Sequence[Definition]) -> str:
    """The whole page; an object that several resources share is described where it comes first."""
    homes = _homes(definitions)
    contents = [f"- [{d.resource.kind}](#{d.resource.kind.lower()}): {d.description}" for d in definitions]
    sections = [line for definition in definitions for line in _section(definition, homes)]
    return "\n".join([_INTRODUCTION, *contents, "", *sections])


def _homes(definitions: Sequence[Definition]) -> Mapping[str, str]:
    """By the fields of an object: the title of the section that describes it."""
    homes: dict[str, str] = {}
    for definition in definitions:
        for path, node in _nodes(definition):
            if node.get("properties"):
                homes.setdefault(_fields(node), _title(definition, path))
    return homes


def _nodes(definition: Definition) -> Iterator[tuple[str, Schema]]:
    properties = schema(definition)["properties"]
    for root in ("spec", "status"):
        if root in properties:
            yield from walk(properties[root], root)


def _fields(node: Schema) -> str:
    return json.dumps(node["properties"])


def _title(definition: Definition, path: str) -> str:
    return f"{definition.resource.kind} `{path}`"


def _section(definition: Definition, homes: Mapping[str, str]) -> Iterator[str]:
    kind, scope = definition.resource.kind, "Namespaced" if definition.resource.namespaced else "Cluster-scoped"
    short = "".join(f", short name `{name}`" for name in definition.short_names)
    yield from (f"## {kind}", "", definition.description, "", f"{scope}{short}.", "")
    yield from _rules(schema(definition))
    yield from ("```yaml", EXAMPLES[kind].rstrip(), "```", "")
    for path, node in _nodes(definition):
        title = _title(definition, path)
        if node.get("properties") and homes[_fields(node)] == title:
            yield from _table(title, node, homes)
        elif path == "spec":
            yield from (f"### {title}", "", *_link(node, homes), "")


def _table(title: str, node: Schema, homes: Mapping[str, str]) -> Iterator[str]:
    yield from (f"### {title}", "")
    if title.endswith(("[]`", "`spec`", "`status`")):
        yield from (node["description"], "")
    yield from _rules(node)
    yield from ("| Field | Type | Required | Description |", "|---|---|---|---|")
    for name, child in node["properties"].items():
        required = "yes" if name in node.get("required", ()) else "no"
        text = " ".join([child["description"], *_constraints(child), *_link(child, homes)])
        yield f"| `{name}` | {_type(child)} | {required} | {text.replace('|', chr(92) + '|')} |"
    yield ""


def _link(node: Schema, homes: Mapping[str, str]) -> Iterator[str]:
    inner = node.get("items", node)
    if inner.get("properties"):
        title = homes[_fields(inner)]
        anchor = re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        yield f"Fields: [{title}](#{anchor})."


def _type(node: Schema) -> str:
    if node.get("type") == "array":
        return f"list of {_type(node['items'])}s"
    if node.get("format") == "date-time":
        return "time"
    return _FORMATS.get(node.get("pattern", ""), str(node.get("type")))


def _constraints(node: Schema) -> Iterator[str]:
    if "enum" in node:
        values = ", ".join(f"`{value}`" for value in node["enum"])
        yield f"One of {values}." if len(node["enum"]) > 1 else f"Always {values}."
    if node.get("type") == "array":
        yield f"{_count(node)}, {_merging(node)}."
    if _type(node) == "string" and "maxLength" in node:
        yield f"At most {node['maxLength']} characters."
    if "minimum" in node:
        least = f"{node['minimum']:g}"
        yield f"From {least} to {node['maximum']:g}." if "maximum" in node else f"At least {least}."
    if "properties" not in node:
        yield from (_sentence(rule["message"]) for rule in node.get("x-kubernetes-validations", ()))


def _count(node: Schema) -> str:
    least, most = node.get("minItems"), node["maxItems"]
    return f"{least} to {most} entries" if least else f"At most {most} entries"


def _merging(node: Schema) -> str:
    keys = node.get("x-kubernetes-list-map-keys")
    return f"merged by `{'`, `'.join(keys)}`" if keys else "replaced as a whole"


def _rules(node: Schema) -> Iterator[str]:
    rules = node.get("x-kubernetes-validations", ())
    if rules:
        yield from ("Refused, with these messages:", "", *(f"- {rule['message']}" for rule in rules), "")


def _sentence(message: str) -> str:
    return f"{message[0].upper()}{message[1:]}."
