from typing import Any

import pytest
from pydantic import BaseModel, Field

from rollout.models.base import Duration, Model, Name, Text, Weight, atomic, keyed
from rollout.models.definitions import DEFINITIONS, schema
from rollout.models.schema import SchemaError, structural, walk

NODES = [
    (f"{definition.resource.kind}{path}", node)
    for definition in DEFINITIONS
    for root in ("spec", "status")
    if root in schema(definition)["properties"]
    for path, node in walk(schema(definition)["properties"][root], f".{root}")
]
KEYWORDS = {
    *("type", "format", "description", "properties", "required", "items", "enum", "pattern"),
    *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"),
    *("x-kubernetes-int-or-string", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"),
    *("x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations"),
}


def test_every_field_uses_only_what_a_structural_schema_knows() -> None:
    assert {path: node.keys() - KEYWORDS for path, node in NODES if node.keys() - KEYWORDS} == {}


def test_every_field_is_described() -> None:
    assert [path for path, node in NODES if not path.endswith("[]") and len(node.get("description", "")) < 5] == []


def test_every_field_has_exactly_one_type() -> None:
    assert [path for path, node in NODES if ("type" in node) == ("x-kubernetes-int-or-string" in node)] == []


def test_no_field_has_a_default() -> None:
    assert [path for path, node in NODES if "default" in node] == []


def test_every_text_is_bounded() -> None:
    texts = [(p, n) for p, n in NODES if n.get("type") == "string" or "x-kubernetes-int-or-string" in n]
    assert len(texts) > 50
    assert [path for path, node in texts if "maxLength" not in node and "enum" not in node] == []


def test_every_list_is_bounded_and_says_how_it_merges() -> None:
    lists = [(path, node) for path, node in NODES if node.get("type") == "array"]
    assert len(lists) > 15
    assert [path for path, node in lists if not node["maxItems"] > 0] == []
    assert [path for path, node in lists if node["x-kubernetes-list-type"] not in ("atomic", "map", "set")] == []


def test_what_a_list_is_merged_by_is_required_in_its_entries() -> None:
    keyed_lists = [(path, node) for path, node in NODES if "x-kubernetes-list-map-keys" in node]
    assert len(keyed_lists) > 5
    wrong = [p for p, n in keyed_lists if not {*n["x-kubernetes-list-map-keys"]} <= {*n["items"]["required"]}]
    assert wrong == []


def test_every_rule_has_a_message_that_says_what_to_do() -> None:
    rules = [rule for _, node in NODES for rule in node.get("x-kubernetes-validations", ())]
    assert [rule for rule in rules if set(rule) != {"rule", "message"}] == []
    assert [rule["message"] for rule in rules if not (": " in rule["message"] or ", or " in rule["message"])] == []


class Part(Model):
    name: Name = Field(description="Its name.")


class Whole(Model):
    """A whole."""

    weight: Weight | None = Field(None, description="A share.")
    wait: Duration = Field(description="A time.")
    parts: tuple[Part, ...] | None = Field(None, max_length=3, description="Parts.", json_schema_extra=keyed("name"))
    first: Part | None = Field(None, description="The first part.")


def test_a_model_becomes_a_schema_without_references_defaults_or_alternatives() -> None:
    name = {
        "type": "string",
        "description": "Its name.",
        "maxLength": 50,
        "minLength": 1,
        "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    }
    part = {"type": "object", "required": ["name"], "properties": {"name": name}}
    weight = structural(Whole)["properties"]["weight"]
    assert structural(Whole) == {
        "type": "object",
        "description": "A whole.",
        "required": ["wait"],
        "properties": {
            "weight": weight,
            "wait": {
                "type": "string",
                "description": "A time.",
                "pattern": "^([0-9]{1,5}(h|m|s|ms)){1,4}$",
                "maxLength": 24,
            },
            "parts": {
                "type": "array",
                "description": "Parts.",
                "items": part,
                "maxItems": 3,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
            "first": {**part, "description": "The first part."},
        },
    }
    assert weight == {
        "description": "A share.",
        "x-kubernetes-int-or-string": True,
        "pattern": r"^(100(\.0)?|[0-9]{1,2}(\.[0-9])?)$",
        "maxLength": 5,
        "x-kubernetes-validations": [
            {
                "rule": "type(self) == int ? self >= 0 && self <= 100 : true",
                "message": "must be from 0 to 100: write the percentage without a sign",
            }
        ],
    }


def a_model(annotation: Any, **field: Any) -> type[BaseModel]:
    namespace = {"__annotations__": {"field": annotation}, "field": Field(**field), "__doc__": "A model."}
    return type("Lacking", (Model,), {**namespace, "__module__": __name__})


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (a_model(str, description="Text."), "Lacking.field: has no maxLength"),
        (a_model(Text), "Lacking.field: has no description"),
        (
            a_model(tuple[Text, ...], description="A list.", max_length=2),
            "Lacking.field: has no x-kubernetes-list-type",
        ),
        (
            a_model(tuple[Text, ...], description="A list.", json_schema_extra=atomic()),
            "Lacking.field: has no maxItems",
        ),
        (
            a_model(tuple[str, ...], description="A list.", max_length=2, json_schema_extra=atomic()),
            "Lacking.field[]: has no maxLength",
        ),
        (a_model(dict[str, str], description="A map."), "Lacking.field: has no fields"),
        (a_model(Any, description="Anything."), "Lacking.field: has no type"),
        (a_model(int | bool, description="Two types."), "Field has several types: give each field one"),
    ],
)
def test_a_field_the_api_server_could_not_bound_fails_the_generation(model: type[BaseModel], problem: str) -> None:
    with pytest.raises(SchemaError) as raised:
        structural(model)
    assert str(raised.value) == problem


def test_the_object_around_a_spec_needs_the_spec_and_leaves_metadata_alone() -> None:
    for definition in DEFINITIONS:
        whole = schema(definition)
        assert (whole["required"], whole["properties"]["metadata"]) == (["spec"], {"type": "object"})
