"""Answers: a status, a body, and the metav1.Status of everything that went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.changes import Object, encode
from sandbox.kinds import Kind
from sandbox.storage import ApiError

JSON = "application/json"


@dataclass(frozen=True)
class Reply:
    """One answer, ready to be sent."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an object. `detail` begins with the kind of problem: `Invalid value: ...`."""

    field: str
    detail: str

    def __str__(self) -> str:
        """Return it as Kubernetes prints it."""
        return f"{self.field}: {self.detail}" if self.field else self.detail

    @property
    def cause(self) -> Object:
        """It as an entry of status.details.causes."""
        return {"reason": _REASONS[self.detail.partition(":")[0]], "message": self.detail, "field": self.field}


_REASONS = {
    "Invalid value": "FieldValueInvalid",
    "Required value": "FieldValueRequired",
    "Duplicate value": "FieldValueDuplicate",
    "Unsupported value": "FieldValueNotSupported",
    "Forbidden": "FieldValueForbidden",
    "Too many": "FieldValueTooMany",
    "Too long": "FieldValueTooLong",
}


def reply(body: Any, status: int = 200) -> Reply:
    """Answer `body` as JSON."""
    return Reply(status, encode(body))


def failure(error: ApiError, *, retry_after: int | None = None) -> Reply:
    """Answer `error`."""
    headers = (("Retry-After", str(retry_after)),) if retry_after is not None else ()
    details = {**error.details, "retryAfterSeconds": retry_after} if retry_after is not None else error.details
    return Reply(error.status, encode(status(error, details)), headers=headers)


def status(error: ApiError, details: Object | None = None) -> Object:
    """Return `error` as a metav1.Status."""
    body: Object = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
        "reason": error.reason,
        "code": error.status,
    }
    chosen = error.details if details is None else details
    return {**body, "details": chosen} if chosen else body


def success(kind: Kind, name: str, uid: str) -> Object:
    """Return what a finished deletion answers."""
    details = {"name": name, "group": kind.group, "kind": kind.plural, "uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def bad_request(message: str) -> ApiError:
    """Return 400."""
    return ApiError(400, "BadRequest", message)


def invalid(kind: Kind, name: str, problems: Sequence[Problem]) -> ApiError:
    """Return 422 with all `problems`."""
    listed = ", ".join(str(problem) for problem in problems)
    text = listed if len(problems) == 1 else f"[{listed}]"
    qualified = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    details = {
        "name": name,
        "group": kind.group,
        "kind": kind.kind,
        "causes": [problem.cause for problem in problems],
    }
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {text}', details)


def unsupported_media(given: str, accepted: Sequence[str]) -> ApiError:
    """Return 415."""
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        f"{', '.join(accepted)} (given: {given or 'none'})"
    )
    return ApiError(415, "UnsupportedMediaType", message)
