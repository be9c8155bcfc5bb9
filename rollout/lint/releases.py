"""What is wrong with a Rollout whose every field is right on its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.mistakes import dotted
from rollout.lint import judging
from rollout.lint.fields import suggestion
from rollout.lint.problems import Path, Problem, Severity
from rollout.lint.source import Document
from rollout.models.analysis import Analysis, AnalysisTemplateSpec, TemplateKind, TemplateRef
from rollout.models.checks import Check
from rollout.models.spec import RolloutSpec, Step
from rollout.models.steps import compile_steps
from rollout.traffic.registry import router_for

_STEPS = ("spec", "strategy", "canary", "steps")
_PREVIEW = ("spec", "strategy", "blueGreen", "preview")
_CHECKS = ("spec", "analysis", "checks")
_TEMPLATES = ("spec", "analysis", "templates")
_MOST_CHECKS = 20

TemplateKey = tuple[str, str, str]
"""Kind, namespace (empty for cluster-wide ones and where none is written) and name."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """A Rollout with the templates and Services that are written in the same text."""

    document: Document
    namespace: str
    spec: RolloutSpec
    templates: Mapping[TemplateKey, AnalysisTemplateSpec]
    selectors: Mapping[tuple[str, str], Mapping[str, str]]

    @property
    def analysis(self) -> Analysis:
        """What it is judged by; an empty one when nothing is set."""
        return self.spec.analysis or Analysis()

    def template(self, ref: TemplateRef) -> AnalysisTemplateSpec | None:
        """The template, where it is in the same text."""
        kind = ref.kind or TemplateKind.NAMESPACED
        return self.templates.get((kind, self.namespace if kind is TemplateKind.NAMESPACED else "", ref.name))


def check(release: Release) -> Iterator[Problem]:
    """What is wrong, rule by rule."""
    for rule in _RULES:
        yield from rule(release)


def _names(release: Release) -> Iterator[Problem]:
    yield from judging.once(release.document, release.spec.services, ("spec", "services"))
    yield from judging.once(release.document, release.spec.traffic, ("spec", "traffic"))
    yield from judging.once(release.document, release.analysis.checks, _CHECKS)
    for index, ref in enumerate(release.analysis.templates or ()):
        yield from judging.once(release.document, ref.args, (*_TEMPLATES, index, "args"))


def _weights(release: Release) -> Iterator[Problem]:
    before: float | None = None
    for index, step in enumerate(release.spec.strategy.canary.steps if release.spec.strategy.canary else ()):
        path = (*_STEPS, index, "weight")
        if step.weight is not None and before is not None and step.weight <= before:
            verb = "falls" if step.weight < before else "stays"
            message = (
                f"{dotted(path)} {verb} from {before:g} to {step.weight:g}: give each step more than the one before"
            )
            if verb == "stays":
                message = f"{dotted(path)} is {before:g} as in the step before: raise it, or make one step of the two"
            yield release.document.problem(path, message, severity=Severity.WARNING)
        before = step.weight if step.weight is not None else before


def _step_checks(release: Release) -> Iterator[Problem]:
    known = _known_checks(release)
    if known is None:
        return
    for index, step in enumerate(release.spec.strategy.canary.steps if release.spec.strategy.canary else ()):
        for position, name in enumerate(step.checks or ()):
            if name not in known:
                path = (*_STEPS, index, "checks", position)
                remedy = suggestion(name, known, otherwise="add it to spec.analysis.checks, or remove it here")
                yield release.document.problem(path, f"{dotted(path)}: there is no check {name}: {remedy}")


def _evidence(release: Release) -> Iterator[Problem]:
    """Steps that wait for evidence that nothing can give."""
    for path, step in _steps_with_evidence(release):
        if step.weight == 0:
            message = "without traffic there is no evidence: give the step a weight, or remove this"
        elif _proves_nothing(release, step):
            message = "no critical check of this step can prove anything: add a ratio or latency, and leave compare out"
        else:
            continue
        yield release.document.problem(path, f"{dotted(path)}: {message}", severity=Severity.WARNING)


def _steps_with_evidence(release: Release) -> Iterator[tuple[Path, Step]]:
    """Each such step, with the weight that it has or keeps, and the place of the condition."""
    strategy = release.spec.strategy
    for index, step in enumerate(compile_steps(strategy)):
        path: Path = _PREVIEW if strategy.blue_green is not None else (*_STEPS, index, "hold")
        for position, entry in enumerate((step.hold.until if step.hold is not None else None) or ()):
            if entry.evidence is not None:
                yield (*path, "until", position, "evidence"), step


def _proves_nothing(release: Release, step: Step) -> bool:
    """Whether none of the step's checks is a comparison that counts; not said where a template is not in this text."""
    known = _checks_of(release)
    counted = [check for check in known or () if step.checks is None or check.name in step.checks]
    proving = [each for each in counted if each.provable and each.critical is not False and not each.warn_only]
    return known is not None and not proving


def _known_checks(release: Release) -> tuple[str, ...] | None:
    """The names of all checks; None where some are in templates that are not in this text."""
    known = _checks_of(release)
    return None if known is None else tuple(check.name for check in known)


def _checks_of(release: Release) -> tuple[Check, ...] | None:
    """All checks; None where some are in templates that are not in this text."""
    found = [*(release.analysis.checks or ())]
    for ref in release.analysis.templates or ():
        template = release.template(ref)
        if template is None:
            return None
        found += template.checks
    return tuple(found)


def _all_checks(release: Release) -> Iterator[Problem]:
    """Names that a template shares with the Rollout, and more checks than a run can have."""
    own = {check.name: index for index, check in enumerate(release.analysis.checks or ())}
    for ref in release.analysis.templates or ():
        for shared in _shared(release.template(ref), own):
            path = (*_CHECKS, own[shared], "name")
            message = f"{dotted(path)}: {shared!r} is the name of a check of {ref.name} too: rename one of them"
            yield release.document.problem(path, message)
    count = len(_known_checks(release) or ())
    if count > _MOST_CHECKS:
        message = f"spec.analysis has {count} checks with those of its templates: at most {_MOST_CHECKS} are allowed"
        yield release.document.problem(_TEMPLATES, message)


def _shared(template: AnalysisTemplateSpec | None, own: Mapping[str, int]) -> Iterator[str]:
    checks: Sequence[Check] = template.checks if template else ()
    yield from (check.name for check in checks if check.name in own)


def _queries(release: Release) -> Iterator[Problem]:
    checks = release.analysis.checks or ()
    yield from judging.check_queries(release.document, checks, _CHECKS, services=bool(release.spec.services))


def _arguments(release: Release) -> Iterator[Problem]:
    for index, ref in enumerate(release.analysis.templates or ()):
        template = release.template(ref)
        if template is not None:
            yield from judging.check_arguments(release.document, ref, template, (*_TEMPLATES, index))


def _routes(release: Release) -> Iterator[Problem]:
    """One route in two routers: both would write its weights."""
    seen: dict[tuple[str, str, str], str] = {}
    for index, entry in enumerate(release.spec.traffic or ()):
        route, kind = entry.gateway_route, router_for(entry.ref).kind
        key = (kind, (route and route.namespace) or release.namespace, entry.ref.name)
        if key in seen and not (route and route.rules):
            path: Path = ("spec", "traffic", index, entry.field)
            message = f"{dotted(path)}: {kind} {entry.ref.name} is moved by {seen[key]} already: remove one of them"
            yield release.document.problem(path, message)
        seen.setdefault(key, entry.name)


def _matches(release: Release) -> Iterator[Problem]:
    """A step that sends requests to the canary by what they say, where a router cannot."""
    traffic = release.spec.traffic or ()
    unable = next((each for each in traffic if not router_for(each.ref).matches), None)
    if traffic and unable is None:
        return
    who = f"{router_for(unable.ref).kind} {unable.ref.name}" if unable is not None else "a Service alone"
    for index, step in enumerate(release.spec.strategy.canary.steps if release.spec.strategy.canary else ()):
        if step.match is not None:
            path = (*_STEPS, index, "match")
            remedy = "remove match, or split by an ingress in every entry of spec.traffic"
            yield release.document.problem(path, f"{dotted(path)}: {who} can only split by weight: {remedy}", key=True)


def _pods(release: Release) -> Iterator[Problem]:
    """An inline pod template that has no containers, or that a Service in the same text does not select."""
    template = release.spec.template
    if template is None:
        return
    if not _field(template, "spec", "containers"):
        path: Path = ("spec", "template", "spec", "containers")
        yield release.document.problem(path, f"{dotted(path)} is missing: write at least one container")
    labels = _field(template, "metadata", "labels") or {}
    for index, service in enumerate(release.spec.services or ()):
        selector = release.selectors.get((release.namespace, service.name), {})
        for label, value in selector.items():
            if labels.get(label) != value:
                at = ("spec", "services", index, "name")
                lacks = f"Service {service.name} selects {label}={value}"
                message = f"{dotted(at)}: {lacks}, which spec.template.metadata.labels lacks: add it there"
                yield release.document.problem(at, message)


def _field(value: Any, *path: str) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


_RULES: tuple[Callable[[Release], Iterator[Problem]], ...] = (
    _names,
    _weights,
    _step_checks,
    _evidence,
    _all_checks,
    _queries,
    _arguments,
    _routes,
    _matches,
    _pods,
)
