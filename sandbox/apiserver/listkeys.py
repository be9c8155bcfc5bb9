"""Which lists are maps in disguise, and by which keys: what strategic merge, server-side apply and ownership share."""

from collections.abc import Mapping
from typing import Any

from sandbox.apiserver.schema import Schema

Item = dict[str, Any]

_BUILTIN: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "conditions": ("type",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "ownerReferences": ("uid",),
    "hostAliases": ("ip",),
    "podIPs": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}


# Objects of built-in kinds that have one owner as a whole.
_ATOMIC = frozenset(
    {"selector", "labelSelector", "nodeSelector", "fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef"}
    | {"scaleTargetRef", "involvedObject", "regarding", "targetRef"}
)
_SETS = frozenset({"finalizers"})


def is_atomic(name: str, schema: Schema | None) -> bool:
    """Whether an object of that field name is one value to those who own fields."""
    return schema is None and name in _ATOMIC


def is_set(name: str, items: Any, schema: Schema | None) -> bool:
    """Whether each item of a list of plain values has owners of its own."""
    if not isinstance(items, list) or not items or any(isinstance(item, dict | list) for item in items):
        return False
    return name in _SETS or (schema is not None and schema.list_type == "set")


def keys_of(name: str, items: Any, schema: Schema | None) -> tuple[str, ...]:
    """Return the keys of a list's items, () if the list is one value.

    `schema` is the list's own, None for built-in kinds.
    """
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        return ()
    keys = _declared(name, items, schema)
    return keys if keys and all(isinstance(item.get(keys[0]), str | int) for item in items) else ()


def _declared(name: str, items: list[Item], schema: Schema | None) -> tuple[str, ...]:
    if schema is not None and name != "ownerReferences":
        return schema.list_keys if schema.list_type == "map" else ()
    if name == "ports":
        first = "containerPort" if "containerPort" in items[0] else "port"
        return (first, "protocol")
    return _BUILTIN.get(name, ())


def key(item: Item, keys: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the value of an item's keys. An absent protocol means TCP."""
    return tuple(item.get(name, "TCP" if name == "protocol" else None) for name in keys)


def child(schema: Schema | None, name: str) -> Schema | None:
    """Return the schema of a field; None stays None (built-in kinds go by names)."""
    if schema is None:
        return None
    return schema.properties.get(name) or schema.values or Schema()
