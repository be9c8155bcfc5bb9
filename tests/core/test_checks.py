"""From declared checks to asked ones."""

import pytest

from analysis import checks as asked
from rollout.core.checks import Lookup, resolve, to_asked
from rollout.models.analysis import AnalysisTemplateSpec, TemplateKind
from rollout.models.checks import Argument, Check
from rollout.models.rollout import Invalid
from tests.core.builders import ERRORS, a_check, an_analysis

LATENCY = {"name": "p99", "latency": {"histogram": "t_seconds", "below": "500ms", "share": 99}}
QUERY = {"name": "queue", "query": {"expr": "q", "max": 3}, "failureLimit": 4, "source": "main", "critical": False}
SETTINGS = {"tolerance": 1.5, "notWorseThan": 3, "weight": 0.5, "spread": 0.1, "exclude": "90s"}
TEMPLATE = AnalysisTemplateSpec.model_validate(
    {"args": [{"name": "path"}, {"name": "code", "value": "500"}], "checks": [LATENCY]}
)


def library(**templates: AnalysisTemplateSpec) -> Lookup:
    return lambda kind, name: templates.get(f"{kind}_{name}")


def named(**fields: object) -> dict[str, object]:
    return {"templates": [{"name": "web", **fields}]}


KNOWN = library(AnalysisTemplate_web=TEMPLATE, ClusterAnalysisTemplate_web=TEMPLATE)


def test_without_an_analysis_there_is_no_check() -> None:
    assert resolve(None, KNOWN) == ()


@pytest.mark.parametrize("kind", [None, *TemplateKind])
def test_a_templates_checks_follow_the_rollouts_own_with_their_arguments(kind: TemplateKind | None) -> None:
    declared = an_analysis(checks=[ERRORS], **named(kind=kind, args=[{"name": "path", "value": "/a"}]))
    arguments = (Argument(name="code", value="500"), Argument(name="path", value="/a"))
    assert resolve(declared, KNOWN) == (a_check(**ERRORS), a_check(**LATENCY).model_copy(update={"args": arguments}))


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "no such template": (
        {"templates": [{"name": "tcp"}]},
        "spec.analysis.templates names AnalysisTemplate tcp, which does not exist: create it, or correct the name",
    ),
    "an argument is missing": (
        named(),
        "AnalysisTemplate web needs a value for its argument path: set it in spec.analysis.templates[].args",
    ),
    "an argument is unknown": (
        named(args=[{"name": "port", "value": "1"}]),
        "AnalysisTemplate web has no argument port: it takes code, path",
    ),
    "a name twice": (
        {"checks": [LATENCY], **named(args=[{"name": "path", "value": "/a"}])},
        "spec.analysis has two checks named p99: rename one, here or in the template",
    ),
}


@pytest.mark.parametrize(("fields", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_resolved_is_refused_with_the_remedy(fields: dict[str, object], message: str) -> None:
    with pytest.raises(Invalid) as refusal:
        resolve(an_analysis(**fields), KNOWN)
    assert str(refusal.value) == message


ONE_PER_CENT = asked.Comparison(ceiling=0.01)
ASKED: dict[str, tuple[Check, asked.Check | None]] = {
    "ratio": (a_check(**ERRORS), asked.Ratio(name="errors", bad="bad_total", total="all_total", rule=ONE_PER_CENT)),
    "latency": (a_check(**LATENCY), asked.Latency(name="p99", histogram="t_seconds", below=0.5, rule=ONE_PER_CENT)),
    "query": (
        a_check(**QUERY),
        asked.Query(name="queue", expr="q", max=3, failure_limit=4, source="main", critical=False),
    ),
    "warning": (
        a_check(**ERRORS, warnOnly=True),
        asked.Ratio(
            name="errors", bad="bad_total", total="all_total", rule=ONE_PER_CENT, critical=False, warn_only=True
        ),
    ),
    "arguments": (
        a_check(**ERRORS, args=[{"name": "path", "value": "/a"}]),
        asked.Ratio(name="errors", bad="bad_total", total="all_total", rule=ONE_PER_CENT, args=(("path", "/a"),)),
    ),
    "restarts with a limit": (a_check(name="restarts", restarts={"max": 0}), None),
    "restarts that are compared": (
        a_check(name="restarts", restarts={}, weight=2, critical=False),
        asked.Restarts(name="restarts", rule=asked.Comparison(weight=2), critical=False),
    ),
    "every setting of a comparison": (
        a_check(name="paid", ratio={"good": "paid_total", "total": "all_total"}, ceiling=30, **SETTINGS),
        asked.Ratio(
            name="paid",
            good="paid_total",
            total="all_total",
            rule=asked.Comparison(tolerance=1.5, not_worse_than=3, ceiling=0.3, weight=0.5, spread=0.1, exclude=90.0),
        ),
    ),
    "nothing is set": (
        a_check(name="errors", ratio={"bad": "bad_total", "total": "all_total"}),
        asked.Ratio(name="errors", bad="bad_total", total="all_total", rule=asked.Comparison()),
    ),
    "the whole tail": (
        a_check(name="tail", latency={"histogram": "t_seconds"}),
        asked.Latency(name="tail", histogram="t_seconds", rule=asked.Comparison()),
    ),
    "a share with decimals": (
        a_check(name="p99", latency={"histogram": "t_seconds", "below": "1s", "share": "99.9"}),
        asked.Latency(name="p99", histogram="t_seconds", below=1, rule=asked.Comparison(ceiling=0.001)),
    ),
    "a ratio by its ceiling alone": (
        a_check(**ERRORS, compare=False, failureLimit=3),
        asked.Ratio(
            name="errors", bad="bad_total", total="all_total", rule=asked.Threshold(ceiling=0.01, failure_limit=3)
        ),
    ),
    "a latency by its share alone": (
        a_check(**LATENCY, compare=False),
        asked.Latency(name="p99", histogram="t_seconds", below=0.5, rule=asked.Threshold(ceiling=0.01)),
    ),
    "usage of a counter": (
        a_check(name="cpu", usage={"counter": "cpu_total", "per": "all_total", "margin": "12.5"}, source="main"),
        asked.Usage(name="cpu", counter="cpu_total", per="all_total", margin=0.125, source="main"),
    ),
    "usage of a gauge": (
        a_check(name="memory", usage={"gauge": "bytes"}, warnOnly=True),
        asked.Usage(name="memory", gauge="bytes", critical=False, warn_only=True),
    ),
}


@pytest.mark.parametrize(("check", "expected"), ASKED.values(), ids=ASKED)
def test_a_check_is_asked_as_it_was_declared(check: Check, expected: asked.Check | None) -> None:
    assert to_asked(check) == expected
