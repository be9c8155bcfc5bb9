"""From declared checks to asked ones."""

import pytest

from analysis import checks as asked
from rollout.core.checks import Lookup, resolve, to_asked
from rollout.models.analysis import AnalysisTemplateSpec, Argument, Check, TemplateKind
from rollout.models.rollout import Invalid
from tests.core.builders import ERRORS, a_check, an_analysis

LATENCY = {"name": "p99", "latency": {"histogram": "t_seconds", "below": "500ms", "share": 99}}
QUERY = {"name": "queue", "query": {"expr": "q", "max": 3}, "failureLimit": 4, "source": "main", "critical": False}
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


ASKED: dict[str, tuple[Check, asked.Check | None]] = {
    "ratio": (a_check(**ERRORS), asked.Ratio(name="errors", bad="bad_total", total="all_total", ceiling=0.01)),
    "latency": (a_check(**LATENCY), asked.Latency(name="p99", histogram="t_seconds", below=0.5, share=99)),
    "query": (
        a_check(**QUERY),
        asked.Query(name="queue", expr="q", max=3, failure_limit=4, source="main", critical=False),
    ),
    "warning": (
        a_check(**ERRORS, warnOnly=True),
        asked.Ratio(name="errors", bad="bad_total", total="all_total", ceiling=0.01, critical=False, warn_only=True),
    ),
    "arguments": (
        a_check(**ERRORS, args=[{"name": "path", "value": "/a"}]),
        asked.Ratio(name="errors", bad="bad_total", total="all_total", ceiling=0.01, args=(("path", "/a"),)),
    ),
    "restarts": (a_check(name="restarts", restarts={"max": 0}), None),
}


@pytest.mark.parametrize(("check", "expected"), ASKED.values(), ids=ASKED)
def test_a_check_is_asked_as_it_was_declared(check: Check, expected: asked.Check | None) -> None:
    assert to_asked(check) == expected
