"""The reflector and the store under every fault the way to the API server can have, in leaping time."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from tests.faults.effects import (
    CONFLICT,
    EXPIRED_TOKEN,
    GONE,
    INTERNAL_ERROR,
    UNAVAILABLE,
    CutAfter,
    CutBefore,
    CutWithin,
    Delay,
    Dribble,
    Effect,
    GoneInStream,
    HalfOpen,
    Late,
    Silence,
    Twice,
    too_many_requests,
)
from tests.faults.rules import Match, Rule, matching
from tests.kube.scene import MAPS, Scene, failure_of, play, scene


def test_a_token_that_expires_stops_a_reflector_no_longer_than_it_is_expired(tmp_path: Path) -> None:
    async def acting() -> None:
        async with scene(tmp_path) as made, made.reflecting():
            await made.until(lambda: made.watches >= 1)
            made.suffer(EXPIRED_TOKEN)
            made.proxy.disconnect()
            made.write("a")
            await made.until(lambda: len(made.proxy.exchanges) > 10)
            made.proxy.rules = ()
            await made.until(made.is_true)

    play(acting())


@pytest.mark.parametrize("on", ["list", "watch"])
def test_a_reflector_waits_as_long_as_it_is_asked_to(tmp_path: Path, on: str) -> None:
    async def acting() -> None:
        async with scene(tmp_path) as made:
            made.suffer(too_many_requests(7), matching(on, last=1))
            before = asyncio.get_running_loop().time()
            async with made.reflecting():
                await made.until(lambda: len(made.proxy.asked(on)) == 2)
                assert asyncio.get_running_loop().time() - before >= 7

    play(acting())


@pytest.mark.parametrize("on", ["list", "watch"])
def test_a_reflector_that_is_asked_to_wait_for_a_day_is_back_in_seconds(tmp_path: Path, on: str) -> None:
    async def acting() -> None:
        async with scene(tmp_path) as made:
            made.suffer(too_many_requests(86_400), matching(on, last=1))
            before = asyncio.get_running_loop().time()
            async with made.reflecting():
                await made.until(lambda: len(made.proxy.asked(on)) == 2)
                assert 9 <= asyncio.get_running_loop().time() - before <= 12

    play(acting())


@pytest.mark.parametrize("effect", [GONE, GoneInStream(), GoneInStream(after=2)], ids=["status", "event", "late event"])
def test_a_watch_whose_version_is_gone_is_listed_again(tmp_path: Path, effect: Effect) -> None:
    async def acting() -> None:
        async with scene(tmp_path) as made:
            made.write("stays")
            made.write("goes")
            made.suffer(effect, matching("watch", last=1))
            async with made.reflecting():
                await made.until(lambda: made.watches >= 1)
                made.storage.remove("configmaps", "default", "goes")
                made.storage.compact()
                await made.until(lambda: made.lists >= 2)
                await made.until(lambda: made.names == ["stays"])

    play(acting())


def test_a_watch_that_goes_silent_is_noticed_and_resumed_without_a_list(tmp_path: Path) -> None:
    async def acting() -> None:
        async with scene(tmp_path) as made:
            made.suffer(Silence(), matching("watch", last=1))
            async with made.reflecting() as reflector:
                await made.until(lambda: made.watches >= 1)
                made.write("a")
                await asyncio.sleep(100)
                assert (made.names, reflector.age > 90) == ([], True)
                await made.until(lambda: made.watches == 2)
                assert asyncio.get_running_loop().time() < 160
                await made.until(lambda: made.names == ["a"])
                assert (made.lists, reflector.age < 10) == (1, True)

    play(acting())


def test_a_partition_is_noticed_and_its_end_too(tmp_path: Path) -> None:
    async def acting() -> None:
        async with scene(tmp_path) as made, made.reflecting():
            await made.until(lambda: made.watches >= 1)
            made.proxy.partitioned = True
            made.write("a")
            assert (await failure_of(made.client.get(MAPS, "default", "a"))).reason == "Timeout"
            await asyncio.sleep(1000)
            assert made.names == []
            made.proxy.partitioned = False
            await made.until(lambda: made.names == ["a"])

    play(acting())


def test_events_that_come_twice_are_told_once(tmp_path: Path) -> None:
    async def acting() -> None:
        async with scene(tmp_path) as made:
            made.suffer(Twice())
            async with made.reflecting():
                await made.until(lambda: made.watches >= 1)
                for turn in ("1", "2"):
                    made.write("a", turn=turn)
                made.storage.remove("configmaps", "default", "a")
                made.write("a")
                made.write("b")
                await made.until(made.is_true)
                versions = [version for _, version in made.told if version]
                assert [name for name, _ in made.told] == ["a", "a", "a", "a", "b"]
                assert versions == sorted(versions, key=int)

    play(acting())


def test_an_answer_to_our_own_write_is_not_undone_by_events_that_come_late(tmp_path: Path) -> None:
    async def acting() -> None:
        async with scene(tmp_path) as made:
            made.write("a")
            made.suffer(Late(30, 60))
            async with made.reflecting():
                await made.until(lambda: made.watches >= 1)
                made.write("a", turn="1")
                raw = await made.client.merge_patch(MAPS, "default", "a", {"data": {"turn": "2"}})
                made.store.put(MAPS, raw)
                await asyncio.sleep(120)
                turns = [version for name, version in made.told if name == "a"]
                assert (made.is_true(), len(turns), turns) == (True, 2, sorted(turns, key=lambda text: int(text or 0)))

    play(acting())


def test_a_list_slower_than_the_time_out_of_a_call_is_given_up_and_tried_again(tmp_path: Path) -> None:
    async def acting() -> None:
        async with scene(tmp_path) as made:
            made.write("a", text="x" * 1000)
            made.suffer(Dribble(size=100, every=5), matching("list", last=2))
            async with made.reflecting() as reflector:
                await made.until(lambda: made.lists >= 2)
                assert not reflector.synced.is_set()
                await made.until(lambda: made.names == ["a"])
                assert made.lists == 3

    play(acting())


EVERYTHING: tuple[Effect, ...] = (
    Delay(3),
    CutBefore(),
    CutAfter(),
    CutWithin(0.3),
    HalfOpen(),
    Dribble(size=50, every=1),
    CONFLICT,
    GONE,
    too_many_requests(2),
    INTERNAL_ERROR,
    UNAVAILABLE,
    EXPIRED_TOKEN,
    Silence(after=1),
    Twice(),
    Late(1, 30),
    GoneInStream(after=1),
)


@pytest.mark.parametrize("seed", range(8))
def test_under_any_weather_the_store_only_goes_forward_and_in_the_end_holds_what_is_true(
    tmp_path: Path, seed: int
) -> None:
    random = Random(seed)

    async def act(made: Scene) -> None:
        for turn in range(60):
            name = random.choice("abcd")
            if random.random() < 0.3 and made.storage.get("configmaps", "default", name) is not None:
                made.storage.remove("configmaps", "default", name)
            else:
                made.write(name, turn=str(turn))
            if random.random() < 0.1:
                made.storage.compact()
            if random.random() < 0.2:
                made.proxy.disconnect()
            chosen = random.sample(EVERYTHING, 4)
            made.proxy.rules = tuple(Rule(Match(probability=0.3), effect) for effect in chosen)
            await asyncio.sleep(random.choice([0, 1, 20]))

    async def acting() -> None:
        async with scene(tmp_path) as made, made.reflecting():
            await act(made)
            made.proxy.rules = ()
            await made.until(made.is_true)
            for name in "abcd":
                versions = [int(version) for told, version in made.told if told == name and version]
                assert versions == sorted(set(versions))

    play(acting())
