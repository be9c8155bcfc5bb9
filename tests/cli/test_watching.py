import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO

import pytest
from rich.console import Console

from api.views import view_of
from rollout.cli.exits import Code
from rollout.cli.options import Form
from rollout.cli.remote import Failure, Remote
from rollout.cli.watching import _shown, views
from tests.api.cluster import moving, quiet

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def streaming(*bodies: bytes) -> AsyncIterator[tuple[str, asyncio.Server]]:
    """A server that answers each connection with the next body, hangs up, and after the last one is gone."""
    left = list(bodies)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + left.pop(0))
        if not left:
            server.close()
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", server


def event(message: str) -> bytes:
    view = view_of(moving(message=message)).model_dump_json(by_alias=True)
    return f": keep-alive\n\nevent: rollout\ndata: {view}\n\nevent: synced\ndata: {{}}\n\n".encode()


async def test_a_connection_that_breaks_is_made_again_and_a_controller_that_stays_away_is_given_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slept: list[float] = []
    seen: list[str] = []

    def follow(url: str) -> None:
        followed = views(Remote(server=url), "store", "shop", sleep=slept.append)
        seen.extend(view["message"] for view in followed)

    async with streaming(event("one"), event("two")) as (url, _):
        with pytest.raises(Failure) as failure:
            await asyncio.to_thread(follow, url)
    assert (seen, failure.value.code, slept) == (["one", "two"], Code.UNREACHABLE, [2.0] * 16)
    assert capsys.readouterr().err == f"rollout: Lost the controller at {url}; trying again.\n" * 2


async def test_the_time_that_is_left_ends_the_wait_even_while_events_arrive() -> None:
    times = iter([10.0, 11.0, 20.0])
    async with streaming(event("one") * 3) as (url, _):
        remote = Remote(server=url, clock=lambda: next(times))
        with pytest.raises(Failure, match="Waited too long") as failure:
            await asyncio.to_thread(list, remote.events("x", deadline=20.0))
    assert failure.value.code is Code.TIMEOUT


def test_a_terminal_shows_the_page_and_ends_with_the_newest() -> None:
    target = Console(file=StringIO(), force_terminal=True, width=100, color_system=None)
    with target.capture() as capture, _shown(Form.TEXT, target) as show:
        for manifest in (moving(message="At 5 %."), quiet("shop")):
            show(json.loads(view_of(manifest).model_dump_json(by_alias=True)))
    assert "At 5 %." in capture.get()
    last = [line for line in capture.get().splitlines() if "run 4" in line][-1]
    assert "a31d0 replaces 7c9f1 · promoted" in last


def test_where_there_is_no_terminal_a_sentence_is_written_once(capsys: pytest.CaptureFixture[str]) -> None:
    with _shown(Form.TEXT, Console(file=StringIO())) as show:
        for message in ("At 5 %.", "At 5 %.", "At 25 %.", "At 5 %."):
            show(json.loads(view_of(moving(message=message)).model_dump_json(by_alias=True)))
    sentences = [line.partition("  ")[2].strip() for line in capsys.readouterr().out.splitlines()]
    assert sentences == ["5 %  At 5 %.", "5 %  At 25 %.", "5 %  At 5 %."]
