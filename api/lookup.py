"""Rollouts and their runs as the cache has them."""

from api.ports import Store
from api.problems import Problem
from api.views import RolloutView, view_of
from rollout.models.kinds import ROLLOUT_RUNS, ROLLOUTS, Key, Manifest


def look_up(store: Store, key: Key) -> RolloutView | None:
    """The Rollout as it is shown, with the steps of the run that goes on; None when there is no such Rollout."""
    manifest = store.get(ROLLOUTS, key)
    if manifest is None:
        return None
    name = ((manifest.get("status") or {}).get("run") or {}).get("name")
    return view_of(manifest, record=store.get(ROLLOUT_RUNS, Key(key.namespace, name)) if name else None)


def recorded_runs(store: Store, key: Key) -> tuple[Manifest, ...]:
    """The RolloutRuns of a Rollout, oldest first."""
    return tuple(sorted(store.by_index(ROLLOUT_RUNS, "rollout", f"{key.namespace}/{key.name}"), key=number_of))


def number_of(run: Manifest) -> int:
    """The number of a RolloutRun."""
    return int(run["spec"]["number"])


def missing(store: Store, key: Key) -> Problem:
    """That there is no such Rollout, with the namespaces that have one of this name."""
    elsewhere = ", ".join(other.namespace for other in store.keys(ROLLOUTS) if other.name == key.name)
    hint = f"; {elsewhere} has one of this name" if elsewhere else ""
    return Problem(404, "not-found", f"There is no Rollout {key.name} in namespace {key.namespace}{hint}.")
