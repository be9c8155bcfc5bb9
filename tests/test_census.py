import json
from datetime import timedelta
from typing import Any

from rollout.census import Census
from rollout.kube.store import Store
from rollout.models.kinds import ROLLOUTS, Key
from tests.api.cluster import NOW, a_rollout, a_run, moving

EARLIER = "2026-05-01T13:40:00.000Z"  # six minutes before


class Counted:
    """A cache and the census of it, at a time that can pass."""

    def __init__(self) -> None:
        self.now = NOW
        self.store = Store({ROLLOUTS: {}})
        self.census = Census(self.store, now=lambda: self.now)
        self._version = 0

    def put(self, name: str, **status: Any) -> None:
        self._version += 1
        manifest = a_rollout(name, version=self._version, **status)
        self.store.put(ROLLOUTS, json.dumps(manifest).encode())

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def ready(reason: str, *, since: str = EARLIER) -> list[dict[str, Any]]:
    condition = {"type": "Ready", "status": "False", "reason": reason, "message": "", "observedGeneration": 1}
    return [condition | {"lastTransitionTime": since}]


def test_rollouts_are_counted_by_phase_and_what_is_not_healthy_by_its_reason() -> None:
    seen = Counted()
    seen.put("a", phase="Healthy", conditions=ready("Promoted"))
    seen.put("b", phase="Progressing", conditions=ready("WaitingForApproval"))
    seen.put("c", phase="Progressing", conditions=ready("WaitingForApproval"))
    seen.put("d")
    assert seen.census.phases() == {"Healthy": 1, "Progressing": 2, "Unknown": 1}
    assert seen.census.reasons() == {"WaitingForApproval": 2, "Unknown": 1}


def test_a_rollout_that_changes_or_goes_is_counted_once_or_no_more() -> None:
    seen = Counted()
    seen.put("a", phase="Progressing")
    seen.put("a", phase="Healthy")
    assert seen.census.phases() == {"Healthy": 1}
    seen.store.remove(ROLLOUTS, Key("store", "a"))
    assert (seen.census.phases(), seen.census.oldest()) == ({}, {})


def test_how_long_a_phase_lasts_is_told_by_the_status_where_nobody_saw_it_begin() -> None:
    seen = Counted()
    seen.put("a", phase="Stalled", conditions=ready("Invalid"))
    seen.put("b", phase="Progressing", run=a_run(since="2026-05-01T13:45:00.000Z"), conditions=ready("Holding"))
    assert seen.census.oldest() == {"Stalled": 360.0, "Progressing": 60.0}


def test_a_phase_that_was_seen_to_begin_is_as_old_as_that() -> None:
    seen = Counted()
    seen.put("a", phase="Progressing", conditions=ready("Holding"))
    seen.wait(10)
    seen.put("a", phase="Paused", conditions=ready("Paused"))
    seen.wait(5)
    seen.put("a", phase="Paused", conditions=ready("Paused"), message="still")
    assert seen.census.oldest() == {"Paused": 5.0}


def test_of_many_in_one_phase_the_oldest_counts() -> None:
    seen = Counted()
    for name, minute in (("a", 44), ("b", 41), ("c", 45)):
        seen.put(name, phase="Aborted", conditions=ready("Aborted", since=f"2026-05-01T13:{minute}:00.000Z"))
    assert seen.census.oldest() == {"Aborted": 300.0}


def test_the_oldest_step_is_one_that_goes_on() -> None:
    seen = Counted()
    assert seen.census.oldest_step() == 0.0
    step = {**moving()["status"]["step"], "startedAt": EARLIER}
    seen.put("a", phase="Progressing", run=a_run(), step=step)
    assert seen.census.oldest_step() == 360.0
    seen.put("a", phase="Aborting", run=a_run("Aborting"), step=step)
    assert seen.census.oldest_step() == 0.0


def test_a_status_that_was_damaged_is_as_good_as_none() -> None:
    seen = Counted()
    seen.put("a", phase="Stalled", conditions=ready("Invalid", since="yesterday"))
    assert seen.census.oldest() == {"Stalled": 0.0}
