"""Signed webhooks: one POST for each attempt."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from aiohttp import (
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
)

from rollout.notifications import cloudevent, wording
from rollout.notifications.configuration import Notifications, WebhookTarget, web_address
from rollout.notifications.notice import Notice
from rollout.notifications.reference import UnreadableError
from rollout.notifications.sending import NotSent, Send
from rollout.notifications.signing import keys, signed

_WITHIN = 10.0  # seconds
_NEVER = frozenset({400, 410, 413, 415, 422})  # the same body will not be taken later either
_LONGEST_WAIT = 300.0  # seconds; a receiver may not ask for more
# In this order: the narrower before what it is a case of.
_FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (ClientConnectorDNSError, "its name cannot be resolved"),
    (ClientSSLError, "TLS failed: its certificate may not be trusted here"),
    (ClientConnectorError, "cannot be reached"),
    (Exception, "the connection broke"),
)


def posting(
    webhook: WebhookTarget, settings: Notifications, *, now: Callable[[], datetime], within: float = _WITHIN
) -> Send:
    """Sends to this receiver. It is not followed to another address: what is signed is for it alone."""

    async def send(notice: Notice) -> None:
        try:
            url, secrets = await asyncio.to_thread(_read, webhook)
        except ValueError as error:
            raise NotSent(str(error)) from None
        body = _message(notice, settings, webhook)
        mark = signed(body.body, identity=notice.identity, timestamp=int(now().timestamp()), using=secrets)
        await _post(url, cloudevent.Message(headers={**body.headers, **mark}, body=body.body), within)

    return send


def _read(webhook: WebhookTarget) -> tuple[str, tuple[bytes, ...]]:
    address = webhook.url_from.read() if webhook.url_from is not None else webhook.url or ""
    try:
        return web_address(address), keys(webhook.secret_from.read())
    except UnreadableError:
        raise
    except ValueError as error:
        raise ValueError(f"the address or the secret {error}") from None


def _message(notice: Notice, settings: Notifications, webhook: WebhookTarget) -> cloudevent.Message:
    link = wording.link(notice, settings.dashboard_url)
    event = cloudevent.attributes(notice, cluster=settings.cluster)
    payload = cloudevent.data(notice, cluster=settings.cluster, link=link)
    return cloudevent.message(event, payload, webhook.mode)


async def _post(url: str, message: cloudevent.Message, within: float) -> None:
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=within)) as session,
            session.post(url, data=message.body, headers=message.headers, allow_redirects=False) as answer,
        ):
            _require_taken(answer)
    except TimeoutError:
        raise NotSent(f"no answer within {within:g} s") from None
    except (ClientError, OSError, ValueError) as error:  # their own words hold the address
        raise NotSent(next(words for kind, words in _FAILURES if isinstance(error, kind))) from None


def _require_taken(answer: ClientResponse) -> None:
    if answer.status < 300:
        return
    asked = answer.headers.get("Retry-After", "")
    after = min(float(asked), _LONGEST_WAIT) if asked.isdecimal() else None
    raise NotSent(f"answered {answer.status}", after=after, final=answer.status in _NEVER)
