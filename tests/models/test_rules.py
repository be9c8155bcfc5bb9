"""Every CEL rule, shown to let through what is right and to refuse what it is there for."""

import json
from typing import Any

import celpy
import pytest
import yaml

from rollout.lint import lint
from rollout.models.analysis import AnalysisTemplateSpec
from rollout.models.base import ABOVE_ZERO, BETWEEN, FROM_ZERO
from rollout.models.definitions import DEFINITIONS, LONG_NAME, schema
from rollout.models.rollout import Invalid, parse_spec
from rollout.models.schema import walk
from sandbox.apiserver.cel_expressions import compile_expression
from sandbox.apiserver.schema import build
from sandbox.apiserver.validation import MISSING, validate
from tests.models.builders import GONE, a_check, a_rollout, a_step

SCHEMAS = {definition.resource.kind: schema(definition) for definition in DEFINITIONS}
RULES = {
    (entry["rule"], entry["message"])
    for whole in SCHEMAS.values()
    for _, node in walk(whole)
    for entry in node.get("x-kubernetes-validations", ())
}
BY_MESSAGE = dict(sorted((message, rule) for rule, message in RULES))

REPLICAS = "replicas must be from 0 to 10000, or a percentage like 50%"
ONE_SOURCE = "spec needs exactly one of template and workloadRef: set one of them and remove the other"
ONE_STRATEGY = "strategy needs exactly one of canary and blueGreen: set one of them and remove the other"
NO_SERVICES = "traffic needs services: name the Services that the routes have as backends"
SAME_NAME = "two steps have the same name: give each name once"
ONE_KIND = (
    "one of ratio, latency, query and restarts has to be set: keep one of them,"
    " and give each other one an entry of its own"
)
CEILING = "ceiling and ratio belong together: set ceiling to the largest bad share in per cent, such as 1"
CRITICAL = "critical and warnOnly exclude each other: remove one"
NO_BOUND = "query needs a bound: set min, max or both"
SWAPPED = "query.min is above query.max: swap them"
RECORD = "a RolloutRun is a record and cannot be edited: start a new run instead"

RATIO = {"bad": "bad_total", "total": "all_total"}
LATENCY = {"histogram": "seconds", "below": "1s", "share": 99}
KINDS = {"ratio": RATIO, "latency": LATENCY, "query": {"expr": "x", "max": 1.0}, "restarts": {"max": 0}}

# By message: values of `self` that pass, and values that are refused.
CASES: dict[str, tuple[list[Any], list[Any]]] = {
    FROM_ZERO: ([0, 5, 100, "2.5"], [-1, 101]),
    ABOVE_ZERO: ([1, 100, "0.001"], [0, -1, 101, "0", "0.000"]),
    BETWEEN: ([1, 99, "99.9", "0.1"], [0, 100, -1, "0.0", "100", "100.0"]),
    REPLICAS: ([0, 10_000, "50%"], [-1, 10_001]),
    LONG_NAME: ([{"metadata": {"name": "x" * 50}}], [{"metadata": {"name": "x" * 51}}]),
    ONE_SOURCE: ([{"template": {}}, {"workloadRef": {}}], [{}, {"template": {}, "workloadRef": {}}]),
    ONE_STRATEGY: ([{"canary": {}}, {"blueGreen": {}}], [{}, {"canary": {}, "blueGreen": {}}]),
    NO_SERVICES: (
        [{}, {"services": []}, {"traffic": []}, {"traffic": [{}], "services": [{}]}],
        [{"traffic": [{}]}, {"traffic": [{}], "services": []}],
    ),
    SAME_NAME: (
        [[{}], [{}, {}], [{"name": "a"}, {"name": "b"}, {}]],
        [[{"name": "a"}, {"name": "a"}], [{"name": "a"}, {}, {"name": "b"}, {"name": "a"}]],
    ),
    ONE_KIND: (
        [{kind: value} for kind, value in KINDS.items()],
        [{}, {"ratio": {}, "latency": {}}, {"query": {}, "restarts": {}}, KINDS],
    ),
    CEILING: ([{"ratio": {}, "ceiling": 1}, {}], [{"ratio": {}}, {"ceiling": 1}]),
    CRITICAL: (
        [{}, {"critical": True}, {"warnOnly": True}, {"critical": False, "warnOnly": True}],
        [{"critical": True, "warnOnly": True}],
    ),
    NO_BOUND: ([{"min": 1.0}, {"max": 1.0}, {"min": 1.0, "max": 2.0}], [{}]),
    SWAPPED: (
        [{"min": 1.0}, {"max": 1.0}, {"min": 1.0, "max": 1.0}, {"min": -1.5, "max": 2.0}],
        [{"min": 2.0, "max": 1.0}],
    ),
}

# By message: whole Rollouts that break the rule and no other.
BROKEN: dict[str, list[dict[str, Any]]] = {
    FROM_ZERO: [a_step(weight=-1), a_step(weight=101)],
    ABOVE_ZERO: [a_check(ratio=RATIO, ceiling=0), a_check(ratio=RATIO, ceiling="0.00")],
    BETWEEN: [a_check(latency={**LATENCY, "share": 100}), a_check(latency={**LATENCY, "share": "0"})],
    REPLICAS: [a_step(replicas=-1), a_step(replicas=10_001)],
    LONG_NAME: [a_rollout(metadata__name="x" * 51)],
    ONE_SOURCE: [a_rollout(spec__workloadRef=GONE), a_rollout(spec__template={"spec": {"containers": [{}]}})],
    ONE_STRATEGY: [a_rollout(spec__strategy={}), a_rollout(spec__strategy__blueGreen={})],
    NO_SERVICES: [
        a_rollout(
            spec__services=GONE, spec__traffic=[{"name": "a", "gatewayRoute": {"kind": "HTTPRoute", "name": "a"}}]
        )
    ],
    SAME_NAME: [a_rollout(spec__strategy__canary__steps=[{"name": "a", "weight": 1}, {"name": "a", "weight": 2}])],
    ONE_KIND: [a_check(), a_check(restarts={"max": 0}, latency=LATENCY)],
    CEILING: [a_check(ratio=RATIO), a_check(restarts={"max": 0}, ceiling=1)],
    CRITICAL: [a_check(restarts={"max": 0}, critical=True, warnOnly=True)],
    NO_BOUND: [a_check(query={"expr": "x"})],
    SWAPPED: [a_check(query={"expr": "x", "min": 2, "max": 1})],
}
REFUSED = [(message, rollout) for message, rollouts in BROKEN.items() for rollout in rollouts]


def holds(rule: str, value: Any, old: Any = None) -> bool:
    # Not by celpy's own interpreter: it evaluates both sides of || and &&, unlike the API server.
    return bool(compile_expression(rule)({"self": value, "oldSelf": old}))


def says(rollout: dict[str, Any], kind: str = "Rollout", old: Any = MISSING) -> list[str]:
    return [problem.detail for problem in validate(build(SCHEMAS[kind]), rollout, old)]


def test_every_rule_has_cases() -> None:
    assert BY_MESSAGE.keys() == {*CASES, RECORD}
    assert CASES.keys() == BROKEN.keys()


@pytest.mark.parametrize("rule", sorted(rule for rule, _ in RULES))
def test_every_rule_is_cel(rule: str) -> None:
    celpy.Environment().compile(rule)


@pytest.mark.parametrize("message", CASES)
def test_a_rule_lets_through_what_is_right(message: str) -> None:
    passing, _ = CASES[message]
    assert [value for value in passing if not holds(BY_MESSAGE[message], value)] == []


@pytest.mark.parametrize("message", CASES)
def test_a_rule_refuses_what_it_is_there_for(message: str) -> None:
    _, failing = CASES[message]
    rules = [rule for rule, says in RULES if says == message]
    assert [(rule, value) for rule in rules for value in failing if holds(rule, value)] == []


def test_the_objects_the_cases_start_from_are_right() -> None:
    assert says(a_rollout()) == []
    parse_spec(a_rollout())


@pytest.mark.parametrize(("message", "rollout"), REFUSED)
def test_the_api_server_refuses_a_broken_rollout_with_the_message(message: str, rollout: dict[str, Any]) -> None:
    assert [text for text in says(rollout) if not text.endswith(message)] == []
    assert says(rollout) != []


@pytest.mark.parametrize(("message", "rollout"), [case for case in REFUSED if case[0] != LONG_NAME])
def test_the_controller_refuses_what_the_api_server_refuses(message: str, rollout: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        parse_spec(rollout)


@pytest.mark.parametrize(("message", "rollout"), REFUSED)
def test_lint_refuses_what_the_api_server_refuses(message: str, rollout: dict[str, Any]) -> None:
    assert len(lint(yaml.safe_dump(rollout), "rollout.yaml")) == 1


def test_a_run_is_a_record() -> None:
    spec = {"rollout": "shop", "number": 1, "revision": "a", "template": {"spec": {"x": 1}}, "steps": []}
    rule = BY_MESSAGE[RECORD]
    assert holds(rule, spec, spec)
    assert not holds(rule, spec, {**spec, "number": 2})
    assert not holds(rule, spec, {**spec, "template": {"spec": {"x": 2}}})
    run = {"apiVersion": "progressive.delivery/v1alpha1", "kind": "RolloutRun", "metadata": {"name": "a"}, "spec": spec}
    edited = json.loads(json.dumps(run).replace('"number": 1', '"number": 2'))
    assert says(run, "RolloutRun", run) == []
    assert [text.endswith(RECORD) for text in says(edited, "RolloutRun", run)] == [True]


def test_a_template_is_held_to_the_rules_of_its_checks() -> None:
    template = {"apiVersion": "a/v1", "kind": "AnalysisTemplate", "spec": {"checks": [{"name": "a", "ratio": RATIO}]}}
    assert [text.endswith(CEILING) for text in says(template, "AnalysisTemplate")] == [True]
    with pytest.raises(ValueError, match="ceiling and ratio belong together"):
        AnalysisTemplateSpec.model_validate(template["spec"])
