"""What was remembered as JSON, read back with suspicion: whatever is not as it was written is a ValueError."""

import math
from collections.abc import Mapping


def entry(data: object, name: str) -> object:
    """The entry of that name."""
    if not isinstance(data, Mapping) or name not in data:
        raise ValueError(f"what was remembered has no {name!r}")
    return data[name]


def names(data: object) -> tuple[str, ...]:
    """The names of all entries."""
    if not isinstance(data, Mapping) or not all(isinstance(name, str) for name in data):
        raise ValueError("what was remembered has no names")
    return tuple(data)


def number(data: object, name: str) -> float:
    """The finite number of that name."""
    return _finite(entry(data, name), name)


def numbers(data: object, name: str, length: int) -> tuple[float, ...]:
    """The so many finite numbers of that name."""
    found = entry(data, name)
    if not isinstance(found, list | tuple) or len(found) != length:
        raise ValueError(f"what was remembered as {name!r} is not {length} numbers")
    return tuple(_finite(each, name) for each in found)


def rows(data: object, name: str, width: int) -> tuple[tuple[float, ...], ...]:
    """The finite numbers of that name, so many in a row."""
    found = entry(data, name)
    if not isinstance(found, list | tuple) or len(found) % width:
        raise ValueError(f"what was remembered as {name!r} is not rows of {width} numbers")
    flat = [_finite(each, name) for each in found]
    return tuple(tuple(flat[start : start + width]) for start in range(0, len(flat), width))


def whole(data: object, name: str, most: int) -> int:
    """The whole number of that name, from 0 to `most`."""
    found = entry(data, name)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= most:
        raise ValueError(f"what was remembered as {name!r} is no whole number from 0 to {most}: {found!r}")
    return found


def _finite(found: object, name: str) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise ValueError(f"what was remembered as {name!r} is no number: {found!r}")
    return found
