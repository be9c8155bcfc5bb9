"""A notice as a CloudEvent 1.0, in both forms that HTTP knows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rollout.models.rollout import format_time
from rollout.notifications.notice import Kind, Notice

_TYPES = {
    Kind.STARTED: "started",
    Kind.HELD: "held",
    Kind.NEEDS_APPROVAL: "needs-approval",
    Kind.ABORTED: "aborted",
    Kind.PROMOTED: "promoted",
    Kind.STALLED: "stalled",
    Kind.TEST: "test",
}


class Mode(StrEnum):
    """Where the attributes are: in the body, or in headers."""

    STRUCTURED = "structured"
    BINARY = "binary"


@dataclass(frozen=True, kw_only=True)
class Message:
    """What is sent."""

    headers: Mapping[str, str]
    body: bytes


def attributes(notice: Notice, *, cluster: str) -> dict[str, str]:
    """The event without its data."""
    return {
        "specversion": "1.0",
        "id": notice.identity,
        "source": f"urn:progressive-delivery:{cluster}",
        "type": f"delivery.progressive.rollout.{_TYPES[notice.kind]}.v1",
        "subject": f"{notice.subject.namespace}/{notice.subject.name}",
        "time": format_time(notice.at),
        "datacontenttype": "application/json",
    }


def data(notice: Notice, *, cluster: str, link: str | None) -> dict[str, Any]:
    """What happened, for programs; a field that has nothing to say is missing."""
    run, step = notice.status.run, notice.status.step
    found = {
        "notice": str(notice.kind),
        "cluster": cluster,
        "namespace": notice.subject.namespace,
        "name": notice.subject.name,
        "uid": notice.uid,
        "phase": str(notice.status.phase or ""),
        "reason": notice.reason,
        "message": notice.sentence,
        "run": _run(notice) if run is not None else None,
        "step": {"index": step.index, "count": step.count, "name": step.name} if step is not None else None,
        "traffic": _traffic(notice),
        "link": link,
    }
    return {name: value for name, value in found.items() if value is not None}


def _traffic(notice: Notice) -> dict[str, float] | None:
    traffic = notice.status.traffic
    if traffic is None:
        return None
    shares = {"desired": traffic.desired, "routed": traffic.routed, "observed": traffic.observed}
    return {name: share for name, share in shares.items() if share is not None}


def _run(notice: Notice) -> dict[str, Any]:
    run = notice.status.run
    assert run is not None, "the caller has looked"
    found = {"number": run.number, "name": run.name, "revision": run.revision, "startedAt": run.started_at}
    more = {"stable": run.stable, "reason": run.reason, "images": list(notice.images) or None}
    return found | {name: value for name, value in more.items() if value is not None}


def message(event: Mapping[str, str], payload: Mapping[str, Any], mode: Mode) -> Message:
    """The event and its data in the form that a receiver takes."""
    if mode is Mode.STRUCTURED:
        body = json.dumps({**event, "data": payload}).encode()
        return Message(headers={"Content-Type": "application/cloudevents+json"}, body=body)
    headers = {f"ce-{name}": value for name, value in event.items() if name != "datacontenttype"}
    return Message(headers={**headers, "Content-Type": event["datacontenttype"]}, body=json.dumps(payload).encode())
