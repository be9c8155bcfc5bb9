"""From a file to what notifies: the senders of its targets, and what is said about those that cannot be reached."""

from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from rollout.kube.events import EventRecorder
from rollout.kube.queue import Queue
from rollout.metrics import Metrics
from rollout.models.kinds import Key
from rollout.models.rollout import API_VERSION
from rollout.notifications.configuration import Notifications, NotificationsError, Target, web_address
from rollout.notifications.notice import Notice
from rollout.notifications.notifier import Notifier
from rollout.notifications.outbox import Fate
from rollout.notifications.posting import posting
from rollout.notifications.reference import used
from rollout.notifications.sending import Send
from rollout.notifications.signing import keys

_LAZILY = 1.0  # seconds in which what several targets took is written at once


def require(path: Path, notifications: Notifications) -> None:
    """Raise NotificationsError for the first reference that leads to nothing that can be used; sends nothing."""
    for place, target in enumerate(notifications.targets):
        problem = _problem(target)
        if problem is not None:
            raise NotificationsError(f"{path}: targets[{place}].{problem}")


def _problem(target: Target) -> str | None:
    """The field and what is wrong with what it refers to."""
    if target.apprise is not None:
        found = {"apprise.urlFrom": used(target.apprise.url_from, _speaking().service)}
    else:
        webhook = target.webhook
        assert webhook is not None, "a target has one of the two"
        found = {"webhook.secretFrom": used(webhook.secret_from, keys)}
        if webhook.url_from is not None:
            found["webhook.urlFrom"] = used(webhook.url_from, web_address)
    return next((f"{field}: {problem}" for field, problem in found.items() if problem is not None), None)


def sender(target: Target, notifications: Notifications, now: Callable[[], datetime]) -> Send:
    """What sends to this target."""
    if target.apprise is not None:
        sends: Send = _speaking().speaking(target.apprise, notifications)
        return sends
    assert target.webhook is not None, "a target has one of the two"
    return posting(target.webhook, notifications, now=now)


def notifying(
    notifications: Notifications | None,
    *,
    queue: Queue[Key],
    recorder: EventRecorder,
    metrics: Metrics,
    now: Callable[[], datetime],
) -> Notifier | None:
    """What notifies the targets; who was told reaches the status soon after, and who was not is an Event."""
    if notifications is None:
        return None

    def settled(notice: Notice, target: str, fate: Fate) -> None:
        metrics.notified(target, fate)
        queue.add(notice.subject, delay=_LAZILY)
        if fate is not Fate.SENT:
            what = f"`{notice.kind}` ({notice.id})"
            note = f"Target {target} was not told {what}: it did not take it, or not in time; the log says why."
            recorder.record(_about(notice), "Warning", reason="NotificationLost", action="Notify", note=note)

    targets = [(target, sender(target, notifications, now)) for target in notifications.targets]
    return Notifier(targets, now=now, settled=settled)


def _about(notice: Notice) -> dict[str, Any]:
    """As much of the Rollout as an Event needs."""
    namespace, name = notice.subject
    metadata = {"namespace": namespace, "name": name, "uid": notice.uid}
    return {"apiVersion": API_VERSION, "kind": "Rollout", "metadata": metadata}


def _speaking() -> Any:
    """What needs apprise, which is large: who notifies nobody by it starts without it."""
    return import_module("rollout.notifications.speaking")
