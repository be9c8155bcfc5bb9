"""Speaks to the controller's REST API; whatever goes wrong is one sentence and the exit code that belongs to it."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from rollout.cli.exits import Code

_ANSWER_SECONDS = 15.0
_SILENCE_SECONDS = 45.0  # three keep-alives of the API


_KNOWN = {"band", "verb", "outcome"}  # what a Rollout, a command and a run have


class Failure(Exception):  # noqa: N818 - not every one is an error: a wait that ended is none
    """Why the command ends, in one sentence, and with which exit code."""

    def __init__(self, sentence: str, code: Code = Code.REFUSED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Remote:
    """The API at `server`, an http or https URL without a path; `clock` gives seconds from any start."""

    server: str
    clock: Callable[[], float] = time.monotonic

    def get(self, *path: str, **query: str | None) -> Any:
        """The JSON at this path; raises Failure for any other answer."""
        asked = urlencode({name: given for name, given in query.items() if given is not None})
        return self._ask("GET", _path(path) + (f"?{asked}" if asked else ""))

    def post(self, *path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that answers `body`; raises Failure, with the API's own sentence for a refusal."""
        return self._ask("POST", _path(path), json.dumps(body))

    def events(self, *path: str, deadline: float | None = None) -> Iterator[tuple[str, Any]]:
        """Event and JSON data; raises Failure at `deadline` (by the clock) and when the connection ends."""
        with self._explained(), self._connected() as connection:
            connection.request("GET", _path(path), headers={"Accept": "text/event-stream"})
            sock = connection.sock  # the connection lets go of it when the server is going to close it
            with connection.getresponse() as response:
                _check(response)
                yield from _parsed(self._lines(response, sock, deadline))
        raise Failure(f"The controller at {self.server} ended the connection.", Code.UNREACHABLE)

    def _lines(self, response: http.client.HTTPResponse, sock: socket.socket, deadline: float | None) -> Iterator[str]:
        while True:
            sock.settimeout(self._patience(deadline))
            try:
                line = response.readline()
            except TimeoutError:
                self._patience(deadline)
                raise
            if not line:
                return
            yield line.decode().rstrip("\n")

    def _patience(self, deadline: float | None) -> float:
        """The seconds to wait for a line. Raises Failure when none are left."""
        left = _SILENCE_SECONDS if deadline is None else deadline - self.clock()
        if left <= 0:
            raise Failure("Waited too long.", Code.TIMEOUT)
        return min(left, _SILENCE_SECONDS)

    def _ask(self, method: str, target: str, body: str | None = None) -> Any:
        with self._explained(), self._connected() as connection:
            headers = {"Accept": "application/json", "Content-Type": "application/json"}
            connection.request(method, target, body=body, headers=headers)
            with connection.getresponse() as response:
                _check(response)
                return self._parsed(response.read())

    def _parsed(self, body: bytes) -> Any:
        """The answer; what is no JSON, or JSON of another kind of server, is said to be so."""
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if isinstance(found, list) or (isinstance(found, dict) and _KNOWN & found.keys()):
            return found
        raise Failure(f"What answers at {self.server} is not a controller: is --server right?", Code.UNREACHABLE)

    @contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        secure, host, port = _address(self.server)
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(host, port, timeout=_ANSWER_SECONDS)
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Whatever keeps an answer from arriving, as a Failure that says what to do about it."""
        try:
            yield
        except TimeoutError:
            raise Failure(f"The controller at {self.server} does not answer.", Code.UNREACHABLE) from None
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            sentence = (
                f"Cannot reach the controller at {self.server} ({why}): is it running?"
                " `rollout demo` starts one to try; --server or ROLLOUT_SERVER names another."
            )
            raise Failure(sentence, Code.UNREACHABLE) from None
        except ValueError as error:
            raise Failure(f"{self.server} does not speak this API: {error}.", Code.UNREACHABLE) from None


def _parsed(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """The events of a text/event-stream; the API writes each one's data as one line of JSON, after its name."""
    event = ""
    for line in lines:
        field, _, text = line.partition(": ")
        if field == "event":
            event = text
        elif field == "data":
            yield event, json.loads(text)


def _address(server: str) -> tuple[bool, str, int | None]:
    """Whether the server is asked over TLS, its host and its port. Raises Failure for anything but such a URL."""
    url = urlsplit(server)
    try:
        host, port = url.hostname or "", url.port
    except ValueError:
        host, port = "", None
    if url.scheme not in {"http", "https"} or not host or url.path not in {"", "/"}:
        raise Failure(f"{server!r} is not a server: write it like http://127.0.0.1:7070.")
    return url.scheme == "https", host, port


def _path(parts: tuple[str, ...]) -> str:
    return "/api/v1/" + "/".join(quote(part, safe="") for part in parts)


def _check(response: http.client.HTTPResponse) -> None:
    """Raises Failure with the sentence of the problem document unless the answer is a success."""
    if response.status < 300:
        return
    text = response.read().decode(errors="replace")
    code = Code.REFUSED if response.status < 500 else Code.UNREACHABLE
    if response.headers.get_content_type() != "application/problem+json":
        raise Failure(f"The server answered {response.status} {response.reason}: is --server right?", code)
    raise Failure(json.loads(text)["detail"], code)
