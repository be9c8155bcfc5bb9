"""What is measured for every rollout: subscriptions go in, keys come out when there is something new to read."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from random import Random
from typing import Final, Generic

import structlog

from analysis import pacing
from analysis.checks import Check, Restarts, Subscription
from analysis.following import Followed, Following, Key, follow
from analysis.history import utc_now
from analysis.lane import Lane, Outcome
from analysis.polling import Question, poll
from analysis.readings import Asking, Reading
from analysis.results import Assessment
from analysis.sources import NoData, ProviderDown, Source
from analysis.tracks import Track, failed

log = structlog.get_logger(__name__)

_FAULT: Final = "it could not be read because of a fault in this program; its log says more"


class Collector(Generic[Key]):
    """Asks the sources for what rollouts subscribe to, beside the loop that decides.

    `on_samples(key)` is called when a key has new samples or one of its checks another state; it must only take note.
    `clock` gives aware times. The first source is the one for checks that name none. To be used in one event loop.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        on_samples: Callable[[Key], None],
        clock: Callable[[], datetime] = utc_now,
        random: Random | None = None,
    ) -> None:
        self._sources = {source.name: source for source in sources}
        self._on_samples = on_samples
        self._clock = clock
        self._random = random or Random()  # noqa: S311 - spreads questions, keeps no secret
        self._lanes = {
            source.name: Lane(self._ask, self._skip, interval=source.interval, random=self._random)
            for source in sources
        }
        self._followings: dict[Key, Following[Key]] = {}

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes.values():
                group.create_task(lane.run())

    def refusal(self, check: Check) -> str | None:
        """Why the check can never be answered here, with the remedy: its source is missing or of the wrong kind."""
        if isinstance(check, Restarts):
            return None  # the cluster tells
        source = self._find(check)
        return source if isinstance(source, str) else None

    def subscribe(self, key: Key, subscription: Subscription) -> None:
        """Measure this for the key instead of what was measured before; does nothing where nothing changed.

        A check and side with the same texts, revision and source keeps its history, whatever becomes of its pods and
        limits; any other starts anew, and all do with another canary revision or another `since`. What was judged on
        complete blocks is kept for as long as the run goes on.
        """
        known, now = self._followings.get(key), self._clock()
        if known and known.subscription == subscription:
            if known.lived(now):
                self._on_samples(key)
            return
        following = follow(key, subscription, known, find=self._find, now=now)
        before = set(map(id, known.places.values())) if known else set()
        self._followings[key] = following
        for followed in following.places.values():
            if id(followed) not in before:
                self._begin(followed)
        if following.lived(now):
            self._on_samples(key)

    def unsubscribe(self, key: Key) -> None:
        """Measure nothing more for the key, and forget what was."""
        known = self._followings.pop(key, None)
        for followed in known.places.values() if known else ():
            followed.wanted = False

    def assessment(self, key: Key, now: datetime) -> Assessment:
        """The state of each check, in the order of the subscription; empty for a key that is not subscribed."""
        known = self._followings.get(key)
        return known.assessment(now) if known else Assessment()

    def _find(self, check: Check) -> Source | str:
        source = self._sources.get(check.source) if check.source else next(iter(self._sources.values()), None)
        if source is None:
            there = ", ".join(self._sources) or "none"
            return f"{check.name}: there is no metric source {check.source or 'at all'}; there are: {there}"
        return source.refusal(check) or source

    def _begin(self, followed: Followed[Key]) -> None:
        if followed.asked:
            self._lanes[followed.asked[0].name].add(followed)
        elif followed.track.history.trouble:
            self._on_samples(followed.key)

    async def _ask(self, followed: Followed[Key], due: float) -> Outcome | None:
        if not followed.wanted or not followed.asked:
            return None
        source, reading = followed.asked
        before = followed.track
        track = await self._polled(followed, source, reading, fresh=due - pacing.AHEAD)
        if not followed.wanted:
            return None
        followed.track = track
        proved = self._followings[followed.key].took(followed)
        grew = (track.history.counts, track.history.values) != (before.history.counts, before.history.values)
        followed.misses = 0 if grew else followed.misses + 1
        self._tell(followed, news=grew or proved)
        trouble = track.history.trouble
        down = trouble.reason if trouble and trouble.kind == "providerDown" else None
        return Outcome(self._delay(followed, source, reading, grew=grew, down=down is not None), down)

    async def _polled(self, followed: Followed[Key], source: Source, reading: Reading, *, fresh: float) -> Track:
        now = self._clock()
        question = Question(reading=reading, subject=followed.subject, now=now.timestamp(), fresh=fresh)
        heard = self._followings[followed.key].heard.setdefault(source.name, {})
        try:
            return await poll(source, question, followed.track, heard)
        except Exception:  # the boundary of a worker: one check that cannot be read must not end all others
            log.exception("check could not be read", check=followed.check.name, side=followed.subject.side)
            return failed(followed.track, NoData(_FAULT), now)

    def _delay(self, followed: Followed[Key], source: Source, reading: Reading, *, grew: bool, down: bool) -> float:
        if down:
            chance = self._random.random()
            return pacing.back_off(failures=followed.misses, interval=source.interval, chance=chance)
        now = self._clock().timestamp()
        if isinstance(reading, Asking) or not source.shows_scrapes:
            return pacing.in_step(interval=source.interval, now=now)
        pace, scrapes = followed.track.pace, followed.track.total.until.values()
        if grew:
            return pacing.after_scrape(scrapes=scrapes, interval=pace, now=now)
        return pacing.after_nothing(misses=followed.misses, interval=pace) if scrapes else source.interval

    def _skip(self, followed: Followed[Key], reason: str) -> bool:
        if followed.wanted:
            followed.track = failed(followed.track, ProviderDown(reason), self._clock())
            self._tell(followed, news=False)
        return followed.wanted

    def _tell(self, followed: Followed[Key], *, news: bool) -> None:
        state = self._followings[followed.key].assessed(followed.check, self._clock()).state
        if news or state is not followed.state:
            self._on_samples(followed.key)
        followed.state = state
