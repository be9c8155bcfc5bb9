"""Numbers, times and states as people read them."""

from collections.abc import Sequence
from datetime import datetime

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_STATES = {"notEnoughData": "not enough data", "noData": "no data", "providerDown": "provider down"}


def percent(number: float | None) -> str:
    """`25`, `24.6`, or a dash where nothing is known; without the sign."""
    return "–" if number is None else f"{number:.1f}".removesuffix(".0")


def value(number: float | None, unit: str | None = None) -> str:
    """A measured value with three digits and its unit, or a dash."""
    if number is None:
        return "–"
    told = f"{number:.0f}" if abs(number) >= 1000 else f"{number:.3g}"
    return f"{told} {unit}" if unit else told


def share(bad: int | None, whole: int | None) -> str:
    """`6 of 9,500`, a dash for what is not known."""
    told = ("–" if number is None else f"{number:,}" for number in (bad, whole))
    return " of ".join(told)


def times(ratio: float | None, low: float | None, high: float | None) -> list[str]:
    """`3.09 times (0.99 to 12.3)` as a list of one text; empty where nothing is compared."""
    if ratio is None:
        return []
    ends = "" if low is None else f" ({value(low)} or more)" if high is None else f" ({value(low)} to {value(high)})"
    return [f"{value(ratio)} times{ends}"]


def state(word: str) -> str:
    """The state of a check in words."""
    return _STATES.get(word, word)


def at(time: str, now: datetime) -> str:
    """The time of day in the zone of `now`, with the date unless it is today's."""
    local = datetime.fromisoformat(time.replace("Z", "+00:00")).astimezone(now.tzinfo)
    return f"{local:%H:%M:%S}" if local.date() == now.date() else f"{local.day} {local:%b %Y %H:%M}"


def ago(time: str, now: datetime) -> str:
    """How long ago it was, in the largest unit that fits: `40s`, `5m`, `3h`, `12d`."""
    seconds = max((now - datetime.fromisoformat(time.replace("Z", "+00:00"))).total_seconds(), 0)
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size), ("s", 1))
    return f"{int(seconds // size)}{unit}"


def images(names: Sequence[str]) -> str:
    """Images without their registries, the first one and how many others there are."""
    if not names:
        return "–"
    short = names[0].rpartition("/")[2]
    return short if len(names) == 1 else f"{short} +{len(names) - 1}"
