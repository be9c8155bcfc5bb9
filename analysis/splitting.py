"""How the traffic is really split, at the measuring point, since the weight was changed last."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from analysis.blocks import Closed
from analysis.checks import Split
from analysis.history import moment
from analysis.judge import Share
from analysis.results import ShareFinding
from analysis.sentences import percent


@dataclass(frozen=True, kw_only=True)
class Splitting:
    """The requests of both sides under one `split`, and whether they contradict it, since when."""

    split: Split | None = None
    canary: float = 0.0
    stable: float = 0.0
    share: Share | None = None
    wrong: Literal["tooFew", "tooMany"] | None = None
    since: datetime | None = None

    @property
    def observed(self) -> float | None:
        """The canary's share in per cent; None without requests."""
        both = self.canary + self.stable
        return 100 * self.canary / both if both else None


def under(splitting: Splitting, split: Split | None) -> Splitting:
    """What is known under this very split: nothing, before the first block under it."""
    return splitting if _same(splitting.split, split) else Splitting()


def split_seen(before: Splitting, split: Split | None, closed: Closed, *, alpha: float) -> Splitting:
    """The split after one more block; another weight starts anew, and counts from when it is in force."""
    if split is None:
        return Splitting()
    now = before if _same(before.split, split) else _begun(split, alpha=alpha)
    if closed.start < split.since.timestamp() or not closed.canary:  # metrics of a new pod take their time
        return now
    canary, stable = (sum(each.total for each in side) for side in (closed.canary, closed.stable))
    share = now.share.after(canary, stable) if now.share and canary + stable else now.share
    wrong = _wrong(share, split)
    since = now.since if wrong is now.wrong else moment(closed.end)
    return replace(now, canary=now.canary + canary, stable=now.stable + stable, share=share, wrong=wrong, since=since)


def dump(splitting: Splitting) -> list[Any] | None:
    """What to remember, as JSON can hold it."""
    split = splitting.split
    if split is None:
        return None
    since = splitting.since.timestamp() if splitting.since else None
    share = splitting.share.dump() if splitting.share else None
    whose = [split.weight, split.since.timestamp(), split.routed, split.matched]
    return [whose, splitting.canary, splitting.stable, share, splitting.wrong, since]


def load(data: Any) -> Splitting:
    """What was remembered. Raises ValueError, TypeError or AttributeError for anything else."""
    if data is None:
        return Splitting()
    (weight, begun, routed, *matched), canary, stable, share, wrong, since = data  # earlier versions had no `matched`
    return Splitting(
        split=Split(weight=float(weight), since=moment(begun), routed=bool(routed), matched=any(matched)),
        canary=float(canary),
        stable=float(stable),
        share=Share.load(share) if share is not None else None,
        wrong=wrong if wrong in ("tooFew", "tooMany") else None,
        since=moment(since) if since is not None else None,
    )


def _same(one: Split | None, other: Split | None) -> bool:
    return one is not None and other is not None and replace(one, until=None) == replace(other, until=None)


def _begun(split: Split, *, alpha: float) -> Splitting:
    tested = split.routed and 0 < split.weight < 100
    return Splitting(split=split, share=Share.begun(split.weight / 100, alpha=alpha) if tested else None)


def _wrong(share: Share | None, split: Split) -> Literal["tooFew", "tooMany"] | None:
    if share is None:
        return None
    if share.too_few:
        return "tooFew"
    return "tooMany" if share.too_many and not split.matched else None


def finding(splitting: Splitting) -> ShareFinding | None:
    """What is said where the traffic is not split as configured."""
    if splitting.wrong is None or splitting.since is None or splitting.split is None or splitting.observed is None:
        return None
    reach, weight = percent(splitting.observed / 100), percent(splitting.split.weight / 100)
    measured = f"{reach} of the requests reach the canary instead of {weight}"
    return ShareFinding(kind=splitting.wrong, since=splitting.since, sentence=f"{measured}: {_WHY[splitting.wrong]}")


_WHY: Final = {
    "tooFew": "the route did not take effect, sessions stick to the old version, or the canary refuses connections",
    "tooMany": "somebody rewrote the route, sessions stick to the canary, or others send it traffic of their own",
}
