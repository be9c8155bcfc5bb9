"""The services that apprise knows: the one place that blocks, so each target has at most one thread of its own."""

import asyncio
import contextlib
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, PersistentStoreMode

from rollout.notifications import wording
from rollout.notifications.configuration import AppriseTarget, Notifications
from rollout.notifications.notice import Kind, Notice
from rollout.notifications.sending import NotSent, Send

_TIMEOUT = 30.0  # seconds
_TYPES = {
    Kind.STARTED: NotifyType.INFO,
    Kind.HELD: NotifyType.WARNING,
    Kind.NEEDS_APPROVAL: NotifyType.WARNING,
    Kind.ABORTED: NotifyType.FAILURE,
    Kind.PROMOTED: NotifyType.SUCCESS,
    Kind.STALLED: NotifyType.FAILURE,
    Kind.TEST: NotifyType.INFO,
}
_TALKERS = ("apprise", "requests", "urllib3")
_ANSWER = re.compile(r"\berror=(?P<code>[1-5]\d\d)\b")


def _hush() -> None:
    """Let nothing that these libraries log leave the process: it may hold an address, which is a secret."""
    for name in _TALKERS:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
        logger.handlers = [logging.NullHandler()]


_hush()


def service(url: str) -> Any:
    """The service behind an address; nothing is sent. Raises ValueError, which does not show the address."""
    asset = AppriseAsset(
        app_id="progressive-delivery",
        app_desc="Progressive delivery",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
        storage_mode=PersistentStoreMode.MEMORY,
        secure_logging=True,
    )
    found = Apprise.instantiate(url, asset=asset)
    if found is None:
        raise ValueError("is no address that apprise understands: write one such as slack://... or mailto://...")
    return found


def speaking(target: AppriseTarget, settings: Notifications, *, timeout: float = _TIMEOUT) -> Send:
    """Sends to this service. Where it still hangs after `timeout` seconds, it is not tried again before it ends."""
    threads: list[threading.Thread] = []

    async def send(notice: Notice) -> None:
        if threads and threads[-1].is_alive():
            raise NotSent("the attempt before still hangs")
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        threads[:] = [_thread(lambda: _speak(target, settings, notice), future)]
        try:
            async with asyncio.timeout(timeout):
                problem = await future
        except TimeoutError:
            raise NotSent(f"no answer within {timeout:g} s") from None
        threads.clear()
        if problem is not None:
            raise NotSent(problem)

    return send


def _thread(work: Callable[[], str | None], future: "asyncio.Future[str | None]") -> threading.Thread:
    """A thread that nothing waits for, not even the end of the process."""
    loop = future.get_loop()

    def settle(result: str | None) -> None:
        if not future.done():
            future.set_result(result)

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 (a hundred services, each with errors of its own)
            result = f"failed ({type(error).__name__})"
        with contextlib.suppress(RuntimeError):  # the loop is gone
            loop.call_soon_threadsafe(settle, result)

    thread = threading.Thread(target=run, daemon=True, name="notification")
    thread.start()
    return thread


def _speak(target: AppriseTarget, settings: Notifications, notice: Notice) -> str | None:
    """What went wrong, if something did, without anything of the address."""
    try:
        url = target.url_from.read()
        spoken = service(url)
    except ValueError as error:
        return str(error)
    words = wording.text(notice, cluster=settings.cluster, link=wording.link(notice, settings.dashboard_url))
    with _overheard() as said:
        taken = spoken.notify(
            body=words, title=wording.title(notice), notify_type=_TYPES[notice.kind], body_format=NotifyFormat.TEXT
        )
    return None if taken else _reason(said)


@contextlib.contextmanager
def _overheard() -> Iterator[list[str]]:
    """The warnings that this thread logs about the service."""
    heard = _Ear()
    logger = logging.getLogger("apprise")
    logger.addHandler(heard)
    try:
        yield heard.said
    finally:
        logger.removeHandler(heard)


class _Ear(logging.Handler):
    """The standard library's own place for what is logged; it hears one thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the words."""
        if record.thread == self._thread:
            self.said.append(record.getMessage().strip())


def _reason(warnings: Iterable[str]) -> str:
    """What the service's warnings say, in words of ours only: in any of its own there may be a part of the address."""
    text = " ".join(warnings)
    if answer := _ANSWER.search(text):
        return f"answered {answer['code']}"
    return "cannot be reached" if "onnection error" in text else "did not take it"
