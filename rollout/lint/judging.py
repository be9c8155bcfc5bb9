"""What is wrong with checks and templates: names, queries and arguments."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from analysis import queries
from analysis.mistakes import dotted
from analysis.templates import placeholders
from rollout.lint.fields import suggestion
from rollout.lint.problems import Path, Problem, Severity
from rollout.lint.source import Document
from rollout.models.analysis import AnalysisTemplateSpec, TemplateRef
from rollout.models.checks import Argument, Check

_QUERIES: Mapping[str, tuple[str, ...]] = {
    "ratio": ("bad", "good", "total"),
    "latency": ("histogram",),
    "query": ("expr",),
    "usage": ("counter", "gauge", "per"),
}


class Named(Protocol):
    """Whatever is told apart from its neighbours by a name."""

    @property
    def name(self) -> str:
        """The name."""


def once(document: Document, entries: Sequence[Named] | None, path: Path) -> Iterator[Problem]:
    """Names that occur before in the same list."""
    seen: dict[str, int] = {}
    for index, entry in enumerate(entries or ()):
        if entry.name in seen:
            field = dotted((*path, index, "name"))
            first = dotted((*path, seen[entry.name]))
            message = f"{field}: {entry.name!r} is the name of {first} already: rename one of them"
            yield document.problem((*path, index, "name"), message)
        seen.setdefault(entry.name, index)


def check_template(document: Document, template: AnalysisTemplateSpec) -> Iterator[Problem]:
    """What is wrong with an AnalysisTemplate or ClusterAnalysisTemplate."""
    yield from once(document, template.args, ("spec", "args"))
    yield from once(document, template.checks, ("spec", "checks"))
    declared = {argument.name for argument in template.args or ()}
    used: set[str] = set()
    for path, text, check in _texts(template.checks, ("spec", "checks")):
        names = {name.removeprefix("args.") for name in placeholders(text) if name.startswith("args.")}
        used |= names
        for name in sorted(names - declared - {argument.name for argument in check.args or ()}):
            remedy = suggestion(name, declared, otherwise="declare it in spec.args")
            yield document.problem(path, f"{dotted(path)}: there is no argument {name}: {remedy}")
        yield from _query(document, path, text, None)
    for index, argument in enumerate(template.args or ()):
        if argument.name not in used:
            yield _unused(document, index, argument)


def check_queries(document: Document, checks: Sequence[Check], path: Path, *, services: bool) -> Iterator[Problem]:
    """What is wrong with the queries of a Rollout's own checks."""
    for index, check in enumerate(checks):
        at = (*path, index, "args")
        yield from once(document, check.args, at)
        for position, argument in enumerate(check.args or ()):
            if argument.value is None:
                message = f"{dotted((*at, position))}: {argument.name} has no value: set value"
                yield document.problem((*at, position), message)
    for place, text, check in _texts(checks, path):
        if not services and "service" in placeholders(text):
            remedy = "use {{pods}}, or set spec.services"
            yield document.problem(place, f"{dotted(place)}: there is no {{{{service}}}} without services: {remedy}")
        else:
            yield from _query(document, place, text, _values(check))


def check_arguments(
    document: Document, ref: TemplateRef, template: AnalysisTemplateSpec, path: Path
) -> Iterator[Problem]:
    """Arguments that a template has and a Rollout does not give, and the other way about."""
    given = {argument.name for argument in ref.args or ()}
    declared = {argument.name: argument.value for argument in template.args or ()}
    for name, value in declared.items():
        if value is None and name not in given:
            message = f"{dotted((*path, 'args'))}: {ref.name} needs {name}: add {{name: {name}, value: ...}}"
            yield document.problem((*path, "args"), message)
    for index, argument in enumerate(ref.args or ()):
        if argument.name not in declared:
            at = (*path, "args", index, "name")
            remedy = suggestion(argument.name, declared, otherwise="remove it")
            yield document.problem(at, f"{dotted(at)}: {ref.name} has no argument {argument.name}: {remedy}")


def _query(document: Document, path: Path, text: str, args: tuple[tuple[str, str], ...] | None) -> Iterator[Problem]:
    judge = queries.validate if path[-1] == "expr" else queries.validate_selector
    problem = judge(text, args=args)
    if problem:
        yield document.problem(path, f"{dotted(path)}: {problem}")


def _unused(document: Document, index: int, argument: Argument) -> Problem:
    path = ("spec", "args", index, "name")
    message = f"{dotted(path)}: no check uses {{{{args.{argument.name}}}}}: use it, or remove the argument"
    return document.problem(path, message, severity=Severity.WARNING)


def _values(check: Check) -> tuple[tuple[str, str], ...]:
    return tuple((argument.name, argument.value or "") for argument in check.args or ())


def _texts(checks: Sequence[Check], path: Path) -> Iterator[tuple[Path, str, Check]]:
    """Every query with its place and its check."""
    for index, check in enumerate(checks):
        for kind, fields in _QUERIES.items():
            asked = getattr(check, kind)
            for field in fields:
                text = getattr(asked, field, None)
                if text is not None:
                    yield (*path, index, kind, field), text, check
