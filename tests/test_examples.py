from pathlib import Path
from typing import Any

import pytest
import yaml

from rollout.lint import lint, render
from rollout.models.definitions import DEFINITIONS, schema
from rollout.models.rollout import API_VERSION
from sandbox.apiserver.schema import build
from sandbox.apiserver.validation import validate

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.yaml"))
PRESETS = sorted((Path(__file__).parents[1] / "deploy" / "checks").glob("*.yaml"))
SCHEMAS = {definition.resource.kind: build(schema(definition)) for definition in DEFINITIONS}


def ours(path: Path) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each["apiVersion"] == API_VERSION]


def test_there_is_an_example_of_every_way_to_release() -> None:
    assert [path.name for path in EXAMPLES] == [
        "blue-green.yaml",
        "canary-gateway.yaml",
        "canary-ingress.yaml",
        "grpc.yaml",
        "templates.yaml",
        "worker.yaml",
        "workload-ref.yaml",
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_no_problem(path: Path) -> None:
    assert render(lint(path.read_text(), path.name)) == ""


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.name)
def test_a_ready_made_template_has_no_problem_and_fits_its_schema(path: Path) -> None:
    assert render(lint(path.read_text(), path.name)) == ""
    (template,) = ours(path)
    assert list(validate(SCHEMAS[template["kind"]], template)) == []
    assert template["metadata"] == {"name": path.stem}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_fits_the_schema_of_its_kind(path: Path) -> None:
    manifests = ours(path)
    assert manifests
    assert [list(validate(SCHEMAS[each["kind"]], each)) for each in manifests] == [[] for _ in manifests]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_begins_with_a_comment_that_says_what_it_is(path: Path) -> None:
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_object_of_an_example_can_be_applied_to_one_namespace(path: Path) -> None:
    metadata = [each["metadata"] for each in yaml.safe_load_all(path.read_text())]
    assert {each["namespace"] for each in metadata} == {"store"}
