"""Keeps one kind in the store as the cluster has it: listed once, watched from then on, through every failure."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import NoReturn

import structlog

from rollout.kube.backoff import Backoff, Jitter, half_to_all
from rollout.kube.client import Client, Page, WatchEvent
from rollout.kube.errors import ApiError, Gone, NotFound, Unavailable
from rollout.kube.store import Store
from rollout.kube.wire import head_of
from rollout.models.kinds import Resource
from rollout.models.rollout import GROUP

log = structlog.get_logger()

RECONNECT = Backoff(first=0.1, cap=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patient a reflector is, in seconds; every wait is jittered, and no shorter than the server asks for.

    `watch` is when the server is asked to end a watch, `idle` how long one may be silent (the API server sends a
    bookmark about every minute), `absent` how often a kind that is not installed is looked for.
    """

    page: int = 500
    watch: float = 480.0
    idle: float = 150.0
    absent: float = 60.0
    backoff: Backoff = RECONNECT


class Reflector:
    """Run it once, in a task of its own; `synced` is set when the store first holds the whole kind.

    A kind that is not installed counts as synced and empty. What vanished while nobody watched is removed from the
    store with a notification like any other.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        store: Store,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Jitter = half_to_all,
        pace: Pace | None = None,
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        self._client = client
        self._store = store
        self._namespace = namespace
        self._label_selector = label_selector
        self._clock = clock
        self._jitter = jitter
        self._pace = pace or Pace()
        self._resource_version: str | None = None
        self._failures = 0
        self._last_activity = clock()
        self._tried = clock()

    @property
    def age(self) -> float:
        """Seconds since the server last said anything, be it a bookmark; for liveness and metrics."""
        return self._clock() - self._last_activity

    @property
    def stuck(self) -> float:
        """Seconds since the server said anything or was last turned to, whichever is less; for liveness.

        A server that is away or refuses leaves it small, since a restart would help nobody; beyond `Pace.idle` by more
        than a call may last, the loop of this reflector has stopped.
        """
        return self._clock() - max(self._last_activity, self._tried)

    async def run(self) -> NoReturn:
        """Follow the kind until cancelled; a failure is logged and answered by waiting, or by listing again."""
        while True:
            delay = await self._turn()
            await asyncio.sleep(delay)

    async def _turn(self) -> float:
        """One list, if one is needed, and one watch; the seconds to wait before the next."""
        self._tried = self._clock()
        at_least = 0.0
        try:
            if self._resource_version is None:
                self._resource_version = await self._list()
            await self._watch(self._resource_version)
        except NotFound:
            return self._not_installed()
        except Gone as error:
            self._resource_version = None
            log.info("listing again", kind=self.resource.kind, why=error.reason)
        except Unavailable as error:
            at_least = error.retry_after or 0.0
            # One that ends and goes on is every day's; a server that stays away, or never was there, is not.
            say = log.info if self.synced.is_set() and not self._failures else log.warning
            say("watch interrupted", kind=self.resource.kind, error=str(error))
        except ApiError as error:
            self._resource_version = None
            log.warning("cannot watch", kind=self.resource.kind, error=str(error))
        self._failures += 1
        return max(self._jitter(self._pace.backoff.after(self._failures)), at_least)

    async def _list(self) -> str:
        """Fill the store page by page; the resourceVersion to watch from."""
        page = await self._page(None)
        replacement = self._store.replacement(self.resource, page.resource_version)
        replacement.add(page.items)
        while page.continue_token:
            page = await self._page(page.continue_token)
            replacement.add(page.items)
        replacement.finish()
        self.synced.set()
        return page.resource_version

    async def _page(self, continue_token: str | None) -> Page:
        page = await self._client.list_page(
            self.resource,
            namespace=self._namespace,
            label_selector=self._label_selector,
            limit=self._pace.page,
            continue_token=continue_token,
        )
        self._last_activity = self._clock()
        return page

    async def _watch(self, resource_version: str) -> None:
        """Take in events until the watch ends; one that told something, or lasted, ends a series of failures."""
        started = self._clock()
        events = self._client.watch(
            self.resource,
            namespace=self._namespace,
            label_selector=self._label_selector,
            resource_version=resource_version,
            timeout_seconds=max(round(self._jitter(self._pace.watch)), 1),
            idle_seconds=self._pace.idle,
        )
        async with aclosing(events):
            async for event in events:
                if int(event.resource_version) < int(self._resource_version or 0):
                    # Only a cluster restored from a backup counts backwards; what we hold is then from another history.
                    raise Gone(0, "Restored", "the resourceVersion went back")
                self._take(event)
        if self._clock() - started > self._pace.backoff.cap:
            self._failures = 0

    def _take(self, event: WatchEvent) -> None:
        self._last_activity = self._clock()
        self._failures = 0
        if event.type == "DELETED":
            key = head_of(event.raw).key
            self._store.remove(self.resource, key, resource_version=event.resource_version)
        elif event.type != "BOOKMARK":
            self._store.put(self.resource, event.raw)
        self._store.advance(self.resource, event.resource_version)
        self._resource_version = event.resource_version

    def _not_installed(self) -> float:
        self._last_activity = self._clock()
        if self._resource_version is not None or not self.synced.is_set():
            # Others' kinds may well be missing; without ours there is nothing to do, and nobody would see why.
            say = log.warning if self.resource.group == GROUP else log.info
            say("kind is not installed", kind=self.resource.kind, group=self.resource.group)
        self._resource_version = None
        self._store.clear(self.resource)
        self.synced.set()
        return self._jitter(self._pace.absent)
