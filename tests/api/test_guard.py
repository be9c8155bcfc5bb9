from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.api.cluster import a_cluster, an_app, caller, moving

PROMOTE = "/api/v1/namespaces/store/rollouts/shop/promote"


@pytest.fixture
async def api() -> AsyncIterator[httpx2.AsyncClient]:
    async with a_cluster(moving()) as server, an_app(server, moving()) as app, caller(app) as api:
        yield api


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:7070", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:7070"])
async def test_local_names_are_answered_on_any_port(api: httpx2.AsyncClient, host: str) -> None:
    assert (await api.get("/api/v1/rollouts", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:7070", "::1", "10.0.0.1:7070", "", "localhost:x"]
)
async def test_a_foreign_name_that_leads_here_is_refused(api: httpx2.AsyncClient, host: str) -> None:
    response = await api.get("/api/v1/rollouts", headers={"Host": host})
    assert (response.status_code, response.json()["detail"]) == (
        403,
        f"{host!r} is not a local name: use localhost, 127.0.0.1 or [::1].",
    )


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9999", "http://127.0.0.1:7070"])
async def test_a_foreign_page_may_not_change_anything(api: httpx2.AsyncClient, origin: str) -> None:
    response = await api.post(PROMOTE, headers={"Origin": origin})
    assert (response.status_code, response.json()["detail"]) == (
        403,
        f"A page of {origin} may not change anything here: use http://localhost:7070.",
    )


async def test_our_own_page_and_programs_may(api: httpx2.AsyncClient) -> None:
    own = await api.post(PROMOTE, headers={"Origin": "http://localhost:7070"})
    program = await api.post(PROMOTE)
    assert (own.status_code, program.status_code) == (202, 202)


async def test_every_answer_forbids_caching_framing_and_sniffing_and_has_the_date(api: httpx2.AsyncClient) -> None:
    for response in (await api.get("/api/v1/rollouts"), await api.get("/nowhere", headers={"Host": "evil.example"})):
        assert {name: response.headers[name] for name in ("cache-control", "x-frame-options", "date")} == {
            "cache-control": "no-store",
            "x-frame-options": "DENY",
            "date": "Fri, 01 May 2026 13:46:00 GMT",
        }
        assert response.headers["x-content-type-options"] == "nosniff"
