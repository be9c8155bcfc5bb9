"""The canary annotations of ingress-nginx: which requests of a location go to the backend beside it; pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.storage import Object

_PREFIX = "nginx.ingress.kubernetes.io/"
_TOTAL = 100


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A backend beside another one, and its annotations without their prefix."""

    cluster: str
    annotations: dict[str, str]


def annotations_of(ingress: Object) -> dict[str, str]:
    """The annotations that ingress-nginx reads."""
    found = ingress["metadata"].get("annotations") or {}
    return {name.removeprefix(_PREFIX): value for name, value in found.items() if name.startswith(_PREFIX)}


def is_canary(ingress: Object) -> bool:
    """Whether it only stands beside another Ingress."""
    return annotations_of(ingress).get("canary") == "true"


def choices(canary: Canary | None, stable: str) -> Iterator[tuple[list[Object], dict[str, int]]]:
    """Yield, first to last, what headers a request needs (Envoy's HeaderMatchers) and how it is then divided.

    A header counts before a cookie, and both before the weight. The last one needs nothing.
    """
    if canary is None:
        yield [], {stable: 1}
        return
    settled = [*_by_header(canary, stable), *_by_cookie(canary, stable)]
    yield from settled
    yield [], _weights(canary, stable)


def _by_header(canary: Canary, stable: str) -> Iterator[tuple[list[Object], dict[str, int]]]:
    name = canary.annotations.get("canary-by-header")
    value = canary.annotations.get("canary-by-header-value")
    pattern = canary.annotations.get("canary-by-header-pattern")
    if not name:
        return
    if value:
        yield [_header(name, {"exact": value})], {canary.cluster: 1}
    elif pattern is None:
        yield [_header(name, {"exact": "always"})], {canary.cluster: 1}
        yield [_header(name, {"exact": "never"})], {stable: 1}
    elif _compiles(pattern):
        yield [_header(name, _regex(f"(?s).*(?:{pattern}).*"))], {canary.cluster: 1}
    else:  # what nginx cannot read matches nothing, and its weight is not looked at
        yield [_header(name, {"prefix": ""})], {stable: 1}


def _by_cookie(canary: Canary, stable: str) -> Iterator[tuple[list[Object], dict[str, int]]]:
    name = canary.annotations.get("canary-by-cookie")
    if not name:
        return
    for value, cluster in (("always", canary.cluster), ("never", stable)):
        found = rf"(?:.*;\s*)?{re.escape(name)}={value}(?:\s*;.*)?"
        yield [_header("cookie", _regex(found))], {cluster: 1}


def _weights(canary: Canary, stable: str) -> dict[str, int]:
    """The weight of a hundred, or of a larger total; whatever is no number counts as 0."""
    total = max(_number(canary.annotations.get("canary-weight-total")), _TOTAL)
    weight = min(_number(canary.annotations.get("canary-weight")), total)
    return {cluster: share for cluster, share in ((stable, total - weight), (canary.cluster, weight)) if share}


def _number(text: str | None) -> int:
    return max(int(text), 0) if text is not None and re.fullmatch("[+-]?[0-9]{1,18}", text) else 0


def _header(name: str, match: Object) -> Object:
    return {"name": name.lower(), "string_match": match}


def _regex(pattern: str) -> Object:
    return {"safe_regex": {"regex": pattern}}


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
