"""The client under every fault the way to the API server can have; what is said about seconds is exact."""

from pathlib import Path

import pytest

from rollout.kube.errors import ApiError, Conflict, Forbidden, Gone, Unavailable
from tests.faults.access import Certificate
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
    HalfOpen,
    too_many_requests,
)
from tests.kube.scene import MAPS, TOKEN, a_map, failure_of, play, scene


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
