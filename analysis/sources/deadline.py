"""A requests session whose answers arrive whole, within a time and a size, or not at all."""

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec
import requests

_CHUNK: Final = 65536


class TooSlowError(Exception):
    """The answer did not arrive in time, though every single read did."""


class TooLargeError(Exception):
    """The answer is larger than anybody would read."""


@dataclass(frozen=True)
class Whole:
    """An answer that has arrived."""

    status_code: int
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the server says that all is well."""
        return self.status_code < HTTPStatus.BAD_REQUEST

    def json(self) -> Any:
        """The content as JSON; raises msgspec.DecodeError."""
        return msgspec.json.decode(self.content)


class DeadlineSession:
    """What a client needs of `requests.Session`. The library's own timeout starts anew with every byte; this does not.

    It follows no redirect, so that credentials and questions stay at the address that was configured, and takes
    nothing from the environment (no .netrc, no proxy).
    """

    def __init__(self, *, seconds: float, limit: int) -> None:
        self._seconds = seconds
        self._limit = limit
        self._session = requests.Session()
        self._session.trust_env = False
        self.verify: bool | str = True
        self.cert: str | None = None

    def mount(self, prefix: str, adapter: requests.adapters.HTTPAdapter) -> None:
        """Let `adapter` carry what begins with `prefix`."""
        self._session.mount(prefix, adapter)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def request(self, method: str, url: str, **options: Any) -> Whole:
        """Ask, and read the whole answer. Raises TooSlowError and TooLargeError beside what requests raises."""
        deadline = time.monotonic() + self._seconds
        response = self._session.request(method, url, stream=True, allow_redirects=False, **options)
        try:
            return Whole(response.status_code, self._read(response, deadline))
        finally:
            # An answer read to its end has given its connection back by now; this ends only what was cut short.
            response.close()

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        content = bytearray()
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            content += chunk
            if len(content) > self._limit:
                raise TooLargeError
            if time.monotonic() > deadline:
                raise TooSlowError
        return bytes(content)
