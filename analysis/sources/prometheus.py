"""The one place that speaks to Prometheus, through prometheus-api-client: in threads, with a deadline, no retries."""

import asyncio
import math
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests import exceptions as failed
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util.retry import Retry

from analysis.checks import Check, Subject
from analysis.samples import Bucket, Distribution, Native, Point, Samples, Series, series
from analysis.selectors import Matcher, Selection, Selector
from analysis.sources import Counters, NoData, Number, PrometheusSource, ProviderDown
from analysis.sources.deadline import DeadlineSession, TooLargeError, TooSlowError
from analysis.sources.shared import Shared

_THREADS: Final = 4
_LIMIT: Final = 64 * 1024 * 1024
_UNREADABLE: Final = "it answers something that is not Prometheus' format"
_STATUS: Final = re.compile(r"HTTP Status Code (\d+)")
_ERROR: Final = re.compile(r'"error":\s*"((?:[^"\\]|\\.)*)"')
_USER: Final = re.compile(r"//[^/@\s]+@")
_STATUS_WORDS: Final = {
    401: "it refuses the credentials (401)",
    403: "it refuses the credentials (403)",
    404: "there is no query API at its address (404)",
    429: "it is asked too often (429)",
}
# In this order: the narrower before what it is a case of.
_FAILURES: Final[tuple[tuple[type[Exception], str], ...]] = (
    (failed.ConnectTimeout, "it cannot be reached in time"),
    (failed.SSLError, "its certificate is not trusted"),
    (failed.ConnectionError, "it cannot be reached"),
    (failed.RequestException, "it could not be asked"),
    (HTTPError, "it broke off its answer"),
    (OSError, "its credentials or its CA file cannot be read"),
    (TooLargeError, "its answer is larger than 64 MB; narrow the selectors"),
)
_SLOW: Final = (failed.ReadTimeout, ReadTimeoutError, TooSlowError)
_GARBAGE: Final = (msgspec.MsgspecError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
_EXPECTED: Final[tuple[type[Exception], ...]] = (*(kind for kind, _ in _FAILURES), *_GARBAGE)

Refusal = NoData | ProviderDown


class Question(NamedTuple):
    """PromQL, and the moment it is about (Unix seconds); None is now."""

    query: str
    at: float | None


class Prometheus:
    """A Prometheus as a source. Everything that can go wrong there comes back as a NoData or a ProviderDown.

    With a `clock`, every question is about the moment that it tells (Unix seconds), so that the past can be asked.
    """

    def __init__(self, configuration: PrometheusSource, *, clock: Callable[[], float] | None = None) -> None:
        self._configuration = configuration
        self._clock = clock
        self._idle: list[PrometheusConnect] = []
        self._closed = False
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"source-{configuration.name}")
        self._shared: Shared[Question, Any] = Shared(self._ask)

    @property
    def name(self) -> str:
        """What checks call it."""
        return self._configuration.name

    @property
    def interval(self) -> float:
        """Seconds between two scrapes, as configured."""
        return self._configuration.interval

    @property
    def shows_scrapes(self) -> bool:
        """True: a Prometheus scrapes when it wants to."""
        return True

    def refusal(self, check: Check) -> str | None:  # noqa: ARG002 - the protocol's
        """None: Prometheus answers every kind of check."""
        return None

    async def counters(
        self,
        selections: Sequence[Selection],
        subject: Subject,  # noqa: ARG002 - the protocol's; the selectors say it all
        *,
        reach: float,
        fresh: float,
    ) -> Counters | NoData | ProviderDown:
        """The raw samples over the last `reach` seconds, with the timestamps of their scrapes.

        The selections are asked for one after the other, so that what is in an answer is not missing in a later one.
        """
        asked, found = math.inf, list[Samples]()
        for selection in selections:
            answers = [await self._shared.get(self._about(query), fresh=fresh) for query in _queries(selection, reach)]
            samples = _samples([each.found for each in answers])
            if not isinstance(samples, Samples):
                return samples
            found.append(samples)
            asked = min(asked, *(each.asked for each in answers))
            fresh = max(each.there for each in answers)
        return Counters(tuple(found), fresh - asked)

    async def value(self, expr: str, *, fresh: float) -> Number | NoData | ProviderDown:
        """What an expression comes to now: one number, or the reason why there is none."""
        answer = (await self._shared.get(self._about(expr), fresh=fresh)).found
        if isinstance(answer, Refusal):
            return answer
        try:
            return _number(answer)
        except _GARBAGE:
            return ProviderDown(_UNREADABLE)

    async def pods(self, pattern: str, *, start: float, end: float) -> tuple[str, ...] | NoData | ProviderDown:
        """The names, in the label `pod`, of everything that was scraped between two moments and matches, sorted."""
        selector = Selector(None, (Matcher("pod", "=~", pattern),))
        asked = Question(f"group by (pod) (last_over_time({selector}[{_duration(end - start)}]))", end)
        answer = (await self._shared.get(asked, fresh=-math.inf)).found
        if isinstance(answer, Refusal):
            return answer
        return tuple(sorted(each["metric"]["pod"] for each in answer))

    def _about(self, query: str) -> Question:
        return Question(query, self._clock() if self._clock is not None else None)

    async def close(self) -> None:
        """Let the threads go; a question under way ends by its own deadline and is not waited for."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        while self._idle:
            self._idle.pop().close()

    async def _ask(self, asked: Question) -> Any:
        question = asyncio.get_running_loop().run_in_executor(self._threads, partial(self._answer, asked))
        try:
            # The thread keeps the same deadline; this one is for a question that never got a thread.
            async with asyncio.timeout(self._configuration.timeout):
                return await question
        except TimeoutError:
            return ProviderDown(self._too_slow())

    def _answer(self, asked: Question) -> Any:
        client = self._idle.pop() if self._idle else self._client()
        try:
            client.headers, client.auth = self._credentials()
            return client.custom_query(asked.query, params={} if asked.at is None else {"time": f"{asked.at:.3f}"})
        except PrometheusApiClientException as error:
            return _status(str(error))
        except _SLOW:
            return ProviderDown(self._too_slow())
        except _EXPECTED as error:
            return ProviderDown(_words(error))
        finally:
            client.close() if self._closed else self._idle.append(client)

    def _client(self) -> PrometheusConnect:
        timeout = self._configuration.timeout
        session = DeadlineSession(seconds=timeout, limit=_LIMIT)
        if self._configuration.ca_file:
            session.verify = str(self._configuration.ca_file)
        return PrometheusConnect(self._configuration.url, session=session, timeout=timeout, retry=Retry(0, read=False))

    def _credentials(self) -> tuple[dict[str, str], HTTPBasicAuth | None]:
        configured = self._configuration
        headers = {name: value.get_secret_value() for name, value in configured.headers.items()}
        if configured.token_file:
            headers["Authorization"] = f"Bearer {configured.token_file.read_text(encoding='utf-8').strip()}"
        if not configured.basic_auth:
            return headers, None
        password = configured.basic_auth.password_file.read_text(encoding="utf-8").strip()
        return headers, HTTPBasicAuth(configured.basic_auth.username, password)

    def _too_slow(self) -> str:
        return f"it did not answer within {self._configuration.timeout:g} s"


def _words(error: Exception) -> str:
    return next((words for kind, words in _FAILURES if isinstance(error, kind)), _UNREADABLE)


def _status(message: str) -> Refusal:
    status = int(found.group(1)) if (found := _STATUS.match(message)) else 0
    if status in (400, 422):
        said = found.group(1) if (found := _ERROR.search(message)) else "no reason given"
        return NoData(f"it refuses the query: {_USER.sub('//', said)[:200]}")
    return ProviderDown(_STATUS_WORDS.get(status, f"it answers with HTTP status {status}"))


def _queries(selection: Selection, reach: float) -> list[str]:
    return [f"{selector}[{_duration(reach)}]" for selector in selection.selectors]


def _samples(answers: Sequence[Any]) -> Samples | Refusal:
    found, histograms = list[Series](), list[Native]()
    for place, answer in enumerate(answers):
        if isinstance(answer, Refusal):
            return answer
        try:
            found += _series(answer, place)
            histograms += _histograms(answer, place)
        except _GARBAGE:
            return ProviderDown(_UNREADABLE)
    return Samples(tuple(found), histograms=tuple(histograms))


def _duration(seconds: float) -> str:
    milliseconds = math.ceil(seconds * 1000)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _series(result: Any, place: int) -> list[Series]:
    found = (
        series(_labels(each["metric"]), (Point(float(at), float(value)) for at, value in each.get("values", ())), place)
        for each in result
    )
    return [each for each in found if each]


def _histograms(result: Any, place: int) -> list[Native]:
    return [
        Native(
            tuple(sorted((name, value) for name, value in _labels(each["metric"]).items())),
            tuple(_distribution(float(at), histogram) for at, histogram in each["histograms"]),
            place,
        )
        for each in result
        if each.get("histograms")
    ]


def _distribution(at: float, histogram: Any) -> Distribution:
    buckets = ((float(upper), float(count)) for _, _, upper, count in histogram.get("buckets", ()))
    return Distribution(at, float(histogram["count"]), tuple(sorted(Bucket(*each) for each in buckets)))


def _labels(metric: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in metric.items()}


def _number(result: Any) -> Number | NoData:
    if result and not isinstance(result[0], dict):
        at, value = result  # a scalar
    elif len(result) == 1:
        at, value = result[0]["value"]
    elif result:
        return NoData(f"the query answers {len(result)} series; make it one, with sum() or max()")
    else:
        return NoData("the query answers nothing")
    number = float(value)
    if not math.isfinite(number):
        return NoData(f"the query answers {value}, which is no number; there may have been no requests")
    return Number(float(at), number)
