"""Answers: a status, a body, and the metav1.Status of everything that went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.changes import Object, encode
from sandbox.errors import ApiError, identified
from sandbox.kinds import Kind

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
    rule: bool = False  # found by a rule, which is asked only if the types are right

    @property
    def blocks(self) -> bool:
        """Whether no rule can be asked before this is mended."""
        return self.cause["reason"] in _BLOCKING

    def __str__(self) -> str:
        """Return it as Kubernetes prints it."""
        return f"{self.field or '<nil>'}: {self.detail}"

    @property
    def cause(self) -> Object:
        """It as an entry of status.details.causes."""
        reason = _REASONS[self.detail.partition(":")[0]]
        if reason == "FieldValueInvalid" and " must be of type " in self.detail:
            reason = "FieldValueTypeInvalid"
        return {"reason": reason, "message": self.detail, "field": self.field or "<nil>"}


_BLOCKING = frozenset(
    {"FieldValueRequired", "FieldValueTypeInvalid", "FieldValueNotSupported", "FieldValueTooMany", "FieldValueTooLong"}
)
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
        "metadata": {"continue": error.proceed} if error.proceed else {},
        "status": "Failure",
        "message": error.message,
        "reason": error.reason,
        "code": error.status,
    }
    if not error.reason:
        del body["reason"]
    chosen = error.details if details is None else details
    return {**body, "details": chosen} if chosen or error.status in _DETAILED else body


_DETAILED = (404, 405, 422)  # these have details, though they may be empty


def success(kind: Kind, name: str, uid: str) -> Object:
    """Return what a finished deletion answers."""
    details = {**identified(kind, name), "uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def bad_request(message: str) -> ApiError:
    """Return 400."""
    return ApiError(400, "BadRequest", message)


def invalid(kind: Kind, name: str, problems: Sequence[Problem]) -> ApiError:
    """Return 422 with all `problems`."""
    listed = ", ".join(str(problem) for problem in problems)
    text = listed if len(problems) == 1 else f"[{listed}]"
    qualified = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    details = {**identified(kind, name), "kind": kind.kind, "causes": [problem.cause for problem in problems]}
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {text}', details)


def unsupported_option(options: str, name: str, given: Any, supported: Sequence[str]) -> ApiError:
    """Return 422 for a value in the options of a request that is none of the supported ones."""
    listed = ", ".join(f'"{each}"' for each in supported)
    shown = encode(given).decode()
    return refused_options(options, Problem(name, f"Unsupported value: {shown}: supported values: {listed}"))


def refused_options(options: str, problem: Problem) -> ApiError:
    """Return 422 for the options of a request."""
    return invalid(Kind(group="meta.k8s.io", version="v1", plural="", kind=options), "", [problem])


def unsupported_media(given: str, accepted: Sequence[str]) -> ApiError:
    """Return 415."""
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        f"{', '.join(accepted)} (given: {given or 'none'})"
    )
    return ApiError(415, "UnsupportedMediaType", message)
