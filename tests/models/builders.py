"""Objects as people write them, small and right, to be changed one field at a time."""

from copy import deepcopy
from typing import Any

_ROLLOUT: dict[str, Any] = {
    "apiVersion": "progressive.delivery/v1alpha1",
    "kind": "Rollout",
    "metadata": {"name": "shop", "namespace": "store"},
    "spec": {
        "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "services": [{"name": "shop"}],
        "strategy": {"canary": {"steps": [{"name": "first", "weight": 5}, {"weight": 50}]}},
        "analysis": {"checks": [{"name": "restarts", "restarts": {"max": 0}}]},
    },
}
GONE: Any = object()


def a_rollout(**changes: Any) -> dict[str, Any]:
    """A Rollout with some fields changed, as in `spec__replicas=3`, or taken away with GONE."""
    rollout = deepcopy(_ROLLOUT)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place: Any = rollout
        for part in parents:
            place = place[int(part)] if part.isdigit() else place.setdefault(part, {})
        if value is GONE:
            del place[last]
        elif last.isdigit():
            place[int(last)] = value
        else:
            place[last] = value
    return rollout


def a_check(**fields: Any) -> dict[str, Any]:
    """A Rollout with this one check, named `check`."""
    return a_rollout(spec__analysis__checks=[{"name": "check", **fields}])


def a_step(**fields: Any) -> dict[str, Any]:
    """A Rollout with this one step."""
    return a_rollout(spec__strategy__canary__steps=[fields])
