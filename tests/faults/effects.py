"""What a fault proxy does to a request, as values.

Instead of forwarding it:  Refuse, CutBefore, HalfOpen
Before forwarding it:      Delay, Hold
To the whole answer:       CutAfter, CutWithin, Dribble
To the stream of a watch:  Silence, Twice, Late, GoneInStream (and CutWithin)
"""

import asyncio
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Delay:
    """Wait before the request is forwarded; it is lost if the client gives up meanwhile."""

    seconds: float


@dataclass(frozen=True)
class Refuse:
    """Answer with a `v1.Status`, and do not forward. `retry_after` is in seconds."""

    status: int
    reason: str
    message: str = "a fault was asked for"
    retry_after: int | None = None


CONFLICT = Refuse(409, "Conflict", "the object has been modified; please apply your changes to the latest version")
GONE = Refuse(410, "Expired", "too old resource version")
INTERNAL_ERROR = Refuse(500, "InternalError")
UNAVAILABLE = Refuse(503, "ServiceUnavailable")
EXPIRED_TOKEN = Refuse(401, "Unauthorized", "Unauthorized")


def too_many_requests(retry_after: int) -> Refuse:
    """What priority and fairness answers under load."""
    return Refuse(429, "TooManyRequests", "too many requests, please try again later", retry_after)


@dataclass(frozen=True)
class CutBefore:
    """Cut the connection; the request never takes effect."""


@dataclass(frozen=True)
class CutAfter:
    """Cut the connection once the request has taken effect: the answer is lost."""


@dataclass(frozen=True)
class CutWithin:
    """Cut the connection after this share of the answer; of a watch, within the first event."""

    share: float = 0.5


@dataclass(frozen=True)
class HalfOpen:
    """Take the request and never answer; it is not forwarded."""


@dataclass(frozen=True)
class Dribble:
    """Send the answer bit by bit, so many bytes every so many seconds."""

    size: int
    every: float


@dataclass(frozen=True)
class Silence:
    """Of a watch: after so many lines no more bytes, not even bookmarks, while the connection stays open."""

    after: int = 0


@dataclass(frozen=True)
class Twice:
    """Of a watch: every event comes twice."""


@dataclass(frozen=True)
class Late:
    """Of a watch: every event is held back for between so many and so many seconds; their order is kept."""

    shortest: float
    longest: float


@dataclass(frozen=True)
class GoneInStream:
    """Of a watch: after so many lines an ERROR event that says 410, and the end."""

    after: int = 0


@dataclass(frozen=True, eq=False)
class Hold:
    """Keep the request back until `release`; each Hold is one of its own.

    With `outlives_client` it is then forwarded even if its client has gone away, as bytes on their way would be;
    otherwise it is lost with its client.
    """

    outlives_client: bool
    arrived: asyncio.Event = field(default_factory=asyncio.Event)  # set when a request is held
    released: asyncio.Event = field(default_factory=asyncio.Event)
    statuses: list[int | None] = field(default_factory=list)  # what came of the held, in order; None: no answer
    answered: asyncio.Event = field(default_factory=asyncio.Event)  # set with the first of them

    def release(self) -> None:
        """Let the held requests go, and those to come through."""
        self.released.set()

    def told(self, status: int | None) -> None:
        """Note what the server answered to a held request."""
        self.statuses.append(status)
        self.answered.set()


WatchEffect: TypeAlias = Silence | Twice | Late | GoneInStream
AnswerEffect: TypeAlias = CutAfter | CutWithin | Dribble
Effect: TypeAlias = Delay | Refuse | CutBefore | HalfOpen | Hold | AnswerEffect | WatchEffect
