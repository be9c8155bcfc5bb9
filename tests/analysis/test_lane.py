import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

from analysis.lane import AT_ONCE, TRIES, Lane, Outcome
from tests.analysis.fakes import eventually

Ask = Callable[[str, float], Awaitable[Outcome | None]]


@asynccontextmanager
async def running(ask: Ask, skipped: list[tuple[str, str]] | None = None) -> AsyncIterator[Lane[str]]:
    def skip(item: str, reason: str) -> bool:
        if skipped is not None:
            skipped.append((item, reason))
        return not item.startswith("gone")

    lane = Lane(ask, skip, interval=0.05, random=Random(1))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(lane.run())
        yield lane
        task.cancel()


async def test_what_is_due_is_asked_again_and_again():
    asked = []

    async def ask(item: str, due: float) -> Outcome:
        asked.append(item)
        return Outcome(0.001)

    async with running(ask) as lane:
        lane.add("a")
        lane.add("b")
        await eventually(lambda: asked.count("a") > 3 and asked.count("b") > 3)


async def test_what_nobody_wants_any_more_is_forgotten():
    asked = []

    async def ask(item: str, due: float) -> Outcome | None:
        asked.append(item)
        return None if item == "gone" else Outcome(0.001)

    async with running(ask) as lane:
        lane.add("gone")
        lane.add("a")
        await eventually(lambda: asked.count("a") > 3)
    assert asked.count("gone") == 1


async def test_what_is_due_earlier_is_asked_earlier_whenever_it_came():
    asked = []

    async def ask(item: str, due: float) -> None:
        asked.append(item)

    async with running(ask) as lane:
        lane.add("later", delay=0.05)
        await asyncio.sleep(0)
        lane.add("now")
        await eventually(lambda: len(asked) == 2)
    assert asked == ["now", "later"]


async def test_only_a_few_are_asked_at_once():
    under_way, most = set(), 0

    async def ask(item: str, due: float) -> None:
        nonlocal most
        under_way.add(item)
        most = max(most, len(under_way))
        await asyncio.sleep(0.01)
        under_way.remove(item)
        done.append(item)

    done: list[str] = []
    async with running(ask) as lane:
        for number in range(20):
            lane.add(str(number))
        await eventually(lambda: len(done) == 20)
    assert most == AT_ONCE


async def test_while_a_source_is_down_one_tries_and_the_others_are_told():
    asked, skipped, down = [], list[tuple[str, str]](), True

    async def ask(item: str, due: float) -> Outcome:
        asked.append(item)
        return Outcome(0.001, "gone fishing" if down else None)

    async with running(ask, skipped) as lane:
        for number in range(30):
            lane.add(str(number))
        await eventually(lambda: len({item for item, _ in skipped}) >= 26)
        assert len(asked) <= TRIES + AT_ONCE + len(skipped) // 20
        assert {reason for _, reason in skipped} == {"gone fishing"}
        down = False
        await eventually(lambda: len(set(asked)) == 30)


async def test_what_is_skipped_and_not_wanted_is_forgotten():
    skipped = list[tuple[str, str]]()

    async def ask(item: str, due: float) -> Outcome:
        return Outcome(0.001, "down")

    async with running(ask, skipped) as lane:
        lane.add("a")
        await eventually(lambda: ("a", "down") in skipped)
        lane.add("gone")
        await eventually(lambda: ("gone", "down") in skipped)
        before = len(skipped)
        await eventually(lambda: len(skipped) > before + 5)
    assert skipped.count(("gone", "down")) == 1


async def test_one_failure_among_answers_closes_nothing():
    asked = []

    async def ask(item: str, due: float) -> Outcome:
        asked.append(item)
        return Outcome(0.001, "heavy" if item == "heavy" else None)

    skipped = list[tuple[str, str]]()
    async with running(ask, skipped) as lane:
        lane.add("heavy")
        lane.add("light")
        await eventually(lambda: asked.count("heavy") > 5 and asked.count("light") > 5)


async def test_a_source_that_comes_back_is_asked_for_everything_that_waited():
    asked, down = [], True

    async def ask(item: str, due: float) -> Outcome:
        asked.append(item)
        return Outcome(0.001 if item == "a" else 3600, "down" if down else None)

    async with running(ask) as lane:
        lane.add("patient")
        lane.add("a")
        await eventually(lambda: asked.count("a") > 5)
        down = False
        await eventually(lambda: asked.count("patient") == 2)
