"""Promises about the course of a run: what it goes on for, what it waits for, and how often it says so."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.assess import State
from rollout.models.rollout import PROMOTED, parse_time
from sandbox.changes import Change
from tests.simulation.claims import now
from tests.simulation.knowledge import Known
from tests.simulation.objects import NAMESPACE, template
from tests.simulation.shifts import TWIN, Shifts
from tests.simulation.trace import Trace
from tests.simulation.truth import Truth, revision_of

_MOST_REVERTS = 2  # in a step that goes on; the third ends the release
_NUMBERS_EVERY = 29.0  # seconds; a moment in a status has no fractions
_SCALING = 60.0  # seconds in which both versions come to a new size
_MEASURED = {"revisions", "replicas", "analysis", "message", "measuredAt"}
_BLIND = {State.NO_DATA, State.PROVIDER_DOWN}


@dataclass
class Conduct:
    """Follows the Rollout and its Deployments."""

    truth: Truth
    trace: Trace
    shifts: Shifts
    routed: bool = True
    weights: tuple[int, ...] = ()  # of the steps
    scaled_at: float = -1e9  # when somebody last changed how many pods there should be

    def sees(self, change: Change, writer: str, mind: Known | None, *, certain: bool) -> None:
        """One change."""
        if change.previous is None or change.type != "MODIFIED" or change.namespace != NAMESPACE:
            return
        if change.key == "rollouts" and change.previous["spec"]["replicas"] != change.object["spec"]["replicas"]:
            self.scaled_at = asyncio.get_running_loop().time()
        if writer:
            self._judge(change, mind, certain=certain)

    def _judge(self, change: Change, mind: Known | None, *, certain: bool) -> None:
        """A controller changed an object."""
        assert change.previous is not None, "only changes are judged"
        if change.key in ("httproutes", "ingresses", "services") and self._refused():
            self.trace.wrong("a version that the API server refuses touches the traffic")
        if change.key == "deployments":
            self._swaps(change.previous, change.object)
            self._shrinks(change.previous, change.object)
            self._grows(change.previous, change.object, mind)
            self._promoted(change.previous, change.object, mind)
        if change.key == "rollouts":
            before, after = change.previous.get("status") or {}, change.object.get("status") or {}
            self._patient(before, after)
            self._emptied(after, certain=certain)
            self._quiet(before, after)

    def _refused(self) -> bool:
        """Whether nothing goes on but a version that cannot be released."""
        rollout = self.truth.get("rollouts")
        wanted = rollout is not None and rollout["spec"].get("template") == template("refused")
        return wanted and self.truth.run.get("stage") == "Done"

    def _swaps(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Before the old version loses its first pod at the end of a bake, the new one is marked as what serves."""
        run = self.truth.run
        if run.get("stage") not in ("Baking", "Finishing") or revision_of(after) != run.get("stable"):
            return
        if after["spec"].get("replicas", 1) >= before["spec"].get("replicas", 1):
            return
        new = [each for each in self.truth.list("deployments") if revision_of(each) == run.get("revision")]
        marks = [int((each["metadata"].get("annotations") or {}).get(PROMOTED, 0)) for each in new]
        if max(marks, default=run["number"]) < run["number"]:
            self.trace.wrong("the old version loses pods before the new one is marked as what serves")

    def _shrinks(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """All pods of the old version may go at the end; before, none do."""
        run, had, has = self.truth.run, before["spec"].get("replicas", 1), after["spec"].get("replicas", 1)
        going_on = run.get("stage") in ("Stepping", "Switching", "Baking") and run.get("stable") == revision_of(after)
        if going_on and had > has > 0:
            self.trace.wrong("the stable version shrinks during a run")

    def _grows(self, before: Mapping[str, Any], after: Mapping[str, Any], mind: Known | None) -> None:
        """Where pods decide the split, a bigger canary takes more: not while the old version lacks pods."""
        had, has = before["spec"].get("replicas", 1), after["spec"].get("replicas", 1)
        if self.routed or mind is None or mind.stage != "Stepping" or self.shifts.promoted or has <= had:
            return
        lately = asyncio.get_running_loop().time() - self.scaled_at < _SCALING
        if lately or revision_of(after) != mind.canary or not self.shifts.shares.get(mind.canary):
            return
        step = min(int((self.truth.status.get("step") or {}).get("index", 0)) + 1, len(self.weights) - 1)
        share, norm = has / (has + mind.ready.get(mind.stable, 0)), has / (has + mind.replicas)
        if share > max(norm, self.weights[step] / 100) + 1e-3:
            self.trace.wrong("the canary grows although the old version lacks pods, and pods decide the split")

    def _promoted(self, before: Mapping[str, Any], after: Mapping[str, Any], mind: Known | None) -> None:
        """The mark is the point from which nothing goes back."""
        marks = [(each["metadata"].get("annotations") or {}).get(PROMOTED) for each in (before, after)]
        if mind is None or marks[0] == marks[1] or mind.stage != "Baking" or self.shifts.promoted:
            return
        if mind.states & _BLIND:
            self.trace.wrong("a version is promoted although there is no data")

    def _patient(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        run, was = after.get("run") or {}, before.get("run") or {}
        if run.get("stage") == "Stepping" and run.get("reverts", 0) > _MOST_REVERTS:
            self.trace.wrong("a release goes on although somebody undid its writes three times in a step")
        taken = was.get("stage") == "Stepping" and run.get("stage") == "Aborting"
        if taken and before.get("pausedAt") and "ready" in (run.get("reason") or ""):
            self.trace.wrong("a paused release is taken back because its pods are not ready")

    def _emptied(self, after: Mapping[str, Any], *, certain: bool) -> None:
        run = after.get("run") or {}
        reasons = {each["reason"] for each in after.get("conditions") or ()}
        off = run.get("stage") == "Stepping" and (run.get("emptiedAt") or "CanaryUnready" in reasons)
        if off and certain and not self.shifts.late and self.truth.weights.get(TWIN):
            self.trace.wrong("a canary that is said to be off the traffic has some")

    def _quiet(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Numbers are written now and then, and the time of a condition only with the condition."""
        told = {each["type"]: each for each in before.get("conditions") or ()}
        for each in after.get("conditions") or ():
            same = told.get(each["type"], {}).get("status") == each["status"]
            if same and told[each["type"]]["lastTransitionTime"] != each["lastTransitionTime"]:
                self.trace.wrong("the time of a condition is written again")
        last, moving = before.get("measuredAt"), (after.get("run") or {}).get("stage") != "Done"
        numbers = last and moving and before != after and _facts(before) == _facts(after)
        if numbers and (now() - parse_time(last)).total_seconds() < _NUMBERS_EVERY:
            self.trace.wrong("measured numbers are written more often than every 30 seconds")


def _facts(status: Mapping[str, Any]) -> Any:
    """What is more than a measured number, or a sentence that tells one."""
    facts = {name: value for name, value in status.items() if name not in _MEASURED}
    facts["traffic"] = (status.get("traffic") or {}).get("desired")
    facts["conditions"] = [
        {name: value for name, value in each.items() if name != "message"} for each in status.get("conditions") or ()
    ]
    return facts
