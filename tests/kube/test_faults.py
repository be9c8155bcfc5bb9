"""The client, the reflector and the store under every fault the way to the API server can have.

Most run in leaping time, against the sandbox's API server behind a fault proxy: what is said about seconds is exact.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from rollout.kube.client import Client
from rollout.kube.errors import ApiError, Conflict, Forbidden, Gone, Unavailable
from rollout.kube.reflector import Reflector
from rollout.kube.store import Store
from rollout.kube.wire import head_of
from rollout.models.kinds import Key, Manifest, Resource
from sandbox.apiserver import ApiServer
from sandbox.settings import Settings
from sandbox.storage import Storage
from tests.faults import leaping
from tests.faults.access import Certificate, kubeconfig_through
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
from tests.faults.proxy import FaultProxy, fault_proxy
from tests.faults.rules import Match, Rule, matching

MAPS = Resource("", "v1", "configmaps", "ConfigMap")
TOKEN = "sesame-open-up"
TIMEOUT = 10.0  # the client's own, for each call
NEVER = 2_000.0  # seconds within which everything ends


def a_map(name: str = "a", **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}


@dataclass
class Scene:
    """An API server with config maps, the proxy before it, and the real client through that."""

    storage: Storage
    proxy: FaultProxy
    client: Client
    store: Store
    told: list[tuple[str, str | None]] = field(default_factory=list)  # name and version; None: removed

    @property
    def names(self) -> list[str]:
        return [key.name for key in self.store.keys(MAPS)]

    @property
    def lists(self) -> int:
        return len(self.proxy.asked("list", "configmaps"))

    @property
    def watches(self) -> int:
        return len(self.proxy.asked("watch", "configmaps"))

    def suffer(self, effect: Effect, match: Match | None = None) -> None:
        self.proxy.rules = (Rule(match or Match(), effect),)

    def write(self, name: str, **data: str) -> None:
        """Create or change a config map behind everybody's back."""
        if self.storage.get("configmaps", "default", name) is None:
            self.storage.create("configmaps", a_map(name, **data))
            return
        self.storage.mutate("configmaps", "default", name, lambda obj: obj.update(data=data))

    def is_true(self) -> bool:
        """Whether the store holds what the API server holds."""
        held = {key.name: head_of(self.store.raw(MAPS, key) or b"").version for key in self.store.keys(MAPS)}
        real = self.storage.list("configmaps", "default")
        return held == {each["metadata"]["name"]: int(each["metadata"]["resourceVersion"]) for each in real}

    async def until(self, what: Any) -> None:
        async with asyncio.timeout(NEVER):
            while not what():  # noqa: ASYNC110 - what is waited for is seen from outside
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def reflecting(self) -> AsyncIterator[Reflector]:
        """A reflector with its ordinary patience beside the block, its clock the loop's."""
        loop = asyncio.get_running_loop()
        reflector = Reflector(self.client, MAPS, self.store, namespace="default", clock=loop.time, jitter=lambda s: s)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(reflector.run())
            yield reflector
            task.cancel()

    def note(self, _: Resource, key: Key, new: Manifest | None, _old: Manifest | None) -> None:
        self.told.append((key.name, str(new["metadata"]["resourceVersion"]) if new else None))


@asynccontextmanager
async def scene(directory: Path, certificate: Certificate | None = None) -> AsyncIterator[Scene]:
    storage = Storage(seed=1)
    async with ApiServer(storage, Settings(directory=directory)) as api:
        api.users[TOKEN] = "controller"
        own = api.write_kubeconfig(directory / "own", token=TOKEN)
        async with fault_proxy(api.url, certificate=certificate) as proxy:
            ca = certificate.ca if certificate else None
            through = kubeconfig_through(proxy.url, own, directory / "through", ca=ca)
            async with await Client.connect(through, timeout_seconds=TIMEOUT) as client:
                made = Scene(storage, proxy, client, Store({MAPS: {}}))
                made.store.subscribe(made.note)
                yield made


def play(acting: Coroutine[Any, Any, None]) -> None:
    leaping.run(acting)


async def failure_of(call: Coroutine[Any, Any, Any]) -> ApiError:
    """The error a call ends in, in time."""
    loop = asyncio.get_running_loop()
    before = loop.time()
    with pytest.raises(ApiError) as caught:
        await call
    assert loop.time() - before <= TIMEOUT + 0.1
    return caught.value


def said(error: ApiError) -> str:
    """Everything an error could be printed with."""
    return f"{error} {error!r} {vars(error)} {error.__cause__!r} {error.__context__!r}"


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (Delay(3600), (Unavailable, 0, "Timeout")),
        (HalfOpen(), (Unavailable, 0, "Timeout")),
        (Dribble(size=1, every=60), (Unavailable, 0, "Timeout")),
        (CutBefore(), (Unavailable, 0, "ServerDisconnectedError")),
        (CutAfter(), (Unavailable, 0, "ServerDisconnectedError")),
        (CutWithin(0.5), (Unavailable, 0, "ClientPayloadError")),
        (CONFLICT, (Conflict, 409, "Conflict")),
        (too_many_requests(7), (Unavailable, 429, "TooManyRequests")),
        (INTERNAL_ERROR, (Unavailable, 500, "InternalError")),
        (UNAVAILABLE, (Unavailable, 503, "ServiceUnavailable")),
        (EXPIRED_TOKEN, (Forbidden, 401, "Unauthorized")),
        (GONE, (Gone, 410, "Expired")),
    ],
    ids=lambda value: type(value).__name__ + str(getattr(value, "status", "")) if not isinstance(value, tuple) else "",
)
def test_every_call_ends_in_time_in_one_kind_of_error_without_the_token_and_works_again_afterwards(
    tmp_path: Path, effect: Effect, expected: tuple[type[ApiError], int, str]
) -> None:
    async def acting() -> None:
        async with scene(tmp_path) as made:
            made.write("a")
            made.suffer(effect)
            calls = (
                made.client.list_page(MAPS),
                made.client.get(MAPS, "default", "a"),
                made.client.merge_patch(MAPS, "default", "a", {"data": {"x": "y"}}),
                made.client.create(MAPS, "default", a_map("b")),
                made.client.delete(MAPS, "default", "a"),
            )
            errors = [await failure_of(call) for call in calls]
            assert [(type(error), error.status, error.reason) for error in errors] == [expected] * 5
            assert TOKEN not in "".join(map(said, errors))
            made.proxy.rules = ()
            await made.client.create(MAPS, "default", a_map("c"))

    play(acting())


@pytest.mark.parametrize(
    ("effect", "took_effect"), [(CutBefore(), False), (HalfOpen(), False), (CutAfter(), True), (CutWithin(), True)]
)
def test_a_write_without_an_answer_may_have_taken_effect_and_is_not_sent_again_by_itself(
    tmp_path: Path, effect: Effect, took_effect: bool
) -> None:
    async def acting() -> None:
        async with scene(tmp_path) as made:
            made.suffer(effect)
            await failure_of(made.client.create(MAPS, "default", a_map("a")))
            assert (made.storage.get("configmaps", "default", "a") is not None) is took_effect
            assert len(made.proxy.asked("create")) == 1

    play(acting())


def test_a_wrong_certificate_is_said_to_be_one_and_nothing_is_sent_to_who_shows_it(tmp_path: Path) -> None:
    good = Certificate.issued(tmp_path / "good")
    wrong = {
        "certificate verify failed: unable to get local issuer certificate": Certificate.issued(tmp_path / "other"),
        "IP address mismatch": good.for_names(tmp_path / "name", "shop.example"),
    }

    async def acting() -> None:
        async with scene(tmp_path, good) as made:
            await made.client.create(MAPS, "default", a_map("a"))
            made.proxy.exchanges.clear()
            for words, certificate in wrong.items():
                made.proxy.present(certificate)
                made.proxy.disconnect()
                for call in (made.client.list_page(MAPS), made.client.delete(MAPS, "default", "a")):
                    error = await failure_of(call)
                    assert (type(error), error.reason) == (Unavailable, "ClientConnectorCertificateError")
                    assert words in str(error)
                    assert TOKEN not in said(error)
            assert made.proxy.exchanges == []
            made.proxy.present(good)
            await made.client.get(MAPS, "default", "a")

    play(acting())


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
            made.suffer(too_many_requests(97), matching(on, last=1))
            before = asyncio.get_running_loop().time()
            async with made.reflecting():
                await made.until(lambda: len(made.proxy.asked(on)) == 2)
                assert asyncio.get_running_loop().time() - before >= 97

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
