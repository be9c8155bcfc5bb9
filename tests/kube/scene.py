"""The client, the reflector and the store before the sandbox's API server, in leaping time behind a fault proxy."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rollout.kube.client import Client
from rollout.kube.errors import ApiError
from rollout.kube.reflector import Reflector
from rollout.kube.store import Store
from rollout.kube.wire import head_of
from rollout.models.kinds import Key, Manifest, Resource
from sandbox.apiserver import ApiServer
from sandbox.settings import Settings
from sandbox.storage import Storage
from tests.faults import leaping
from tests.faults.access import Certificate, kubeconfig_through
from tests.faults.effects import Effect
from tests.faults.proxy import FaultProxy, fault_proxy
from tests.faults.rules import Match, Rule

MAPS = Resource("", "v1", "configmaps", "ConfigMap")
TOKEN = "sesame-open-up"
TIMEOUT = 10.0  # the client's own, for each call
NEVER = 2_000.0  # seconds within which everything ends


def a_map(name: str = "a", **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}


@dataclass
class Scene:
    """An API server with config maps, the proxy before it, and the real client through that."""

    storage: Storage
    proxy: FaultProxy
    client: Client
    store: Store
    told: list[tuple[str, str | None]] = field(default_factory=list)  # name and version; None: removed

    @property
    def names(self) -> list[str]:
        return [key.name for key in self.store.keys(MAPS)]

    @property
    def lists(self) -> int:
        return len(self.proxy.asked("list", "configmaps"))

    @property
    def watches(self) -> int:
        return len(self.proxy.asked("watch", "configmaps"))

    def suffer(self, effect: Effect, match: Match | None = None) -> None:
        self.proxy.rules = (Rule(match or Match(), effect),)

    def write(self, name: str, **data: str) -> None:
        """Create or change a config map behind everybody's back."""
        if self.storage.get("configmaps", "default", name) is None:
            self.storage.create("configmaps", a_map(name, **data))
            return
        self.storage.mutate("configmaps", "default", name, lambda obj: obj.update(data=data))

    def is_true(self) -> bool:
        """Whether the store holds what the API server holds."""
        held = {key.name: head_of(self.store.raw(MAPS, key) or b"").version for key in self.store.keys(MAPS)}
        real = self.storage.list("configmaps", "default")
        return held == {each["metadata"]["name"]: int(each["metadata"]["resourceVersion"]) for each in real}

    async def until(self, what: Any) -> None:
        async with asyncio.timeout(NEVER):
            while not what():  # noqa: ASYNC110 - what is waited for is seen from outside
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def reflecting(self) -> AsyncIterator[Reflector]:
        """A reflector with its ordinary patience beside the block, its clock the loop's."""
        loop = asyncio.get_running_loop()
        reflector = Reflector(self.client, MAPS, self.store, namespace="default", clock=loop.time, jitter=lambda s: s)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(reflector.run())
            yield reflector
            task.cancel()

    def note(self, _: Resource, key: Key, new: Manifest | None, _old: Manifest | None) -> None:
        self.told.append((key.name, str(new["metadata"]["resourceVersion"]) if new else None))


@asynccontextmanager
async def scene(directory: Path, certificate: Certificate | None = None) -> AsyncIterator[Scene]:
    storage = Storage(seed=1)
    async with ApiServer(storage, Settings(directory=directory)) as api:
        api.users[TOKEN] = "controller"
        own = api.write_kubeconfig(directory / "own", token=TOKEN)
        async with fault_proxy(api.url, certificate=certificate) as proxy:
            ca = certificate.ca if certificate else None
            through = kubeconfig_through(proxy.url, own, directory / "through", ca=ca)
            async with await Client.connect(through, timeout_seconds=TIMEOUT) as client:
                made = Scene(storage, proxy, client, Store({MAPS: {}}))
                made.store.subscribe(made.note)
                yield made


def play(acting: Coroutine[Any, Any, None]) -> None:
    leaping.run(acting)


async def failure_of(call: Coroutine[Any, Any, Any]) -> ApiError:
    """The error a call ends in, in time."""
    loop = asyncio.get_running_loop()
    before = loop.time()
    with pytest.raises(ApiError) as caught:
        await call
    assert loop.time() - before <= TIMEOUT + 0.1
    return caught.value
