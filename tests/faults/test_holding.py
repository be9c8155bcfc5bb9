"""What a fault proxy keeps back: single requests, and in a partition everything."""

import asyncio

import aiohttp
import pytest

from tests.faults.bench import LINES, Bench
from tests.faults.effects import Delay, Hold
from tests.faults.proxy import NewConnections, fault_proxy
from tests.faults.rules import Match, Rule
from tests.faults.upstream import ROUTE, upstream
from tests.kube.builders import eventually


async def test_a_held_request_goes_on_when_it_is_released(bench: Bench) -> None:
    hold = Hold(outlives_client=False)
    bench.suffer(hold)
    async with asyncio.TaskGroup() as group:
        patch = group.create_task(bench.patch())
        await hold.arrived.wait()
        assert (bench.behind.done, hold.statuses) == ([], [])
        hold.release()
    assert (patch.result()[0], bench.behind.done, hold.statuses) == (200, [("PATCH", ROUTE)], [200])


@pytest.mark.parametrize("outlives", [True, False])
async def test_a_held_request_outlives_its_client_if_it_was_told_to(bench: Bench, outlives: bool) -> None:
    hold = Hold(outlives_client=outlives)
    bench.suffer(hold)
    bench.http._timeout = aiohttp.ClientTimeout(total=0.1)
    assert await bench.lost() == "TimeoutError"
    bench.proxy.partitioned = True
    await asyncio.sleep(0.05)
    hold.release()
    await hold.answered.wait()
    assert bench.behind.done == ([("PATCH", ROUTE)] if outlives else [])
    assert hold.statuses == ([200] if outlives else [None])


async def test_a_request_still_held_at_the_end_is_lost() -> None:
    hold = Hold(outlives_client=True)
    async with upstream() as behind, aiohttp.ClientSession() as http:
        async with fault_proxy(behind.url) as proxy:
            proxy.rules = (Rule(Match(), hold),)
            with pytest.raises(TimeoutError):
                await http.patch(proxy.url + ROUTE, timeout=aiohttp.ClientTimeout(total=0.1))
        assert (behind.done, hold.statuses) == ([], [None])


async def test_a_partition_silences_what_is_open_and_heals_where_it_was(bench: Bench) -> None:
    async with bench.watch() as content:
        bench.behind.events.put_nowait(LINES[0])
        assert await content.readline() == LINES[0]
        bench.proxy.partitioned = True
        bench.behind.events.put_nowait(LINES[1])
        reading = asyncio.ensure_future(content.readline())
        patching = asyncio.ensure_future(bench.patch())
        await asyncio.sleep(0.1)
        assert (reading.done(), patching.done(), len(bench.behind.done)) == (False, False, 1)
        bench.proxy.partitioned = False
        assert await reading == LINES[1]
        assert (await patching)[0] == 200


async def test_an_answer_under_way_does_not_pass_a_partition(bench: Bench) -> None:
    bench.suffer(Delay(0.05))
    patching = asyncio.ensure_future(bench.patch())
    await eventually(lambda: bool(bench.proxy.exchanges))
    bench.proxy.partitioned = True
    await eventually(lambda: bool(bench.behind.done))
    await asyncio.sleep(0.05)
    assert not patching.done()
    bench.proxy.partitioned = False
    assert (await patching)[0] == 200


async def test_new_connections_are_refused_in_a_partition_if_so_chosen(bench: Bench) -> None:
    bench.proxy.partitioned = True
    bench.proxy.new_connections = NewConnections.REFUSED
    assert await bench.lost() in {"ServerDisconnectedError", "ClientOSError", "ClientConnectorError"}
    bench.proxy.partitioned = False
    assert (await bench.patch())[0] == 200
