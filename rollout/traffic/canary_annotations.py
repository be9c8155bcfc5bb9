"""The canary annotations of ingress-nginx, from and to a split."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from rollout.models.kinds import Manifest
from rollout.models.split import Split
from rollout.models.traffic import CookieMatch, HeaderMatch, Match

PREFIX: Final = "nginx.ingress.kubernetes.io/"
CANARY: Final = f"{PREFIX}canary"
CLASS: Final = "kubernetes.io/ingress.class"  # from before spec.ingressClassName, and still read
AFFINITY: Final = f"{PREFIX}affinity"
AFFINITY_BEHAVIOR: Final = f"{PREFIX}affinity-canary-behavior"
_WEIGHT: Final = f"{CANARY}-weight"
_TOTAL: Final = f"{CANARY}-weight-total"
_HEADER: Final = f"{CANARY}-by-header"
_EXACT: Final = f"{CANARY}-by-header-value"
_PATTERN: Final = f"{CANARY}-by-header-pattern"
_COOKIE: Final = f"{CANARY}-by-cookie"
_ALL: Final = frozenset({CANARY, _WEIGHT, _TOTAL, _HEADER, _EXACT, _PATTERN, _COOKIE})

# Of the other annotations these alone are read on a canary. Affinity itself would bind users to it beyond an abort.
_COUNT: Final = (
    f"{PREFIX}load-balance",
    f"{PREFIX}upstream-hash-by",
    f"{PREFIX}service-upstream",
    AFFINITY_BEHAVIOR,
)
_TRUE: Final = frozenset({"1", "t", "T", "true", "True", "TRUE"})
_PER_CENT, _PER_MILLE = 100, 1000  # a total up to 100 is not heeded, and taken for 100


def written(tenths: int, match: Match | None) -> dict[str, str]:
    """The annotations for a share in tenths of a per cent, and for who goes to the canary besides."""
    weight = {_WEIGHT: str(tenths), _TOTAL: str(_PER_MILLE)} if tenths % 10 else {_WEIGHT: str(tenths // 10)}
    header = match.header if match is not None else None
    told = {
        _HEADER: header.name if header is not None else None,
        _EXACT: header.exact if header is not None else None,
        _PATTERN: header.pattern if header is not None else None,
        _COOKIE: match.cookie.name if match is not None and match.cookie is not None else None,
    }
    return {CANARY: "true", **weight, **{name: value for name, value in told.items() if value is not None}}


def is_canary(annotations: Mapping[str, str]) -> bool:
    """Whether they make an Ingress a canary."""
    return annotations.get(CANARY) in _TRUE


def read(annotations: Mapping[str, str]) -> Split | None:
    """The split that the annotations stand for, as ingress-nginx reads them; None where they make no canary.

    A share between two tenths is rounded up, so that 0 means none.
    """
    if not is_canary(annotations):
        return None
    weight, total = _number(annotations.get(_WEIGHT)), _number(annotations.get(_TOTAL))
    tenths = -(-1000 * weight // (total if total > _PER_CENT else _PER_CENT))
    return Split.at(min(tenths, 1000) / 10, _match(annotations))


def without(annotations: Mapping[str, str]) -> dict[str, str]:
    """The annotations without those of a canary."""
    return {name: value for name, value in annotations.items() if name not in _ALL}


def taken_over(route: Manifest, known: Mapping[str, str]) -> dict[str, str]:
    """The annotations of an Ingress beside `route` that has these: its split and what is foreign to ingress-nginx
    stay, and what counts on a canary is as on the route."""
    kept = {name: value for name, value in known.items() if name in _ALL or not name.startswith(PREFIX)}
    declared: Mapping[str, str] = route["metadata"].get("annotations") or {}
    return kept | {name: value for name, value in declared.items() if name.startswith(_COUNT)}


def _number(text: str | None) -> int:
    """As Go reads a number: with a sign, and what is none, or too large, counts as 0, and so does one below."""
    return max(int(text), 0) if text is not None and re.fullmatch("[+-]?[0-9]{1,18}", text) else 0


def _match(annotations: Mapping[str, str]) -> Match | None:
    header, cookie = annotations.get(_HEADER), annotations.get(_COOKIE)
    if header is None and cookie is None:
        return None
    exact = annotations.get(_EXACT)
    pattern = annotations.get(_PATTERN) if exact is None else None  # not heeded beside a value
    try:
        by_header = HeaderMatch(name=header, exact=exact, pattern=pattern) if header is not None else None
        return Match(header=by_header, cookie=CookieMatch(name=cookie) if cookie is not None else None)
    except ValidationError:
        return _FOREIGN


# Somebody wrote what nobody can declare: it may send anybody to the canary, and is like no match of a step.
_FOREIGN: Final = Match(header=HeaderMatch.model_construct(name="", exact=None, pattern=None))
