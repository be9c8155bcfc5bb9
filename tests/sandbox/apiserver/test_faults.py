"""Tests can see every request and stand in its way."""

import asyncio
from typing import Any

import aiohttp
import pytest

from sandbox.apiserver import CUT, HANG, ApiServer, Fault, RequestRecord
from sandbox.storage import Storage

MAPS = "/api/v1/namespaces/default/configmaps"


def a_map(name: str = "a") -> dict[str, Any]:
    return {"metadata": {"name": name}}


async def test_every_request_is_recorded_with_its_client_verb_and_number(http: Any, server: ApiServer) -> None:
    await http("POST", MAPS, a_map())
    await http("GET", MAPS)
    await http("GET", f"{MAPS}/a")
    await http.merge(f"{MAPS}/a", {"data": {"a": "b"}})
    await http("PUT", f"{MAPS}/a", a_map())
    await http("DELETE", f"{MAPS}/a")
    await http("DELETE", MAPS)
    assert [(r.verb, r.target, r.number) for r in server.requests] == [
        ("create", "default/", 1),
        ("list", "default/", None),
        ("get", "default/a", None),
        ("patch", "default/a", 2),
        ("update", "default/a", 3),
        ("delete", "default/a", 4),
        ("deletecollection", "default/", 5),
    ]
    assert {(r.user_agent, r.user, r.plural, r.subresource) for r in server.requests} == {
        ("tester/1", "system:admin", "configmaps", "")
    }
    assert server.requests.count(user_agent="tester", verb="patch") == 1
    assert (len(server.requests.writes), len(server.requests.reads)) == (5, 2)
    server.requests.clear()
    await http("POST", MAPS, a_map())
    assert [r.number for r in server.requests] == [6]


async def test_an_intercepted_request_is_answered_by_the_fault_and_not_executed(
    http: Any, server: ApiServer, storage: Storage
) -> None:
    async def intercept(record: RequestRecord) -> Fault | None:
        return Fault(status=503, reason="ServiceUnavailable", retry_after=7) if record.write else None

    server.intercept = intercept
    async with http.session.post(f"{http.url}{MAPS}", json=a_map()) as answer:
        body = await answer.json()
        assert (answer.status, answer.headers["Retry-After"], body["reason"]) == (503, "7", "ServiceUnavailable")
        assert body["details"] == {"retryAfterSeconds": 7}
    assert storage.list("configmaps") == []
    assert (await http("GET", MAPS))[0] == 200


async def test_a_cut_after_the_write_loses_the_answer_but_not_the_write(
    http: Any, server: ApiServer, storage: Storage
) -> None:
    async def after(record: RequestRecord) -> Fault | None:
        return CUT if record.number == 2 else None

    server.after = after
    assert (await http("POST", MAPS, a_map("a")))[0] == 201
    with pytest.raises(aiohttp.ClientError):
        await http("POST", MAPS, a_map("b"))
    assert [obj["metadata"]["name"] for obj in storage.list("configmaps")] == ["a", "b"]


async def test_a_hanging_request_never_answers_and_is_not_executed(
    http: Any, server: ApiServer, storage: Storage
) -> None:
    async def intercept(_: RequestRecord) -> Fault | None:
        return HANG

    server.intercept = intercept
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await http("POST", MAPS, a_map())
    assert storage.list("configmaps") == []


async def test_a_watch_can_be_refused_too(http: Any, server: ApiServer) -> None:
    async def intercept(record: RequestRecord) -> Fault | None:
        return Fault(status=429, reason="TooManyRequests") if record.verb == "watch" else None

    server.intercept = intercept
    assert (await http("GET", f"{MAPS}?watch=true"))[0] == 429
