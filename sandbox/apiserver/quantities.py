"""Amounts of resources, as Kubernetes writes them whatever way they were given."""

import re
from decimal import Decimal
from typing import Any

_QUANTITY = re.compile(r"^([+-]?\d+(?:\.\d*)?|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?)$")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")


def canonical(amount: Any) -> str:
    """Return an amount without a fraction and with the largest suffix: 0.5 is `500m`, `1024Mi` is `1Gi`.

    What is no quantity, and what has an exponent, stays as it is.
    """
    text = str(amount)
    found = _QUANTITY.match(text)
    if not found:
        return text
    number, suffix = Decimal(found[1]), found[2]
    if suffix.endswith("i"):
        return _shortest(number * 1024 ** _BINARY.index(suffix), _BINARY, 1024)
    return _shortest(number * 1000 ** _DECIMAL.index(suffix), _DECIMAL, 1000)


def _shortest(units: Decimal, suffixes: tuple[str, ...], step: int) -> str:
    if units == 0:
        return "0"
    power = 0
    while power < len(suffixes) - 1 and units % step == 0:
        units, power = units / step, power + 1
    return f"{int(units)}{suffixes[power]}"
