"""Objects that two Rollouts of one text claim: each may have one."""

from collections.abc import Iterator, Sequence

from analysis.mistakes import dotted
from rollout.lint import resources
from rollout.lint.problems import Path, Problem
from rollout.lint.releases import Release


def claimed_twice(rollouts: Sequence[Release]) -> Iterator[Problem]:
    """A workload or Service that a Rollout further up in the text has already."""
    owners: dict[tuple[str, str, str], str] = {}
    for release in rollouts:
        _, name = resources.name(release.document)
        for kind, claimed, path in _claims(release):
            owner = owners.setdefault((kind, release.namespace, claimed), name)
            if owner != name:
                message = f"{dotted(path)}: {kind} {claimed} belongs to Rollout {owner} already: remove one of them"
                yield release.document.problem(path, message)


def _claims(release: Release) -> Iterator[tuple[str, str, Path]]:
    if release.spec.workload_ref:
        yield "Deployment", release.spec.workload_ref.name, ("spec", "workloadRef", "name")
    for index, service in enumerate(release.spec.services or ()):
        yield "Service", service.name, ("spec", "services", index, "name")
