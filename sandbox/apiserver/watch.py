"""watch: the changes of a resource as a stream of lines, with bookmarks, selectors and 410."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from sandbox.apiserver.backend import Backend
from sandbox.apiserver.call import Call
from sandbox.apiserver.convert import outward, raw
from sandbox.apiserver.reads import chosen
from sandbox.apiserver.replies import bad_request, status
from sandbox.apiserver.selectors import Match, matcher
from sandbox.apiserver.tables import partial, table
from sandbox.changes import Change, Feed, Object, encode, watch_line
from sandbox.storage import ApiError, Record

_DEFAULT_TIMEOUT = 1800.0
_MOST_AT_ONCE = 200


@dataclass(frozen=True)
class Watch:
    """An opened watch: `first` are the objects that exist, `feed` is what happens after them."""

    call: Call
    feed: Feed
    first: tuple[Record, ...]
    match: Match | None
    timeout: float
    bookmarks: bool
    initial_bookmark: bool


def opened(backend: Backend, call: Call) -> Watch:
    """Open a watch; raises 400, and 410 if it starts before the history does."""
    query = call.record.query
    version = query.get("resourceVersion", "")
    initial = query.get("sendInitialEvents") == "true"
    match = matcher(call.resource.kind, query.get("labelSelector", ""), query.get("fieldSelector", ""))
    fresh = initial or version in ("", "0")
    first = tuple(chosen(backend, call)) if fresh else ()
    feed = backend.storage.feed(backend.key(call.resource), since=None if fresh else _number(version))
    return Watch(
        call,
        feed,
        first,
        match,
        timeout=_seconds(query.get("timeoutSeconds")),
        bookmarks=query.get("allowWatchBookmarks") in ("true", "True", "1"),
        initial_bookmark=initial,
    )


def _number(version: str) -> int:
    if not version.isdigit():
        raise bad_request(f"Invalid value: {version!r}: strconv.ParseUint: parsing {version!r}: invalid syntax")
    return int(version)


def _seconds(text: str | None) -> float:
    if text is not None and not text.isdigit():
        raise bad_request(f"invalid timeoutSeconds: {text!r}")
    return float(text or 0) or _DEFAULT_TIMEOUT


async def lines(watch: Watch, version: Callable[[], int], interval: float) -> AsyncIterator[bytes]:
    """Yield what a watch shows until its timeout; a bookmark every `interval` seconds if it wants them."""
    clock = asyncio.get_running_loop().time
    end, next_bookmark = clock() + watch.timeout, clock() + interval
    for start in range(0, len(watch.first), _MOST_AT_ONCE):
        yield b"".join(_line(watch, "ADDED", record) for record in watch.first[start : start + _MOST_AT_ONCE])
    if watch.initial_bookmark:
        yield _bookmark(watch, version(), {"k8s.io/initial-events-end": "true"})
    while clock() < end:
        until = min(end, next_bookmark) if watch.bookmarks else end
        await _some(watch.feed, until - clock())
        if data := b"".join(_shown(watch, change) for change in watch.feed.take()):
            yield data
        if watch.feed.expired:
            yield expired_line()
            return
        if watch.bookmarks and clock() >= next_bookmark:
            next_bookmark = clock() + interval
            yield _bookmark(watch, version())


async def _some(feed: Feed, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await feed.wait()
    except TimeoutError:
        pass


def expired_line() -> bytes:
    """Return the ERROR event that tells a watch to list again."""
    error = ApiError(410, "Expired", "The resourceVersion for the provided watch is too old.")
    return watch_line("ERROR", encode(status(error)))


def _shown(watch: Watch, change: Change) -> bytes:
    """Return what a watch shows of a change: entering the selection is ADDED, leaving it DELETED."""
    call = watch.call
    if call.namespace is not None and change.namespace != call.namespace:
        return b""
    if call.record.name and change.name != call.record.name:
        return b""
    type_ = change.type if watch.match is None else _selected(watch.match, call, change)
    if type_ == "":
        return b""
    if type_ == change.type and _plain(call, change.object):
        return change.line
    return _line(watch, type_, _as_seen(type_, change))


def _as_seen(type_: str, change: Change) -> Record:
    """Return what an event shows: of an object that has left the selection, how it last was in it."""
    if type_ != "DELETED" or change.type == "DELETED" or change.previous is None:
        return Record(change.object, change.raw)
    last = {**change.previous, "metadata": {**change.previous["metadata"], "resourceVersion": str(change.version)}}
    return Record(last, encode(last))


def _plain(call: Call, obj: Object) -> bool:
    return not call.table and not call.metadata_only and obj["apiVersion"] == call.resource.api_version


def _selected(match: Match, call: Call, change: Change) -> str:
    now = match(outward(call.resource, change.object))
    before = change.previous is not None and match(outward(call.resource, change.previous))
    if change.type == "DELETED":
        return "DELETED" if now or before else ""
    if now:
        return "MODIFIED" if before else "ADDED"
    return "DELETED" if before else ""


def _line(watch: Watch, type_: str, record: Record) -> bytes:
    call = watch.call
    if call.table:
        include = call.record.query.get("includeObject", "Metadata")
        meta = {"resourceVersion": record.object["metadata"]["resourceVersion"]}
        return watch_line(type_, encode(table(call.resource, [record.object], meta, include)))
    if call.metadata_only:
        return watch_line(type_, encode(partial(record.object)))
    return watch_line(type_, raw(call.resource, record))


def _bookmark(watch: Watch, version: int, annotations: Object | None = None) -> bytes:
    meta: Object = {"resourceVersion": str(version), "creationTimestamp": None}
    if annotations:
        meta["annotations"] = annotations
    resource = watch.call.resource
    if watch.call.table:
        kind, api_version = "Table", "meta.k8s.io/v1"
    elif watch.call.metadata_only:
        kind, api_version = "PartialObjectMetadata", "meta.k8s.io/v1"
    else:
        kind, api_version = resource.kind.kind, resource.api_version
    return watch_line("BOOKMARK", encode({"kind": kind, "apiVersion": api_version, "metadata": meta}))
