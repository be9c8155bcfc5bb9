"""What an API server was asked, from its audit log: by whom, for what, when, and how it ended."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

What: TypeAlias = tuple[str, str, str]
"""Verb (Kubernetes': get, list, watch, create, patch, delete ...), resource and subresource ("" for none)."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One answered request; times are seconds since the epoch, `name` is empty where the address has none."""

    user: str
    verb: str
    group: str = ""
    resource: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    code: int = 200
    dry_run: bool = False
    received: float
    answered: float

    @property
    def what(self) -> What:
        """What requests are counted by."""
        return self.verb, self.resource, self.subresource


def end(path: Path) -> int:
    """The offset of what will be logged from now on."""
    return path.read_bytes().rfind(b"\n") + 1


def asked(path: Path, *, user: str, namespace: str | None = None, since: int = 0) -> Iterator[Asked]:
    """The requests of a user (in a namespace) for resources that were logged from an offset on, in the log's order.

    A watch is there once, when it began. The log may be some milliseconds behind the answer.
    """
    with path.open("rb") as log:
        log.seek(since)
        for line in log:
            # Most lines are somebody else's, and are not worth to be decoded; the last may be half written.
            if user.encode() not in line or not line.endswith(b"\n"):
                continue
            event = json.loads(line)
            if event["user"]["username"] == user and "objectRef" in event and _counts(event):
                found = _read(event)
                if namespace in (None, found.namespace):
                    yield found


def audited(path: Path, *, user: str, namespace: str | None = None, since: int = 0) -> Counter[What]:
    """How often a user asked for what (in a namespace) from an offset of the log on."""
    return Counter(each.what for each in asked(path, user=user, namespace=namespace, since=since))


def _counts(event: dict[str, Any]) -> bool:
    """Whether this is the one line of the request to count: a watch has one for its beginning and one for its end."""
    if event["verb"] != "watch" or event["stage"] == "ResponseStarted":
        return True
    return bool(event["responseStatus"]["code"] >= 400)


def _read(event: dict[str, Any]) -> Asked:
    target = event["objectRef"]
    return Asked(
        user=event["user"]["username"],
        verb=event["verb"],
        group=target.get("apiGroup", ""),
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event["responseStatus"]["code"],
        dry_run="dryRun=All" in event["requestURI"],
        received=_seconds(event["requestReceivedTimestamp"]),
        answered=_seconds(event["stageTimestamp"]),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
