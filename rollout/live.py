"""The cache as people should see it: with the numbers of this moment, which the status gets only now and then."""

from collections.abc import Callable
from typing import Any

from rollout.kube.store import Store, Subscriber
from rollout.models.kinds import ROLLOUTS, Key, Manifest, Resource
from rollout.models.rollout import dump
from rollout.models.status import RolloutStatus

_MEASURED = ("message", "analysis", "revisions", "replicas", "traffic", "measuredAt")
_PLACE = ("phase", "run", "step")


class Live:
    """A store whose Rollouts carry the newest measured numbers, as long as these are of the same run, stage and step.

    Reads cost the cluster nothing. Everything but the numbers is what the store has.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._newest: dict[Key, dict[str, Any]] = {}
        self._subscribers: list[Subscriber] = []

    def tell(self, key: Key, status: RolloutStatus) -> None:
        """The status as it would be written now; subscribers hear of numbers that differ from the last ones."""
        newest = dump(status)
        if _without_time(self._newest.get(key)) == _without_time(newest):
            return
        self._newest[key] = newest
        manifest = self.get(ROLLOUTS, key)
        for subscriber in tuple(self._subscribers):
            subscriber(ROLLOUTS, key, manifest, manifest)

    def forget(self, key: Key) -> None:
        """The Rollout is gone, or is judged by another replica now: its numbers are no longer the newest."""
        self._newest.pop(key, None)

    def told(self) -> tuple[Key, ...]:
        """The Rollouts that numbers are held of."""
        return tuple(self._newest)

    def get(self, resource: Resource, key: Key) -> Manifest | None:
        """The object as last seen, a Rollout with its newest numbers."""
        manifest = self._store.get(resource, key)
        newest = self._newest.get(key) if resource == ROLLOUTS else None
        if manifest is None or newest is None:
            return manifest
        status = manifest.get("status") or {}
        if any(status.get(name) != newest.get(name) for name in _PLACE):
            return manifest
        numbers = {name: newest[name] for name in _MEASURED if name in newest}
        return {**manifest, "status": {**status, **numbers}}

    def keys(self, resource: Resource, namespace: str | None = None) -> tuple[Key, ...]:
        """The keys of a kind, sorted."""
        return self._store.keys(resource, namespace)

    def by_index(self, resource: Resource, index: str, value: str) -> tuple[Manifest, ...]:
        """The objects that the index has under `value`."""
        return self._store.by_index(resource, index, value)

    def put(self, resource: Resource, raw: bytes) -> bool:
        """Take the answer to a write."""
        return self._store.put(resource, raw)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Be called after each change, of the cache or of a number, until what is returned is called."""
        end = self._store.subscribe(subscriber)
        self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            end()
            self._subscribers.remove(subscriber)

        return unsubscribe


def _without_time(status: dict[str, Any] | None) -> dict[str, Any] | None:
    return {name: value for name, value in status.items() if name != "measuredAt"} if status is not None else None
