"""get and list."""

from collections.abc import Sequence

from sandbox.apiserver.backend import Backend, Snapshot
from sandbox.apiserver.call import Call
from sandbox.apiserver.convert import outward, raw
from sandbox.apiserver.replies import Reply, bad_request, reply
from sandbox.apiserver.selectors import matcher
from sandbox.apiserver.tables import partial, table
from sandbox.changes import Object, encode
from sandbox.storage import Record, not_found


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
    if token := query.get("continue"):
        snapshot = backend.pages.find(token, backend.storage)
    else:
        snapshot = Snapshot(backend.storage.version, tuple(chosen(backend, call)))
    limit = _limit(query.get("limit"))
    page, rest = snapshot.records[:limit], snapshot.records[limit:] if limit else ()
    meta: Object = {"resourceVersion": str(snapshot.version)}
    if rest:
        meta["continue"] = backend.pages.keep(Snapshot(snapshot.version, rest))
        meta["remainingItemCount"] = len(rest)
    return _listed(call, page, meta)


def chosen(backend: Backend, call: Call) -> list[Record]:
    """Return the stored objects that a list or a watch is about."""
    query = call.record.query
    match = matcher(call.resource.kind, query.get("labelSelector", ""), query.get("fieldSelector", ""))
    records = backend.storage.records(backend.key(call.resource), call.namespace)
    if call.record.name:
        records = [record for record in records if record.object["metadata"]["name"] == call.record.name]
    if match is None:
        return records
    return [record for record in records if match(outward(call.resource, record.object))]


def _limit(text: str | None) -> int | None:
    if text is not None and not text.isdigit():
        raise bad_request(f"invalid limit: {text!r}")
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
        items = [raw(call.resource, record) for record in records]
    head = encode({"kind": kind, "apiVersion": version, "metadata": meta})
    return Reply(200, b'%b,"items":[%b]}' % (head[:-1], b",".join(items)))
