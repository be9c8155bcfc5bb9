"""get and list."""

from collections.abc import Sequence

from sandbox.apiserver.backend import Backend, Snapshot, place
from sandbox.apiserver.call import Call
from sandbox.apiserver.convert import outward, raw
from sandbox.apiserver.replies import Reply, bad_request, reply
from sandbox.apiserver.selectors import matcher
from sandbox.apiserver.tables import partial, table
from sandbox.changes import Object, encode
from sandbox.errors import ApiError, not_found
from sandbox.storage import Record


def get(backend: Backend, call: Call) -> Reply:
    """Answer one object; 404."""
    record = backend.record(call.resource, call.namespace, call.record.name)
    if record is None:
        raise not_found(call.resource.kind, call.record.name)
    return shown(call, record)


def shown(call: Call, record: Record, status: int = 200) -> Reply:
    """Answer an object in the form the client asked for."""
    if call.table:
        meta = {"resourceVersion": record.object["metadata"]["resourceVersion"]}
        return reply(_table(call, [record.object], meta), status)
    if call.metadata_only:
        return reply(partial(record.object), status)
    return Reply(status, raw(call.resource, record))


def _table(call: Call, objects: Sequence[Object], meta: Object) -> Object:
    return table(call.resource, objects, meta, call.record.query.get("includeObject", "Metadata"))


def list_objects(backend: Backend, call: Call) -> Reply:
    """Answer all objects that the selectors choose, or one page of them; 400, 410."""
    query = call.record.query
    snapshot = _moment(backend, call)
    limit = _limit(query.get("limit"))
    page, rest = snapshot.records[:limit], snapshot.records[limit:] if limit else ()
    meta: Object = {"resourceVersion": str(snapshot.version)}
    if rest:
        meta["continue"] = backend.pages.keep(Snapshot(snapshot.version, rest))
        if not (query.get("labelSelector") or query.get("fieldSelector")):
            meta["remainingItemCount"] = len(rest)
    return _listed(call, page, meta)


def _moment(backend: Backend, call: Call) -> Snapshot:
    """Return what is listed: the rest of a list that began before, the objects of a certain moment, or those of now."""
    query, now = call.record.query, backend.storage.version
    if token := query.get("continue"):
        found = backend.pages.find(token, backend.storage)
        if isinstance(found, Snapshot):
            return found
        return Snapshot(now, tuple(record for record in chosen(backend, call) if place(record) >= found))
    version = _version(query.get("resourceVersion", ""))
    if version > now:
        raise _too_large(version, now)
    if query.get("resourceVersionMatch") == "Exact":
        return Snapshot(version, tuple(chosen(backend, call, version)))
    return Snapshot(now, tuple(chosen(backend, call)))


def _version(text: str) -> int:
    if text and not text.isdigit():
        message = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise ApiError(500, "", message)
    return int(text or 0)


def _too_large(version: int, now: int) -> ApiError:
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    message = f"Timeout: Too large resource version: {version}, current: {now}"
    return ApiError(504, "Timeout", message, {"causes": causes, "retryAfterSeconds": 1})


def chosen(backend: Backend, call: Call, version: int | None = None) -> list[Record]:
    """Return the stored objects that a list or a watch is about, as they are, or as they were at a version."""
    query = call.record.query
    match = matcher(call.resource.kind, query.get("labelSelector", ""), query.get("fieldSelector", ""))
    key = backend.key(call.resource)
    if version is None:
        records = backend.storage.records(key, call.namespace)
    else:
        records = backend.storage.records_at(key, call.namespace, version)
    if call.record.name:
        records = [record for record in records if record.object["metadata"]["name"] == call.record.name]
    if match is None:
        return records
    return [record for record in records if match(outward(call.resource, record.object))]


def _item(call: Call, record: Record) -> bytes:
    """Return an item of a list; as in Kubernetes, those of built-in kinds do not repeat their type."""
    if call.resource.kind.custom:
        return raw(call.resource, record)
    shown = outward(call.resource, record.object)
    return encode({key: value for key, value in shown.items() if key not in ("apiVersion", "kind")})


def _limit(text: str | None) -> int | None:
    if text is not None and not text.isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text or 0) or None


def _listed(call: Call, records: Sequence[Record], meta: Object) -> Reply:
    if call.table:
        return reply(_table(call, [record.object for record in records], meta))
    if call.metadata_only:
        kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        items = [encode(partial(record.object)) for record in records]
    else:
        kind = call.resource.list_kind or f"{call.resource.kind.kind}List"
        version = call.resource.api_version
        items = [_item(call, record) for record in records]
    head = encode({"kind": kind, "apiVersion": version, "metadata": meta})
    return Reply(200, b'%b,"items":[%b]}' % (head[:-1], b",".join(items)))
