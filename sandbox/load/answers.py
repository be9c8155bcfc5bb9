"""What came back to a client, and whether somebody would complain about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Lost(Exception):  # noqa: N818 - what has become of the request
    """No answer came; the message says why, in one word and a detail."""


class Unprocessed(Lost):
    """No answer came, and the server has certainly not begun with this request, or says so: it may be repeated."""


class Verdict(StrEnum):
    """Whose fault an answer is, if anybody's."""

    OK = "ok"
    FAILED = "failed"  # the application's own answer, and a bad one
    LOST = "lost"  # the application never answered: the platform's fault


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A complete answer; `headers` have their names in lower case."""

    code: int
    headers: Mapping[str, str]

    @property
    def version(self) -> str:
        """The version that answered, "" if the answer is not the application's."""
        return self.headers.get("x-version", "") if self.from_app else ""

    @property
    def from_app(self) -> bool:
        """Whether the application answered, and not something on the way to it."""
        return self.headers.get("x-from") == "app"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One request: when it was sent (seconds since the epoch), its duration in seconds, by whom, and its end."""

    at: float
    seconds: float
    client: str
    answer: Answer | None
    why: str = field(default="")

    @property
    def verdict(self) -> Verdict:
        """An error status counts as the application's if it says so itself, else as a lost request."""
        if self.answer is None or (self.answer.code >= 400 and not self.answer.from_app):
            return Verdict.LOST
        return Verdict.FAILED if self.answer.code >= 500 else Verdict.OK

    @property
    def line(self) -> Mapping[str, object]:
        """The result as one JSON object of the report."""
        return {
            "at": round(self.at, 6),
            "ms": round(self.seconds * 1000, 1),
            "client": self.client,
            "class": self.verdict,
            "code": self.answer.code if self.answer else 0,
            "version": self.answer.version if self.answer else "",
            **({"why": self.why} if self.why else {}),
        }
