"""How long pods have lived and how often they were restarted, as the cluster tells it, in the form of counters."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from analysis.checks import Subject
from analysis.growth import Growth
from analysis.tracks import Track

EVERY: Final = 10.0
"""Seconds between two counts: what is counted more often says no more."""


def lived(track: Track, counted: Mapping[str, int], subject: Subject, *, now: float) -> tuple[Track, Mapping[str, int]]:
    """The track after the pods were looked at, and how many restarts of each are in it by then.

    A restart is counted at once, seconds only now and then; more restarts than seconds wait for the next time.
    """
    restarts = dict(zip(subject.pods, subject.restarts, strict=False))
    more = {pod: max(0, count - counted.get(pod, 0)) for pod, count in restarts.items()}
    last = max(track.reported.values(), default=track.start)
    if now - last < EVERY and not any(more.values()):
        return track, counted
    seconds = {pod: max(0.0, now - track.reported.get(pod, last)) for pod in restarts}
    bad = {pod: min(more[pod], int(seconds[pod])) for pod in restarts}
    grown = tuple(Growth(now, pod, seconds[pod], (float(bad[pod]),)) for pod in restarts)
    reported = {**track.reported, **dict.fromkeys(restarts, now)}
    after = {pod: restarts[pod] - more[pod] + bad[pod] for pod in restarts}
    return replace(track, fresh=(*track.fresh, *grown), reported=reported, pace=EVERY, asked=now), after
