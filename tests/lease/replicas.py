"""Replicas of the controller as processes of their own, each behind a fault proxy of its own."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from rollout.kube.lease import Timing
from rollout.models.kinds import LEASES
from tests.controller.harness import ERRORS, Stage, a_rollout
from tests.controller.test_commands import LONG, holding
from tests.faults.access import kubeconfig_through
from tests.faults.proxy import Exchange, FaultProxy, fault_proxy

TIMING = Timing()
TAKEOVER = TIMING.lease + 1  # seconds; what is promised
_PATIENCE = 30.0


@dataclass
class Replica:
    """One process; `name` is how its identity in the Lease begins, `log` what it said, one entry a line."""

    name: str
    process: Process
    proxy: FaultProxy
    log: list[dict[str, Any]] = field(default_factory=list)

    def kill(self) -> float:
        """End it as a node that dies does; the time."""
        self.process.kill()
        return now()

    def freeze(self) -> float:
        """Stop it where it stands; the time."""
        self.process.send_signal(signal.SIGSTOP)
        return now()

    def thaw(self) -> float:
        """Let it go on; the time."""
        self.process.send_signal(signal.SIGCONT)
        return now()

    def writes(self, *, since: float = 0.0) -> list[Exchange]:
        """What it asked to be changed since a time, the Lease and Events aside."""
        found = [each for each in self.proxy.exchanges if each.asked.write and each.at >= since]
        return [each for each in found if each.asked.plural not in {"leases", "events"}]

    def took_effect(self, *, since: float = 0.0) -> list[tuple[str, str, str]]:
        """Verb, kind and subresource of the writes since a time that the API server carried out."""
        done = [each for each in self.writes(since=since) if each.status is not None and each.status < 300]
        return [(each.asked.verb, each.asked.plural, each.asked.subresource) for each in done]

    def said(self, event: str, **fields: Any) -> dict[str, Any] | None:
        """The last thing it said of that sort, if anything."""
        wanted = {"event": event, **fields}.items()
        return next((line for line in reversed(self.log) if wanted <= line.items()), None)

    async def read(self) -> None:
        """Take in what it says until it ends."""
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"event": line.decode()})

    async def end(self) -> None:
        """Kill it, stopped or not, and wait."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


def now() -> float:
    """The loop's clock, by which exchanges are noted."""
    return asyncio.get_running_loop().time()


async def until(condition: Any, what: str, log: Sequence[Any] = ()) -> None:
    """Wait until something is so; fails with what is then in the log."""
    try:
        async with asyncio.timeout(_PATIENCE):
            while not condition():  # noqa: ASYNC110 - what is waited for is seen from outside
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never came: {what} {log or ''}") from None


@dataclass
class Team:
    """The replicas of one controller on a stage."""

    made: Stage
    stack: AsyncExitStack
    directory: Path
    replicas: list[Replica] = field(default_factory=list)

    async def start(self, name: str) -> Replica:
        """One more replica, from the moment its caches are warm."""
        made = self.made
        proxy = await self.stack.enter_async_context(fault_proxy(made.backend.url, made.backend.ca))
        through = kubeconfig_through(proxy.url, made.backend.kubeconfig(), self.directory / f"{name}.kubeconfig")
        replica = Replica(name, await self._process(name, through), proxy)
        self.stack.push_async_callback(replica.end)
        reading = asyncio.get_running_loop().create_task(replica.read())
        self.stack.push_async_callback(asyncio.wait, [reading])
        self.stack.push_async_callback(replica.end)
        self.replicas.append(replica)
        await _ready(replica)
        return replica

    async def _process(self, name: str, kubeconfig: Path) -> Process:
        sources = self.directory / "sources.yaml"
        sources.write_text(
            f"sources: [{{name: proxy, scrape: {{urls: ['{self.made.metrics_url}'], interval: 200ms}}}}]\n"
        )
        options = {
            "--kubeconfig": kubeconfig,
            "--namespace": self.made.namespace,
            "--lease-namespace": self.made.namespace,
            "--metric-sources": sources,
            "--settle": "100ms",
            "--annotation-commands": "all",
            "--api-port": 0,
            "--health-host": "127.0.0.1",
            "--health-port": 0,
        }
        command = [str(part) for option in options.items() for part in option]
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "rollout", "controller", *command, stderr=PIPE, env={**os.environ, "HOSTNAME": name}
        )

    async def holder(self) -> str:
        """The name of the replica in the Lease, empty where nobody is."""
        raw = await self.made.person.get(LEASES, self.made.namespace, f"progressive-delivery-{self.made.namespace}")
        return str(json.loads(raw)["spec"].get("holderIdentity") or "").rpartition("-")[0]

    async def passed_on(self, other: Replica) -> Replica:
        """The replica that leads after another; waits for it."""
        async with asyncio.timeout(_PATIENCE):
            while (name := await self.holder()) in {"", other.name}:  # noqa: ASYNC110 - seen from outside
                await asyncio.sleep(0.02)
        return next(each for each in self.replicas if each.name == name)


async def midway(made: Stage, replicas: Team, *others: str, strategy: Any = LONG) -> Replica:
    """The leader of a release that holds at 10 %, with others whose caches are warm."""
    leader = await replicas.start("one")
    await made.create(a_rollout(strategy=strategy, analysis={"checks": [ERRORS]}))
    await made.healthy("v1")
    for name in others:
        await replicas.start(name)
    await made.release("v2")
    await holding(made, 10)
    assert await replicas.holder() == "one"
    return leader


async def renewed(replica: Replica) -> None:
    """Wait for the next renewal of the leader, from which a takeover takes longest."""
    before = len(_renewals(replica))
    await until(lambda: len(_renewals(replica)) > before, "a renewal")


def _renewals(replica: Replica) -> list[Exchange]:
    return [each for each in replica.proxy.asked("patch", "leases") if each.status == 200]


async def _ready(replica: Replica) -> None:
    await until(lambda: replica.said("listening", name="health"), f"{replica.name} listening", replica.log)
    port = (replica.said("listening", name="health") or {})["port"]
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http, asyncio.timeout(_PATIENCE):
        while True:
            async with http.get("/readyz") as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def team(made: Stage, directory: Path) -> AsyncIterator[Team]:
    """Replicas beside the block, ended when it ends."""
    async with AsyncExitStack() as stack:
        yield Team(made, stack, directory)
