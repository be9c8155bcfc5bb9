"""A sandbox, its metric source, the controllers with their fault proxies, and the people, all in one loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from rollout.models.definitions import DEFINITIONS, manifest
from rollout.models.kinds import DEPLOYMENTS, HTTP_ROUTES, INGRESSES, ROLLOUTS, SERVICES, Resource
from sandbox.cluster import Cluster, cluster
from sandbox.settings import Settings
from tests.faults.proxy import fault_proxy
from tests.simulation import objects
from tests.simulation.claims import now
from tests.simulation.gate import Gate
from tests.simulation.objects import NAMESPACE
from tests.simulation.replica import Replica
from tests.simulation.schedule import Setup, Shape
from tests.simulation.sky import Weather, weather
from tests.simulation.trace import Trace
from tests.simulation.truth import Truth
from tests.simulation.witness import Witness

GATEWAYS = Resource("gateway.networking.k8s.io", "v1", "gateways", "Gateway")
RESOURCES = {each.kind: each for each in (DEPLOYMENTS, GATEWAYS, HTTP_ROUTES, INGRESSES, ROLLOUTS, SERVICES)}
_CRDS = tuple(map(manifest, DEFINITIONS))
_PATCHES: dict[type, str] = {dict: "application/merge-patch+json", list: "application/json-patch+json"}


@dataclass
class Simulation:
    """What a schedule acts on."""

    setup: Setup
    cluster: Cluster
    truth: Truth
    weather: Weather
    trace: Trace
    witness: Witness
    gate: Gate
    group: asyncio.TaskGroup
    http: ClientSession
    replicas: list[Replica] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)  # commands and releases, by verb
    accepted: list[str] = field(default_factory=list)  # ids of the commands that the API server took into the status

    async def create(self, manifest: dict[str, Any]) -> None:
        """Create an object as a person would; one that is there stays."""
        url = self.cluster.url + RESOURCES[manifest["kind"]].path(NAMESPACE)
        async with self.http.post(url, json=manifest) as answer:
            assert answer.status in (201, 409), await answer.text()

    async def patch(self, kind: str, change: Any, *, agent: str = "kubectl") -> None:
        """Merge a mapping into an object, or apply a JSON patch; one that is gone stays so."""
        headers = {"Content-Type": _PATCHES[type(change)], "User-Agent": f"{agent}/1.0"}
        url = self.cluster.url + RESOURCES[kind].path(NAMESPACE, "shop")
        async with self.http.patch(url, json=change, headers=headers) as answer:
            assert answer.status in (200, 404), await answer.text()

    async def add_command(self, command: dict[str, str]) -> None:
        """One more entry in the status, as the API writes it: again and again until nobody was faster."""
        headers = {"Content-Type": _PATCHES[list], "User-Agent": "api/1.0"}
        url = self.cluster.url + RESOURCES["Rollout"].path(NAMESPACE, "shop") + "/status"
        while (rollout := self.truth.get("rollouts")) is not None:
            async with self.http.patch(url, json=_addition(rollout, command), headers=headers) as answer:
                if answer.status != 409:
                    assert answer.status in (200, 404), await answer.text()
                    self.accepted.append(command["id"])
                    return

    async def delete(self, kind: str, name: str = "shop") -> None:
        """Delete an object as a person would."""
        async with self.http.delete(self.cluster.url + RESOURCES[kind].path(NAMESPACE, name)) as answer:
            assert answer.status in (200, 202, 404), await answer.text()

    async def until(self, condition: Callable[[], bool], *, within: float) -> bool:
        """Whether it came true within so many simulated seconds."""
        end = asyncio.get_running_loop().time() + within
        while not condition():
            if self.trace.wrongs or asyncio.get_running_loop().time() >= end:
                return False
            await asyncio.sleep(1)
        return True

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something in so many seconds."""
        asyncio.get_running_loop().call_later(seconds, do)

    def counted(self, verb: str) -> int:
        """How often something was asked for; a number of its own for the next time."""
        self.asked[verb] = self.asked.get(verb, 0) + 1
        return self.asked[verb]


def _addition(rollout: Mapping[str, Any], command: dict[str, str]) -> list[dict[str, Any]]:
    status, version = rollout.get("status"), rollout["metadata"]["resourceVersion"]
    commands = [*((status or {}).get("commands") or ()), command]
    added = (
        {"path": "/status/commands", "value": commands}
        if status
        else {"path": "/status", "value": {"commands": commands}}
    )
    return [{"op": "replace", "path": "/metadata/resourceVersion", "value": version}, {"op": "add", **added}]


@asynccontextmanager
async def simulation(setup: Setup, directory: Path) -> AsyncIterator[Simulation]:
    """Everything beside the block, and no Rollout yet; controllers are cancelled at its end."""
    settings = Settings(
        directory=directory,
        seed=setup.seed,
        processes=False,
        gateway=False,
        prometheus=False,
        start_delay=(0.2, 3.0),
        endpoints_lag=(0.05, 0.8),
        proxy_lag=(0.05, 1.5),
        bookmark_interval=60.0,
    )
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(cluster(settings, now=now))
        truth, trace = Truth(running.storage), Trace()
        witness = Witness.of(truth, trace)
        witness.claims.routed, witness.elected = setup.routed, setup.controllers > 1
        witness.conduct.routed, witness.conduct.weights = setup.routed, objects.WEIGHTS
        witness.claims.weights = objects.WEIGHTS if setup.shape is Shape.CANARY else ()
        gate = Gate(witness)
        running.api.intercept, running.api.after = gate.before, gate.after
        for definition in _CRDS:
            running.storage.create("customresourcedefinitions", definition)
        running.storage.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        sky = await stack.enter_async_context(weather(truth, lag=setup.lag))
        http = await stack.enter_async_context(ClientSession())
        stack.enter_context(witness.watching())
        made = Simulation(
            setup=setup,
            cluster=running,
            truth=truth,
            weather=sky,
            trace=trace,
            witness=witness,
            gate=gate,
            group=asyncio.TaskGroup(),
            http=http,
        )
        await _declared(made)
        async with made.group, AsyncExitStack() as proxies:
            for number in range(setup.controllers):
                proxy = await proxies.enter_async_context(fault_proxy(running.url, seed=setup.seed + number))
                made.replicas.append(_replica(made, number, proxy))
            try:
                yield made
            finally:
                await _end(made.replicas)


async def _declared(made: Simulation) -> None:
    await made.create(objects.GATEWAY)
    await made.create(objects.SERVICE)
    await made.create(objects.route(made.setup))
    if made.setup.adopted:
        await made.create(objects.deployment(made.setup))


def _replica(made: Simulation, number: int, proxy: Any) -> Replica:
    return Replica(
        number=number,
        proxy=proxy,
        metrics_url=made.weather.url,
        kubeconfig=made.cluster.kubeconfig,
        witness=made.witness,
        users=made.cluster.api.users,
        group=made.group,
        elected=made.setup.controllers > 1,
        seed=made.setup.seed,
    )


async def _end(replicas: list[Replica]) -> None:
    tasks = [each.task for each in replicas if each.task is not None]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
