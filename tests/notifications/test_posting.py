import asyncio
import json
import ssl
from pathlib import Path

import pytest
import trustme

from rollout.notifications.posting import posting
from rollout.notifications.sending import NotSent, Send
from tests.notifications.builders import NOW, SECRET, a_notice, aborted, settings
from tests.notifications.pages import verify
from tests.notifications.receivers import Mood, cuts, hangs, receiving, says


def a_webhook(folder: Path, url: str, *, within: float = 10.0, **fields: object) -> Send:
    secret = folder / "secret"
    if not secret.exists():
        secret.write_text(f"{SECRET}\n")
    file = settings(
        {"name": "hook", "webhook": {"url": url, "secretFrom": {"file": str(secret)}, **fields}},
        dashboardUrl="https://deploy.example",
    )
    webhook = file.targets[0].webhook
    assert webhook is not None
    return posting(webhook, file, now=lambda: NOW, within=within)


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_what_is_sent_can_be_verified_and_is_the_event(tmp_path: Path, mode: str) -> None:
    async with receiving() as receiver:
        await a_webhook(tmp_path, f"{receiver.url}/rollouts", mode=mode)(a_notice(aborted()))
    (got,) = receiver.got
    assert got.path == "/rollouts"
    assert verify(got.headers, got.body, SECRET, NOW.timestamp()) is None
    body = json.loads(got.body)
    data, identity = (body["data"], body["id"]) if mode == "structured" else (body, got.headers["ce-id"])
    assert identity == got.headers["webhook-id"] == "8f1c/3/aborted"
    assert (data["cluster"], data["link"]) == ("prod", "https://deploy.example/rollouts/store/shop")


async def refusal(send: Send) -> tuple[str, float | None, bool]:
    with pytest.raises(NotSent) as caught:
        await send(a_notice())
    return str(caught.value), caught.value.after, caught.value.final


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        (says(500), ("answered 500", None, False)),
        (says(404), ("answered 404", None, False)),
        (says(429, Retry_After="7"), ("answered 429", 7.0, False)),
        (says(503, Retry_After="86400"), ("answered 503", 300.0, False)),
        (says(503, Retry_After="Fri, 01 May 2026 12:00:00 GMT"), ("answered 503", None, False)),
        (says(400), ("answered 400", None, True)),
        (says(422), ("answered 422", None, True)),
        (cuts, ("the connection broke", None, False)),
        (hangs, ("no answer within 0.2 s", None, False)),
    ],
)
async def test_a_receiver_that_does_not_take_it_is_told_apart_by_how(
    tmp_path: Path, mood: Mood, said: tuple[str, float | None, bool]
) -> None:
    async with receiving() as receiver:
        receiver.mood = mood
        assert await refusal(a_webhook(tmp_path, f"{receiver.url}/sesame", within=0.2)) == said


async def test_it_goes_to_no_other_address(tmp_path: Path) -> None:
    async with receiving() as receiver, receiving() as other:
        receiver.mood = says(307, Location=f"{other.url}/elsewhere")
        assert await refusal(a_webhook(tmp_path, receiver.url)) == ("answered 307", None, False)
    assert other.got == []


async def test_where_nobody_listens_the_answer_does_not_show_the_address(tmp_path: Path) -> None:
    async with receiving() as receiver:
        url = f"{receiver.url}/sesame"
    assert await refusal(a_webhook(tmp_path, url)) == ("cannot be reached", None, False)


async def test_a_name_that_nobody_has_and_a_certificate_that_nobody_trusts_are_said(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with receiving(tls=context) as receiver:
        untrusted = await refusal(a_webhook(tmp_path, f"https://127.0.0.1:{receiver.port}/sesame"))
    assert untrusted == ("TLS failed: its certificate may not be trusted here", None, False)
    nowhere = await refusal(a_webhook(tmp_path, "https://sesame.invalid/"))
    assert nowhere == ("its name cannot be resolved", None, False)


async def test_a_secret_that_is_exchanged_counts_at_once(tmp_path: Path) -> None:
    newer = "another-secret-of-24-bytes-and-more"
    async with receiving() as receiver:
        send = a_webhook(tmp_path, receiver.url)
        await send(a_notice())
        (tmp_path / "secret").write_text(newer)
        await send(a_notice())
    old, new = receiver.got
    assert verify(old.headers, old.body, SECRET, NOW.timestamp()) is None
    assert verify(new.headers, new.body, newer, NOW.timestamp()) is None


async def test_an_address_by_reference_is_read_at_each_attempt(tmp_path: Path) -> None:
    address = tmp_path / "address"
    async with receiving() as first, receiving() as second:
        send = a_webhook(tmp_path, None, urlFrom={"file": str(address)})  # type: ignore[arg-type]
        for receiver in (first, second):
            address.write_text(f"{receiver.url}/sesame\n")
            await send(a_notice())
    assert [len(first.got), len(second.got)] == [1, 1]


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("secret", "short", "the address or the secret is too short: a secret needs at least 24 bytes"),
        ("secret", None, "file {}: cannot be read (No such file or directory)"),
        ("address", "sesame", "the address or the secret must be an address such as https://events.example/rollouts"),
    ],
)
async def test_a_reference_that_went_bad_is_said_and_tried_again_later(
    tmp_path: Path, file: str, text: str | None, said: str
) -> None:
    address = tmp_path / "address"
    address.write_text("http://127.0.0.1:1/")
    send = a_webhook(tmp_path, None, urlFrom={"file": str(address)})  # type: ignore[arg-type]
    place = tmp_path / file
    place.unlink() if text is None else place.write_text(text)
    assert await refusal(send) == (said.format(place), None, False)


async def test_many_at_once_do_not_mix(tmp_path: Path) -> None:
    async with receiving() as receiver:
        send = a_webhook(tmp_path, receiver.url)
        await asyncio.gather(*(send(a_notice(id=str(number))) for number in range(20)))
    assert {each.headers["webhook-id"] for each in receiver.got} == {f"8f1c/{number}" for number in range(20)}
    assert all(json.loads(each.body)["id"] == each.headers["webhook-id"] for each in receiver.got)
