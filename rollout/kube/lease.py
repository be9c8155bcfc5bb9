"""Leadership by a Lease: one body at a time, stopped before anybody else can hold the lease."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import structlog

from rollout.kube.client import Client, Lane
from rollout.kube.errors import ApiError, Conflict, NotFound
from rollout.models.kinds import LEASES, Manifest

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds; raises ValueError where the body could outlive the lease.

    A leader writes every `renew`, tries again after `retry`, lets no call take longer than `call`, and stops its body
    when nothing succeeded for `give_up`. Others look every `retry` and take a change they find for up to `retry` older
    than that look, whose answer may take `call`: so they take the lease no earlier than `lease - retry - call` after
    its last change. What is left of that after `give_up` is the time the body has to come to its end.
    """

    lease: int = 7
    give_up: float = 4.0
    renew: float = 2.0
    retry: float = 1.0
    call: float = 1.0

    def __post_init__(self) -> None:
        """Check the order of things."""
        if self.lease <= self.give_up + self.retry + self.call:
            raise ValueError("the lease must last longer than give_up + retry + call")
        if self.give_up <= self.renew + self.call:
            raise ValueError("give_up must be longer than renew + call")


class Election:
    """A candidate; `identity` must be unique to this process, `now` gives aware times, which only people read.

    What counts is how long the lease has not changed by the clock of the own loop, so clocks need not agree. A change
    is taken for as old as it may be, at most `retry` older than the look that found it, so that where the API server
    answers at once a dead leader is followed `lease` seconds after its last renewal, whenever that was noticed.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        now: Callable[[], datetime],
        timing: Timing | None = None,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._now = now
        self._timing = timing or Timing()
        self._seen: _Record | None = None
        self._seen_at = 0.0
        self._looked_at: float | None = None
        self._renewed_at: float | None = None
        self._answered_at = 0.0

    @property
    def identity(self) -> str:
        """What the lease says while it is ours."""
        return self._identity

    @property
    def leads(self) -> bool:
        """Whether the lease is certainly ours at this moment, even if the loop stood still for long."""
        if self._renewed_at is None:
            return False
        return asyncio.get_running_loop().time() < self._renewed_at + self._timing.give_up

    @property
    def holder(self) -> str:
        """Who held the lease when we last looked, empty if nobody."""
        return self._seen.spec.holder_identity or "" if self._seen else ""

    @property
    def silent(self) -> float:
        """Seconds since the API server last answered; it is asked every `renew` or `retry`, whoever leads."""
        return asyncio.get_running_loop().time() - self._answered_at

    async def run(self, body: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Wait for the lease, run `body` while it is ours, and wait again when it was lost; ends when `body` does.

        `body` is cancelled and awaited before the lease can pass on. The lease is given back when `body` ends, fails
        (its exception is raised in an ExceptionGroup) or is cancelled from outside.
        """
        self._answered_at = asyncio.get_running_loop().time()
        while True:
            await self._until(self._take, self._patience)
            log.info("leading", lease=self._name, identity=self._identity)
            try:
                if await self._lead(body):
                    return
            finally:
                self._renewed_at = None
                await self._release()
            log.warning("leadership lost", lease=self._name, holder=self.holder)

    async def _lead(self, body: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Whether `body` came to its own end, and not to that of the lease."""
        async with asyncio.TaskGroup() as group:
            working = group.create_task(body())
            renewing = group.create_task(self._renew())
            working.add_done_callback(lambda _: renewing.cancel())
            # A second cancel would break off what the body does to come to its end.
            renewing.add_done_callback(lambda _: working.cancelling() or working.cancel())
        return not working.cancelled()

    async def _renew(self) -> None:
        """Return when the lease is lost, or has not been renewed for so long that it must be taken for lost."""
        while True:
            await asyncio.sleep(self._timing.renew)
            until = (self._renewed_at or 0.0) + self._timing.give_up
            try:
                async with asyncio.timeout_at(until):
                    await self._until(self._write, lambda: self._timing.retry)
            except (TimeoutError, _Lost):
                return

    async def _until(self, step: Callable[[], Awaitable[bool]], pause: Callable[[], float]) -> None:
        while True:
            if await self._try_to(step):
                return
            await asyncio.sleep(pause())

    def _patience(self) -> float:
        """Look again soon, and exactly when the lease runs out."""
        left = self._expiry() - asyncio.get_running_loop().time()
        return min(max(left, 0.0) or self._timing.retry, self._timing.retry)

    def _expiry(self) -> float:
        return self._seen_at + (self._seen.spec.lease_duration_seconds if self._seen else 0)

    async def _try_to(self, step: Callable[[], Awaitable[bool]]) -> bool:
        """One bounded step; any failure of the API is no more than a step that did not succeed."""
        try:
            async with asyncio.timeout(self._timing.call):
                found = await step()
                self._answered_at = asyncio.get_running_loop().time()
                return found
        except (ApiError, TimeoutError) as error:
            where = f"{self._namespace}/{self._name}"
            log.warning("lease not written", lease=where, error=str(error) or "no answer in time")
            return False

    async def _take(self) -> bool:
        """Take the lease if it is free: absent, given back, our own, or not renewed for its whole duration."""
        await self._look()
        if self._seen is None:
            return await self._create()
        free = self.holder in {"", self._identity} or asyncio.get_running_loop().time() >= self._expiry()
        return free and await self._write()

    async def _look(self) -> None:
        before, self._looked_at = self._looked_at, asyncio.get_running_loop().time()
        try:
            raw = await self._client.get(LEASES, self._namespace, self._name, lane=Lane.LEASE)
        except NotFound:
            self._seen = None
            return
        since = self._looked_at if before is None else max(before, self._looked_at - self._timing.retry)
        self._note(raw, since)

    def _note(self, raw: bytes, since: float) -> None:
        """Keep what the lease says; if that is new, it became so after `since`."""
        record = msgspec.json.decode(raw, type=_Record)
        if record != self._seen:
            self._seen, self._seen_at = record, since

    async def _create(self) -> bool:
        started = asyncio.get_running_loop().time()
        lease = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"namespace": self._namespace, "name": self._name},
            "spec": self._spec(),
        }
        self._note(await self._client.create(LEASES, self._namespace, lease, lane=Lane.LEASE), started)
        self._renewed_at = started
        return True

    async def _write(self) -> bool:
        """Write ourselves into the lease as we know it; `_Lost` if a leader finds somebody else there."""
        started = asyncio.get_running_loop().time()
        try:
            await self._patch(self._spec())
        except (Conflict, NotFound):
            await self._look()
            if self._renewed_at is not None and self.holder != self._identity:
                raise _Lost from None
            return False
        self._renewed_at = started
        return True

    async def _release(self) -> None:
        """Let others have the lease at once; it is left to run out if that fails."""
        if self.holder == self._identity:
            await self._try_to(self._give_back)

    async def _give_back(self) -> bool:
        await self._patch({"holderIdentity": "", "leaseDurationSeconds": 1})
        return True

    async def _patch(self, spec: Manifest) -> None:
        started = asyncio.get_running_loop().time()
        version = self._seen.metadata.resource_version if self._seen else ""
        patch = {"metadata": {"resourceVersion": version}, "spec": spec}
        self._note(await self._client.merge_patch(LEASES, self._namespace, self._name, patch, lane=Lane.LEASE), started)

    def _spec(self) -> Manifest:
        """What the lease says once it is ours; acquisition and transitions are counted when it changes hands."""
        stamp = self._now().isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec = {"holderIdentity": self._identity, "leaseDurationSeconds": self._timing.lease, "renewTime": stamp}
        if self.holder == self._identity:
            return spec
        before = self._seen.spec.lease_transitions or 0 if self._seen else -1
        return spec | {"acquireTime": stamp, "leaseTransitions": before + 1}


class _Lost(Exception):  # noqa: N818 - no error, an outcome
    """Somebody else holds the lease."""


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int = 0
    lease_transitions: int | None = None


class _Record(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec
