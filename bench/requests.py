"""What the controller asks of the API server: for one release of five steps, for many at once, and at rest."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench import budgets
from bench.budgets import Count
from bench.journal import Journal, is_write, journal
from bench.process import controlling
from bench.shops import HOLD, PATIENCE, Entry, Shops, reached, shops
from controlplane.audit import Asked
from tests.backends import Ground
from tests.controller.harness import stage

_SCRAPE = "2s"  # metrics that come late on a busy machine are a transition too, and would be counted
_QUIET = 3.0  # seconds in which whatever was still to be written is written


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Everything that was asked in one phase, by one number of Rollouts."""

    name: str
    rollouts: int
    requests: tuple[Asked, ...]


@dataclass(frozen=True, kw_only=True)
class Costs:
    """The phases, and what the budgets speak of."""

    phases: tuple[Phase, ...]
    counts: tuple[Count, ...]


async def costs(ground: Ground, *, many: int, rest: float) -> Costs:
    """Release one Rollout, then `many` at once, and leave those alone for `rest` seconds."""
    async with _shops(ground, 1, "one") as (one, asked):
        created = await _phase("creating one", one, asked, one.create())
        released = await _phase("releasing one", one, asked, one.release("v2"))
        steps = entering(one.entries, released.requests)
    async with _shops(ground, many, "many") as (all_of_them, asked):
        await all_of_them.create()
        at_once = await _phase(f"releasing {many} at once", all_of_them, asked, all_of_them.release("v2"))
        together = entering(all_of_them.entries, at_once.requests)
        idle = await _phase(f"{many} at rest, {rest:.0f} s", all_of_them, asked, asyncio.sleep(rest))
    return Costs(
        phases=(created, released, at_once, idle),
        counts=(
            _settled(created),
            *_entering("one release", steps),
            *_entering(f"{many} at once", together),
            _reads(released),
            _reads(at_once),
            _resting(idle),
        ),
    )


@asynccontextmanager
async def _shops(ground: Ground, count: int, name: str) -> AsyncIterator[tuple[Shops, Journal]]:
    directory = ground.directory / name
    directory.mkdir()
    async with stage(Ground(directory, ground.control_plane)) as made:
        asked = journal(made.backend)
        async with controlling(made, directory, interval=_SCRAPE):
            await _watches(asked)
            yield shops(made, count), asked


async def _watches(asked: Journal) -> None:
    """Wait until the controller has listed everything and holds the lease; raises TimeoutError."""
    await reached(lambda: any(each.verb == "watch" for each in asked.controller()), "a first watch")
    count = 0
    async with asyncio.timeout(PATIENCE):
        while count != (count := sum(each.resource != "leases" for each in asked.controller())):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(_QUIET)


async def _phase(name: str, of: Shops, asked: Journal, work: Awaitable[None]) -> Phase:
    since = time.time()
    await work
    until = time.time()
    await asyncio.sleep(_QUIET)  # the writes that follow, and the log, which is a little behind
    counted = asked.controller(since=since, until=until + _QUIET / 2)
    return Phase(name=name, rollouts=len(of.names), requests=tuple(counted))


@dataclass(frozen=True, kw_only=True)
class Entering:
    """The writes for one Rollout to enter one step."""

    writes: tuple[Asked, ...]

    @property
    def scales(self) -> bool:
        """Whether a Deployment was among them."""
        return any(each.resource == "deployments" for each in self.writes)


def entering(entries: Mapping[tuple[str, int], Entry], requests: Sequence[Asked]) -> tuple[Entering, ...]:
    """What each step took, by Rollout and index, but for the first, which begins the run, and the last, which ends it.

    What is written later in a step, such as numbers, does not count.
    """
    last = max(index for _, index in entries)
    return tuple(
        Entering(writes=tuple(each for each in requests if is_write(each) and _belongs(each, name, entry)))
        for (name, index), entry in sorted(entries.items())
        if 0 < index < last
    )


def _belongs(each: Asked, rollout: str, entry: Entry) -> bool:
    concerned = each.name == rollout or each.name.startswith(f"{rollout}-")
    return concerned and entry.started <= each.received < entry.entered + HOLD / 2


def _entering(where: str, steps: tuple[Entering, ...]) -> tuple[Count, Count]:
    return (
        Count(
            name=f"{where}: writes to enter a step by weight alone",
            counted=tuple(len(each.writes) for each in steps if not each.scales),
            budget=budgets.STEP,
        ),
        Count(
            name=f"{where}: writes to enter a step with scaling",
            counted=tuple(len(each.writes) for each in steps if each.scales),
            budget=budgets.STEP_WITH_SCALING,
        ),
    )


def _settled(created: Phase) -> Count:
    writes = [each for each in created.requests if is_write(each) and each.resource != "rolloutruns"]
    return Count(
        name="writes to create one settled Rollout, its run apart", counted=(len(writes),), budget=budgets.SETTLED
    )


def _reads(released: Phase) -> Count:
    reads = [each for each in released.requests if each.verb in ("get", "list")]
    return Count(name=f"{released.name}: reads", counted=(len(_besides_the_lease(reads)),), budget=budgets.READS)


def _resting(idle: Phase) -> Count:
    others = [each for each in idle.requests if each.verb != "watch"]
    return Count(
        name=f"{idle.name}: requests besides watches and the lease",
        counted=(len(_besides_the_lease(others)),),
        budget=budgets.AT_REST,
    )


def _besides_the_lease(requests: list[Asked]) -> list[Asked]:
    return [each for each in requests if each.resource != "leases"]
