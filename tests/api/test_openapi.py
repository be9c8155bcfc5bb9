import json
from typing import Any

import pytest

from tests.api.snapshot import FILE, page

PAGE = page()


def test_the_page_is_the_committed_one() -> None:
    assert json.loads(FILE.read_text()) == PAGE, "if this is meant: python -m tests.api.snapshot"


@pytest.mark.parametrize("name", sorted(PAGE["components"]["schemas"]))
def test_every_field_of_every_schema_is_described(name: str) -> None:
    schema: dict[str, Any] = PAGE["components"]["schemas"][name]
    assert schema.get("description")
    fields = schema.get("properties", {})
    assert [name for name, about in fields.items() if not {"description", "$ref"} & set(about)] == []


@pytest.mark.parametrize("path", sorted(PAGE["paths"]))
def test_every_operation_is_described_and_answers_errors_as_problems(path: str) -> None:
    for operation in PAGE["paths"][path].values():
        assert operation["description"]
        errors = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
        assert {tuple(answer["content"]) for answer in errors.values()} <= {("application/problem+json",)}


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(PAGE)
    names = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert names <= set(PAGE["components"]["schemas"])
