"""Kubernetes Events: recorded at once, sent beside the work, and rather lost than waited for."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Literal, NoReturn, TypeAlias

import structlog

from rollout.kube.client import Client
from rollout.kube.errors import ApiError, Conflict, Unavailable
from rollout.models.kinds import EVENTS, Manifest

log = structlog.get_logger()

CONTROLLER = "progressive.delivery/controller"
NOTE_BYTES = 1024

EventType: TypeAlias = Literal["Normal", "Warning"]


class EventRecorder:
    """Call `record` once per transition and keep `run` running; `lost` counts the events nobody will ever read.

    `now` gives aware times; `instance` names this process (the pod), at most 128 characters.
    """

    def __init__(
        self,
        client: Client,
        *,
        now: Callable[[], datetime],
        instance: str,
        capacity: int = 1000,
        retry_seconds: float = 1.0,
    ) -> None:
        self.lost = 0
        self._client = client
        self._now = now
        self._instance = instance
        self._retry_seconds = retry_seconds
        self._waiting: asyncio.Queue[Manifest] = asyncio.Queue(capacity)

    def record(
        self,
        regarding: Manifest,
        type: EventType,  # noqa: A002 - the field's name in the API
        *,
        reason: str,
        action: str,
        note: str,
        related: Manifest | None = None,
    ) -> None:
        """Queue an Event about `regarding`; never waits and never fails.

        `reason` and `action` are CamelCase words of at most 128 characters (why it happened, what was done about it);
        `note` is for people and is cut to what the API takes, 1,024 bytes.
        """
        event = _event(regarding, type, reason=reason, action=action, note=note, time=self._now())
        event["reportingInstance"] = self._instance
        if related is not None:
            event["related"] = _reference(related)
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            self._lose(event, "the queue is full")

    async def run(self) -> NoReturn:
        """Send what was recorded, one after another, until cancelled."""
        while True:
            event = await self._waiting.get()
            try:
                await self._send(event)
            except Conflict:
                log.debug("event is there already", note=event["note"])
            except ApiError as error:
                self._lose(event, str(error))

    async def _send(self, event: Manifest) -> None:
        """Create the event; a second try after a call of unknown outcome meets the first one by its name."""
        namespace = event["metadata"]["namespace"]
        try:
            await self._client.create(EVENTS, namespace, event)
        except Unavailable as error:
            await asyncio.sleep(error.retry_after or self._retry_seconds)
            await self._client.create(EVENTS, namespace, event)

    def _lose(self, event: Manifest, why: str) -> None:
        self.lost += 1
        log.warning("event lost", why=why, reason=event["reason"], note=event["note"], regarding=event["regarding"])


def _event(regarding: Manifest, type_: EventType, *, reason: str, action: str, note: str, time: datetime) -> Manifest:
    reference = _reference(regarding)
    stamp = time.isoformat(timespec="microseconds").replace("+00:00", "Z")
    identity = "\n".join((reference["uid"], stamp, type_, reason, action, note))
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {
            "name": f"{reference['name']}.{sha256(identity.encode()).hexdigest()[:16]}",
            "namespace": reference["namespace"] or "default",
        },
        "eventTime": stamp,
        "type": type_,
        "reason": reason,
        "action": action,
        "note": _cut(note),
        "regarding": reference,
        "reportingController": CONTROLLER,
    }


def _reference(manifest: Manifest) -> Manifest:
    metadata = manifest["metadata"]
    return {
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
    }


def _cut(note: str) -> str:
    """At most 1,024 bytes of UTF-8, with an ellipsis where something is missing."""
    data = note.encode()
    if len(data) <= NOTE_BYTES:
        return note
    return data[: NOTE_BYTES - 3].decode(errors="ignore") + "…"
