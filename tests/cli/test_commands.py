import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner, Result

from api.app import create_app
from rollout.cli.app import app as cli
from rollout.kube.client import Client
from rollout.kube.store import Store
from rollout.models.kinds import ROLLOUTS, Manifest
from tests.api.cluster import (
    NOW,
    SHOP,
    FakeApiServer,
    a_cluster,
    a_run,
    a_store,
    aborted,
    configured,
    eventually,
    moving,
    quiet,
    served,
)

NOBODY = "http://127.0.0.1:1"
SENTENCE = "At 5 % until 13:46, then 25 %. Errors 0.4 % against 0.5 %: no sign of harm."


@dataclass(frozen=True, kw_only=True)
class Here:
    """A controller's API to speak to, and the cluster behind it."""

    url: str
    api: FastAPI
    server: FakeApiServer
    store: Store

    async def rollout(self, *args: str) -> Result:
        return await asyncio.to_thread(invoke, *args, "--server", self.url)

    def becomes(self, manifest: Manifest) -> None:
        self.store.put(ROLLOUTS, json.dumps(manifest).encode())

    def listening(self) -> bool:
        return bool(self.api.state.streams.listeners)


def invoke(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args), env={"COLUMNS": "100", "LOGNAME": "anna"})


@asynccontextmanager
async def a_controller(*manifests: Manifest) -> AsyncIterator[Here]:
    store = a_store(*manifests)
    async with a_cluster(*manifests) as server, Client(configured(server)) as client:
        app = create_app(
            store=store, client=client, clock=lambda: NOW, version="1", new_id=lambda: "id-1", keep_alive_seconds=0.1
        )
        async with served(app) as url:
            yield Here(url=url, api=app, server=server, store=store)


@pytest.fixture
async def here() -> AsyncIterator[Here]:
    async with a_controller(moving(), quiet("cart"), quiet("blog", namespace="web")) as here:
        yield here


async def meanwhile(here: Here, *args: str, then: Callable[[], None]) -> Result:
    """Run the command, and let the cluster do `then` as soon as the command follows it."""
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(here.rollout(*args))
        await eventually(lambda: here.listening() or task.done())
        then()
    return task.result()


def later(version: int, **status: Any) -> Manifest:
    return moving(version=version, **status)


async def test_list_shows_one_namespace_or_all(here: Here) -> None:
    one, every = await here.rollout("list", "-n", "store"), await here.rollout("list", "-A")
    assert [line.split()[0] for line in one.stdout.splitlines()] == ["name", "moving", "shop", "quiet", "cart"]
    assert [line.split()[0] for line in every.stdout.splitlines()] == [
        "name",
        "moving",
        "shop",
        "quiet",
        "cart",
        "blog",
    ]
    assert (one.exit_code, one.stderr) == (0, "")


async def test_list_of_nothing_says_where_it_looked(here: Here) -> None:
    assert (await here.rollout("list")).stdout == "No Rollouts in namespace default; -A looks in all of them.\n"


async def test_list_and_get_give_programs_the_json_of_the_api(here: Here) -> None:
    listed = json.loads((await here.rollout("list", "-A", "--output", "json")).stdout)
    got = json.loads((await here.rollout("get", "shop", "-n", "store", "-o", "json")).stdout)
    assert ([view["name"] for view in listed], got["message"], listed[0] == got) == (
        ["shop", "cart", "blog"],
        SENTENCE,
        True,
    )


async def test_get_tells_the_sentence_first(here: Here) -> None:
    result = await here.rollout("get", "shop", "-n", "store")
    assert (result.exit_code, result.stdout.splitlines()[:2]) == (0, ["shop  store  Progressing", SENTENCE])


async def test_a_rollout_that_is_elsewhere_is_one_line_that_says_where(here: Here) -> None:
    result = await here.rollout("get", "blog")
    sentence = "rollout: There is no Rollout blog in namespace default; web has one of this name.\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", sentence)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["promote", "shop"], {"verb": "promote"}),
        (["promote", "shop", "--to-end"], {"verb": "promote", "to": "end"}),
        (["abort", "shop", "--reason", "too slow"], {"verb": "abort", "reason": "too slow"}),
        (["pause", "shop", "--run", "4"], {"verb": "pause", "run": 4}),
    ],
)
async def test_a_command_is_handed_to_the_controller(here: Here, args: list[str], expected: dict[str, Any]) -> None:
    result = await here.rollout(*args, "-n", "store")
    assert here.server.commands() == [
        {"id": "id-1", "by": "anna", "at": "2026-05-01T13:46:00.000Z", **expected},
    ]
    told = f"Asked for: {args[0]} shop. `rollout watch shop -n store` shows it.\n"
    assert (result.exit_code, result.stdout) == (0, told)


async def test_the_other_verbs_are_handed_over_too() -> None:
    for verb, manifest in (("retry", aborted("shop")), ("restart", quiet("shop")), ("undo", quiet("shop"))):
        async with a_controller(manifest) as here:
            assert (await here.rollout(verb, "shop", "-n", "store")).exit_code == 0
            assert [command["verb"] for command in here.server.commands()] == [verb]


async def test_a_refusal_is_one_line_and_exit_code_1(here: Here) -> None:
    result = await here.rollout("undo", "shop", "-n", "store", "--to-run", "9")
    sentence = "rollout: Run 9 is not an earlier one: write a number from 1 to 3.\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", sentence)


@pytest.mark.parametrize("args", [["list"], ["get", "shop"], ["watch", "shop"], ["abort", "shop"]])
def test_a_controller_that_is_not_there_is_one_line_and_exit_code_3(args: list[str]) -> None:
    result = invoke(*args, "--server", NOBODY)
    assert (result.exit_code, result.stdout, result.stderr) == (
        3,
        "",
        f"rollout: Cannot reach the controller at {NOBODY} (Connection refused): is it running? "
        "`rollout demo` starts one to try; --server or ROLLOUT_SERVER names another.\n",
    )


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["get"], "Missing argument 'NAME'. See rollout get --help."),
        (["list", "--foo"], "No such option: --foo. See rollout list --help."),
        (["fly"], "No such command 'fly'. See rollout --help."),
        (
            ["list", "--server", "127.0.0.1:7070"],
            "'127.0.0.1:7070' is not a server: write it like http://127.0.0.1:7070.",
        ),
        (["list", "--server", "http://x:y"], "'http://x:y' is not a server: write it like http://127.0.0.1:7070."),
        (
            ["watch", "shop", "--timeout", "soon"],
            "Invalid value for --timeout: 'soon' is not a duration: write it like 90s or 5m. See rollout watch --help.",
        ),
    ],
)
def test_bad_input_is_one_line_with_the_remedy_and_exit_code_1(args: list[str], sentence: str) -> None:
    result = invoke(*args)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"rollout: {sentence}\n")


async def test_a_server_that_speaks_something_else_is_told_as_such(here: Here) -> None:
    result = await asyncio.to_thread(invoke, "list", "--server", here.server.url)
    assert (result.exit_code, result.stderr) == (1, "rollout: The server answered 404 Not Found: is --server right?\n")


async def test_watch_writes_a_line_for_each_new_sentence_where_there_is_no_terminal(here: Here) -> None:
    def then() -> None:
        here.becomes(later(2, message="At 25 %.", traffic={"desired": 25}))
        here.becomes({**quiet("shop"), "metadata": {**quiet("shop")["metadata"], "resourceVersion": "3"}})

    result = await meanwhile(here, "watch", "shop", "-n", "store", "--exit", then=then)
    lines = [line.partition("  ")[2].strip() for line in result.stdout.splitlines()]
    assert (result.exit_code, lines[0], lines[-1]) == (0, f"5 %  {SENTENCE}", "0 %  shop:v1 serves since 12:00.")


async def test_watch_gives_programs_a_json_line_for_each_change(here: Here) -> None:
    then = lambda: here.becomes({**aborted("shop"), "metadata": {**moving(version=9)["metadata"]}})  # noqa: E731
    result = await meanwhile(here, "watch", "shop", "-n", "store", "--exit", "-o", "json", then=then)
    phases = [json.loads(line)["phase"] for line in result.stdout.splitlines()]
    assert (result.exit_code, phases) == (2, ["Progressing", "Aborted"])


async def test_watch_ends_when_the_time_is_over(here: Here) -> None:
    result = await here.rollout("watch", "shop", "-n", "store", "--exit", "--timeout", "1s")
    assert (result.exit_code, result.stderr) == (124, "rollout: Waited too long.\n")


async def test_watch_ends_when_the_rollout_is_deleted(here: Here) -> None:
    result = await meanwhile(here, "watch", "shop", "-n", "store", then=lambda: _removed(here))
    assert (result.exit_code, result.stderr) == (1, "rollout: Rollout shop was deleted.\n")


def _removed(here: Here) -> None:
    here.store.remove(ROLLOUTS, SHOP)


@pytest.mark.parametrize(
    ("args", "ending", "code"),
    [
        (["pause"], later(2000, handled=["id-1"], message="Paused."), 0),
        (["promote"], later(2000, handled=["id-1"], message="At 25 %."), 0),
        (["promote", "--to-end"], later(2000, handled=["id-1"], phase="Healthy", message="Promoted."), 0),
        (["promote", "--to-end"], later(2000, handled=["id-1"], phase="Aborted", message="Taken back."), 2),
        (["abort"], later(2000, handled=["id-1"], run=a_run("Done", outcome="aborted"), message="Taken back."), 0),
        (["abort"], later(2000, handled=["id-1"], run=a_run("Done", outcome="promoted"), message="Too late."), 2),
    ],
)
async def test_wait_ends_when_what_was_asked_for_is_done(
    here: Here, args: list[str], ending: Manifest, code: int
) -> None:
    result = await meanwhile(here, *args, "shop", "-n", "store", "--wait", then=lambda: here.becomes(ending))
    told = f"Asked for: {args[0]} shop.\n"
    message = ending["status"]["message"] + "\n"
    expected = (told + message, "") if code == 0 else (told, f"rollout: {message}")
    assert (result.exit_code, result.stdout, result.stderr) == (code, *expected)


async def test_wait_gives_up_in_time_when_nobody_carries_it_out(here: Here) -> None:
    result = await here.rollout("abort", "shop", "-n", "store", "--wait", "--timeout", "1s")
    assert (result.exit_code, result.stderr) == (124, "rollout: Waited too long.\n")
    assert [command["verb"] for command in here.server.commands()] == ["abort"]
