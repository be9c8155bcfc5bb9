"""The Gateway controller with a real Envoy: routes and endpoints reach it a random lag after each change."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from pathlib import Path
from random import Random

import structlog

from sandbox.child import tail
from sandbox.envoy import Envoy, Files, envoy, lowest_port
from sandbox.gateway import virtual
from sandbox.gateway.backends import service_port
from sandbox.gateway.translation import translate
from sandbox.reading import follow, key_of
from sandbox.settings import Settings
from sandbox.storage import Object, Storage
from sandbox.workqueue import Workqueue, work

_ROUTING = (*virtual.ROUTES, "gateways", "gatewayclasses", "referencegrants", "ingresses")
_BACKENDS = ("services", "endpointslices")
# For how long what is in flight to a Service that was deleted can still end.
_LINGER_SECONDS = 3.0
# Envoy has read a file by then.
_REVIEW_SECONDS = 0.5
logger = structlog.get_logger()


class _News(Enum):
    """What the proxy may have to learn."""

    ROUTING = auto()
    BACKENDS = auto()


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """Where a running gateway is reached: its one address for all Gateways, its counters, its access log.

    The access log has one JSON object per line and request: `start` (seconds since the epoch, as a string), `code`,
    `flags`, `cluster`, `host`, `version`, `duration_ms`, `protocol`, `path`; it is at most 0.2 s behind.
    """

    url: str
    metrics_url: str
    access_log: Path


async def run(storage: Storage, settings: Settings, *, ready: Callable[[Gateway], None]) -> None:
    """Serve all Gateways of our classes, and every Service at its ClusterIP, until cancelled.

    `ready` is called once, when requests are answered. Raises EnvoyFailed if Envoy is missing, does not start or ends.
    """
    directory = settings.directory / "gateway"
    virtual.offer_class(storage)
    knowledge = _Knowledge(storage, Files(directory))
    async with (
        envoy(
            directory,
            knowledge.files,
            port=settings.gateway_port,
            admin_port=settings.proxy_metrics_port,
            access_log=settings.access_log,
        ) as proxy,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(virtual.run(storage, settings))
        courier = _Courier(storage, settings, knowledge=knowledge, proxy=proxy)
        group.create_task(courier.run())
        group.create_task(courier.review())
        group.create_task(proxy.ended())
        ready(Gateway(url=proxy.url, metrics_url=proxy.metrics_url, access_log=proxy.access_log))


def service_url(service: Object, port: int) -> str:
    """Return where a port of a Service with a ClusterIP is served to callers inside the cluster."""
    return f"http://{service['spec']['clusterIP']}:{service_port(port, lowest_port=lowest_port())}"


class _Knowledge:
    """What the proxy knows: routes and backends as they were when they last reached it."""

    def __init__(self, storage: Storage, files: Files) -> None:
        self.files = files
        self._storage = storage
        self._lowest_port = lowest_port()
        self._read_routing()
        self._read_backends()
        self._write()

    def learn_routing(self) -> None:
        """Bring the proxy up to date about routes and Gateways."""
        self._read_routing()
        self._write()

    def learn_backends(self) -> None:
        """Bring the proxy up to date about Services and their endpoints."""
        self._read_backends()
        self._write()

    def _write(self) -> None:
        config = translate(
            routes=self._routes,
            gateways=self._gateways,
            referencegrants=self._grants,
            ingresses=self._ingresses,
            services=self._services,
            endpointslices=self._slices,
            endpoints=str(self.files.endpoints),
            lowest_port=self._lowest_port,
        )
        self.files.write(config, now=time.monotonic())

    def _read_routing(self) -> None:
        self._routes = [obj for plural in virtual.ROUTES for obj in self._read(plural)]
        self._gateways = virtual.our_gateways(self._storage)
        self._grants = self._read("referencegrants")
        self._ingresses = self._read("ingresses")

    def _read_backends(self) -> None:
        self._services = self._read("services")
        self._slices = self._read("endpointslices")

    def _read(self, plural: str) -> list[Object]:
        # The objects belong to the storage, which replaces and never changes them: these stay as they were.
        return [record.object for record in self._storage.records(plural)]


class _Courier:
    """Passes changes on, each kind of news after a lag of its own; changes meanwhile are the same news."""

    def __init__(self, storage: Storage, settings: Settings, *, knowledge: _Knowledge, proxy: Envoy) -> None:
        self._storage = storage
        self._lag = settings.proxy_lag
        self._chance = Random(f"{settings.seed}/proxy")  # noqa: S311 - a lag, not a secret
        self._knowledge = knowledge
        self._proxy = proxy
        self._rejections: dict[str, int] = {}
        self._queue: Workqueue[_News] = Workqueue(asyncio.get_running_loop().time)
        self._pending: set[_News] = set()
        self._told = asyncio.Event()

    async def run(self) -> None:
        """Pass changes on until cancelled."""
        news = {**dict.fromkeys(_ROUTING, _News.ROUTING), **dict.fromkeys(_BACKENDS, _News.BACKENDS)}
        with ExitStack() as stack:
            for plural, what in news.items():
                stack.callback(follow(self._storage, plural, partial(self._see, plural, what)))
            await work(self._queue, self._pass_on)

    async def review(self) -> None:
        """Report what Envoy has refused and forget clusters that nothing can be in flight to, until cancelled."""
        while True:
            await self._told.wait()
            self._told.clear()
            await asyncio.sleep(_REVIEW_SECONDS)
            await self._report()
            if self._knowledge.files.prune(gone_before=time.monotonic() - _LINGER_SECONDS):
                self._told.set()

    def _see(self, plural: str, news: _News, obj: Object, previous: Object | None) -> None:
        exists = self._storage.record(plural, *key_of(obj)) is not None
        only_status = exists and previous is not None and _said(obj) == _said(previous) is not None
        if not only_status and news not in self._pending:
            self._pending.add(news)
            self._queue.add(news, after=self._chance.uniform(*self._lag))

    def _pass_on(self, news: _News) -> None:
        self._pending.discard(news)
        if news is _News.ROUTING:
            self._knowledge.learn_routing()
        else:
            self._knowledge.learn_backends()
        self._told.set()

    async def _report(self) -> None:
        rejections = await self._proxy.rejections()
        if rejections != self._rejections:
            logger.error("Envoy refused an update", counts=rejections, log=tail(self._proxy.log))
        self._rejections = rejections


def _said(obj: Object) -> tuple[int, Object | None] | None:
    """What an object says besides its status: its generation, and its annotations; None for kinds without any."""
    metadata = obj["metadata"]
    return (metadata["generation"], metadata.get("annotations")) if metadata.get("generation") is not None else None
