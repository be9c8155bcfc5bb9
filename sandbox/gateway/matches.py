"""What a route matches, as Envoy's RouteMatch, and which of two matches goes first; pure."""

import re
from collections.abc import Iterator

from sandbox.storage import Object

Precedence = tuple[int | str, ...]
_EXACT, _REGULAR, _PREFIX = range(3)
_ANYTHING: Object = {"path": {"type": "PathPrefix", "value": "/"}}


def unsupported(route: Object) -> str | None:
    """Return the first regular expression Envoy would refuse, and everything else with it; None if there is none."""
    patterns = (pattern for rule in route["spec"].get("rules") or () for pattern in _patterns(route, rule))
    return next((pattern for pattern in patterns if not _compiles(pattern)), None)


def matches(route: Object, rule: Object) -> Iterator[tuple[Precedence, Object]]:
    """Yield, for each match of `rule`, its precedence (lower goes first) and Envoy's RouteMatch."""
    one = _grpc_match if route["kind"] == "GRPCRoute" else _http_match
    for match in rule.get("matches") or [{}]:
        yield one(match)


def _http_match(match: Object) -> tuple[Precedence, Object]:
    # Exact path, longest prefix, method, most headers, most query parameters. The Gateway API leaves the place of
    # regular expressions open; like Envoy Gateway we put them between the two.
    kind, path = _path(match.get("path") or _ANYTHING["path"])
    headers = match.get("headers") or []
    query = match.get("queryParams") or []
    value = (match.get("path") or _ANYTHING["path"]).get("value", "/")
    precedence = (kind, -len(value), "method" not in match, -len(headers), -len(query))
    found = [_header(header) for header in headers]
    if "method" in match:
        found.append({"name": ":method", "string_match": {"exact": match["method"]}})
    parameters = [{"name": one["name"], "string_match": _string(one)} for one in query]
    return precedence, {**path, "headers": found, "query_parameters": parameters}


def _grpc_match(match: Object) -> tuple[Precedence, Object]:
    method = match.get("method") or {}
    service, name = method.get("service", ""), method.get("method", "")
    headers = match.get("headers") or []
    kind, path = _grpc_path(service, name, exact=method.get("type", "Exact") == "Exact")
    precedence = (kind, -len(service), -len(name), -len(headers), 0)
    return precedence, {**path, "headers": [_header(header) for header in headers]}


def _grpc_path(service: str, method: str, *, exact: bool) -> tuple[int, Object]:
    if not service and not method:
        return _PREFIX, {"prefix": "/"}
    if exact and service and method:
        return _EXACT, {"path": f"/{service}/{method}"}
    quote = re.escape if exact else str
    pattern = f"/{quote(service) or '[^/]+'}/{quote(method) or '[^/]+'}"
    return _REGULAR, {"safe_regex": {"regex": pattern}}


def _path(path: Object) -> tuple[int, Object]:
    value = path.get("value", "/")
    match path.get("type", "PathPrefix"):
        case "Exact":
            return _EXACT, {"path": value}
        case "RegularExpression":
            return _REGULAR, {"safe_regex": {"regex": value}}
        case _:
            return _PREFIX, prefix(value)


def prefix(value: str) -> Object:
    """Return what matches the path `value` and everything below it: /foo and /foo/bar, not /foobar."""
    trimmed = value.rstrip("/")
    return {"path_separated_prefix": trimmed} if trimmed else {"prefix": "/"}


def _patterns(route: Object, rule: Object) -> Iterator[str]:
    for _, match in matches(route, rule):
        named = (*match.get("headers", ()), *match.get("query_parameters", ()))
        for one in (match, *(one["string_match"] for one in named)):
            if "safe_regex" in one:
                yield one["safe_regex"]["regex"]


def _compiles(pattern: str) -> bool:
    # RE2 knows neither looking around nor references to groups.
    if re.search(r"\(\?(=|!|<=|<!)|\\[1-9]", pattern):
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _header(header: Object) -> Object:
    return {"name": header["name"].lower(), "string_match": _string(header)}


def _string(match: Object) -> Object:
    if match.get("type", "Exact") == "RegularExpression":
        return {"safe_regex": {"regex": match["value"]}}
    return {"exact": match["value"]}
