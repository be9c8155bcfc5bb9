"""`lint(text, filename)` says what is wrong with Rollouts and templates before a cluster sees them."""

from collections.abc import Iterator, Mapping, Sequence

from rollout.lint import judging, releases, resources
from rollout.lint.claims import claimed_twice
from rollout.lint.problems import Problem, Severity, render
from rollout.lint.releases import Release, TemplateKey
from rollout.lint.source import Document, read
from rollout.models.analysis import AnalysisTemplateSpec

__all__ = ["Problem", "Severity", "lint", "ours", "render"]

_TEMPLATES = ("AnalysisTemplate", "ClusterAnalysisTemplate")


def lint(text: str, filename: str) -> tuple[Problem, ...]:
    """Every problem in a YAML text of any number of documents, in the order of their places.

    Objects of other kinds are passed over, save Services, whose selectors are compared. A document with a wrong field
    is not looked at further: what its fields mean together is said once they are right on their own.
    """
    documents, problems = read(text, filename)
    found = list(problems)
    sound = []
    for document in filter(resources.ours, documents):
        wrong = tuple(resources.check(document))
        found += wrong
        sound += [] if wrong else [document]
    return tuple(sorted({*found, *_together(sound, documents)}))


def ours(text: str) -> int:
    """How many Rollouts and templates of checks a YAML text has, up to where it is not YAML."""
    documents, _ = read(text, "")
    return sum(map(resources.ours, documents))


def _together(sound: Sequence[Document], documents: Sequence[Document]) -> Iterator[Problem]:
    templates = _templates(sound)
    for document in _of(sound, *_TEMPLATES):
        yield from judging.check_template(document, resources.spec(document))
    rollouts = tuple(
        Release(
            document=document,
            namespace=resources.name(document)[0],
            spec=resources.spec(document),
            templates=templates,
            selectors=_selectors(documents),
        )
        for document in _of(sound, "Rollout")
    )
    for release in rollouts:
        yield from releases.check(release)
    yield from claimed_twice(rollouts)


def _of(documents: Sequence[Document], *kinds: str) -> Iterator[Document]:
    return (each for each in documents if isinstance(each.value, dict) and each.value.get("kind") in kinds)


def _templates(documents: Sequence[Document]) -> Mapping[TemplateKey, AnalysisTemplateSpec]:
    found = _of(documents, *_TEMPLATES)
    return {(each.value["kind"], *resources.name(each)): resources.spec(each) for each in found}


def _selectors(documents: Sequence[Document]) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """The selectors of the core Services in the text, by namespace and name."""
    found = {}
    for document in _of(documents, "Service"):
        spec = document.value.get("spec")
        selector = spec.get("selector") if isinstance(spec, dict) else None
        if document.value.get("apiVersion") == "v1" and isinstance(selector, dict):
            found[resources.name(document)] = selector
    return found
