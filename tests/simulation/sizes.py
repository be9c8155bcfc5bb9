"""Promises about pods: whoever has traffic keeps its pods, and a template is written once."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from rollout.core.workload import RESTARTED
from sandbox.changes import Change
from tests.simulation.knowledge import Known
from tests.simulation.objects import SETTLE
from tests.simulation.shifts import Shifts
from tests.simulation.trace import Trace
from tests.simulation.truth import Truth, revision_of


@dataclass
class Sizes:
    """Follows the Deployments, and counts what may be done only once."""

    truth: Truth
    trace: Trace
    shifts: Shifts
    restarts: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    leaving: bool = False

    def sees(self, change: Change, writer: str, mind: Known | None, *, certain: bool) -> None:
        """One change."""
        if change.key == "rolloutruns" and change.type == "ADDED":
            self.runs.add(change.name)
        if change.key == "services" and change.type == "DELETED" and change.name == "shop-canary" and writer:
            self._twin_goes(mind, certain=certain)
        if change.key != "deployments" or not writer:
            return
        if change.previous is not None and change.type == "MODIFIED":
            self._template(change.previous, change.object)
        if _falls_to_nothing(change):
            self._taken_down(revision_of(change.object), mind, certain=certain)

    def _twin_goes(self, mind: Known | None, *, certain: bool) -> None:
        now = asyncio.get_running_loop().time()
        if mind is None or self.leaving or not certain or now - self.shifts.foreign < SETTLE + 2:
            return
        if now - self.shifts.last_twin < SETTLE - 0.5:
            self.trace.wrong("the owned Service is deleted before its traffic has settled")

    def _template(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        if not revision_of(after) or before["spec"]["template"] == after["spec"]["template"]:
            return
        stamp = (after["spec"]["template"]["metadata"].get("annotations") or {}).get(RESTARTED)
        if stamp is None or _plain(before) != _plain(after):
            self.trace.wrong("the pod template of a revision is written again")
        else:
            self.restarts.add(stamp)

    def _taken_down(self, revision: str, mind: Known | None, *, certain: bool) -> None:
        """All pods of a revision go because a controller says so."""
        now = asyncio.get_running_loop().time()
        if mind is None or not revision or mind.replicas == 0 or self.leaving:
            return
        if not certain or now - self.shifts.foreign < SETTLE + 2:
            return
        if self.shifts.shares.get(revision, 0) > 0:
            self.trace.wrong("the pods of a revision that has traffic are taken away")
        elif now - self.shifts.last_share.get(revision, -1e9) < SETTLE - 0.5:
            self.trace.wrong("the pods of a revision are taken away before its traffic has settled")


def _plain(deployment: dict[str, Any]) -> Any:
    """The template without the annotation of a restart."""
    found = deployment["spec"]["template"]
    kept = {name: value for name, value in (found["metadata"].get("annotations") or {}).items() if name != RESTARTED}
    return {**found, "metadata": {**found["metadata"], "annotations": kept}}


def _falls_to_nothing(change: Change) -> bool:
    had = change.previous["spec"].get("replicas", 1) if change.previous is not None else 0
    has = 0 if change.type == "DELETED" else change.object["spec"].get("replicas", 1)
    return bool(had > 0 and has == 0)
