"""create, update and patch."""

from collections.abc import Callable
from typing import Any

from sandbox.apiserver import patches
from sandbox.apiserver.admission import Admitted, Undecodable, approve, shape
from sandbox.apiserver.apply import apply
from sandbox.apiserver.backend import Backend
from sandbox.apiserver.bodies import media_type, read_any, read_object
from sandbox.apiserver.call import Call
from sandbox.apiserver.convert import inward, outward
from sandbox.apiserver.fields import Writer, record
from sandbox.apiserver.reads import shown
from sandbox.apiserver.registry import Resource
from sandbox.apiserver.replies import Problem, Reply, bad_request, invalid, refused_options, unsupported_media
from sandbox.apiserver.schema import Schema
from sandbox.apiserver.shape import fill, prune
from sandbox.changes import Object, decode, encode
from sandbox.errors import ApiError, check_fresh, conflict, not_found
from sandbox.storage import Record

_SERVER_SET = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
_PATCHES = (patches.JSON_PATCH, patches.MERGE_PATCH, patches.STRATEGIC_PATCH, patches.APPLY_PATCH)


def create(backend: Backend, call: Call) -> Reply:
    """Store a new object; 400, 404 for its namespace, 409, 422."""
    return _create(backend, call, read_object(call.record.content_type, call.record.body), "Update")


def _create(backend: Backend, call: Call, given: Object, operation: str) -> Reply:
    resource = call.resource
    admitted = shape(resource, given, call.strictness)
    new = inward(resource, admitted.object, backend.stored_version(resource))
    meta = new["metadata"]
    if meta.get("resourceVersion"):
        raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
    for name in _SERVER_SET:
        meta.pop(name, None)
    _place(call, meta)
    backend.check_namespace(resource, meta.get("namespace", ""), meta.get("name", ""))
    _begin_status(resource, new, backend.storage.now())
    _approve(call, new, None)
    if operation == "Update":
        record({}, _without_allocated(resource, new), _writer(backend, call, operation), _schema(call))
    if _is_service(resource):
        backend.addresses.allocate(new)
    return _answer(call, backend.storage.create(backend.key(resource), new, dry=call.dry), admitted, 201)


_ALLOCATED = ("clusterIPs", "ipFamilies", "ipFamilyPolicy")


def _without_allocated(resource: Resource, obj: Object) -> Object:
    """Return, with the same metadata, what its writer owns: not the status, and of a Service not what is allocated."""
    own = {name: value for name, value in obj.items() if name != "status" or not resource.status}
    if _is_service(resource):
        own["spec"] = {name: value for name, value in obj["spec"].items() if name not in _ALLOCATED}
    return own


def _place(call: Call, meta: Object) -> None:
    """Set the namespace of the request, and refuse another one."""
    if not call.resource.kind.namespaced:
        return
    namespace = call.record.namespace or "default"
    if meta.get("namespace", namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    meta["namespace"] = namespace


def _begin_status(resource: Resource, obj: Object, now: str) -> None:
    """Set the status that a new object has, whatever the client says."""
    plural = "" if resource.kind.custom else resource.kind.plural
    if resource.kind.custom and resource.status:
        obj.pop("status", None)
        fill(resource.schema, obj)
    elif plural == "pods":
        obj["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
    elif plural == "customresourcedefinitions":
        obj["status"] = _definition_status(obj, now)
    elif plural == "namespaces":
        obj["status"] = {"phase": "Active"}
    elif resource.status:
        obj["status"] = {"loadBalancer": {}} if plural in ("services", "ingresses") else {}


def _definition_status(crd: Object, now: str) -> Object:
    spec = crd.get("spec") or {}
    reasons = {"NamesAccepted": ("NoConflicts", "no conflicts found"), "Established": ("InitialNamesAccepted", "")}
    return {
        "conditions": [
            {"type": type_, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now}
            for type_, (reason, message) in reasons.items()
        ],
        "acceptedNames": spec.get("names"),
        "storedVersions": [version.get("name") for version in spec.get("versions") or () if version.get("storage")],
    }


def _writer(backend: Backend, call: Call, operation: str) -> Writer:
    return Writer(
        manager=call.manager,
        operation=operation,
        api_version=call.resource.api_version,
        subresource=call.record.subresource,
        time=backend.storage.now(),
    )


def _schema(call: Call) -> Schema | None:
    """Return the schema that says which lists are maps; built-in kinds go by names."""
    return call.resource.schema if call.resource.kind.custom else None


def _approve(call: Call, new: Object, old: Object | None) -> None:
    if call.resource.kind.custom:
        approve(call.resource, new, old)
    else:
        approve(call.resource, outward(call.resource, new), outward(call.resource, old) if old else None)


def _answer(call: Call, stored: Object, admitted: Admitted, status: int = 200) -> Reply:
    answer = shown(call, Record(stored, encode(stored)), status)
    warnings = tuple(("Warning", f'299 - "{_quoted(text)}"') for text in admitted.warnings)
    return Reply(answer.status, answer.body, answer.content_type, warnings)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def update(backend: Backend, call: Call) -> Reply:
    """Replace an object; 400, 404, 409, 422."""
    given = read_object(call.record.content_type, call.record.body)
    old = _current(backend, call)
    version = (given.get("metadata") or {}).get("resourceVersion")
    if call.resource.kind.custom and not version:
        detail = "Invalid value: 0: must be specified for an update"
        raise invalid(call.resource.kind, call.record.name, [Problem("metadata.resourceVersion", detail)])
    return revise(backend, call, old, given)


def _current(backend: Backend, call: Call) -> Object:
    found = backend.record(call.resource, call.namespace, call.record.name)
    if found is None:
        raise not_found(call.resource.kind, call.record.name)
    return found.object


def revise(backend: Backend, call: Call, old: Object, given: Object, operation: str = "Update") -> Reply:
    """Store `given` in the place of `old`, which is read only: all of it, or its status only."""
    resource, part = call.resource, call.record.subresource
    admitted = shape(resource, given, call.strictness, old)
    new = inward(resource, admitted.object, backend.stored_version(resource))
    _keep_identity(call, new["metadata"], old["metadata"])
    check_fresh(resource.kind, new["metadata"], old["metadata"])
    if part == "status":
        kept = _fence(new["metadata"], owners=operation == "Apply")
        new = {**old, "status": new.get("status"), "metadata": {**old["metadata"], **kept}}
    elif resource.status:
        new["status"] = old.get("status")
    if new.get("status") is None:
        new.pop("status", None)
    if _is_service(resource):
        _keep_address(new["spec"], old["spec"])
    _approve(call, new, old)
    if operation == "Update":
        record(old, new, _writer(backend, call, operation), _schema(call))
    stored = backend.storage.update(backend.key(resource), new, subresource=part or None, dry=call.dry)
    return _answer(call, stored, admitted)


def _fence(meta: Object, *, owners: bool) -> Object:
    """Return what a status write says of the metadata: which object it means, and after an apply who owns what."""
    names = ("resourceVersion", "uid", "managedFields") if owners else ("resourceVersion", "uid")
    return {name: meta.get(name) for name in names}


def _keep_identity(call: Call, meta: Object, old: Object) -> None:
    if meta.setdefault("name", old["name"]) != old["name"]:
        raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({old['name']})")
    if call.resource.kind.namespaced and meta.setdefault("namespace", old["namespace"]) != old["namespace"]:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if meta.get("managedFields") == [{}]:
        meta["managedFields"] = []  # how everybody's ownership is given up
    elif "managedFields" not in meta and "managedFields" in old:
        meta["managedFields"] = old["managedFields"]


def _is_service(resource: Resource) -> bool:
    return resource.kind.plural == "services" and not resource.kind.custom


def _keep_address(spec: Object, old: Object) -> None:
    """An update that does not speak of the allocated address keeps it."""
    for name in ("clusterIP", "clusterIPs"):
        if name in old and not spec.get(name):
            spec[name] = old[name]


def patch(backend: Backend, call: Call) -> Reply:
    """Change an object by a patch; 400, 404, 409, 415, 422."""
    media = media_type(call.record.content_type)
    if media == patches.APPLY_PATCH:
        return _apply(backend, call)
    change = patcher(call, media)
    old = _current(backend, call)
    shown_now = outward(call.resource, old)
    given = change(shown_now, read_any(call.record.body))
    if not isinstance(given, dict) or not isinstance(given.get("metadata"), dict):
        raise bad_request("the patched object is not an object")
    try:
        return revise(backend, call, old, decode(encode(given)))
    except Undecodable as error:
        raise _unpatchable(given, error) from error


def _unpatchable(given: Object, error: Undecodable) -> ApiError:
    """What a patch makes is decoded on the server: it is invalid, and not a bad request, if that fails."""
    problem = Problem("patch", f"Invalid value: {encode(encode(given).decode()).decode()}: {error.why}")
    return ApiError(422, "Invalid", f' "" is invalid: {problem}', {"causes": [problem.cause]})


def patcher(call: Call, media: str) -> Callable[[Any, Any], Any]:
    """Return the function that lays a patch of that type over an object; raises 415."""
    if media == patches.JSON_PATCH:
        return patches.json_patch
    if media == patches.MERGE_PATCH:
        return patches.merge_patch
    if media == patches.STRATEGIC_PATCH and not call.resource.kind.custom:
        return patches.strategic_patch
    accepted = [m for m in _PATCHES if m != patches.STRATEGIC_PATCH or not call.resource.kind.custom]
    raise unsupported_media(media, accepted)


def _apply(backend: Backend, call: Call) -> Reply:
    if not call.record.query.get("fieldManager"):
        raise refused_options("PatchOptions", Problem("fieldManager", "Required value: is required for apply patch"))
    wanted = read_object(call.record.content_type, call.record.body)
    meta = wanted.setdefault("metadata", {})
    if not isinstance(meta, dict):
        raise bad_request("metadata is not an object")
    if meta.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    if meta.setdefault("name", call.record.name) != call.record.name:
        raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL")
    _refuse_unknown(call, wanted)
    found = backend.record(call.resource, call.namespace, call.record.name)
    current = outward(call.resource, found.object) if found else {}
    if found is None and meta.get("uid"):
        why = f"uid mismatch: the provided object specified uid {meta['uid']}, and no existing object was found"
        raise conflict(call.resource.kind, meta["name"], why)
    wanted = _owned_part(call, wanted)
    force = call.record.query.get("force") == "true"
    given = apply(current, wanted, _writer(backend, call, "Apply"), _schema(call), force=force)
    given = decode(encode(given))
    if found is None:
        return _create(backend, call, given, "Apply")
    return revise(backend, call, found.object, given, "Apply")


def _owned_part(call: Call, wanted: Object) -> Object:
    """Return what can be owned through this path: the status through its subresource only, and nothing else there."""
    if call.record.subresource == "status":
        return {key: wanted[key] for key in ("apiVersion", "kind", "metadata", "status") if key in wanted}
    return {key: value for key, value in wanted.items() if key != "status" or not call.resource.status}


def _refuse_unknown(call: Call, wanted: Object) -> None:
    """An apply is always strict: what is not in the schema cannot be owned."""
    unknown = prune(call.resource.schema, decode(encode(wanted)))
    if unknown and call.strictness != "Ignore":
        where = f"{call.record.namespace}/{call.record.name}; {call.resource.api_version}"
        problem = f".{unknown[0]}: field not declared in schema"
        message = f"failed to create typed patch object ({where}, Kind={call.resource.kind.kind}): {problem}"
        raise ApiError(500, "", message)
