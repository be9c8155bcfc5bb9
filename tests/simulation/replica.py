"""One replica of the controller: it dies, and another process takes its place."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import cast

from analysis.collector import Collector
from analysis.results import Assessment
from analysis.sources import ScrapeSource
from analysis.sources.scrape import Scrape
from rollout import controller
from rollout.core.world import Settings
from rollout.kube.client import Client
from rollout.kube.events import EventRecorder
from rollout.kube.indexes import INDEXES
from rollout.kube.lease import Election, Timing
from rollout.kube.queue import Queue
from rollout.kube.store import Store
from rollout.live import Live
from rollout.metrics import Metrics
from rollout.models.kinds import Key
from tests.faults.access import kubeconfig_through
from tests.faults.proxy import FaultProxy
from tests.simulation.claims import now
from tests.simulation.knowledge import Overheard, known
from tests.simulation.objects import SCRAPE, SETTLE
from tests.simulation.witness import CONTROLLER, LEASE, Witness

TIMING = Timing(lease=30, give_up=18.0, renew=8.0, retry=4.0, call=3.0)


@dataclass
class Replica:
    """Runs controllers one after another, each with a user of its own, all through one fault proxy."""

    number: int
    proxy: FaultProxy
    metrics_url: str
    kubeconfig: Path  # one that leads to the API server
    witness: Witness
    users: dict[str, str]  # of the API server, by token
    group: asyncio.TaskGroup
    elected: bool = False
    seed: int = 0
    lives: int = 0
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def user(self) -> str:
        """Who the process that runs now, or ran last, is to the API server."""
        return f"{CONTROLLER}{self.number}.{self.lives}"

    @property
    def alive(self) -> bool:
        """Whether a process runs."""
        return self.task is not None and not self.task.done()

    def start(self) -> None:
        """Start a process with an empty memory, unless one runs."""
        if self.alive:
            return
        self.lives += 1
        token = f"token-{self.number}-{self.lives}"
        self.users[token] = self.user
        self.witness.trace.say(f"{self.user} is started")
        self.task = self.group.create_task(self._guarded(token))

    def kill(self) -> None:
        """End the process where it is; what it still says is for the gate not to hear."""
        self.witness.trace.say(f"{self.user} is killed")
        self.witness.minds.pop(self.user, None)
        self.witness.shifts.owed.pop(self.user, None)
        if self.task is not None:
            self.task.cancel()

    async def _guarded(self, token: str) -> None:
        try:
            await self._run(token)
        except Exception as error:  # noqa: BLE001 - whatever ends a controller is what the simulation looks for
            self.witness.trace.wrong(f"a controller ended: {error!r}")

    async def _run(self, token: str) -> None:
        user = self.user
        like = self.kubeconfig.with_name(f"{user}.json")
        client = await Client.connect(kubeconfig_through(self.proxy.url, self.kubeconfig, like, token=token))
        source = Scrape(
            ScrapeSource(name="proxy", urls=(self.metrics_url,), interval=SCRAPE), clock=lambda: now().timestamp()
        )
        try:
            async with client:
                await self._control(client, source, user)
        finally:
            await source.close()

    async def _control(self, client: Client, source: Scrape, user: str) -> None:
        loop = asyncio.get_running_loop()
        store, queue, metrics = Store(INDEXES), Queue[Key](), Metrics()
        chance = Random(f"{self.seed}/{user}")
        collector = controller.collecting((source,), queue, metrics, now, random=chance)
        overheard = Overheard(collector, self._listener(store, user))
        election = _election(client, user) if self.elected else None
        parts = controller.Parts(
            client=client,
            store=store,
            live=Live(store),
            queue=queue,
            collector=cast(Collector[Key], overheard),
            recorder=EventRecorder(client, now=now, instance=user),
            metrics=metrics,
            settings=Settings(settle=timedelta(seconds=SETTLE), annotation_commands=True, leader=user),
            now=now,
            leads=lambda: election is None or election.leads,
        )
        watching = controller.reflectors(client, store, None, clock=loop.time)
        if election is not None:
            await controller.run(parts, watching, election)
        async with asyncio.TaskGroup() as group:
            group.create_task(controller.watch(parts, watching))
            group.create_task(controller.act(parts, watching))

    def _listener(self, store: Store, user: str) -> Callable[[Assessment], None]:
        time = asyncio.get_running_loop().time
        return lambda results: self.witness.decides(user, known(store, results, time()))


def _election(client: Client, user: str) -> Election:
    return Election(client, namespace="default", name=LEASE, identity=user, now=now, timing=TIMING)
