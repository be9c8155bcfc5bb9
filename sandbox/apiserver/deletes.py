"""delete and deletecollection."""

from dataclasses import replace

from sandbox.apiserver.backend import Backend
from sandbox.apiserver.bodies import read_options
from sandbox.apiserver.call import Call
from sandbox.apiserver.convert import outward
from sandbox.apiserver.reads import chosen, list_objects
from sandbox.apiserver.replies import Reply, reply, success, unsupported_option
from sandbox.changes import Object
from sandbox.errors import conflict, not_found

_PROPAGATIONS = ("Foreground", "Background", "Orphan")


def delete(backend: Backend, call: Call) -> Reply:
    """Ask for the end of an object; 404, and 409 if the preconditions do not hold.

    Answers the object if something still holds it, else a Status.
    """
    found = backend.record(call.resource, call.namespace, call.record.name)
    if found is None:
        raise not_found(call.resource.kind, call.record.name)
    options = _options(call)
    meta = found.object["metadata"]
    _check_preconditions(call, options.get("preconditions") or {}, meta)
    dry = call.dry or "All" in (options.get("dryRun") or ())
    if not dry:
        _delete(backend, call, meta, options)
    left = backend.record(call.resource, call.namespace, call.record.name)
    if left is not None and not dry and left.object["metadata"]["uid"] == meta["uid"]:
        return reply(outward(call.resource, left.object))
    return reply(success(call.resource.kind, meta["name"], meta["uid"]))


def _options(call: Call) -> Object:
    query = call.record.query
    options = dict(read_options(call.record.body))
    for name in ("propagationPolicy", "gracePeriodSeconds"):
        if name in query:
            options.setdefault(name, query[name])
    return options


def _check_preconditions(call: Call, wanted: Object, meta: Object) -> None:
    for name in ("uid", "resourceVersion"):
        if wanted.get(name) and wanted[name] != meta[name]:
            label = "UID" if name == "uid" else "ResourceVersion"
            done = "deleted and then recreated" if name == "uid" else "modified"
            why = (
                f"the {label} in the precondition ({wanted[name]}) does not match the {label} in record "
                f"({meta[name]}). The object might have been {done}"
            )
            raise conflict(replace(call.resource.kind, plural=call.resource.kind.kind), meta["name"], why)


def _delete(backend: Backend, call: Call, meta: Object, options: Object) -> None:
    propagation = options.get("propagationPolicy") or _legacy(options)
    if propagation not in _PROPAGATIONS:
        raise unsupported_option("DeleteOptions", "propagationPolicy", propagation, (*_PROPAGATIONS, "nil"))
    grace = options.get("gracePeriodSeconds")
    backend.storage.delete(
        backend.key(call.resource),
        meta.get("namespace"),
        meta["name"],
        propagation=propagation,
        grace=int(grace) if grace is not None else None,
    )


def _legacy(options: Object) -> str:
    return "Orphan" if options.get("orphanDependents") else "Background"


def delete_collection(backend: Backend, call: Call) -> Reply:
    """Delete everything the selectors choose, and answer what that was."""
    answer = list_objects(backend, call)
    options = _options(call)
    for record in [] if call.dry else chosen(backend, call):
        _delete(backend, call, record.object["metadata"], options)
    return answer
