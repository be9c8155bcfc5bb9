"""Every CEL rule, shown to let through what is right and to refuse what it is there for."""

import json
from typing import Any

import celpy
import pytest
import yaml

from rollout.lint import Severity, lint
from rollout.models.analysis import AnalysisTemplateSpec
from rollout.models.base import ABOVE_ZERO, BETWEEN, CHANCE, FROM_ZERO, MARGIN
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
    "one of ratio, latency, query, restarts and usage has to be set: keep one of them,"
    " and give each other one an entry of its own"
)
ONE_COUNT = "ratio needs exactly one of bad and good: set one of them and remove the other"
SHARE_ALONE = "latency.share needs latency.below: set below to a bucket bound, or remove share"
ONE_GAUGE = "usage needs exactly one of counter and gauge: set one of them and remove the other"
NO_PER = "usage.counter needs usage.per: set per to the counter of requests"
COMPARE = "compare goes with ratio and latency: remove it here"
CEILING = "ceiling goes with ratio: remove it here, and for latency set latency.share"
NO_LIMIT = "compare: false needs a limit: set ceiling, or for latency latency.below and latency.share"
FAILURE_LIMIT = "failureLimit goes with query or compare: false: remove it, or set compare to false"
NO_COMPARISON = (
    "tolerance, notWorseThan, weight, spread and exclude are of a comparison: remove them,"
    " because nothing is compared with compare: false, query, usage or restarts.max"
)
NOT_WORSE = (
    "notWorseThan (2 when not set) is below tolerance (1.2 when not set): raise notWorseThan, or lower tolerance"
)
ONE_CONDITION = "until needs exactly one of approval and evidence in each entry: give each one an entry of its own"
NOTHING_LIMITED = "atMost limits evidence only: add {evidence: {}} to until, or remove atMost"
AT_MOST_SHORT = "atMost is shorter than for: raise atMost, or lower for"
ONE_ROUTER = "traffic needs exactly one of gatewayRoute and ingress in each entry: give each one an entry of its own"
ONE_VALUE = "header takes one of exact and pattern: remove one of them, or both for the values always and never"
NO_MATCH = "match needs header or cookie: set one of them, or remove match"
CRITICAL = "critical and warnOnly exclude each other: remove one"
NO_BOUND = "query needs a bound: set min, max or both"
SWAPPED = "query.min is above query.max: swap them"
RECORD = "a RolloutRun is a record and cannot be edited: start a new run instead"

RATIO = {"bad": "bad_total", "total": "all_total"}
LATENCY = {"histogram": "seconds", "below": "1s", "share": 99}
QUERY = {"expr": "x", "max": 1.0}
USAGE = {"gauge": "bytes"}
KINDS = {"ratio": RATIO, "latency": LATENCY, "query": QUERY, "restarts": {"max": 0}, "usage": USAGE}
SETTINGS = ({"tolerance": 1.5}, {"notWorseThan": 3.0}, {"weight": 2.0}, {"spread": 0.1}, {"exclude": "1m"})
EVIDENCE: list[dict[str, Any]] = [{"evidence": {}}]

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
    MARGIN: ([1, 100, "0.5"], [0, -1, 101, "0.0"]),
    CHANCE: ([1, 50, "0.1", "50.0"], [0, 51, "0.00", "50.001"]),
    ONE_COUNT: ([{"bad": "x"}, {"good": "x"}], [{}, {"bad": "x", "good": "x"}]),
    SHARE_ALONE: ([{}, {"below": "1s"}, {"below": "1s", "share": 99}], [{"share": 99}]),
    ONE_GAUGE: ([{"counter": "x"}, {"gauge": "x"}], [{}, {"counter": "x", "gauge": "x"}]),
    NO_PER: ([{"counter": "x", "per": "y"}, {"gauge": "x"}, {"gauge": "x", "per": "y"}], [{"counter": "x"}]),
    COMPARE: (
        [{"query": {}}, {"ratio": {}, "compare": False}, {"latency": {}, "compare": True}],
        [{"query": {}, "compare": False}, {"usage": {}, "compare": True}, {"restarts": {}, "compare": True}],
    ),
    CEILING: (
        [{"ratio": {}, "ceiling": 1}, {"ratio": {}}, {"latency": {}}],
        [{kind: {}, "ceiling": 1} for kind in KINDS if kind != "ratio"],
    ),
    NO_LIMIT: (
        [
            {"ratio": {}},
            {"ratio": {}, "compare": True},
            {"ratio": {}, "compare": False, "ceiling": 1},
            {"latency": LATENCY, "compare": False},
        ],
        [{"ratio": {}, "compare": False}, {"latency": {"below": "1s"}, "compare": False}],
    ),
    FAILURE_LIMIT: (
        [{"query": {}, "failureLimit": 2}, {"ratio": {}, "compare": False, "failureLimit": 2}, {"ratio": {}}],
        [{"ratio": {}, "failureLimit": 2}, {"latency": {}, "compare": True, "failureLimit": 2}],
    ),
    NO_COMPARISON: (
        [
            {"query": {}},
            *({kind: {}, **setting} for kind in ("ratio", "latency", "restarts") for setting in SETTINGS),
            {"ratio": {}, "compare": True, "tolerance": 1.5},
        ],
        [
            *({kind: {}, **setting} for kind in ("query", "usage") for setting in SETTINGS),
            *({kind: {}, "compare": False, **setting} for kind in ("ratio", "latency") for setting in SETTINGS),
            *({"restarts": {"max": 0}, **setting} for setting in SETTINGS),
        ],
    ),
    NOT_WORSE: (
        [{}, {"tolerance": 2.0}, {"notWorseThan": 1.2}, {"tolerance": 3.0, "notWorseThan": 3.0}],
        [{"tolerance": 2.1}, {"notWorseThan": 1.1}, {"tolerance": 3.0, "notWorseThan": 2.9}],
    ),
    ONE_CONDITION: ([{"approval": {}}, {"evidence": {}}], [{}, {"approval": {}, "evidence": {}}]),
    NOTHING_LIMITED: (
        [{}, {"until": EVIDENCE, "atMost": "1m"}, {"until": [{"approval": {}}]}],
        [{"atMost": "1m"}, {"atMost": "1m", "until": []}, {"atMost": "1m", "until": [{"approval": {}}]}],
    ),
    AT_MOST_SHORT: (
        [{"for": "1m"}, {"atMost": "1m"}, {"for": "60s", "atMost": "1m"}, {"for": "90s", "atMost": "1h30m"}],
        [{"for": "1m1s", "atMost": "1m"}, {"for": "1h", "atMost": "59m59s999ms"}],
    ),
    CRITICAL: (
        [{}, {"critical": True}, {"warnOnly": True}, {"critical": False, "warnOnly": True}],
        [{"critical": True, "warnOnly": True}],
    ),
    ONE_ROUTER: ([{"gatewayRoute": {}}, {"ingress": {}}], [{}, {"gatewayRoute": {}, "ingress": {}}]),
    ONE_VALUE: (
        [{"name": "x"}, {"name": "x", "exact": "a"}, {"name": "x", "pattern": "a"}],
        [{"name": "x", "exact": "a", "pattern": "a"}],
    ),
    NO_MATCH: ([{"header": {}}, {"cookie": {}}, {"header": {}, "cookie": {}}], [{}]),
    NO_BOUND: ([{"min": 1.0}, {"max": 1.0}, {"min": 1.0, "max": 2.0}], [{}]),
    SWAPPED: (
        [{"min": 1.0}, {"max": 1.0}, {"min": 1.0, "max": 1.0}, {"min": -1.5, "max": 2.0}],
        [{"min": 2.0, "max": 1.0}],
    ),
}

GATEWAY_ROUTE = {"gatewayRoute": {"kind": "HTTPRoute", "name": "a"}}


def on_ingress(**step: Any) -> dict[str, Any]:
    """A Rollout whose traffic is split by an Ingress, with this one step."""
    rollout = a_rollout(spec__traffic=[{"name": "a", "ingress": {"name": "a"}}])
    return {**rollout, "spec": {**rollout["spec"], "strategy": {"canary": {"steps": [{"weight": 5, **step}]}}}}


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
    MARGIN: [a_check(usage={**USAGE, "margin": 0}), a_check(usage={**USAGE, "margin": "0.0"})],
    CHANCE: [a_rollout(spec__analysis__falseAborts=0), a_rollout(spec__analysis__falseAdvances="50.1")],
    ONE_COUNT: [a_check(ratio={"total": "x"}), a_check(ratio={**RATIO, "good": "good_total"})],
    SHARE_ALONE: [a_check(latency={"histogram": "seconds", "share": 99})],
    ONE_GAUGE: [a_check(usage={"per": "x"}), a_check(usage={**USAGE, "counter": "x", "per": "x"})],
    NO_PER: [a_check(usage={"counter": "seconds_total"})],
    COMPARE: [
        a_check(query=QUERY, compare=True),
        a_check(restarts={}, compare=True),
        a_check(usage=USAGE, compare=True),
        a_check(query=QUERY, compare=False),
    ],
    CEILING: [a_check(restarts={"max": 0}, ceiling=1), a_check(latency=LATENCY, ceiling=1)],
    NO_LIMIT: [
        a_check(ratio=RATIO, compare=False),
        a_check(latency={"histogram": "seconds", "below": "1s"}, compare=False),
        a_check(latency={"histogram": "seconds"}, compare=False),
    ],
    FAILURE_LIMIT: [a_check(ratio=RATIO, failureLimit=2), a_check(restarts={"max": 0}, failureLimit=2)],
    NO_COMPARISON: [
        *(a_check(ratio=RATIO, compare=False, ceiling=1, **setting) for setting in SETTINGS),
        a_check(query=QUERY, weight=2),
        a_check(usage=USAGE, exclude="1m"),
        a_check(restarts={"max": 0}, spread=0.1),
    ],
    NOT_WORSE: [a_check(ratio=RATIO, tolerance=3), a_check(restarts={}, tolerance=1.5, notWorseThan=1.4)],
    ONE_CONDITION: [a_step(hold={"until": [{}]}), a_step(hold={"until": [{"approval": {}, "evidence": {}}]})],
    NOTHING_LIMITED: [a_step(hold={"atMost": "1m"}), a_step(hold={"atMost": "1m", "until": [{"approval": {}}]})],
    AT_MOST_SHORT: [a_step(hold={"for": "2m", "atMost": "1m", "until": EVIDENCE})],
    CRITICAL: [a_check(restarts={"max": 0}, critical=True, warnOnly=True)],
    ONE_ROUTER: [
        a_rollout(spec__traffic=[{"name": "a"}]),
        a_rollout(spec__traffic=[{"name": "a", **GATEWAY_ROUTE, "ingress": {"name": "a"}}]),
    ],
    ONE_VALUE: [on_ingress(match={"header": {"name": "x", "exact": "a", "pattern": "a"}})],
    NO_MATCH: [on_ingress(match={})],
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


RIGHT = [
    a_check(ratio=RATIO),
    a_check(ratio={"good": "good_total", "total": "all_total"}, tolerance=1, notWorseThan=1, weight=0.001, spread=0),
    a_check(ratio=RATIO, compare=False, ceiling=1, failureLimit=3),
    a_check(latency={"histogram": "seconds"}, exclude="0s"),
    a_check(latency={"histogram": "seconds", "below": "1s"}),
    a_check(latency=LATENCY, compare=False, failureLimit=3),
    a_check(restarts={}, weight=1000, spread=10),
    a_check(usage={"counter": "seconds_total", "per": "all_total", "margin": "12.5"}, warnOnly=True),
    a_check(usage={"gauge": "bytes"}, critical=False),
    a_rollout(spec__analysis__falseAborts="0.5", spec__analysis__falseAdvances=50),
    a_step(weight=25, hold={"until": EVIDENCE}),
    on_ingress(match={"header": {"name": "X-Beta"}, "cookie": {"name": "beta"}}),
    on_ingress(match={"header": {"name": "X-Beta", "exact": "yes"}}),
    on_ingress(match={"header": {"name": "X-Beta", "pattern": "^(yes|1)$"}}),
    a_step(weight=25, hold={"for": "2m", "atMost": "30m", "until": [{"evidence": {}}, {"approval": {}}]}),
]


@pytest.mark.parametrize("rollout", RIGHT)
def test_what_is_right_is_taken_by_the_api_server_the_controller_and_lint(rollout: dict[str, Any]) -> None:
    assert says(rollout) == []
    parse_spec(rollout)
    problems = lint(yaml.safe_dump(rollout), "rollout.yaml")
    assert [problem for problem in problems if problem.severity is Severity.ERROR] == []


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
    check = {"name": "a", "ratio": RATIO, "compare": False}
    template = {"apiVersion": "a/v1", "kind": "AnalysisTemplate", "spec": {"checks": [check]}}
    assert [text.endswith(NO_LIMIT) for text in says(template, "AnalysisTemplate")] == [True]
    with pytest.raises(ValueError, match="compare: false needs a limit"):
        AnalysisTemplateSpec.model_validate(template["spec"])
