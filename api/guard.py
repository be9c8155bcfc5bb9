"""Keeps foreign web pages out: the API answers only to local names, and takes changes only from its own pages."""

from collections.abc import Callable, MutableMapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, answer

_LOCAL = {"localhost", "127.0.0.1", "[::1]"}
_READING = {"GET", "HEAD", "OPTIONS"}
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """ASGI middleware in front of everything else.

    A page of another site can make a browser call loopback addresses: under a name of its own that resolves to them
    (DNS rebinding, told by the Host header), or by a cross-site request (told by the Origin header).
    """

    def __init__(self, app: ASGIApp, *, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request with a problem, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = _refusal(scope["method"], Headers(scope=scope))
        target = self._app if problem is None else answer(problem, scope["path"])
        await target(scope, receive, self._with_headers(send))

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(message, date=format_datetime(self._clock(), usegmt=True))
            await send(message)

        return sending


def _complete(message: MutableMapping[str, Any], *, date: str) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in {**_HEADERS, "Date": date}.items():
        headers.setdefault(name, value)


def _refusal(method: str, headers: Headers) -> Problem | None:
    host = headers.get("host", "")
    if _name_of(host) not in _LOCAL:
        return Problem(403, "foreign-host", f"{host!r} is not a local name: use localhost, 127.0.0.1 or [::1].")
    origin = headers.get("origin")
    if method in _READING or origin is None or origin in {f"http://{host}", f"https://{host}"}:
        return None
    return Problem(403, "foreign-origin", f"A page of {origin} may not change anything here: use http://{host}.")


def _name_of(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()
