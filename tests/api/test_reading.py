from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from pydantic.alias_generators import to_camel

from api.views import view_of
from rollout.models.status import CheckStatus, RunStatus
from tests.api.cluster import (
    FakeApiServer,
    a_cluster,
    a_record,
    a_rollout,
    a_run,
    aborted,
    an_app,
    caller,
    moving,
    quiet,
)


@pytest.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    async with a_cluster(moving()) as server:
        yield server


@pytest.fixture
async def api(server: FakeApiServer) -> AsyncIterator[httpx2.AsyncClient]:
    rollouts = (moving(), quiet("cart"), quiet("blog", namespace="web"), aborted())
    records = (
        a_record(3, outcome="aborted"),
        a_record(10, stable="r3"),
        a_record(4, rollout="cart"),
        a_record(5, steps="damaged"),
    )
    async with an_app(server, *rollouts, *records) as app, caller(app) as api:
        yield api


async def names(api: httpx2.AsyncClient, query: str) -> list[str]:
    return [view["name"] for view in (await api.get(f"/api/v1/rollouts{query}")).json()]


async def test_what_needs_a_person_comes_first_and_what_is_quiet_last(api: httpx2.AsyncClient) -> None:
    views = (await api.get("/api/v1/rollouts")).json()
    assert [(view["name"], view["band"]) for view in views] == [
        ("pay", "needs you"),
        ("shop", "moving"),
        ("cart", "quiet"),
        ("blog", "quiet"),
    ]


async def test_rollouts_are_filtered_by_namespace_and_phase(api: httpx2.AsyncClient) -> None:
    assert await names(api, "?namespace=web") == ["blog"]
    assert await names(api, "?phase=Healthy") == ["cart", "blog"]
    assert await names(api, "?phase=Healthy&namespace=store") == ["cart"]
    assert await names(api, "?namespace=nowhere") == []


async def test_a_phase_that_does_not_exist_is_named_with_those_that_do(api: httpx2.AsyncClient) -> None:
    response = await api.get("/api/v1/rollouts?phase=Fine")
    assert (response.status_code, response.json()["detail"].partition(" or ")[0]) == (
        422,
        "query.phase: Input should be 'Initializing', 'Healthy', 'Progressing', 'Paused', 'Promoting', 'Baking', "
        "'Aborting', 'Aborted', 'Stalled'",
    )


async def test_a_rollout_is_shown_whole(api: httpx2.AsyncClient) -> None:
    view = (await api.get("/api/v1/namespaces/store/rollouts/shop")).json()
    status = moving()["status"]
    check = dict.fromkeys(to_camel(name) for name in CheckStatus.model_fields)
    assert view == {
        "namespace": "store",
        "name": "shop",
        "phase": "Progressing",
        "message": status["message"],
        "weight": 5.0,
        "step": status["step"],
        "steps": [
            {"name": "five", "weight": 5.0, "hold": "5m", "approval": False, "evidence": False, "atMost": None},
            {"name": "step-2", "weight": 25.0, "hold": None, "approval": True, "evidence": False, "atMost": None},
            {"name": "full", "weight": 100.0, "hold": None, "approval": False, "evidence": False, "atMost": None},
        ],
        "bake": "10m",
        "revisions": status["revisions"],
        "traffic": {"desired": 5.0, "routed": 5.0, "observed": 4.9, "matched": False},
        "checks": [check | status["analysis"][0], check | status["analysis"][1]],
        "run": dict.fromkeys(to_camel(name) for name in RunStatus.model_fields) | {"reverts": 0} | status["run"],
        "conditions": [],
        "commands": [],
        "handled": [],
        "refusals": [],
        "paused": None,
        "actions": [each.model_dump(mode="json") for each in view_of(moving()).actions],
        "generation": 2,
        "created": "2026-04-01T08:00:00Z",
        "band": "moving",
    }


def test_a_step_that_waits_for_evidence_says_so_and_for_how_long() -> None:
    manifest = a_rollout()
    hold = {"for": "2m", "until": [{"evidence": {}}], "atMost": "30m"}
    manifest["spec"]["strategy"]["canary"]["steps"] = [{"name": "some", "weight": 25, "hold": hold}]
    step = view_of(manifest).steps[0]
    assert (step.hold, step.approval, step.evidence, step.at_most) == ("2m", False, True, "30m")


def test_steps_that_were_edited_since_the_run_started_are_not_shown_as_its_steps() -> None:
    step = moving()["status"]["step"]
    assert view_of(moving(step={**step, "count": 7})).steps == ()


async def test_a_run_keeps_the_steps_it_started_with_whatever_is_declared_now(server: FakeApiServer) -> None:
    steps = [{"name": "half", "weight": 50}, {"name": "all", "weight": 100}]
    record = a_record(4, steps=steps, bake={"for": "1h"})
    step = moving()["status"]["step"]
    async with an_app(server, moving(step={**step, "count": 2}), record) as app, caller(app) as api:
        view = (await api.get("/api/v1/namespaces/store/rollouts/shop")).json()
    assert ([(step["name"], step["weight"]) for step in view["steps"]], view["bake"]) == (
        [("half", 50.0), ("all", 100.0)],
        "1h",
    )


def test_a_rollout_with_a_damaged_spec_or_without_a_status_is_shown_all_the_same() -> None:
    manifest = a_rollout()
    manifest["spec"] = {"strategy": {}}
    view = view_of(manifest)
    shown = (view.steps, view.bake, view.phase, view.message, view.band)
    assert shown == ((), None, None, "The controller has not looked at it yet.", "moving")


def because(reason: str) -> dict[str, Any]:
    """The Reconciling condition with this reason."""
    return {
        "type": "Reconciling",
        "status": "True",
        "reason": reason,
        "message": "",
        "observedGeneration": 2,
        "lastTransitionTime": "2026-05-01T13:41:00.000Z",
    }


@pytest.mark.parametrize(
    ("manifest", "band"),
    [
        (moving(phase="Paused"), "needs you"),
        (moving(phase="Stalled"), "needs you"),
        (moving(phase="Baking"), "moving"),
        (moving(phase="Aborting"), "moving"),
        *((moving(conditions=[because(reason)]), "needs you") for reason in ("WaitingForApproval", "NotProved")),
        *((moving(conditions=[because(f"Share{size}")]), "needs you") for size in ("TooSmall", "TooLarge")),
        (moving(conditions=[because("WaitingForEvidence")]), "moving"),
        (moving(conditions=[because("ProviderDown")]), "needs you"),
        (moving(conditions=[because("Holding")]), "moving"),
        (moving(phase="Healthy", run=a_run("Done", outcome="promoted")), "quiet"),
    ],
)
def test_the_band_tells_whether_a_person_is_needed(manifest: dict[str, Any], band: str) -> None:
    assert view_of(manifest).band == band


async def test_runs_are_listed_newest_first(api: httpx2.AsyncClient) -> None:
    runs = (await api.get("/api/v1/namespaces/store/rollouts/shop/runs")).json()
    assert [(run["number"], run["outcome"]) for run in runs] == [(10, "promoted"), (3, "aborted")]
    assert runs[0] == {
        "number": 10,
        "name": "shop-10",
        "revision": "r10",
        "stable": "r3",
        "images": ["shop:v10"],
        "changes": ["image shop:v3 → shop:v10"],
        "outcome": "promoted",
        "message": None,
        "startedAt": None,
        "endedAt": None,
        "steps": [{"name": "five", "weight": 2.5, "at": "2026-05-01T13:41:10.000Z"}],
        "checks": [],
    }
    assert runs[1]["changes"] is None  # what it replaced has no record


@pytest.mark.parametrize(
    "path",
    ["/api/v1/rollouts", "/api/v1/events"]
    + [f"/api/v1/namespaces/store/rollouts/shop{more}" for more in ("", "/runs", "/series", "/events")],
)
async def test_before_the_cluster_was_read_nothing_is_said_not_to_be_there(server: FakeApiServer, path: str) -> None:
    left = ["not listed yet: rollouts"]
    async with (
        an_app(server, unread=lambda: left[0] if left else None) as app,
        caller(app) as api,
    ):
        answer, page = await api.get(path), await api.get("/rollouts/store/shop")
        left.clear()
        later = await api.get("/rollouts/store/shop")
    sentence = "The controller still reads the cluster (not listed yet: rollouts): ask again in a moment."
    assert (answer.status_code, answer.json()["detail"]) == (503, sentence)
    assert (page.status_code, sentence in page.text, later.status_code) == (503, True, 404)


@pytest.mark.parametrize("suffix", ["", "/runs", "/events"])
async def test_a_rollout_that_is_not_there_is_404(api: httpx2.AsyncClient, suffix: str) -> None:
    response = await api.get(f"/api/v1/namespaces/default/rollouts/blog{suffix}")
    sentence = "There is no Rollout blog in namespace default; web has one of this name."
    assert (response.status_code, response.json()["detail"]) == (404, sentence)


async def test_an_address_or_method_that_does_not_exist_is_a_problem(api: httpx2.AsyncClient) -> None:
    nowhere, not_taken = await api.get("/api/v2"), await api.delete("/api/v1/rollouts")
    assert [response.headers["content-type"] for response in (nowhere, not_taken)] == ["application/problem+json"] * 2
    assert (nowhere.status_code, nowhere.json()) == (
        404,
        {
            "type": "urn:progressive-delivery:problem:not-found",
            "title": "Not Found",
            "status": 404,
            "detail": "There is nothing at /api/v2: /openapi.json lists what there is.",
            "instance": "/api/v2",
        },
    )
    assert (not_taken.status_code, not_taken.json()["title"]) == (405, "Method Not Allowed")
    assert not_taken.headers["allow"] == "GET"


async def test_no_page_that_loads_scripts_from_others_is_served(api: httpx2.AsyncClient) -> None:
    answers = [(await api.get(path)).status_code for path in ("/docs", "/redoc", "/openapi.json")]
    assert answers == [404, 404, 200]


@pytest.mark.parametrize("path", ["/api/v1/rollouts", "/api/v1/namespaces/store/rollouts/shop"])
async def test_a_cluster_that_has_been_silent_for_long_is_told_of_beside_what_it_said_last(
    server: FakeApiServer, path: str
) -> None:
    silent = [1.0, 12.4, 0.0]
    async with an_app(server, moving(), silent=lambda: silent.pop(0)) as app, caller(app) as api:
        told = [(await api.get(path)).headers.get("cluster-silence") for _ in range(3)]
    assert told == [None, "12", None]
