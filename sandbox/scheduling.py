"""The scheduler of a cluster with one node."""

from sandbox.reading import ObjectKey
from sandbox.storage import Object, Storage

NODE = "sandbox"


def bind(storage: Storage, key: ObjectKey) -> None:
    """Schedule a pod, unless somebody has chosen a node for it already."""

    def write(pod: Object) -> None:
        pod["spec"].setdefault("nodeName", NODE)

    storage.mutate("pods", *key, write)
