"""The whole controller through bad days: named ones, and random ones.

How many random days is a Hypothesis profile, chosen by the environment variable `SIMULATION`: `dev` (the default),
`ci` (both the same days every time) or `nightly` (1,000, others every time):

    SIMULATION=nightly python -m pytest tests/simulation -q

A failing day is printed as a value. To keep it, give it a name in `tests/simulation/days.py`.
"""

import os

import pytest
from hypothesis import HealthCheck, given, note, settings

from tests.simulation.days import DAYS, DEATHS
from tests.simulation.play import played
from tests.simulation.schedule import Schedule
from tests.simulation.strategies import schedules

_SLOW = settings(deadline=None, suppress_health_check=list(HealthCheck))
_PROFILES = {
    "dev": settings(_SLOW, max_examples=15, derandomize=True, database=None),
    "ci": settings(_SLOW, max_examples=40, derandomize=True, database=None),
    "nightly": settings(_SLOW, max_examples=1_000),
}
_PROFILE = _PROFILES[os.environ.get("SIMULATION", "ci" if "CI" in os.environ else "dev")]
_NAMED = DAYS | DEATHS


@pytest.mark.parametrize("day", [pytest.param(day, id=name) for name, day in _NAMED.items()])
def test_a_day_breaks_no_promise(day: Schedule) -> None:
    trace = played(day)
    assert trace.wrongs == [], trace.told()


@_PROFILE
@given(schedules)
def test_no_day_breaks_a_promise(day: Schedule) -> None:
    trace = played(day)
    note(trace.told())
    assert trace.wrongs == []


def test_the_same_day_is_the_same_again() -> None:
    day = DAYS["errors while answers are lost"]
    assert played(day).lines == played(day).lines
