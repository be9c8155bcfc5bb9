"""What a subscription comes to: one track for every check on every side, and what of it goes on after a change."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Generic, TypeVar

from analysis.assess import CheckResult, State, assess
from analysis.checks import Check, Query, Side, Subject, Subscription
from analysis.judgement import Judged, judged
from analysis.readings import Reading, reading
from analysis.samples import Target
from analysis.selectors import SelectorError
from analysis.sources import NoData, Source
from analysis.templates import TemplateError
from analysis.tracks import Track, begun, failed

Key = TypeVar("Key", bound=Hashable)
Place = tuple[str, Side]
FindSource = Callable[[Check], Source | str]
"""The source of a check, or why there is none."""


@dataclass(kw_only=True, eq=False)
class Followed(Generic[Key]):
    """One check on one side of one rollout. Another `identity` is another comparison, with a baseline of its own.

    `asked` is None where nothing can be asked; the track then says why. `wanted` ends with the subscription.
    """

    key: Key
    check: Check
    subject: Subject
    asked: tuple[Source, Reading] | None
    identity: Hashable
    track: Track
    judged: Judged | None = None
    misses: int = 0
    state: State | None = None
    wanted: bool = True


@dataclass(kw_only=True, eq=False)
class Following(Generic[Key]):
    """All that is measured for one rollout; `heard` is the newest scrape known of each target, by source."""

    subscription: Subscription
    began: datetime
    places: dict[Place, Followed[Key]] = field(default_factory=dict)
    heard: dict[str, dict[Target, float]] = field(default_factory=dict)

    def assessed(self, check: Check, now: datetime) -> CheckResult:
        """The state of one check of the subscription."""
        canary, stable = self.places[check.name, "canary"], self.places.get((check.name, "stable"))
        beside = stable.track.history if stable else None
        canary.judged = judged(check, canary.track.history, canary.judged)
        return assess(check, canary.track.history, beside, now, split=self.subscription.split, known=canary.judged)


def follow(
    key: Key, subscription: Subscription, known: Following[Key] | None, *, find: FindSource, now: datetime
) -> Following[Key]:
    """What is followed after a subscription. Whatever is the same comparison as before keeps its track."""
    goes_on = known is not None and _comparison(known.subscription) == _comparison(subscription)
    following = Following[Key](subscription=subscription, began=known.began if known and goes_on else now)
    if known and goes_on:
        following.heard = known.heard
    before = known.places if known else {}
    for check, subject in _asked(subscription):
        place = (check.name, subject.side)
        new = _followed(key, check, subject, following, find=find, now=now)
        following.places[place] = _continued(before.get(place), new)
    for place, gone in before.items():
        gone.wanted = following.places.get(place) is gone
    return following


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
    source = find(check)
    interval = 1.0 if isinstance(source, str) else source.interval
    track = begun(since=following.subscription.since or following.began, now=now, interval=interval)
    asked, problem = _question(check, subject, source)
    if problem:
        track = failed(track, NoData(problem), now)
    identity = (_text(check, subject), problem, subject.revision, _comparison(following.subscription))
    return Followed(key=key, check=check, subject=subject, asked=asked, identity=identity, track=track)


def _question(check: Check, subject: Subject, source: Source | str) -> tuple[tuple[Source, Reading] | None, str]:
    if isinstance(source, str):
        return None, source.removeprefix(f"{check.name}: ")
    try:
        return (source, reading(check, subject)), ""
    except (TemplateError, SelectorError) as error:
        return None, str(error)


def _text(check: Check, subject: Subject) -> Hashable:
    """What is asked, whichever pods there are; the source belongs to it."""
    try:
        return check.source, reading(check, replace(subject, pods=(), addresses=()))
    except (TemplateError, SelectorError):
        return check.source, None


def _continued(before: Followed[Key] | None, new: Followed[Key]) -> Followed[Key]:
    if before is None or before.identity != new.identity:
        return new
    before.check, before.subject, before.asked = new.check, new.subject, new.asked
    return before


def _comparison(subscription: Subscription) -> Hashable:
    return subscription.canary.revision, subscription.since
