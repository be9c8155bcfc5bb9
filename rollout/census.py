"""How many Rollouts are where, and for how long: counted as they change, so that asking costs next to nothing."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from rollout.kube.store import Store
from rollout.models.kinds import ROLLOUTS, Key, Manifest, Resource
from rollout.models.rollout import parse_time

UNSEEN = "Unknown"
"""The phase and the reason of a Rollout that no controller has looked at yet."""


class Place(NamedTuple):
    """Where one Rollout is, since when, and since when its step has been going on (Unix seconds)."""

    phase: str
    reason: str
    since: float
    step: float | None


class Census:
    """Follows the Rollouts of a store."""

    def __init__(self, store: Store, *, now: Callable[[], datetime]) -> None:
        self._now = now
        self._places: dict[Key, Place] = {}
        store.subscribe(self._changed)

    def phases(self) -> Mapping[str, int]:
        """How many Rollouts are in each phase."""
        return Counter(place.phase for place in self._places.values())

    def reasons(self) -> Mapping[str, int]:
        """How many Rollouts that are not Healthy are so for each reason: that of their `Ready` condition."""
        return Counter(place.reason for place in self._places.values() if place.phase != "Healthy")

    def oldest(self) -> Mapping[str, float]:
        """For each phase, how many seconds ago the Rollout that is in it for longest came there."""
        now, ages = self._now().timestamp(), dict[str, float]()
        for place in self._places.values():
            ages[place.phase] = max(ages.get(place.phase, 0.0), now - place.since)
        return ages

    def oldest_step(self) -> float:
        """How many seconds the step that goes on for longest has lasted; 0 where none does."""
        begun = [place.step for place in self._places.values() if place.step is not None]
        return max(self._now().timestamp() - min(begun), 0.0) if begun else 0.0

    def _changed(self, resource: Resource, key: Key, new: Manifest | None, _old: Manifest | None) -> None:
        if resource != ROLLOUTS:
            return
        if new is None:
            self._places.pop(key, None)
            return
        phase = (new.get("status") or {}).get("phase", UNSEEN)
        known = self._places.get(key)
        since = known.since if known and known.phase == phase else _since(new, known, self._now())
        self._places[key] = _place(new, phase, since)


def _place(manifest: Manifest, phase: str, since: float) -> Place:
    status = manifest.get("status") or {}
    ready = _ready(status)
    run = status.get("run") or {}
    step = (status.get("step") or {}).get("startedAt") if run.get("stage") == "Stepping" else None
    return Place(phase, ready.get("reason", UNSEEN), since, _moment(step))


def _since(manifest: Manifest, known: Place | None, now: datetime) -> float:
    """When the phase began: now, where the change to it was seen; else the latest moment that its status tells."""
    if known is not None:
        return now.timestamp()
    status = manifest.get("status") or {}
    told = (_ready(status).get("lastTransitionTime"), (status.get("run") or {}).get("since"), status.get("pausedAt"))
    moments = [moment for each in told if (moment := _moment(each)) is not None]
    return max(moments, default=now.timestamp())


def _ready(status: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((each for each in status.get("conditions") or () if each.get("type") == "Ready"), {})


def _moment(text: str | None) -> float | None:
    try:
        return parse_time(text).timestamp() if text else None
    except ValueError:
        return None  # a status that was damaged is as good as none
