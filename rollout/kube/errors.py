"""What the API server, or the way to it, answers when a call fails.

ApiError              any refusal, with the status and reason of the server
├── Forbidden         401, 403: credentials or RBAC; retrying alone does not help
├── NotFound          404: no such object, or a kind that is not installed
├── Conflict          409: the object moved on (`Conflict`), or its name is taken (`AlreadyExists`)
├── Gone              410: the resourceVersion or continue token is too old; list again
├── Invalid           400, 422: the request itself; also a JSON patch whose `test` failed
└── Unavailable       429, 408, 5xx, a refused, cut or silent connection: the call **may have taken effect**
"""

# ruff: noqa: N818 - the names are the API's own reasons

from collections.abc import Mapping

import msgspec


class ApiError(Exception):
    """A call that failed: `status` is the HTTP status (0 when no answer came), `reason` Kubernetes' own word for it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{reason} ({status}): {message}" if status else f"{reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class Forbidden(ApiError):
    """401 or 403: who we are, or what we may do."""


class NotFound(ApiError):
    """404: the object, or the kind, is not there."""


class Conflict(ApiError):
    """409: observe again and decide anew; `reason` is `AlreadyExists` when a create met an object of that name."""


class Gone(ApiError):
    """410: the history asked for has been compacted away."""


class Invalid(ApiError):
    """400 or 422: the server understood the call and refuses its content."""


class Unavailable(ApiError):
    """Nobody answered in time, or the server is overloaded; a write may or may not have taken effect.

    `retry_after` is the wait in seconds the server asked for, None when it named none.
    """

    def __init__(self, status: int, reason: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(status, reason, message)
        self.retry_after = retry_after


class _Status(msgspec.Struct):
    """The parts of a `v1.Status` body which an error carries on."""

    code: int = 0
    reason: str = ""
    message: str = ""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
}


def error_of(status: int, body: bytes, *, headers: Mapping[str, str] | None = None) -> ApiError:
    """The error for an answer of 400 and above; `body` is a `v1.Status` or, behind a proxy, anything."""
    answer = _status(body)
    reason = answer.reason or "Unknown"
    message = answer.message or body[:200].decode(errors="replace")
    if status in {408, 429} or status >= 500:
        return Unavailable(status, reason, message, retry_after=_retry_after(headers or {}))
    return _BY_STATUS.get(status, ApiError)(status, reason, message)


def error_of_event(body: bytes) -> ApiError:
    """The error inside a watch event of type ERROR, whose object is a `v1.Status`."""
    return error_of(_status(body).code, body)


def _status(body: bytes) -> _Status:
    try:
        return msgspec.json.decode(body, type=_Status)
    except msgspec.DecodeError:
        return _Status()


# Kubernetes asks for a second or a few. What asks for more stands in between, and must not make us blind for so long.
_LONGEST_WAIT = 10.0


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, at most `_LONGEST_WAIT`; the HTTP-date form is not used by Kubernetes and counts as absent."""
    text = headers.get("Retry-After", "")
    return min(float(text), _LONGEST_WAIT) if text.isdecimal() else None
