"""What Kubernetes' own kinds leave out when it is empty: decoded into Go types and encoded again, it is gone."""

from typing import Any

from sandbox.apiserver.schema import Schema

# Booleans, numbers and strings that are no pointers in Go, so that false, 0 and "" are the same as nothing.
_PLAIN = frozenset(
    {"paused", "hostNetwork", "hostPID", "hostIPC", "stdin", "stdinOnce", "tty", "readOnly"}
    | {"publishNotReadyAddresses", "minReadySeconds", "initialDelaySeconds", "hostPort", "hostname", "subdomain"}
    | {"nodeName", "serviceAccountName", "serviceAccount", "priorityClassName", "workingDir", "subPath", "subPathExpr"}
    | {"mountPropagation", "value", "externalName", "healthCheckNodePort", "deprecatedCount", "hostIP"}
)


def drop_empty(schema: Schema, value: Any) -> None:
    """Remove in place empty lists and maps, and what is false, 0 or "" and cannot be told from nothing."""
    if isinstance(value, list) and schema.element is not None:
        for item in value:
            drop_empty(schema.element, item)
    if not isinstance(value, dict):
        return
    for key in tuple(value):
        child = schema.properties.get(key) or schema.values
        if child is None:
            continue
        drop_empty(child, value[key])
        if _is_nothing(key, child, value[key]):
            del value[key]


def _is_nothing(key: str, schema: Schema, value: Any) -> bool:
    if value == [] or (value == {} and schema.values is not None):
        return True
    return key in _PLAIN and (value is False or value in (0, ""))
