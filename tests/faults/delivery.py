"""How an answer reaches the client: whole, bit by bit, in part, or not at all."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import aiohttp
from aiohttp import web
from yarl import URL

from tests.faults.asked import Asked
from tests.faults.effects import (
    AnswerEffect,
    CutAfter,
    CutWithin,
    Dribble,
    GoneInStream,
    Late,
    Refuse,
    Silence,
    Twice,
    WatchEffect,
)
from tests.faults.streams import relay

_DROPPED = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@asynccontextmanager
async def forwarded(
    session: aiohttp.ClientSession, upstream: str, asked: Asked
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The upstream's answer, its body not read yet; raises `aiohttp.ClientError` where there is none."""
    url = URL(upstream + asked.target, encoded=True)
    headers = [*asked.headers, ("Accept-Encoding", "identity")]
    async with session.request(
        asked.method, url, headers=headers, data=asked.body or None, allow_redirects=False
    ) as answer:
        yield answer


def status_of(refusal: Refuse) -> web.Response:
    """The answer of an API server that refuses."""
    retry = refusal.retry_after
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": refusal.message,
        "reason": refusal.reason,
        "details": {} if retry is None else {"retryAfterSeconds": retry},
        "code": refusal.status,
    }
    headers = {} if retry is None else {"Retry-After": str(retry)}
    return web.Response(text=json.dumps(body), status=refusal.status, headers=headers, content_type="application/json")


def cut(request: web.BaseRequest) -> web.StreamResponse:
    """End the connection at once; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


class Delivery:
    """The way back to one client; every part waits until `through` is set."""

    def __init__(self, request: web.BaseRequest, through: asyncio.Event) -> None:
        self._request = request
        self._through = through

    async def whole(
        self, upstream: aiohttp.ClientResponse, body: bytes, effect: AnswerEffect | WatchEffect | None
    ) -> web.StreamResponse:
        """An answer that was read to its end."""
        await self._through.wait()
        if isinstance(effect, CutAfter):
            return cut(self._request)
        answer = _like(upstream)
        answer.content_length = len(body)
        await answer.prepare(self._request)
        match effect:
            case CutWithin(share):
                return await self._broken(answer, body, share)
            case Dribble(size, every):
                for start in range(0, len(body), size):
                    await self._write(answer, body[start : start + size])
                    await asyncio.sleep(every)
            case _:
                await self._write(answer, body)
        await answer.write_eof()
        return answer

    async def stream(
        self, upstream: aiohttp.ClientResponse, effect: AnswerEffect | WatchEffect | None, *, random: Random
    ) -> web.StreamResponse:
        """An answer that goes on, line by line; a slow one is sent as fast as it comes."""
        await self._through.wait()
        if isinstance(effect, CutAfter):
            return cut(self._request)
        answer = _like(upstream)
        await answer.prepare(self._request)
        if isinstance(effect, CutWithin):
            return await self._broken(answer, await upstream.content.readline(), effect.share)
        change = effect if isinstance(effect, Silence | Twice | Late | GoneInStream) else None
        await relay(upstream.content, lambda line: self._write(answer, line), change, random=random)
        await answer.write_eof()
        return answer

    async def _broken(self, answer: web.StreamResponse, body: bytes, share: float) -> web.StreamResponse:
        """Closed, not aborted: a reset may overtake what was sent before it."""
        await self._write(answer, body[: int(len(body) * share)])
        if self._request.transport is not None:
            self._request.transport.close()
        return answer

    async def _write(self, answer: web.StreamResponse, part: bytes) -> None:
        await self._through.wait()
        if part:
            await answer.write(part)


def _like(upstream: aiohttp.ClientResponse) -> web.StreamResponse:
    answer = web.StreamResponse(status=upstream.status, reason=upstream.reason)
    for name, value in upstream.headers.items():
        if name.lower() not in _DROPPED:
            answer.headers.add(name, value)
    return answer
