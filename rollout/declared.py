"""Rollouts as a file declares them, with the checks of their templates, for whoever has no cluster to ask."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from rollout.core.checks import resolve
from rollout.models.analysis import AnalysisTemplateSpec, TemplateKind
from rollout.models.checks import Check
from rollout.models.rollout import GROUP, Invalid, parse_spec, parse_template
from rollout.models.spec import RolloutSpec


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One Rollout: where it is, what it says, and everything it is judged by."""

    namespace: str
    name: str
    spec: RolloutSpec
    checks: tuple[Check, ...]

    @property
    def service(self) -> str | None:
        """The Service that its requests come through."""
        return self.spec.services[0].name if self.spec.services else None

    @property
    def workload(self) -> str:
        """What the pods of its versions are named after: the Rollout's own revisions, and before those a Deployment."""
        return self.spec.workload_ref.name if self.spec.workload_ref is not None else self.name


def declared(text: str) -> tuple[Declared, ...]:
    """Every Rollout in a YAML text. Raises Invalid for what cannot be read, naming the field."""
    try:
        documents = [each for each in yaml.safe_load_all(text) if isinstance(each, dict)]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise Invalid(f"it is not YAML{f' (line {mark.line + 1})' if mark else ''}") from None
    ours = [each for each in documents if str(each.get("apiVersion", "")).partition("/")[0] == GROUP]
    templates = dict(_templates(ours))
    return tuple(_declared(each, templates) for each in ours if each.get("kind") == "Rollout")


def _templates(documents: list[dict[str, Any]]) -> Iterator[tuple[tuple[TemplateKind, str], AnalysisTemplateSpec]]:
    for document in documents:
        if document.get("kind") in tuple(TemplateKind):
            yield (TemplateKind(document["kind"]), _metadata(document).get("name", "")), parse_template(document)


def _declared(manifest: dict[str, Any], templates: Mapping[tuple[TemplateKind, str], AnalysisTemplateSpec]) -> Declared:
    spec = parse_spec(manifest)
    return Declared(
        namespace=_metadata(manifest).get("namespace", "default"),
        name=_metadata(manifest).get("name", ""),
        spec=spec,
        checks=resolve(spec.analysis, lambda kind, name: templates.get((kind, name))),
    )


def _metadata(manifest: dict[str, Any]) -> dict[str, Any]:
    found = manifest.get("metadata")
    return found if isinstance(found, dict) else {}
