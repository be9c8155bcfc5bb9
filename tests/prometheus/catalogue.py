"""The checks that the demo and the examples declare, read from where they are declared, ready to be asked."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from analysis.checks import Check, Latency, Query, Ratio, Threshold
from rollout.cli.showcase import manifests
from rollout.core.checks import resolve, to_asked
from rollout.models.analysis import Analysis, AnalysisTemplateSpec, TemplateKind
from rollout.models.checks import Argument

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples"
PRESETS = ROOT / "deploy" / "checks"


def example(name: str, *, args: dict[str, str] | None = None) -> tuple[Check, ...]:
    """The checks of an example's Rollout that need metrics, with those of its templates; `args` for the templates."""
    documents = list(yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8")))
    templates = {
        (each["kind"], each["metadata"]["name"]): AnalysisTemplateSpec.model_validate(each["spec"])
        for each in documents
        if each["kind"] in tuple(TemplateKind)
    }
    (declared,) = (each["spec"]["analysis"] for each in documents if each["kind"] == "Rollout")
    analysis = Analysis.model_validate(declared)
    if args is not None:
        given = tuple(Argument(name=key, value=value) for key, value in args.items())
        refs = tuple(ref.model_copy(update={"args": given}) for ref in analysis.templates or ())
        analysis = analysis.model_copy(update={"templates": refs})
    return _asked(resolve(analysis, lambda kind, of: templates.get((kind, of))))


def preset(name: str, **args: str) -> tuple[Check, ...]:
    """The checks of a template in deploy/checks, with these arguments."""
    document = yaml.safe_load((PRESETS / name).read_text(encoding="utf-8"))
    given = [{"name": key, "value": value} for key, value in args.items()]
    ref = {"name": document["metadata"]["name"], "kind": document["kind"], "args": given}
    template = AnalysisTemplateSpec.model_validate(document["spec"])
    return _asked(resolve(Analysis.model_validate({"templates": [ref]}), lambda kind, of: template))


def _asked(checks: Any) -> tuple[Check, ...]:
    return tuple(asked for check in checks if (asked := to_asked(check)) is not None)


def _named(prefix: str, checks: tuple[Check, ...]) -> tuple[Ratio | Latency, ...]:
    counting = (check for check in checks if isinstance(check, Ratio | Latency))
    return tuple(by_limit(replace(check, name=f"{prefix}: {check.name}")) for check in counting)


def by_limit(check: Ratio | Latency) -> Ratio | Latency:
    """The check judged by its limit alone: what its queries return does not hang on how they are judged."""
    return replace(check, rule=Threshold(ceiling=check.ceiling))


def _demo() -> tuple[Check, ...]:
    declared = manifests.rollout("v1")["spec"]["analysis"]
    return _asked(Analysis.model_validate(declared).checks)


_BACKEND = 'envoy_cluster_name="{{namespace}}/{{service}}/80"'
_OF_REVISION = 'requests_total{namespace="{{namespace}}",progressive_delivery_revision="{{revision}}"'

COUNTING: tuple[Ratio | Latency, ...] = (
    *_named("demo", _demo()),
    *_named("canary-gateway.yaml", example("canary-gateway.yaml")),
    *_named("templates.yaml", example("templates.yaml", args={"job": "pods", "path": ""})),
    Latency(
        name="proxy: half a second",
        histogram=f"envoy_cluster_upstream_rq_time{{{_BACKEND}}}",
        below=0.5,
        rule=Threshold(ceiling=0.01),
    ),
    Ratio(
        name="proxy: by code",
        bad=f'envoy_cluster_upstream_rq{{{_BACKEND},envoy_response_code=~"5.."}}',
        total=f"sum(envoy_cluster_upstream_rq{{{_BACKEND}}})",
        rule=Threshold(ceiling=0.01),
    ),
    Ratio(
        name="pods: by revision",
        bad=f'{_OF_REVISION},code="500"}}',
        total=f"{_OF_REVISION}}}",
        rule=Threshold(ceiling=0.01),
    ),
)
"""What the demo's Envoy and pods can be asked: all that is declared for them, and the other ways to name a side."""

SHARE_OF_ERRORS = Query(
    name="query: share of errors",
    expr=(
        f'sum(envoy_cluster_upstream_rq_xx{{{_BACKEND},envoy_response_code_class="5"}})'
        f" / sum(envoy_cluster_upstream_rq_xx{{{_BACKEND}}})"
    ),
    max=0.01,
)
FROM_THE_DEMO: tuple[Check, ...] = (*COUNTING, SHARE_OF_ERRORS)
