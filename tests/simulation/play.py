"""Plays a schedule in simulated time: the real controller, real HTTP, and everybody who is unkind to it."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from structlog.typing import EventDict, WrappedLogger

from tests.kube import fake_time
from tests.simulation import objects
from tests.simulation.acting import act
from tests.simulation.ending import end
from tests.simulation.schedule import Ask, Begin, Release, Schedule
from tests.simulation.simulation import Simulation, simulation
from tests.simulation.trace import Trace

_FAULTS = {"reconcile failed", "check could not be read"}
_EVENING = 45.0  # simulated seconds in which the last action may do its harm
_REACH = 900.0  # simulated seconds until the day begins wherever it stands


def played(schedule: Schedule) -> Trace:
    """What happened; the same schedule gives the same trace."""
    state = random.getstate()
    random.seed(schedule.setup.seed)
    try:
        with TemporaryDirectory() as directory:
            return fake_time.run(play(schedule, Path(directory)))
    finally:
        random.setstate(state)
        structlog.reset_defaults()


async def play(schedule: Schedule, directory: Path) -> Trace:
    """Play it on the running loop; ends early when a promise was broken."""
    async with simulation(schedule.setup, directory) as made:
        structlog.configure(processors=[_heard_by(made.trace)])
        await begin(made)
        for event in schedule.events:
            await asyncio.sleep(event.gap)
            if made.trace.wrongs:
                return made.trace
            await act(made, event.action)
        await asyncio.sleep(_EVENING)
        await end(made, schedule)
        return made.trace


async def begin(made: Simulation) -> None:
    """Come to where the day begins."""
    for replica in made.replicas:
        replica.start()
    await asyncio.sleep(5)
    await made.create(objects.rollout(made.setup))
    wanted = made.setup.begin
    if wanted is Begin.FIRST:
        return
    await made.until(lambda: made.truth.status.get("phase") == "Healthy", within=_REACH)
    if wanted is Begin.SETTLED:
        return
    await act(made, Release("v2"))
    stage = "Baking" if wanted is Begin.BAKING else "Stepping"
    await made.until(lambda: made.truth.run.get("stage") == stage and _has_traffic(made), within=_REACH)
    if wanted is Begin.ABORTING:
        await act(made, Ask("abort"))
        await made.until(lambda: made.truth.run.get("stage") == "Aborting", within=_REACH)


def _has_traffic(made: Simulation) -> bool:
    """Whether the new version has been given any; a preview never has."""
    share = made.truth.shares().get(made.truth.run.get("revision", ""), 0)
    return share > 0 or "blueGreen" in str(made.setup.shape)


def _heard_by(trace: Trace) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    """A log goes into the trace; what a controller calls a fault of its own breaks a promise."""

    def hear(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if event["event"] in _FAULTS:
            trace.wrong(f"a fault in the program: {event.pop('exc_info', '')} {event}")
        else:
            trace.say(f"log: {event}")
        raise structlog.DropEvent

    return hear
