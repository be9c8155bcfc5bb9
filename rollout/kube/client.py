"""The verbs of the Kubernetes API on raw bytes; every failure is an `ApiError`, every call ends within a time-out."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
from kubernetes.aio.client import Configuration

from rollout.kube import credentials, wire
from rollout.kube.errors import Unavailable, error_of_event
from rollout.kube.request import (
    APPLY_PATCH,
    JSON_PATCH,
    MERGE_PATCH,
    Request,
    creating,
    deleting,
    listing,
    patching,
    watching,
)
from rollout.kube.transport import Lane, Transport
from rollout.kube.wire import Page, WatchEvent
from rollout.models.kinds import Manifest, Resource

__all__ = ["Client", "Lane", "Page", "WatchEvent"]

_Read = TypeVar("_Read")


class Client:
    """An async context manager; `namespace` is None for cluster-scoped kinds (and, in lists, for all namespaces).

    Writes carry the field manager `progressive-delivery` and give the object as the server now has it, so that the
    caller can put it into its cache at once.
    """

    def __init__(self, configuration: Configuration, *, timeout_seconds: float = 10.0) -> None:
        self._transport = Transport(configuration, timeout_seconds=timeout_seconds)

    @classmethod
    async def connect(
        cls,
        kubeconfig: Path | None = None,
        context: str | None = None,
        *,
        in_cluster: bool = True,
        timeout_seconds: float = 10.0,
    ) -> Self:
        """A client for the cluster of `kubeconfig`, of the default kubeconfig, or of the pod we run in, in this order.

        Sends nothing. Raises `kubernetes.aio.config.ConfigException` when there is no configuration.
        """
        configuration = await credentials.load(kubeconfig, context, in_cluster=in_cluster)
        return cls(configuration, timeout_seconds=timeout_seconds)

    async def __aenter__(self) -> Self:
        """Nothing is opened before the first call."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close all connections."""
        await self._transport.close()

    async def list_page(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        limit: int = 500,
        continue_token: str | None = None,
    ) -> Page:
        """One page of a consistent list; raises `Gone` on an expired token, `NotFound` for a kind not installed."""
        request = listing(
            resource,
            namespace=namespace,
            label_selector=label_selector,
            limit=limit,
            continue_token=continue_token,
        )
        return _understood(wire.page_of, await self._transport.send(request, Lane.WATCH))

    async def watch(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        resource_version: str,
        timeout_seconds: int,
        idle_seconds: float,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Events after `resource_version`, until the server ends the watch after `timeout_seconds`.

        Close it when leaving early. Raises `Gone` when that version is too old, whichever way the server says it, and
        `Unavailable` when the connection is cut or nothing, not even a bookmark, arrives for `idle_seconds`.
        """
        request = watching(
            resource,
            namespace=namespace,
            label_selector=label_selector,
            resource_version=resource_version,
            timeout_seconds=timeout_seconds,
        )
        async with aclosing(self._transport.stream(request, idle_seconds=idle_seconds)) as lines:
            async for line in lines:
                yield _understood(_watch_event, line)

    async def get(self, resource: Resource, namespace: str | None, name: str, *, lane: Lane = Lane.WATCH) -> bytes:
        """The object as it is now, past any cache; raises `NotFound`."""
        return await self._transport.send(Request("GET", resource.path(namespace, name)), lane)

    async def create(
        self,
        resource: Resource,
        namespace: str | None,
        body: Manifest,
        *,
        dry_run: bool = False,
        strict: bool = False,
        lane: Lane = Lane.WRITE,
    ) -> bytes:
        """The created object; raises `Conflict` with reason `AlreadyExists`, and `Invalid` on what the server refuses.

        `strict` also refuses unknown and duplicate fields; `dry_run` checks everything and stores nothing.
        """
        return await self._transport.send(creating(resource, namespace, body, dry_run=dry_run, strict=strict), lane)

    async def json_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        ops: Sequence[Mapping[str, Any]],
        *,
        subresource: str | None = None,
        lane: Lane = Lane.WRITE,
    ) -> bytes:
        """The object after `ops`, which apply all or not at all; a failed `test` raises `Invalid`, not `Conflict`.

        An operation that replaces `/metadata/resourceVersion` by one that is no longer current raises `Conflict`.
        """
        path = resource.path(namespace, name, subresource)
        return await self._transport.send(patching(path, list(ops), content_type=JSON_PATCH), lane)

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Manifest,
        *,
        subresource: str | None = None,
        lane: Lane = Lane.WRITE,
    ) -> bytes:
        """The object after an RFC 7386 merge: None removes, lists are replaced whole.

        With `metadata.resourceVersion` inside `patch` a stale one raises `Conflict`.
        """
        path = resource.path(namespace, name, subresource)
        return await self._transport.send(patching(path, patch, content_type=MERGE_PATCH), lane)

    async def apply_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Manifest,
        *,
        subresource: str | None = None,
        force: bool = False,
        lane: Lane = Lane.WRITE,
    ) -> bytes:
        """The object after a server-side apply of `body` (with apiVersion, kind and name), created if absent.

        Raises `Conflict` when another manager owns a field which differs and `force` is not given.
        """
        path = resource.path(namespace, name, subresource)
        return await self._transport.send(patching(path, body, content_type=APPLY_PATCH, force=force), lane)

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        propagation: str = "Background",
        uid: str | None = None,
        lane: Lane = Lane.WRITE,
    ) -> bytes | None:
        """The object where it lingers (finalizers, a grace period), None when it is gone.

        Raises `NotFound`, and `Conflict` when the object has another `uid`.
        """
        request = deleting(resource.path(namespace, name), propagation=propagation, uid=uid)
        raw = await self._transport.send(request, lane)
        return None if _understood(wire.kind_of, raw) == "Status" else raw


def _understood(read: Callable[[bytes], _Read], body: bytes) -> _Read:
    """What `read` makes of an answer; one that is no Kubernetes JSON comes from something in between."""
    try:
        return read(body)
    except msgspec.DecodeError as error:
        raise Unavailable(0, "NotUnderstood", f"the answer is not what Kubernetes sends: {error}") from None


def _watch_event(line: bytes) -> WatchEvent:
    kind, raw = wire.event_of(line)
    if kind == "ERROR":
        raise error_of_event(raw)
    return WatchEvent(kind, raw, wire.resource_version_of(raw))
