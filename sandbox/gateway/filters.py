"""What a rule's filters and timeouts do to requests, in the words of Envoy's routes; pure."""

import re
from collections.abc import Sequence

from sandbox.storage import Object

# Envoy answers a request that is not in its table with "default"; the Gateway API's default is 302.
_REDIRECTS = {301: "MOVED_PERMANENTLY", 302: "FOUND", 303: "SEE_OTHER", 307: "TEMPORARY_REDIRECT"}
_REDIRECTS[308] = "PERMANENT_REDIRECT"
_DURATION = re.compile(r"(\d+)(ms|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_SUPPORTED = {"RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite", "RequestMirror"}


def supported(rule: Object) -> bool:
    """Whether every filter is one that is served here; a rule with another must not be served without it."""
    return all(one["type"] in _SUPPORTED for one in rule.get("filters") or ())


def header_changes(filters: Sequence[Object]) -> Object:
    """Return the header modifiers among `filters` as fields of an Envoy route or of a cluster's weight."""
    changes: Object = {}
    for one in filters:
        changes |= _modified("request", one.get("requestHeaderModifier"))
        changes |= _modified("response", one.get("responseHeaderModifier"))
    return changes


def redirect(rule: Object, match: Object) -> Object | None:
    """Return Envoy's RedirectAction for a rule's match, None if the rule does not redirect."""
    wanted = _filter(rule, "requestRedirect")
    if wanted is None:
        return None
    action: Object = {"response_code": _REDIRECTS[wanted.get("statusCode", 302)]}
    action |= {"scheme_redirect": wanted["scheme"]} if "scheme" in wanted else {}
    action |= {"host_redirect": wanted["hostname"]} if "hostname" in wanted else {}
    action |= {"port_redirect": wanted["port"]} if "port" in wanted else {}
    path = wanted.get("path") or {}
    if path.get("type") == "ReplaceFullPath":
        return action | {"path_redirect": path["replaceFullPath"]}
    return action | (_prefix_rewrite(path["replacePrefixMatch"], match) if path else {})


def rewrite(rule: Object, match: Object) -> Object:
    """Return the fields of Envoy's RouteAction for a rule's URLRewrite, none if it has none."""
    wanted = _filter(rule, "urlRewrite") or {}
    action: Object = {"host_rewrite_literal": wanted["hostname"]} if "hostname" in wanted else {}
    path = wanted.get("path") or {}
    if path.get("type") == "ReplaceFullPath":
        return action | _replacement("^.*$", path["replaceFullPath"])
    return action | (_prefix_rewrite(path["replacePrefixMatch"], match) if path else {})


def mirrors(rule: Object) -> list[tuple[Object, float]]:
    """Return the backendRefs a rule mirrors to, each with its share in per cent."""
    found = [one["requestMirror"] for one in rule.get("filters") or () if one["type"] == "RequestMirror"]
    return [(mirror["backendRef"], _percent(mirror)) for mirror in found]


def timeouts(rule: Object) -> Object:
    """Return Envoy's `timeout` (0 = none); 15 s where the route says nothing."""
    wanted = rule.get("timeouts") or {}
    return {"timeout": f"{seconds(wanted.get('request', '15s')):g}s"}


def seconds(duration: str) -> float:
    """Return a Gateway API duration (1h30m, 500ms ...) in seconds."""
    return sum(int(number) * _UNITS[unit] for number, unit in _DURATION.findall(duration))


def _filter(rule: Object, field: str) -> Object | None:
    return next((one[field] for one in rule.get("filters") or () if field in one), None)


def _modified(side: str, modifier: Object | None) -> Object:
    if not modifier:
        return {}
    added = [_header(one, "OVERWRITE_IF_EXISTS_OR_ADD") for one in modifier.get("set") or ()]
    added += [_header(one, "APPEND_IF_EXISTS_OR_ADD") for one in modifier.get("add") or ()]
    removed = list(modifier.get("remove") or ())
    return {f"{side}_headers_to_add": added, f"{side}_headers_to_remove": removed}


def _header(header: Object, action: str) -> Object:
    # A percent sign begins a command in Envoy's header values.
    value = header["value"].replace("%", "%%")
    return {"header": {"key": header["name"], "value": value}, "append_action": action}


def _prefix_rewrite(replacement: str, match: Object) -> Object:
    prefix = match.get("path_separated_prefix", "")
    if replacement.rstrip("/") and prefix:
        return {"prefix_rewrite": replacement.rstrip("/")}
    # Envoy would make /foo/bar into //bar when /foo becomes /.
    return _replacement(f"^{re.escape(prefix)}/*", f"{replacement.rstrip('/')}/")


def _replacement(pattern: str, substitution: str) -> Object:
    # A backslash begins a reference to a group of the pattern.
    escaped = substitution.replace("\\", "\\\\")
    return {"regex_rewrite": {"pattern": {"regex": pattern}, "substitution": escaped}}


def _percent(mirror: Object) -> float:
    fraction = mirror.get("fraction")
    if fraction:
        return float(100 * fraction["numerator"] / fraction.get("denominator", 100))
    return float(mirror.get("percent", 100))
