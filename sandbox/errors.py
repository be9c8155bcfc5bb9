"""What is answered instead of an object, as Kubernetes words it."""

from collections.abc import Mapping
from typing import Any

from sandbox.changes import Object
from sandbox.kinds import Kind


class ApiError(Exception):
    """What the API server answers instead of an object: a metav1.Status with this code and reason."""

    def __init__(
        self, status: int, reason: str, message: str, details: Mapping[str, Any] | None = None, *, proceed: str = ""
    ) -> None:
        super().__init__(message)
        self.proceed = proceed  # the continue token of a list that goes on all the same
        self.status = status
        self.reason = reason
        self.message = message
        self.details = dict(details or {})


def not_found(kind: Kind, name: str) -> ApiError:
    """Return 404 as Kubernetes words it."""
    return ApiError(404, "NotFound", f'{kind.resource} "{name}" not found', identified(kind, name))


def already_exists(kind: Kind, name: str) -> ApiError:
    """Return 409 as Kubernetes words it."""
    return ApiError(409, "AlreadyExists", f'{kind.resource} "{name}" already exists', identified(kind, name))


def conflict(kind: Kind, name: str, why: str) -> ApiError:
    """Return 409 as Kubernetes words it."""
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return ApiError(409, "Conflict", message, identified(kind, name))


def identified(kind: Kind, name: str) -> Object:
    """Return what the details of a refusal say of the object; the core group is left out."""
    return {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}


def check_fresh(kind: Kind, meta: Object, current: Object) -> None:
    """Raise 409 if `meta` names another uid or resourceVersion than the current ones; saying nothing is fine."""
    name = current["name"]
    if meta.get("uid") and meta["uid"] != current["uid"]:
        why = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {current['uid']}"
        raise conflict(kind, name, why)
    if meta.get("resourceVersion") and meta["resourceVersion"] != current["resourceVersion"]:
        why = "the object has been modified; please apply your changes to the latest version and try again"
        raise conflict(kind, name, why)
