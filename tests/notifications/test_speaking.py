"""The services behind apprise, as far as they can be had on loopback: real plugins, real connections."""

import asyncio
import email
import email.policy
import json
import logging
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from apprise.plugins import pagerduty
from apprise.plugins.slack import NotifySlack

from rollout.notifications.sending import NotSent, Send
from rollout.notifications.speaking import service, speaking
from tests.notifications.builders import a_notice, aborted, promoted, settings
from tests.notifications.receivers import Mood, Receiver, cuts, hangs, post_office, receiving, says

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/deploys"
TITLE, SENTENCE = "store/shop: shop:v2 was taken back", "Taken back: errors."


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "aiohttp.access":  # the receiver's own
            self.said.append(record.getMessage())


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What a process that logs everything would log."""
    heard, root = Heard(), logging.getLogger()
    level = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    yield heard.said
    root.setLevel(level)
    root.removeHandler(heard)


def to(folder: Path, url: str, *, timeout: float = 30.0) -> Send:
    file = folder / "url"
    file.write_text(f"{url}\n")
    made = settings({"name": "chat", "apprise": {"urlFrom": {"file": str(file)}}})
    target = made.targets[0].apprise
    assert target is not None
    return speaking(target, made, timeout=timeout)


async def test_slack_gets_the_title_and_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as receiver:
        monkeypatch.setattr(NotifySlack, "webhook_url", f"{receiver.url}/services")
        receiver.mood = says(200, "ok")
        await to(tmp_path, SLACK)(a_notice(aborted()))
    (got,) = receiver.got
    assert got.path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    (attachment,) = json.loads(got.body)["attachments"]
    assert attachment["title"] == TITLE
    assert attachment["text"].startswith(SENTENCE)


async def test_pagerduty_gets_an_incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as receiver:
        receiver.mood = says(202)
        monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", f"{receiver.url}/v2/enqueue")
        await to(tmp_path, "pagerduty://integrationkey@apikey")(a_notice(aborted()))
    (got,) = receiver.got
    said = json.loads(got.body)
    assert (said["event_action"], said["payload"]["severity"]) == ("trigger", "critical")
    assert SENTENCE in got.body.decode()


async def test_teams_gets_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    async with receiving(tls=context) as receiver:
        receiver.mood = says(202)
        await to(tmp_path, f"workflows://127.0.0.1:{receiver.port}/workflow/signature")(a_notice(aborted()))
    (got,) = receiver.got
    assert TITLE in got.body.decode()
    assert "AdaptiveCard" in got.body.decode()


async def test_a_mail_has_a_subject_and_the_text(tmp_path: Path) -> None:
    async with post_office() as post:
        await to(tmp_path, f"mailto://127.0.0.1:{post.port}?to=ops@example.com&from=rollout@example.com")(
            a_notice(aborted())
        )
    (mail,) = post.mails
    read = email.message_from_string(mail, policy=email.policy.default)
    body = read.get_body(("plain",))
    assert body is not None
    assert (read["Subject"], "ops@example.com" in read["To"]) == (TITLE, True)
    assert body.get_content().splitlines()[0] == SENTENCE


async def test_each_kind_of_notice_has_its_tone_and_no_picture_of_a_third_party(tmp_path: Path) -> None:
    async with receiving() as receiver:
        send = to(tmp_path, f"json://127.0.0.1:{receiver.port}")
        for status in (promoted(), aborted()):
            await send(a_notice(status))
    assert [json.loads(each.body)["type"] for each in receiver.got] == ["success", "failure"]
    assert [each for each in receiver.got if b"github" in each.body + str(each.headers).encode()] == []


async def test_an_address_is_read_at_each_attempt(tmp_path: Path) -> None:
    async with receiving() as first, receiving() as second:
        send = to(tmp_path, f"json://127.0.0.1:{first.port}")
        await send(a_notice())
        (tmp_path / "url").write_text(f"json://127.0.0.1:{second.port}")
        await send(a_notice())
    assert [len(first.got), len(second.got)] == [1, 1]


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        (says(500), "answered 500"),
        (says(429), "answered 429"),
        (cuts, "cannot be reached"),
        (says(302, Location="http://127.0.0.1:1/sesame"), "answered 302"),
    ],
)
async def test_a_failure_is_told_without_the_address_and_nothing_of_it_is_logged(
    tmp_path: Path, mood: Mood, reason: str, logged: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    async with receiving() as receiver:
        receiver.mood = mood
        with pytest.raises(NotSent) as refusal:
            await to(tmp_path, f"json://me:sesame-pass@127.0.0.1:{receiver.port}/sesame-path?+X-Key=sesame-header")(
                a_notice()
            )
    assert str(refusal.value) == reason
    everything = reason + "".join(logged) + "".join(capfd.readouterr())
    assert [word for word in ("sesame", str(receiver.port)) if word in everything] == []
    assert len(receiver.got) == 1


async def test_a_service_that_hangs_holds_one_thread_and_is_not_tried_again_before_it_ends(tmp_path: Path) -> None:
    async with receiving() as receiver:
        receiver.mood = hangs
        send = to(tmp_path, f"json://127.0.0.1:{receiver.port}?rto=20", timeout=0.2)
        for said in ("no answer within 0.2 s", "the attempt before still hangs"):
            with pytest.raises(NotSent, match=said):
                await send(a_notice())
        holding = [each for each in threading.enumerate() if each.name == "notification"]
        assert (len(receiver.got), len(holding)) == (1, 1)
    async with asyncio.timeout(20), receiving() as other:  # its connection is cut: the thread ends
        (tmp_path / "url").write_text(f"json://127.0.0.1:{other.port}")
        while not other.got:
            try:
                await send(a_notice())
            except NotSent:
                await asyncio.sleep(0.02)


async def test_an_address_that_went_bad_is_said_without_it(tmp_path: Path) -> None:
    with pytest.raises(NotSent, match="is no address that apprise understands") as refusal:
        await to(tmp_path, "sesame://sesame")(a_notice())
    assert "sesame" not in str(refusal.value)


@pytest.mark.parametrize("url", ["", "sesame", "sesame://there", "slack://", "http://", "json://"])
def test_what_is_no_address_of_a_service_is_refused(url: str, logged: list[str]) -> None:
    with pytest.raises(ValueError, match="apprise") as refusal:
        service(url)
    assert "sesame" not in str(refusal.value) + "".join(logged)


async def test_a_message_goes_to_no_other_address(tmp_path: Path) -> None:
    async with receiving() as receiver, receiving() as other:
        receiver.mood = says(307, Location=f"{other.url}/elsewhere")
        with pytest.raises(NotSent, match="307"):
            await to(tmp_path, f"json://127.0.0.1:{receiver.port}")(a_notice())
    assert other.got == []


async def test_two_services_that_fail_at_once_are_each_told_by_their_own_words(tmp_path: Path) -> None:
    both = asyncio.Barrier(2)

    def together(status: int) -> Mood:
        async def answer(_request: web.Request) -> web.Response:
            await both.wait()
            return web.Response(status=status)

        return answer

    async def said(name: str, receiver: Receiver) -> str:
        (tmp_path / name).mkdir()
        with pytest.raises(NotSent) as refusal:
            await to(tmp_path / name, f"json://127.0.0.1:{receiver.port}")(a_notice())
        return str(refusal.value)

    async with receiving() as one, receiving() as two:
        one.mood, two.mood = together(501), together(502)
        answers = await asyncio.gather(said("one", one), said("two", two))
    assert answers == ["answered 501", "answered 502"]
