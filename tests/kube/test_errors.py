import json

import pytest

from rollout.kube.errors import ApiError, Conflict, Forbidden, Gone, Invalid, NotFound, Unavailable, error_of


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Invalid),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (405, ApiError),
        (408, Unavailable),
        (409, Conflict),
        (410, Gone),
        (415, ApiError),
        (422, Invalid),
        (429, Unavailable),
        (500, Unavailable),
        (504, Unavailable),
    ],
)
def test_every_status_has_its_error(status: int, expected: type[ApiError]) -> None:
    error = error_of(status, json.dumps({"kind": "Status", "reason": "Because", "message": "so"}).encode())
    assert (type(error), error.status, error.reason, error.message) == (expected, status, "Because", "so")


@pytest.mark.parametrize("body", [b"", b"<html>bad gateway</html>", b"[]", b"null", b'{"reason": 1}', b"\xff\xfe"])
def test_an_answer_from_something_in_between_is_still_an_error(body: bytes) -> None:
    error = error_of(502, body)
    assert (type(error), error.reason, error.message) == (Unavailable, "Unknown", body.decode(errors="replace"))


@pytest.mark.parametrize(("header", "expected"), [("7", 7.0), ("600", 10.0), ("soon", None), ("", None), ("-1", None)])
def test_the_wait_the_server_asks_for_is_kept_unless_it_makes_us_blind(header: str, expected: float | None) -> None:
    error = error_of(429, b"{}", headers={"Retry-After": header})
    assert isinstance(error, Unavailable)
    assert error.retry_after == expected
