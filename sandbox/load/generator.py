"""Requests at a steady rate, whatever becomes of them, from clients of several kinds."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol

from sandbox.load.answers import Answer, Lost, Result
from sandbox.load.report import Report

TIMEOUT_SECONDS = 10.0


class Client(Protocol):
    """Who sends requests."""

    async def get(self, path: str) -> Answer:
        """Return the answer; raises Lost."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is sent: `rate` requests a second, `slow_share` (0 to 1) of them to `/slow`, a second in flight.

    `shares` are the clients' parts of the traffic, in any unit; `seconds` ends it, None only `stop`.
    """

    rate: float
    slow_share: float
    shares: Mapping[str, float]
    seconds: float | None = None
    seed: int = 1


async def generate(plan: Plan, clients: Mapping[str, Client], report: Report, stop: asyncio.Event) -> None:
    """Send requests until the plan's end or `stop`, and return when the last has ended.

    An open loop, as users are: a slow or broken server does not make the next request wait.
    """
    chance = Random(plan.seed)  # noqa: S311 - a choice of requests, not a secret
    names = tuple(plan.shares)
    loop = asyncio.get_running_loop()
    begin, number = loop.time(), 0
    async with asyncio.TaskGroup() as group:
        while not stop.is_set() and not _over(plan, number):
            (name,) = chance.choices(names, weights=tuple(plan.shares.values()))
            path = "/slow?seconds=1" if chance.random() < plan.slow_share else "/"
            group.create_task(_request(name, clients[name], path, report))
            number += 1
            await _until(begin + number / plan.rate, loop.time, stop)
    for client in clients.values():
        await client.close()


def _over(plan: Plan, number: int) -> bool:
    return plan.seconds is not None and number >= plan.seconds * plan.rate


async def _until(due: float, now: Callable[[], float], stop: asyncio.Event) -> None:
    await asyncio.sleep(0)
    wait = due - now()
    if wait > 0:
        await _first(stop.wait(), wait)


async def _first(event: Awaitable[object], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event
    except TimeoutError:
        return


async def _request(name: str, client: Client, path: str, report: Report) -> None:
    at, begin, answer, why = time.time(), time.perf_counter(), None, ""
    report.sent(name)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            answer = await client.get(path)
    except Lost as lost:
        why = str(lost)
    except TimeoutError:
        why = f"timeout: no answer within {TIMEOUT_SECONDS:g} s"
    report.ended(Result(at=at, seconds=time.perf_counter() - begin, client=name, answer=answer, why=why))
