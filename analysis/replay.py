"""A comparison looked at from moment to moment, whoever tells the time: live questions without the clock."""

import math
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from analysis.checks import Subscription
from analysis.following import Following, follow
from analysis.polling import Question, poll
from analysis.results import Assessment
from analysis.sources import Source

_KEY = "replayed"


async def look(
    subscription: Subscription, known: Following[str] | None, source: Source, now: datetime
) -> Following[str]:
    """What is followed after one question for every check on every side, as of `now`."""
    same = known is not None and known.subscription == subscription
    following = known if known and same else follow(_KEY, subscription, known, find=lambda _check: source, now=now)
    following.lived(now)
    for followed in tuple(following.places.values()):
        if followed.asked is None:
            continue
        _, reading = followed.asked
        question = Question(reading=reading, subject=followed.subject, now=now.timestamp(), fresh=-math.inf)
        heard = following.heard.setdefault(source.name, {})
        followed.track = await poll(source, question, followed.track, heard)
        following.took(followed)
    return following


async def replay(
    subscription: Subscription,
    source: Source,
    *,
    start: datetime,
    end: datetime,
    every: timedelta,
    clock: list[float],
) -> AsyncIterator[tuple[datetime, Assessment]]:
    """What would have been said at each of these moments, of which the source answers the one that `clock` holds."""
    following: Following[str] | None = None
    now = start + every
    while now <= end:
        clock[0] = now.timestamp()
        following = await look(subscription, following, source, now)
        yield now, following.assessment(now)
        now += every
