"""`rollout notify`: what is sent, what is said of it, and that no secret is."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rollout.cli.app import app
from tests.notifications.builders import SECRET
from tests.notifications.pages import verify
from tests.notifications.receivers import Receiver, receiving, says

FILE = """
cluster: prod
targets:
- {{name: chat, apprise: {{urlFrom: {{file: {folder}/chat}}}}}}
- {{name: hook, on: [stalled], webhook: {{url: '{hook}/x', secretFrom: {{file: {folder}/secret}}}}}}
"""


def a_file(folder: Path, chat: Receiver, hook: Receiver) -> str:
    (folder / "chat").write_text(f"json://me:sesame@127.0.0.1:{chat.port}/sesame")
    (folder / "secret").write_text(SECRET)
    file = folder / "notifications.yaml"
    file.write_text(FILE.format(folder=folder, hook=hook.url))
    return str(file)


async def notify(*arguments: str) -> tuple[int, str, str]:
    result = await asyncio.to_thread(CliRunner().invoke, app, ["notify", *arguments])
    return result.exit_code, result.stdout, result.stderr


async def test_each_target_gets_a_test_message_whatever_it_is_for(tmp_path: Path) -> None:
    async with receiving() as chat, receiving() as hook:
        code, out, err = await notify(a_file(tmp_path, chat, hook))
    assert (code, sorted(out.splitlines()), err) == (0, ["chat: ok", "hook: ok"], "")
    assert b"Nothing happened" in chat.got[0].body
    assert b"Nothing happened" in hook.got[0].body
    got = hook.got[0]
    assert json.loads(got.body)["type"] == "delivery.progressive.rollout.test.v1"
    assert verify(got.headers, got.body, SECRET, int(got.headers["webhook-timestamp"])) is None


async def test_what_a_target_says_is_shown_without_its_address(tmp_path: Path) -> None:
    async with receiving() as chat, receiving() as hook:
        chat.mood, hook.mood = says(404), says(503)
        code, out, err = await notify(a_file(tmp_path, chat, hook))
    assert (code, err, sorted(out.splitlines())) == (1, "", ["chat: answered 404", "hook: answered 503"])


async def test_only_the_targets_that_are_named_get_it(tmp_path: Path) -> None:
    async with receiving() as chat, receiving() as hook:
        file = a_file(tmp_path, chat, hook)
        assert await notify(file, "hook") == (0, "hook: ok\n", "")
        assert await notify(file, "sms") == (1, "", "rollout: there is no target sms: the file has chat, hook\n")
        assert await notify(file, "--check") == (0, "No problems: chat, hook.\n", "")
    assert (len(chat.got), len(hook.got)) == (0, 1)


@pytest.mark.parametrize(("secret", "said"), [("short", "is too short"), ("", "is empty or not there")])
async def test_a_file_that_cannot_be_used_is_one_line_and_leaves_with_1(tmp_path: Path, secret: str, said: str) -> None:
    async with receiving() as chat, receiving() as hook:
        file = a_file(tmp_path, chat, hook)
        (tmp_path / "secret").write_text(secret)
        code, out, err = await notify(file)
    assert (code, out, err.count("\n"), chat.got) == (1, "", 1, [])
    assert f"targets[1].webhook.secretFrom: file {tmp_path}/secret: {said}" in err
