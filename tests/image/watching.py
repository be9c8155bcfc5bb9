"""What became of the releases, as the API server tells it."""

import asyncio
from typing import Any

import aiohttp

from rollout.models.kinds import ROLLOUT_RUNS

_PATIENCE = 240.0  # seconds until releases that do not end have failed


async def outcomes(port: int, *, runs: int) -> list[tuple[str, str]]:
    """Image and outcome of the first runs, once so many have ended."""
    url = f"http://127.0.0.1:{port}{ROLLOUT_RUNS.path('shop')}"
    async with asyncio.timeout(_PATIENCE), aiohttp.ClientSession() as session:
        while True:
            async with session.get(url) as answer:
                items = (await answer.json()).get("items") or [] if answer.status == 200 else []
            ended = [run for run in sorted(items, key=_number) if (run.get("status") or {}).get("outcome")]
            if len(ended) >= runs:
                return [_told(run) for run in ended[:runs]]
            await asyncio.sleep(1)


def _number(run: dict[str, Any]) -> int:
    return int(run["metadata"]["name"].rpartition("-")[2])


def _told(run: dict[str, Any]) -> tuple[str, str]:
    return run["spec"]["template"]["spec"]["containers"][0]["image"], run["status"]["outcome"].lower()


async def page(port: int) -> tuple[int, str]:
    """Status and type of what a browser gets first."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/") as answer:
        return answer.status, answer.content_type
