"""Metrics read where they are shown, at a proxy's addresses or the subject's own pods, without a Prometheus."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from analysis.checks import Check, Query, Subject
from analysis.samples import Point, Samples, Series, Target, series
from analysis.selectors import Selection, Selector, SelectorError, matches
from analysis.sources import Counters, NoData, PodEndpoint, ProviderDown, ScrapeSource, Unsupported
from analysis.sources.exposition import Exposition, ExpositionError, parse
from analysis.sources.shared import Shared

_LIMIT: Final = 16 * 1024 * 1024
_LARGE: Final = 256 * 1024
_AT_ONCE: Final = 16
_ACCEPT: Final = "text/plain;version=0.0.4;q=1,application/openmetrics-text;q=0.5"
_NO_QUERIES: Final = (
    "evaluates no PromQL, it reads counters directly; write the check as ratio or latency, or name a Prometheus source"
)


@dataclass(frozen=True)
class Place:
    """One address to scrape, and the labels its series get, as a Prometheus would add them."""

    url: str
    labels: tuple[tuple[str, str], ...]

    @property
    def target(self) -> Target:
        """What its series are differenced by."""
        return ("", dict(self.labels)["instance"])


@dataclass(frozen=True)
class Scraped:
    """One address, read at `at` (Unix seconds)."""

    at: float
    exposition: Exposition


class Scrape:
    """Fixed addresses or pods as a source; one fetch of an address serves all who ask in the same moment."""

    def __init__(self, configuration: ScrapeSource, *, clock: Callable[[], float] = time.time) -> None:
        self._configuration = configuration
        self._clock = clock
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None
        self._shared: Shared[str, Scraped | ProviderDown] = Shared(self._fetch)

    @property
    def name(self) -> str:
        """What checks call it."""
        return self._configuration.name

    @property
    def interval(self) -> float:
        """Seconds between two scrapes."""
        return self._configuration.interval

    @property
    def shows_scrapes(self) -> bool:
        """False: to ask is to scrape."""
        return False

    def refusal(self, check: Check) -> str | None:
        """Why a query cannot be answered here, and what can; None for all other checks."""
        return f"{check.name}: source {self.name} {_NO_QUERIES}" if isinstance(check, Query) else None

    async def counters(
        self,
        selections: Sequence[Selection],
        subject: Subject,
        *,
        reach: float,  # noqa: ARG002 - the protocol's; a scrape knows the present only
        fresh: float,
    ) -> Counters | NoData | ProviderDown:
        """The counters as they are now: one point a series. Places that do not answer are left out while one does."""
        places = self._places(subject)
        if not places:
            return NoData("there are no pods to scrape")
        asked = await asyncio.gather(*(self._shared.get(place.url, fresh=fresh) for place in places))
        found = [each.found for each in asked]
        answers = [(place, each) for place, each in zip(places, found, strict=True) if isinstance(each, Scraped)]
        if not answers:
            return self._silence(found)
        return _selected(selections, answers)

    async def value(self, expr: str, *, fresh: float) -> Unsupported:  # noqa: ARG002 - the protocol's
        """Always refused: there is nobody here to evaluate PromQL."""
        return Unsupported(f"it {_NO_QUERIES}")

    async def close(self) -> None:
        """Close all connections."""
        if self._session:
            await self._session.close()

    def _places(self, subject: Subject) -> tuple[Place, ...]:
        configured = self._configuration
        if configured.pods is None:
            return tuple(Place(url, (("instance", _host(url)),)) for url in configured.urls)
        pairs = zip(subject.pods, subject.addresses, strict=True) if subject.addresses else ()
        return tuple(_pod_place(configured.pods, pod, address, subject.namespace) for pod, address in pairs)

    def _silence(self, found: Sequence[Scraped | ProviderDown]) -> NoData | ProviderDown:
        # A proxy that does not answer is a provider that is down; pods that do not answer are what is being judged.
        down = next(each for each in found if isinstance(each, ProviderDown))
        if self._configuration.pods is None:
            return down
        return NoData(f"none of its {len(found)} pods shows metrics: {down.reason}")

    async def _fetch(self, url: str) -> Scraped | ProviderDown:
        try:
            async with self._slots, asyncio.timeout(self._configuration.timeout):
                return await self._scraped(url)
        except TimeoutError:
            return ProviderDown(f"it did not answer within {self._configuration.timeout:g} s")
        except aiohttp.ClientConnectorError:
            return ProviderDown("it cannot be reached")
        except (aiohttp.ClientError, OSError):
            return ProviderDown("it broke off its answer")
        except (ExpositionError, UnicodeDecodeError):
            return ProviderDown("it answers something that is not the Prometheus text format")

    async def _scraped(self, url: str) -> Scraped | ProviderDown:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Accept": _ACCEPT}, trust_env=False)
        at = self._clock()
        # A redirect could lead to addresses nobody configured.
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                return ProviderDown(f"it answers with HTTP status {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _LIMIT:
                    return ProviderDown("its answer is larger than 16 MB")
        return Scraped(at, await asyncio.to_thread(_parsed, body) if len(body) > _LARGE else _parsed(body))


def _parsed(body: bytearray) -> Exposition:
    return parse(body.decode("utf-8"))


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _pod_place(endpoint: PodEndpoint, pod: str, address: str, namespace: str) -> Place:
    host = f"[{address}]" if ":" in address else address
    instance = f"{host}:{endpoint.port}"
    labels = (("instance", instance), ("namespace", namespace), ("pod", pod))
    return Place(f"http://{instance}{endpoint.path}", labels)


def _selected(
    selections: Sequence[Selection], answers: Sequence[tuple[Place, Scraped]]
) -> Counters | NoData | ProviderDown:
    try:
        return Counters(tuple(_samples(selection, answers) for selection in selections))
    except ExpositionError:
        return ProviderDown("it answers something that is not the Prometheus text format")
    except SelectorError as error:
        return NoData(str(error))


def _samples(selection: Selection, answers: Sequence[tuple[Place, Scraped]]) -> Samples:
    found = tuple(each for place, scraped in answers for each in _series(selection, place, scraped))
    return Samples(found, {place.target: scraped.at for place, scraped in answers})


def _series(selection: Selection, place: Place, scraped: Scraped) -> Iterator[Series]:
    added = dict(place.labels)
    for number, selector in enumerate(selection.selectors):
        if not matches((each for each in selector.matchers if each.label in added), added):
            continue
        own = Selector(selector.name, tuple(each for each in selector.matchers if each.label not in added))
        for sample in scraped.exposition.select(own):
            labels = {"__name__": sample.name, **sample.labels, **added}
            if found := series(labels, (Point(scraped.at, sample.value),), number):
                yield found
