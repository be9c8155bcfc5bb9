"""What each fault does to a real request and its answer."""

import aiohttp
import pytest

from tests.faults.bench import Bench
from tests.faults.effects import (
    CONFLICT,
    EXPIRED_TOKEN,
    GONE,
    INTERNAL_ERROR,
    UNAVAILABLE,
    CutAfter,
    CutBefore,
    CutWithin,
    HalfOpen,
    Refuse,
    too_many_requests,
)
from tests.faults.upstream import ROUTE, ROUTES


@pytest.mark.parametrize(
    ("refusal", "retry_after"),
    [
        (CONFLICT, None),
        (too_many_requests(7), "7"),
        (INTERNAL_ERROR, None),
        (UNAVAILABLE, None),
        (EXPIRED_TOKEN, None),
        (GONE, None),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Refuse) else "",
)
async def test_a_refusal_is_a_proper_status_and_reaches_nobody(
    bench: Bench, refusal: Refuse, retry_after: str | None
) -> None:
    bench.suffer(refusal)
    async with bench.http.patch(bench.proxy.url + ROUTE) as answer:
        body = await answer.json()
        assert (answer.status, answer.headers.get("Retry-After")) == (refusal.status, retry_after)
    details = {"retryAfterSeconds": 7} if retry_after else {}
    said = {key: body[key] for key in ("kind", "status", "reason", "code", "details")}
    assert said == {
        "kind": "Status", "status": "Failure", "reason": refusal.reason, "code": refusal.status, "details": details
    }  # fmt: skip
    assert bench.behind.done == []


async def test_a_rule_taken_away_does_no_more_harm(bench: Bench) -> None:
    bench.suffer(UNAVAILABLE)
    assert (await bench.patch())[0] == 503
    bench.proxy.rules = ()
    assert (await bench.patch())[0] == 200


async def test_a_connection_cut_before_the_request_leaves_no_effect(bench: Bench) -> None:
    bench.suffer(CutBefore())
    assert await bench.lost() == "ServerDisconnectedError"
    assert bench.behind.done == []


async def test_a_connection_cut_after_the_request_loses_the_answer_only(bench: Bench) -> None:
    bench.suffer(CutAfter())
    assert await bench.lost() == "ServerDisconnectedError"
    assert bench.behind.done == [("PATCH", ROUTE)]


async def test_a_connection_cut_within_the_answer_brings_a_part_of_it(bench: Bench) -> None:
    bench.suffer(CutWithin(0.5))
    async with bench.http.get(bench.proxy.url + ROUTES) as answer:
        assert await answer.content.readexactly(6) == bench.behind.answer[:6]
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_a_half_open_connection_never_answers_and_nothing_takes_effect(bench: Bench) -> None:
    bench.suffer(HalfOpen())
    bench.http._timeout = aiohttp.ClientTimeout(total=0.1)
    assert await bench.lost() == "TimeoutError"
    assert bench.behind.done == []
