"""Promises about the status: it claims nothing that is not so, and a step is left in its time."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rollout.models.rollout import parse_time
from rollout.models.status import Outcome
from sandbox.changes import Change
from tests.simulation.knowledge import Known
from tests.simulation.objects import HOLD, NAMESPACE
from tests.simulation.shifts import Shifts
from tests.simulation.trace import Trace
from tests.simulation.truth import Truth

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_PROMPT = 2.0
_BEHIND = ("Baking", "Finishing")  # the route is as declared then


def now() -> datetime:
    """The simulated time."""
    return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


@dataclass
class Claims:
    """Follows what a status says."""

    truth: Truth
    trace: Trace
    shifts: Shifts
    routed: bool = True
    weights: tuple[int, ...] = ()  # of the steps, empty where a step gives no share
    early: int = 0  # steps that were left before their time

    def sees(self, change: Change, writer: str, mind: Known | None, *, certain: bool) -> None:
        """One change."""
        if change.key != "rollouts" or not writer or change.previous is None or change.namespace != NAMESPACE:
            return
        before, after = change.previous.get("status") or {}, change.object.get("status") or {}
        if self.routed and certain:
            self._traffic(before, after)
        self._steps(before, after)
        if mind is not None and mind.breach and mind.in_progress and _outcome(after) == Outcome.SUPERSEDED:
            self.trace.wrong("a version that does harm is called superseded")

    def _traffic(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        traffic, stage = after.get("traffic") or {}, (after.get("run") or {}).get("stage")
        if stage in _BEHIND or self.truth.route is None:
            return
        if self._entered(before, after) and traffic.get("desired") != self.weights[_index(after)]:
            self.trace.wrong("a step counts as reached before its traffic flows")
        known = before.get("traffic") or {}
        for claim in ("routed", "desired"):
            share = traffic.get(claim)
            if share is not None and share != known.get(claim) and share not in self._lately():
                self.trace.wrong(f"the status claims {claim} traffic that the route does not have")

    def _entered(self, before: dict[str, Any], after: dict[str, Any]) -> bool:
        """Whether a step counts from now on."""
        entered = (after.get("step") or {}).get("enteredAt")
        new = entered is not None and entered != (before.get("step") or {}).get("enteredAt")
        return new and _stage(after) == "Stepping" and bool(self.weights)

    def _lately(self) -> set[float]:
        """The canary's shares in the route within the last moment."""
        since = asyncio.get_running_loop().time() - _PROMPT
        earlier = [share for at, share in self.shifts.weights if at < since]
        return {*earlier[-1:], *(share for at, share in self.shifts.weights if at >= since)}

    def _steps(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        if _number(before) != _number(after) or _stage(before) != "Stepping":
            return
        if _stage(after) == "Switching" or (_stage(after) == "Stepping" and _index(after) > _index(before)):
            steps = range(_index(before), _index(after) if _stage(after) == "Stepping" else _index(before) + 1)
            self.early += len(steps) if len(steps) > 1 else int(_held(before) < HOLD and _holds(before))


def _number(status: dict[str, Any]) -> int:
    return int((status.get("run") or {}).get("number", 0))


def _outcome(status: dict[str, Any]) -> str:
    return str((status.get("run") or {}).get("outcome", ""))


def _stage(status: dict[str, Any]) -> str:
    return str((status.get("run") or {}).get("stage", ""))


def _index(status: dict[str, Any]) -> int:
    return int((status.get("step") or {}).get("index", 0))


def _holds(status: dict[str, Any]) -> bool:
    """Whether the step has a time: the last one, at 100 %, has none."""
    step = status.get("step") or {}
    return int(step.get("index", 0)) < int(step.get("count", 1)) - 1


def _held(status: dict[str, Any]) -> float:
    entered = (status.get("step") or {}).get("enteredAt")
    return (now() - parse_time(entered)).total_seconds() + 1 if entered else 0.0
