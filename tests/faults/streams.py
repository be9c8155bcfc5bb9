"""What becomes of a watch's lines on their way to the client."""

import asyncio
import json
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import TypeAlias, assert_never

import aiohttp

from tests.faults.effects import GONE, GoneInStream, Late, Silence, Twice, WatchEffect

Write: TypeAlias = Callable[[bytes], Awaitable[None]]

_GONE_EVENT = {
    "type": "ERROR",
    "object": {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": GONE.message,
        "reason": GONE.reason,
        "code": GONE.status,
    },
}


async def relay(lines: AsyncIterable[bytes], write: Write, effect: WatchEffect | None, *, random: Random) -> None:
    """Write the lines as `effect` has them come; returns where the stream ends."""
    match effect:
        case None:
            async for line in lines:
                await write(line)
        case Silence(after):
            await _first(lines, write, after)
            await asyncio.Event().wait()
        case GoneInStream(after):
            await _first(lines, write, after)
            await write(json.dumps(_GONE_EVENT).encode() + b"\n")
        case Twice():
            async for line in lines:
                await write(line + line)
        case Late():
            await _late(lines, write, effect, random=random)
        case _:
            assert_never(effect)


async def _first(lines: AsyncIterable[bytes], write: Write, count: int) -> None:
    """The first `count` lines, or all of a shorter stream."""
    if count == 0:
        return
    async for line in lines:
        await write(line)
        count -= 1
        if count == 0:
            return


async def _late(lines: AsyncIterable[bytes], write: Write, effect: Late, *, random: Random) -> None:
    """Each line some time after it came, in the order in which they came: one that is held back holds up the rest."""
    loop = asyncio.get_running_loop()
    held: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()

    async def take() -> None:
        with suppress(aiohttp.ClientError):  # cut, which ends it too
            async for line in lines:
                held.put_nowait((loop.time() + random.uniform(effect.shortest, effect.longest), line))
        held.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        taking = group.create_task(take())
        with suppress(aiohttp.ClientError, OSError):  # the client has gone
            while (entry := await held.get()) is not None:
                await asyncio.sleep(entry[0] - loop.time())
                await write(entry[1])
        taking.cancel()
