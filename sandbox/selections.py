"""Which Services select which pods, as current as the storage, and fast where thousands share a namespace."""

from collections.abc import Mapping

from sandbox.reading import ObjectKey, key_of, labels_of
from sandbox.storage import Object, Storage

Item = tuple[str, str, str]  # namespace, label, value


class Selections:
    """Pods by each of their labels, and Services by the one label of their selector that fewest others have."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._pods: dict[Item, set[ObjectKey]] = {}
        self._services: dict[Item, set[ObjectKey]] = {}
        self._filed: dict[ObjectKey, Item] = {}

    def see_pod(self, pod: Object, previous: Object | None) -> None:
        """Take note of one change of a pod."""
        for item in items(previous, labels_of(previous)) if previous else ():
            self._pods.get(item, set()).discard(key_of(pod))
        if self._storage.record("pods", *key_of(pod)):
            for item in items(pod, labels_of(pod)):
                self._pods.setdefault(item, set()).add(key_of(pod))

    def see_service(self, service: Object) -> None:
        """Take note of one change of a Service."""
        key = key_of(service)
        if key in self._filed:
            self._services[self._filed.pop(key)].discard(key)
        choices = items(service, service["spec"].get("selector") or {})
        if choices and self._storage.record("services", *key):
            item = min(choices, key=lambda choice: len(self._services.get(choice, ())))
            self._filed[key] = item
            self._services.setdefault(item, set()).add(key)

    def services_of(self, pod: Object) -> list[ObjectKey]:
        """Return the Services that select a pod with these labels."""
        labels = labels_of(pod).items()
        candidates = (key for item in items(pod, labels_of(pod)) for key in self._services.get(item, ()))
        found = ((key, self._storage.record("services", *key)) for key in candidates)
        return sorted(key for key, record in found if record and record.object["spec"]["selector"].items() <= labels)

    def pods_of(self, service: Object) -> list[Object]:
        """Return the pods a Service selects, by name; they belong to the storage."""
        selector = service["spec"]["selector"]
        candidates = min((self._pods.get(item, set()) for item in items(service, selector)), key=len)
        found = (self._storage.record("pods", *key) for key in sorted(candidates))
        return [record.object for record in found if record and selector.items() <= labels_of(record.object).items()]


def items(obj: Object, labels: Mapping[str, str]) -> list[Item]:
    """Return labels as they are looked up: within the object's namespace, the last first."""
    return [(key_of(obj)[0], key, value) for key, value in tuple(labels.items())[::-1]]
