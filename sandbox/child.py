"""Servers as child processes: asked to stop before they are killed, and reached over HTTP on loopback."""

import asyncio
import os
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from sandbox.pod_process import ask_to_end, running


@asynccontextmanager
async def child(argv: Sequence[str], *, log: Path, grace: float = 5.0) -> AsyncIterator[Process]:
    """Run `argv`, its output appended to `log`; at the end ask it to stop and kill it `grace` seconds later."""
    async with running(argv, env=os.environ, log=log) as process:
        try:
            yield process
        finally:
            ask_to_end(process)
            with suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await process.wait()


async def fetch(url: str, *, timeout: float = 2.0) -> str | None:  # noqa: ASYNC109 - a limit of aiohttp's
    """Return the body of a 200 answer, None for any other and for none."""
    limit = aiohttp.ClientTimeout(total=timeout)
    try:
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as answer:
            return await answer.text() if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError):
        return None


def content(path: Path) -> str | None:
    """Return what is in a file, None if there is none."""
    return path.read_text(errors="replace") if path.exists() else None


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log, for a message."""
    return "\n".join((content(log) or "").splitlines()[-lines:]) or "(nothing was logged)"
