"""A whole sandbox: open it, use it over HTTP, and nothing of it is left when the block ends, however it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox import deployments, endpoints, garbage, gateway, kubelet, prometheus, replicasets
from sandbox.apiserver import ApiServer, Requests
from sandbox.gateway import Gateway
from sandbox.pod_status import NEVER_READY
from sandbox.settings import Settings
from sandbox.storage import Object, Storage, utc_now


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A running sandbox. `gateway` is None without a proxy, `prometheus_url` without Prometheus."""

    settings: Settings
    storage: Storage
    api: ApiServer
    kubeconfig: Path
    gateway: Gateway | None
    prometheus_url: str | None

    @property
    def url(self) -> str:
        """The API server's address."""
        return self.api.url

    @property
    def requests(self) -> Requests:
        """What the API server was asked."""
        return self.api.requests

    @property
    def gateway_url(self) -> str | None:
        """Where requests for all Gateways go."""
        return self.gateway.url if self.gateway else None

    @property
    def proxy_metrics_url(self) -> str | None:
        """Where the proxy's metrics are."""
        return self.gateway.metrics_url if self.gateway else None

    def set_ready(self, namespace: str, pod: str, ready: bool) -> None:  # noqa: FBT001 - it is what is set
        """Let a pod become unready, or ready again; KeyError if there is no such pod. The kubelet follows soon."""

        def write(obj: Object) -> None:
            obj["metadata"].setdefault("annotations", {})[NEVER_READY] = "false" if ready else "true"

        if self.storage.mutate("pods", namespace, pod, write) is None:
            raise KeyError(f"{namespace}/{pod}")


@asynccontextmanager
async def cluster(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> AsyncIterator[Cluster]:
    """Run a sandbox beside the block, from the moment everything in it answers; `now` is what its objects are stamped.

    What the block raises is raised as it is; if a part of the sandbox fails, the block is cancelled, and an
    ExceptionGroup is raised.
    """
    settings.directory.mkdir(parents=True, exist_ok=True)
    storage = Storage(seed=settings.seed, now=now)
    async with ApiServer(storage, settings) as api, beside(*_controllers(storage, settings)), AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(_proxy(storage, settings))
        yield Cluster(
            settings=settings,
            storage=storage,
            api=api,
            kubeconfig=api.write_kubeconfig(settings.directory / "kubeconfig"),
            gateway=proxy,
            prometheus_url=await stack.enter_async_context(_metrics(storage, settings, proxy)),
        )


def _controllers(storage: Storage, settings: Settings) -> tuple[Coroutine[Any, Any, None], ...]:
    return (
        garbage.run(storage, settings),
        deployments.run(storage),
        replicasets.run(storage),
        kubelet.run(storage, settings),
        endpoints.run(storage, settings),
    )


@asynccontextmanager
async def _proxy(storage: Storage, settings: Settings) -> AsyncIterator[Gateway | None]:
    """Run the gateway beside the block, from the moment it answers."""
    if not settings.gateway:
        async with beside(gateway.virtual.run(storage, settings)):
            yield None
        return
    running: asyncio.Future[Gateway] = asyncio.get_running_loop().create_future()
    async with beside(gateway.run(storage, settings, ready=running.set_result)):
        yield await running


@asynccontextmanager
async def _metrics(storage: Storage, settings: Settings, proxy: Gateway | None) -> AsyncIterator[str | None]:
    """Run Prometheus beside the block, if there is one, from the moment it answers; or describe it for another."""
    scraped = proxy.metrics_url if proxy else None
    if settings.prometheus_files:
        with prometheus.described(storage, settings, proxy=scraped):
            yield None
        return
    program = prometheus.installed() if settings.prometheus else None
    if program is None:
        yield None
        return
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with beside(prometheus.run(storage, settings, program=program, proxy=scraped, ready=url.set_result)):
        yield await url


@asynccontextmanager
async def beside(*components: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run components until the block ends; what the block raises is raised as it is, and not as an ExceptionGroup."""
    failure: BaseException | None = None
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(component) for component in components]
        try:
            yield
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised again below, outside of the group that would wrap it
            failure = error
        for task in tasks:
            task.cancel()
    if failure is not None:
        raise failure
