"""What each fault does to the stream of a real watch."""

import asyncio
import json

import aiohttp
import pytest

from tests.faults import leaping
from tests.faults.bench import LINES, Bench, benched
from tests.faults.effects import CutWithin, Delay, Dribble, GoneInStream, Late, Silence, Twice


async def test_a_watch_cut_within_an_event_brings_a_part_of_it(bench: Bench) -> None:
    bench.behind.events.put_nowait(LINES[0])
    bench.suffer(CutWithin(0.5))
    async with bench.watch() as content:
        assert await content.readexactly(8) == LINES[0][:8]
        with pytest.raises(aiohttp.ClientPayloadError):
            await content.read()


async def test_a_watch_passes_line_by_line_and_ends_when_its_upstream_does(bench: Bench) -> None:
    async with bench.watch() as content:
        for line in LINES:
            bench.behind.events.put_nowait(line)
            assert await content.readline() == line
        bench.behind.events.put_nowait(None)
        assert await content.read() == b""


async def test_a_long_event_passes_whole(bench: Bench) -> None:
    line = b"x" * 1_500_000 + b"\n"
    for each in (line, None):
        bench.behind.events.put_nowait(each)
    async with bench.watch() as content:
        assert await content.read() == line


async def test_a_watch_goes_silent_with_its_connection_open(bench: Bench) -> None:
    bench.suffer(Silence(after=1))
    for line in LINES:
        bench.behind.events.put_nowait(line)
    async with bench.watch() as content:
        assert await content.readline() == LINES[0]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await content.readline()
        assert not content.at_eof()


async def test_events_come_twice_in_their_order(bench: Bench) -> None:
    bench.suffer(Twice())
    for line in (*LINES, None):
        bench.behind.events.put_nowait(line)
    async with bench.watch() as content:
        assert await content.read() == b"".join(line * 2 for line in LINES)


async def test_a_watch_is_told_in_the_stream_that_its_version_is_gone(bench: Bench) -> None:
    bench.suffer(GoneInStream(after=1))
    bench.behind.events.put_nowait(LINES[0])
    async with bench.watch() as content:
        assert await content.readline() == LINES[0]
        event = json.loads(await content.readline())
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert await content.read() == b""


async def test_a_client_that_leaves_a_held_up_stream_is_no_failure(bench: Bench) -> None:
    bench.suffer(Late(0.01, 0.02))
    for line in LINES:
        bench.behind.events.put_nowait(line)
    async with bench.watch() as content:
        assert await content.readline() == LINES[0]
    bench.proxy.rules = ()
    assert (await bench.patch())[0] == 200


def test_late_events_keep_their_order_and_a_delay_and_a_slow_answer_take_their_time() -> None:
    """In fake time, so that the seconds are exact: the proxy knows no clock but the loop's."""

    async def scenario() -> list[float]:
        loop = asyncio.get_running_loop()
        times = []
        async with benched() as bench:
            bench.http._timeout = aiohttp.ClientTimeout(total=None)
            bench.suffer(Delay(5))
            before = loop.time()
            await bench.patch()
            times.append(loop.time() - before)
            bench.suffer(Dribble(size=5, every=2))
            before = loop.time()
            assert (await bench.patch())[1] == bench.behind.answer
            times.append(loop.time() - before)
            bench.suffer(Late(10, 20))
            for line in (*LINES, None):
                bench.behind.events.put_nowait(line)
            before = loop.time()
            async with bench.watch() as content:
                assert await content.read() == b"".join(LINES)
            times.append(loop.time() - before)
        return times

    delay, dribble, late = leaping.run(scenario())
    assert (round(delay, 1), round(dribble, 1)) == (5, 4)
    assert 10 <= late < 21
