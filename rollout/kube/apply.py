"""Carries out a plan: the writes in their order, each answer put into the cache at once."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from rollout.core.write import Plan, Verb, Write
from rollout.kube.client import Client
from rollout.kube.errors import ApiError, Conflict, Invalid, NotFound
from rollout.kube.store import Store
from rollout.kube.transport import Lane
from rollout.kube.wire import head_of
from rollout.models.kinds import DEPLOYMENTS, Key, Manifest, Resource

_log = structlog.get_logger()


class Refused(Exception):  # noqa: N818 (it is an answer, not a fault)
    """The API server refuses a pod template; the message is the server's own."""


Observer = Callable[[Write, str], None]


async def apply(plan: Plan, *, client: Client, store: Store, urgent: bool, observer: Observer) -> None:
    """Do the writes one after another; the first that fails ends it, and the next reconcile goes on from what is.

    `urgent` plans go over a connection of their own. `observer` is told each write and how it ended. Raises Refused
    for a pod template, and the ApiError of any other write.
    """
    versions: dict[tuple[Resource, Key], str] = {}  # of objects this plan wrote: our own write is no one else's
    for write in plan:
        lane = Lane.URGENT if urgent or write.urgent else Lane.WRITE
        try:
            raw = await _do(_current(write, versions), client, lane)
        except ApiError as error:
            observer(write, error.reason)
            _raise_unless_harmless(write, error)
            continue
        observer(write, "ok")
        _log.info("wrote", why=write.why, verb=str(write.verb), object=_name(write), urgent=lane is Lane.URGENT)
        _keep(write, raw, store, versions)


def _current(write: Write, versions: dict[tuple[Resource, Key], str]) -> Write:
    known = versions.get((write.resource, write.key))
    return replace(write, version=known) if write.version is not None and known is not None else write


def _keep(write: Write, raw: bytes | None, store: Store, versions: dict[tuple[Resource, Key], str]) -> None:
    """Put the answer into the cache, so that the next observation sees what was written."""
    if write.verb is Verb.TRY:
        return
    if raw is None:
        store.remove(write.resource, write.key)
        return
    store.put(write.resource, raw)
    versions[write.resource, write.key] = str(head_of(raw).version)


def _raise_unless_harmless(write: Write, error: ApiError) -> None:
    """A delete whose object is gone already, or is a namesake's, has reached its aim."""
    if write.verb is Verb.DELETE and isinstance(error, NotFound | Conflict):
        return
    if isinstance(error, Invalid) and write.resource == DEPLOYMENTS and write.verb in (Verb.TRY, Verb.CREATE):
        raise Refused(error.message) from None
    raise error


async def _do(write: Write, client: Client, lane: Lane) -> bytes | None:
    namespace, name = write.key
    match write.verb:
        case Verb.CREATE | Verb.TRY:
            tried = write.verb is Verb.TRY
            strict = write.resource == DEPLOYMENTS  # what is misspelt in people's own template has to be said
            return await client.create(write.resource, namespace, write.body, dry_run=tried, strict=strict, lane=lane)
        case Verb.PATCH:
            return await client.json_patch(
                write.resource, namespace, name, _fenced_ops(write), subresource=write.subresource, lane=lane
            )
        case Verb.MERGE:
            return await client.merge_patch(
                write.resource, namespace, name, _fenced_change(write), subresource=write.subresource, lane=lane
            )
        case Verb.DELETE:
            return await client.delete(write.resource, namespace, name, uid=write.uid, lane=lane)


def _fenced_ops(write: Write) -> list[Manifest]:
    fence = {"op": "replace", "path": "/metadata/resourceVersion", "value": write.version}
    return [*([fence] if write.version is not None else []), *write.body]


def _fenced_change(write: Write) -> Manifest:
    if write.version is None:
        return dict(write.body)
    return {**write.body, "metadata": {**write.body.get("metadata", {}), "resourceVersion": write.version}}


def _name(write: Write) -> str:
    return f"{write.resource.kind} {write.key.namespace}/{write.key.name}"
