"""`python -m bench.listeners`: what the open pages of a dashboard cost the controller: time of a release, and memory.

One release of five steps on the sandbox with nobody looking, and one with that many event streams open and read, each
by a controller process of its own, in turn.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import aiohttp
import typer

from bench.process import Controller, controlling
from bench.shops import reached, shops
from tests.backends import Ground
from tests.controller.harness import stage

_SCRAPE = "1s"
_EVERY = 0.2  # seconds between two looks at the memory
app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@dataclass(frozen=True, kw_only=True)
class Release:
    """One release: streams that were open, seconds it took, memory in MB before they were opened and at most, and the
    events that all streams together were sent."""

    streams: int
    seconds: float
    before: float
    most: float
    events: int


@app.command()
def main(
    streams: Annotated[int, typer.Option(min=1, max=1000, help="Event streams to keep open.")] = 50,
    runs: Annotated[int, typer.Option(min=1, max=50, help="Releases with and without them.")] = 3,
) -> None:
    """Run the releases, print each, and what the streams made of it."""
    found = [_printed(asyncio.run(_release(count))) for _ in range(runs) for count in (0, streams)]
    without, with_ = ([each for each in found if bool(each.streams) is looked_at] for looked_at in (False, True))
    print(f"a release: {_seconds(without):.2f} s alone, {_seconds(with_):.2f} s with {streams} streams (medians)")
    print(f"memory grew by {_growth(without):.1f} MB alone, {_growth(with_):.1f} MB with them (most of {runs})")


def _printed(release: Release) -> Release:
    print(json.dumps(asdict(release)), flush=True)
    return release


def _seconds(found: list[Release]) -> float:
    return median(each.seconds for each in found)


def _growth(found: list[Release]) -> float:
    return max(each.most - each.before for each in found)


async def _release(streams: int) -> Release:
    with tempfile.TemporaryDirectory(prefix="rollout-listeners-") as name:
        async with (
            stage(Ground(Path(name))) as made,
            controlling(made, Path(name), interval=_SCRAPE) as controller,
        ):
            shop = shops(made, 1)
            await shop.create()
            before = controller.memory()
            async with _listening(controller, streams) as heard, _watching(controller) as memory:
                began = time.monotonic()
                await shop.release("v2")
                took = time.monotonic() - began
            return Release(
                streams=streams, seconds=round(took, 2), before=before, most=max(memory), events=sum(heard.values())
            )


@asynccontextmanager
async def _listening(controller: Controller, count: int) -> AsyncIterator[dict[int, int]]:
    """Streams that are open and read during the block, and how many events each was sent."""
    heard: dict[int, int] = dict.fromkeys(range(count), 0)
    url = f"http://127.0.0.1:{await controller.port('api')}/api/v1/events"
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector, raise_for_status=True) as session,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(_listen(session, url, number, heard)) for number in heard]
        await reached(lambda: all(heard.values()), "an event on every stream")
        yield heard
        for task in tasks:
            task.cancel()


async def _listen(session: aiohttp.ClientSession, url: str, number: int, heard: dict[int, int]) -> None:
    async with session.get(url, timeout=aiohttp.ClientTimeout(total=None)) as answer:
        async for line in answer.content:
            heard[number] += line.startswith(b"event:")


@asynccontextmanager
async def _watching(controller: Controller) -> AsyncIterator[list[float]]:
    """The controller's memory during the block, in MB."""
    seen = [controller.memory()]

    async def look() -> None:
        while True:
            await asyncio.sleep(_EVERY)
            seen.append(controller.memory())

    async with asyncio.TaskGroup() as group:
        task = group.create_task(look())
        yield seen
        task.cancel()


if __name__ == "__main__":
    app()
