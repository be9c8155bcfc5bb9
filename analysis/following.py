"""What a subscription comes to: one track for every check on every side, and what of it goes on after a change."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from analysis.assess import assess
from analysis.checkpoint import checkpoint, restored
from analysis.checks import Check, Query, Restarts, Subject, Subscription, Usage
from analysis.checks import Side as SideName
from analysis.compared import compared
from analysis.comparing import Comparing, Side, begun_comparing, bounded, carried_on, took
from analysis.exposure import lived
from analysis.history import moment
from analysis.judgement import Judged, judged
from analysis.readings import Reading, reading
from analysis.results import Assessment, CheckResult, State
from analysis.samples import Target
from analysis.selectors import SelectorError
from analysis.sources import NoData, Source
from analysis.splitting import finding, under
from analysis.tails import chosen
from analysis.templates import TemplateError
from analysis.tracks import Track, begun, failed

Key = TypeVar("Key", bound=Hashable)
Place = tuple[str, SideName]
_KEPT_FOR: Final = timedelta(seconds=30)

FindSource = Callable[[Check], Source | str]
"""The source of a check, or why there is none."""


@dataclass(kw_only=True, eq=False)
class Followed(Generic[Key]):
    """One check on one side of one rollout. Another `identity` is another comparison, with a baseline of its own.

    `asked` is None where nothing can be asked; the track then says why, but where the cluster tells: `counted` is then
    how many restarts of each pod were counted. `wanted` ends with the subscription.
    """

    key: Key
    check: Check
    subject: Subject
    asked: tuple[Source, Reading] | None
    identity: Hashable
    track: Track
    judged: Judged | None = None
    counted: Mapping[str, int] | None = None
    misses: int = 0
    state: State | None = None
    wanted: bool = True


@dataclass(kw_only=True, eq=False)
class Following(Generic[Key]):
    """All that is measured for one rollout; `heard` is the newest scrape known of each target, by source.

    `kept` is the last checkpoint that was made, and when.
    """

    subscription: Subscription
    began: datetime
    comparing: Comparing
    places: dict[Place, Followed[Key]] = field(default_factory=dict)
    heard: dict[str, dict[Target, float]] = field(default_factory=dict)
    kept: tuple[datetime, str | None] | None = None

    def took(self, followed: Followed[Key]) -> bool:
        """Judge what is complete, now that this place has been asked; whether that proved harm, by whatever check."""
        name, proved = followed.check.name, self.comparing.proved
        if name not in self.comparing.courses:
            return False
        self._agree_on_bounds(name)
        canary, stable = self.places[name, "canary"], self.places.get((name, "stable"))
        sides = [Side(subject=each.subject, track=each.track) for each in (canary, stable) if each]
        beside = sides[1] if stable else None
        self.comparing, left, other = took(self.comparing, name, sides[0], beside, under=self.subscription)
        canary.track = left.track
        if stable and other:
            stable.track = other.track
        return self.comparing.proved is not proved

    def _agree_on_bounds(self, name: str) -> None:
        """Compare whole tails at bounds of the stable version's distribution, as it was when it was read first."""
        places = [self.places[place] for place in ((name, "canary"), (name, "stable")) if place in self.places]
        shown, bounds = places[-1].track.distribution, self.comparing.courses[name].bounds
        if bounds is None and shown:
            bounds = chosen(shown)
            self.comparing = bounded(self.comparing, name, bounds)
        for each in places:  # also a side whose question was under way when they were chosen
            if each.track.bounds != bounds:
                each.track = replace(each.track, bounds=bounds)

    def lived(self, now: datetime) -> bool:
        """Take note of how long the pods have lived, for checks of restarts; whether that proved harm."""
        checks = [check for check in self.subscription.checks if isinstance(check, Restarts)]
        places = [(check.name, subject.side) for check in checks for subject in self.subscription.subjects]
        proved = [self._lived(self.places[place], now) for place in places]
        return any(proved)

    def _lived(self, followed: Followed[Key], now: datetime) -> bool:
        counted = followed.counted or dict(zip(followed.subject.pods, followed.subject.restarts, strict=False))
        track, followed.counted = lived(followed.track, counted, followed.subject, now=now.timestamp())
        if track is followed.track:
            return False
        followed.track = track
        return self.took(followed)

    def assessment(self, now: datetime) -> Assessment:
        """What is known of every check of the subscription, and of the split."""
        results = tuple(self.assessed(check, now) for check in self.subscription.checks)
        splitting = under(self.comparing.splitting, self.subscription.split)
        return Assessment(
            results=results, observed=splitting.observed, share=finding(splitting), checkpoint=self.checkpoint(now)
        )

    def checkpoint(self, now: datetime) -> str | None:
        """What must not be forgotten of it, as of the last half minute: who keeps it has to write."""
        if self.kept is None or now - self.kept[0] >= _KEPT_FOR:
            self.kept = (now, checkpoint(self.subscription, self.comparing))
        return self.kept[1]

    def assessed(self, check: Check, now: datetime) -> CheckResult:
        """The state of one check of the subscription."""
        canary, stable = self.places[check.name, "canary"], self.places.get((check.name, "stable"))
        beside = stable.track.history if stable else None
        split = self.subscription.split
        course = self.comparing.courses.get(check.name)
        if course is not None and course.compares:
            proved_at = self.comparing.proved.get(check.name)
            return compared(course, canary.track.history, beside, now, split=split, proved_at=proved_at)
        assert not isinstance(check, Usage | Restarts), "these are compared"
        canary.judged = judged(check, canary.track.history, canary.judged)
        return assess(check, canary.track.history, beside, now, split=split, known=canary.judged)


def follow(
    key: Key, subscription: Subscription, known: Following[Key] | None, *, find: FindSource, now: datetime
) -> Following[Key]:
    """What is followed after a subscription. Whatever is the same comparison as before keeps its track.

    What was judged is kept as long as the run goes on, also where the counting starts anew.
    """
    same = known is not None and _comparison(known.subscription) == _comparison(subscription)
    began = known.began if known and same else now
    comparing = _comparing(subscription, known, subscription.since or began)
    following = Following[Key](subscription=subscription, began=began, comparing=comparing)
    if known and same:
        following.heard, following.kept = known.heard, known.kept
    before = known.places if known else {}
    for check, subject in _asked(subscription):
        place = (check.name, subject.side)
        new = _followed(key, check, subject, following, find=find, now=now)
        following.places[place] = _continued(before.get(place), new)
    for place, gone in before.items():
        gone.wanted = following.places.get(place) is gone
    return following


def _comparing(subscription: Subscription, known: Following[Key] | None, since: datetime) -> Comparing:
    if known is not None and _run(known.subscription) == _run(subscription):
        return carried_on(known.comparing, subscription, since)
    if subscription.checkpoint is not None:
        return restored(subscription.checkpoint, subscription, since)
    return begun_comparing(subscription, since)


def _run(subscription: Subscription) -> Hashable:
    return subscription.run, subscription.canary.revision


def _asked(subscription: Subscription) -> Iterator[tuple[Check, Subject]]:
    """Every check on every side; a query that reads the same on both is asked once."""
    canary = subscription.canary
    for check in subscription.checks:
        for subject in subscription.subjects:
            if subject is canary or not isinstance(check, Query) or _differs(check, canary, subject):
                yield check, subject


def _differs(check: Query, canary: Subject, stable: Subject) -> bool:
    try:
        return reading(check, canary) != reading(check, stable)
    except (TemplateError, SelectorError):
        return False


def _followed(
    key: Key, check: Check, subject: Subject, following: Following[Key], *, find: FindSource, now: datetime
) -> Followed[Key]:
    source = "" if isinstance(check, Restarts) else find(check)
    interval = 1.0 if isinstance(source, str) else source.interval
    since = following.subscription.since or following.began
    course = following.comparing.courses.get(check.name)
    if course is not None and course.compares:
        since = max(since, moment(course.until))  # what was judged before is not counted again
    track = replace(begun(since=since, now=now, interval=interval), bounds=course.bounds if course else None)
    asked, problem = _question(check, subject, source)
    if problem:
        track = failed(track, NoData(problem), now)
    identity = (_text(check, subject), problem, subject.revision, _comparison(following.subscription))
    return Followed(key=key, check=check, subject=subject, asked=asked, identity=identity, track=track)


def _question(check: Check, subject: Subject, source: Source | str) -> tuple[tuple[Source, Reading] | None, str]:
    if isinstance(source, str) or isinstance(check, Restarts):
        assert isinstance(source, str), "the cluster tells of restarts"
        return None, source.removeprefix(f"{check.name}: ")
    try:
        return (source, reading(check, subject)), ""
    except (TemplateError, SelectorError) as error:
        return None, str(error)


def _text(check: Check, subject: Subject) -> Hashable:
    """What is asked, whichever pods there are; the source belongs to it."""
    if isinstance(check, Restarts):
        return check.name
    try:
        return check.source, reading(check, replace(subject, pods=(), addresses=(), restarts=()))
    except (TemplateError, SelectorError):
        return check.source, None


def _continued(before: Followed[Key] | None, new: Followed[Key]) -> Followed[Key]:
    if before is None or before.identity != new.identity:
        return new
    before.check, before.subject, before.asked = new.check, new.subject, new.asked
    return before


def _comparison(subscription: Subscription) -> Hashable:
    return subscription.canary.revision, subscription.since
