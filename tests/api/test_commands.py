from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from api.lookup import missing
from rollout.models.kinds import ROLLOUTS
from tests.api.cluster import (
    SHOP,
    FakeApiServer,
    a_cluster,
    a_record,
    a_rollout,
    a_run,
    a_store,
    aborted,
    an_app,
    caller,
    moving,
    quiet,
)

PATH = "/api/v1/namespaces/store/rollouts/shop"
AT = "2026-05-01T13:46:00.000Z"


@pytest.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    async with a_cluster(moving()) as server:
        yield server


@pytest.fixture
async def app(server: FakeApiServer) -> AsyncIterator[FastAPI]:
    async with an_app(server, moving(), a_record(2), a_record(3), a_record(1, rollout="cart")) as app:
        yield app


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with caller(app) as api:
        yield api


def problem_of(response: httpx2.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    return problem


async def test_a_command_is_accepted_and_waits_in_the_status(server: FakeApiServer, api: httpx2.AsyncClient) -> None:
    response = await api.post(f"{PATH}/promote", json={"run": 4, "step": 0, "to": "end", "by": "anna", "reason": "ok"})
    expected = {
        "id": "id-1", "verb": "promote", "run": 4, "step": 0, "to": "end", "by": "anna", "reason": "ok", "at": AT,
    }  # fmt: skip
    assert (response.status_code, response.json(), server.commands()) == (202, expected, [expected])


@pytest.mark.parametrize(
    ("manifest", "verb"),
    [
        (moving(), "promote"),
        (moving(), "abort"),
        (moving(), "pause"),
        (moving(pausedAt="2026-05-01T13:45:00.000Z"), "resume"),
        (aborted("shop"), "retry"),
        (quiet("shop"), "undo"),
        (quiet("shop"), "restart"),
    ],
)
async def test_each_verb_is_a_route_that_needs_no_body(
    server: FakeApiServer, api: httpx2.AsyncClient, manifest: dict[str, Any], verb: str
) -> None:
    server.put(manifest)
    response = await api.post(f"{PATH}/{verb}")
    assert (response.status_code, server.commands()) == (202, [{"id": "id-1", "verb": verb, "at": AT}])


async def test_a_status_with_commands_gets_one_more_and_a_missing_status_is_made(
    server: FakeApiServer, api: httpx2.AsyncClient
) -> None:
    for _ in range(2):
        await api.post(f"{PATH}/pause")
    assert [command["id"] for command in server.commands()] == ["id-1", "id-2"]
    assert [ops[-1]["path"] for ops in server.patches] == ["/status/commands", "/status/commands/-"]
    server.put(a_rollout())
    server.objects[ROLLOUTS.path(*SHOP)]["status"] = None
    await api.post(f"{PATH}/pause")
    assert ([command["id"] for command in server.commands()], server.patches[-1][-1]["path"]) == (["id-3"], "/status")


async def test_a_conflict_is_answered_by_reading_afresh(server: FakeApiServer, api: httpx2.AsyncClient) -> None:
    server.rivals = 3
    response = await api.post(f"{PATH}/abort")
    assert (response.status_code, len(server.patches), len(server.commands())) == (202, 4, 1)


async def test_an_abort_that_meets_the_end_of_another_command_is_asked_again(
    server: FakeApiServer, api: httpx2.AsyncClient
) -> None:
    await api.post(f"{PATH}/pause")
    server.emptied = 1
    answer = await api.post(f"{PATH}/abort")
    assert (answer.status_code, [each["verb"] for each in server.commands()]) == (202, ["abort"])


async def test_conflicts_without_end_are_given_up(server: FakeApiServer, api: httpx2.AsyncClient) -> None:
    server.rivals = 1000
    response = await api.post(f"{PATH}/abort")
    assert (response.status_code, len(server.patches), server.commands()) == (503, 8, [])
    assert problem_of(response)["detail"] == "shop changed 8 times while this was written: ask again."


async def test_asking_twice_with_one_id_does_it_once(server: FakeApiServer, api: httpx2.AsyncClient) -> None:
    first = await api.post(f"{PATH}/promote", json={"id": "click-7"})
    second = await api.post(f"{PATH}/promote", json={"id": "click-7", "reason": "double click"})
    assert (second.status_code, second.json(), len(server.commands())) == (202, first.json(), 1)


async def test_a_command_that_was_carried_out_is_not_written_again(
    server: FakeApiServer, api: httpx2.AsyncClient
) -> None:
    server.put(moving(handled=["click-7"], pausedAt="2026-05-01T13:45:00.000Z"))
    response = await api.post(f"{PATH}/pause", json={"id": "click-7"})
    assert (response.status_code, server.patches) == (202, [])


async def test_an_id_is_not_lent_to_another_verb(server: FakeApiServer, api: httpx2.AsyncClient) -> None:
    await api.post(f"{PATH}/pause", json={"id": "click-7"})
    response = await api.post(f"{PATH}/abort", json={"id": "click-7"})
    assert problem_of(response)["detail"] == "Id click-7 belongs to a pause that is waiting: use another id."


async def test_no_more_than_twenty_commands_wait(server: FakeApiServer, api: httpx2.AsyncClient) -> None:
    server.put(moving(commands=[{"id": str(number), "verb": "pause"} for number in range(20)]))
    response = await api.post(f"{PATH}/promote")
    assert (response.status_code, len(server.commands())) == (409, 20)
    assert problem_of(response)["detail"].startswith("20 commands are waiting already")


async def test_an_abort_takes_the_place_of_one_of_twenty_that_wait(
    server: FakeApiServer, api: httpx2.AsyncClient
) -> None:
    aborts = [{"id": "first", "verb": "abort"}]
    server.put(moving(commands=aborts + [{"id": str(number), "verb": "pause"} for number in range(19)]))
    response = await api.post(f"{PATH}/abort", json={"id": "second"})
    waiting = [(each["id"], each["verb"]) for each in server.commands()]
    assert (response.status_code, waiting[:3]) == (202, [("first", "abort"), ("second", "abort"), ("1", "pause")])
    assert len(waiting) == 20


async def test_a_refusal_is_a_problem_with_the_sentence(api: httpx2.AsyncClient) -> None:
    response = await api.post(f"{PATH}/abort", json={"run": 3})
    assert (response.status_code, problem_of(response)) == (
        409,
        {
            "type": "urn:progressive-delivery:problem:refused",
            "title": "Conflict",
            "status": 409,
            "detail": "It is meant for run 3, but the last one is run 4: look at the Rollout and ask again.",
            "instance": f"{PATH}/abort",
        },
    )


async def test_the_api_server_decides_and_not_the_cache(server: FakeApiServer, api: httpx2.AsyncClient) -> None:
    server.put(quiet("shop"))
    response = await api.post(f"{PATH}/abort")
    assert (response.status_code, server.patches) == (409, [])


async def test_the_cache_knows_of_the_command_at_once(server: FakeApiServer, api: httpx2.AsyncClient) -> None:
    await api.post(f"{PATH}/pause")
    shown = (await api.get(PATH)).json()
    assert [command["id"] for command in shown["commands"]] == ["id-1"]


async def test_undo_to_a_run_whose_record_is_gone_names_those_that_are_kept(
    server: FakeApiServer, api: httpx2.AsyncClient
) -> None:
    server.put(quiet("shop"))
    refused = await api.post(f"{PATH}/undo", json={"to": "1"})
    accepted = await api.post(f"{PATH}/undo", json={"to": "2"})
    assert (refused.status_code, accepted.status_code) == (409, 202)
    assert problem_of(refused)["detail"] == "There is no record of run 1 any more; there is one of 2, 3."


async def test_a_rollout_that_is_not_there_is_404_and_says_where_one_is(
    server: FakeApiServer, api: httpx2.AsyncClient
) -> None:
    response = await api.post("/api/v1/namespaces/default/rollouts/shop/abort")
    sentence = "There is no Rollout shop in namespace default; store has one of this name."
    assert (response.status_code, problem_of(response)["detail"]) == (404, sentence)
    assert missing(a_store(), SHOP).detail == "There is no Rollout shop in namespace store."


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"runs": 4}, "body.runs: There is no such field: check its spelling, or remove it"),
        ({"run": 0}, "body.run: Input should be greater than or equal to 1"),
        ({"reason": "x" * 2000}, "body.reason: String should have at most 1024 characters"),
    ],
)
async def test_a_wrong_body_is_a_problem_that_names_the_field(
    server: FakeApiServer, api: httpx2.AsyncClient, body: dict[str, Any], detail: str
) -> None:
    response = await api.post(f"{PATH}/promote", json=body)
    assert (response.status_code, problem_of(response)["detail"], server.patches) == (422, detail, [])
    assert [error["field"] for error in problem_of(response)["errors"]] == [detail.partition(":")[0]]


@pytest.mark.parametrize(
    ("status", "expected", "detail"),
    [
        (500, 503, "The API server did not answer (trouble was asked for): ask again."),
        (403, 502, "The API server refuses the controller: trouble was asked for. Check the controller's ClusterRole."),
        (422, 502, "The API server refused: trouble was asked for"),
    ],
)
async def test_trouble_with_the_api_server_is_told_as_such(
    server: FakeApiServer, api: httpx2.AsyncClient, status: int, expected: int, detail: str
) -> None:
    server.status = status
    response = await api.post(f"{PATH}/abort")
    assert (response.status_code, problem_of(response)["detail"]) == (expected, detail)


async def test_a_damaged_run_of_the_rollout_does_not_confuse_a_command(
    server: FakeApiServer, api: httpx2.AsyncClient
) -> None:
    server.put(moving(run=a_run("Baking")))
    assert (await api.post(f"{PATH}/abort", json={"step": 2})).status_code == 202
