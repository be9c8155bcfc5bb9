"""Carries out a plan: the writes in their order, each answer put into the cache at once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import takewhile
from time import monotonic

import structlog

from rollout.core.write import Plan, Verb, Write
from rollout.kube.client import Client
from rollout.kube.errors import ApiError, Conflict, Invalid, NotFound, Unavailable
from rollout.kube.store import Store
from rollout.kube.transport import Lane
from rollout.kube.wire import head_of
from rollout.models.kinds import DEPLOYMENTS, ROLLOUT_RUNS, Key, Manifest, Resource

_log = structlog.get_logger()


class Refused(Exception):  # noqa: N818 (it is an answer, not a fault)
    """The API server refuses a pod template; the message is the server's own."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """A write that was tried: `outcome` is `ok` or the API server's reason, `seconds` what it took."""

    write: Write
    outcome: str
    lane: Lane
    seconds: float


Observer = Callable[[Done], None]


async def apply(
    plan: Plan,
    *,
    client: Client,
    store: Store,
    urgent: bool,
    observer: Observer,
    leads: Callable[[], bool] = lambda: True,
) -> None:
    """Do the writes one after another; the first that fails ends it, and the next reconcile goes on from what is.

    The store must still be what the plan was made from. `leads` is asked before each write: a process that stood still
    may wake up as the leader it no longer is, and then raises Unavailable instead.

    Of the urgent writes at the beginning each is tried, whatever becomes of the others: one route that cannot be
    written must not keep traffic on another. Their first error then ends the plan.

    `urgent` plans go over a connection of their own. `observer` is told each write that was tried. Raises Refused
    for a pod template, and the ApiError of any other write.
    """
    applying = _Applying(client, store, urgent, observer, leads, _merged(plan, store))
    leading = tuple(takewhile(lambda write: write.urgent, plan))
    failures = []
    for write in leading:
        try:
            await applying.do(write)
        except ApiError as error:
            _log.warning("urgent write failed", why=write.why, object=_name(write), message=error.message)
            failures.append(error)
    if failures:
        raise failures[0]
    for write in plan[len(leading) :]:
        await applying.do(write)


@dataclass(frozen=True)
class _Applying:
    """One plan on its way into the cluster."""

    client: Client
    store: Store
    urgent: bool
    observer: Observer
    leads: Callable[[], bool]
    versions: dict[tuple[Resource, Key], str]  # of what was written, which is no one else's, or is going to be merged

    async def do(self, write: Write) -> None:
        """One write, and its answer into the cache."""
        if not self.leads():
            raise Unavailable(0, "Deposed", "the lease may be somebody else's by now")
        lane = Lane.URGENT if self.urgent or write.urgent else Lane.WRITE
        began = monotonic()
        try:
            raw = await _do(self._current(write), self.client, lane)
        except ApiError as error:
            self.observer(Done(write=write, outcome=error.reason, lane=lane, seconds=monotonic() - began))
            _raise_unless_harmless(write, error)
            return
        self.observer(Done(write=write, outcome="ok", lane=lane, seconds=monotonic() - began))
        _log.info("wrote", why=write.why, verb=str(write.verb), object=_name(write), urgent=lane is Lane.URGENT)
        self._keep(write, raw)

    def _current(self, write: Write) -> Write:
        known = self.versions.get((write.resource, write.key))
        fenced = write.version is not None or write.verb is Verb.MERGE
        return replace(write, version=known) if fenced and known is not None else write

    def _keep(self, write: Write, raw: bytes | None) -> None:
        """Put the answer into the cache, so that the next observation sees what was written."""
        if write.verb is Verb.TRY:
            return
        if raw is None:
            self.store.remove(write.resource, write.key)
            return
        self.store.put(write.resource, raw)
        self.versions[write.resource, write.key] = str(head_of(raw).version)


def _merged(plan: Plan, store: Store) -> dict[tuple[Resource, Key], str]:
    """The versions of what is merged without one: a merge tests nothing of what it replaces."""
    merges = [write for write in plan if write.verb is Verb.MERGE and write.version is None]
    held = {(write.resource, write.key): store.raw(write.resource, write.key) for write in merges}
    return {place: str(head_of(raw).version) for place, raw in held.items() if raw is not None}


def _raise_unless_harmless(write: Write, error: ApiError) -> None:
    """Return where the write needs no success.

    A delete whose object is gone already, or is a namesake's, has reached its aim. A record whose name is taken is
    one that cannot be read: the release matters more than its record.
    """
    if write.verb is Verb.DELETE and isinstance(error, NotFound | Conflict):
        return
    if write.verb is Verb.CREATE and write.resource == ROLLOUT_RUNS and error.reason == "AlreadyExists":
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
