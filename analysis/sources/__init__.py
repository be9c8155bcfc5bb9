"""Where numbers come from: what every source can be asked, and the few things it may answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from analysis.checks import Check, Subject
from analysis.samples import Samples
from analysis.selectors import Selection
from analysis.sources.configuration import (
    PodEndpoint,
    PrometheusSource,
    ScrapeSource,
    SourceConfiguration,
    SourcesError,
    load,
)

__all__ = [
    "Answer",
    "Counters",
    "NoData",
    "Number",
    "PodEndpoint",
    "PrometheusSource",
    "ProviderDown",
    "ScrapeSource",
    "Source",
    "SourceConfiguration",
    "SourcesError",
    "Unsupported",
    "load",
]


@dataclass(frozen=True)
class Number:
    """What an expression came to, finite, and when (Unix seconds, the source's clock)."""

    at: float
    value: float


@dataclass(frozen=True)
class NoData:
    """The source is well and has no number."""

    reason: str


@dataclass(frozen=True)
class ProviderDown:
    """The source did not answer, or not in a way that can be read; never names an address or a credential."""

    reason: str


@dataclass(frozen=True)
class Unsupported:
    """This kind of source cannot answer this kind of question; the reason says what would."""

    reason: str


@dataclass(frozen=True)
class Counters:
    """One answer for each selection, in their order; the last was asked for up to `delay` seconds after the first.

    None is older than the one before it. A selection that no series matches has no series.
    """

    samples: tuple[Samples, ...]
    delay: float = 0.0


Answer = Counters | Number | NoData | ProviderDown | Unsupported


class Source(Protocol):
    """One place that numbers come from. Answers are values: no method raises for anything a source does."""

    @property
    def name(self) -> str:
        """What checks call it."""

    @property
    def interval(self) -> float:
        """Seconds between two scrapes, as configured."""

    @property
    def shows_scrapes(self) -> bool:
        """Whether the samples are scrapes that somebody else takes: the best moment to ask is just after one."""

    def refusal(self, check: Check) -> str | None:
        """Why this kind of source can never answer the check, with the remedy; None where it can."""

    async def counters(
        self, selections: Sequence[Selection], subject: Subject, *, reach: float, fresh: float
    ) -> Counters | NoData | ProviderDown:
        """The raw counters of each selection over the last `reach` seconds, as far as the source remembers.

        An answer may be shared that was asked for at or after `fresh` (the event loop's clock).
        """

    async def value(self, expr: str, *, fresh: float) -> Number | NoData | ProviderDown | Unsupported:
        """What an expression comes to now; `fresh` as above."""

    async def close(self) -> None:
        """Give back connections and threads; the source answers no more."""
