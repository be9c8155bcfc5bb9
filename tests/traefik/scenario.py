"""`python -m tests.traefik.scenario DIRECTORY [SETTLE]`: shops behind Traefik, each with releases under load.

It runs inside a network of `controlplane.network`, and leaves what happened in DIRECTORY/reports.json. With a SETTLE of
0s one can see what is lost when acceptance is taken for effect.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

from controlplane.api import Api, connected
from sandbox.child import child
from sandbox.cluster import beside
from tests.traefik.objects import neighbour
from tests.traefik.stage import Stage, stage
from tests.traefik.watching import Shop, watched

_RATE = 100  # requests per second to each shop
_PATIENCE, _LOOK = 30.0, 0.1  # seconds until what does not come counts as never, and between two looks
_LINGER = 3.0  # seconds of load after the end: who serves then, serves for good
_DEAF = 8.0  # seconds: longer than settling takes
Report = dict[str, Any]
Act = Callable[[Shop], Awaitable[None]]


async def release(shop: Shop) -> None:
    """A good version, promoted."""
    await shop.ship("v2")
    await shop.ends("Healthy", run=2)


async def abort(shop: Shop) -> None:
    """A version with errors, taken back."""
    await shop.ship("v2-bad")
    await shop.ends("Aborted", run=2)


async def third(shop: Shop) -> None:
    """A good version, and another one while that has half of the traffic."""
    await shop.ship("v2")
    await shop.until(lambda: shop.weight == 50, "50 %")
    await asyncio.sleep(3)
    await shop.ship("v4")
    await shop.ends("Healthy", run=3)


def abort_unheard(made: Stage) -> Act:
    """An abort that Traefik does not hear of for longer than settling takes: it goes on as it was told before."""

    async def act(shop: Shop) -> None:
        await shop.ship("v2")
        await shop.until(lambda: shop.weight == 50, "50 %")
        await asyncio.sleep(3)
        with made.deaf():
            await shop.kubectl("annotate", "rollout/shop", "progressive.delivery/command=abort")
            await shop.until(lambda: shop.weight == 0, "0 %")
            await asyncio.sleep(_DEAF)
        await shop.ends("Aborted", run=2)

    return act


def main(directory: Path, settle: str = "5s") -> None:
    """Play all scenarios in one cluster."""
    with stage(directory, settle=settle) as made:
        reports = asyncio.run(_play(made))
    (directory / "reports.json").write_text(json.dumps(reports))


async def _play(made: Stage) -> dict[str, Report]:
    """The scenarios side by side, each in a namespace of its own; the one with a deaf Traefik after the others."""
    config = json.loads(made.cluster.kubeconfig("admin").read_text())
    usual: Mapping[str, Act] = {act.__name__: act for act in (release, abort, third)}
    async with connected(config) as api, beside(_busy(made, api)):
        return await _all(made, api, usual) | await _all(made, api, {"unheard": abort_unheard(made)})


async def _all(made: Stage, api: Api, acts: Mapping[str, Act]) -> dict[str, Report]:
    async with asyncio.TaskGroup() as group:
        tasks = {name: group.create_task(_scenario(made, api, name=name, act=act)) for name, act in acts.items()}
    return {name: task.result() for name, task in tasks.items()}


async def _busy(made: Stage, api: Api) -> None:
    """A neighbour whose route changes all the time: then Traefik takes over other changes up to two seconds late."""
    await asyncio.to_thread(made.cluster.kubectl, "apply", "--filename=-", stdin=json.dumps(neighbour("busy.example")))
    for number in count():
        await api.merge(
            "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/neighbour",
            {"spec": {"hostnames": [f"busy-{number}.example"]}},
        )
        await asyncio.sleep(0.4)


async def _scenario(made: Stage, api: Api, *, name: str, act: Act) -> Report:
    """One shop from its opening on, with load from before the first change until some time after the last."""
    lines = made.cluster.directory / f"{name}-requests.jsonl"
    async with watched(made.cluster, api, namespace=name) as shop:
        declared = shop.seen["route"]
        await _served(made.proxy.url, f"{name}.example")
        load = (sys.executable, "-m", "sandbox.load", "--url", made.proxy.url, "--host", f"{name}.example")
        async with child([*load, "--rate", str(_RATE), "--report", str(lines)], log=lines.with_suffix(".log")):
            await asyncio.sleep(1)
            began = time.time()
            await act(shop)
            ended = time.time()
            await asyncio.sleep(_LINGER)
        requests = [json.loads(line) for line in lines.read_text().splitlines()]
    return {
        "seconds": round(ended - began, 1),
        "ended": ended,
        "status": shop.status,
        "declared": declared,
        "route": shop.seen["route"],
        "shifts": [asdict(each) for each in shop.shifts],
        "requests": requests,
    }


async def _served(url: str, host: str) -> None:
    """Wait until the proxy serves the shop."""
    async with aiohttp.ClientSession(url, headers={"Host": host}) as session:
        for _attempt in range(round(_PATIENCE / _LOOK)):
            async with session.get("/") as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(_LOOK)
    raise AssertionError(f"Traefik does not serve {host}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
