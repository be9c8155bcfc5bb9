"""What the API needs of the cluster: a cache to read from, and a client to read past it and to write."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from rollout.kube.client import Lane
from rollout.kube.store import Subscriber
from rollout.models.kinds import Key, Manifest, Resource


class Store(Protocol):
    """The cache; reading it costs the cluster nothing."""

    def get(self, resource: Resource, key: Key) -> Manifest | None:
        """The object as last seen."""

    def keys(self, resource: Resource, namespace: str | None = None) -> tuple[Key, ...]:
        """The keys of a kind, sorted."""

    def by_index(self, resource: Resource, index: str, value: str) -> tuple[Manifest, ...]:
        """The objects that the index has under `value`."""

    def put(self, resource: Resource, raw: bytes) -> bool:
        """Take the answer to a write, so that the next read knows of it."""

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Be called after each change, until what is returned is called."""


class Client(Protocol):
    """The API server; raises `rollout.kube.errors.ApiError`."""

    async def get(self, resource: Resource, namespace: str | None, name: str, *, lane: Lane = Lane.WATCH) -> bytes:
        """The object as it is now."""

    async def json_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        ops: Sequence[Mapping[str, Any]],
        *,
        subresource: str | None = None,
        lane: Lane = Lane.WRITE,
    ) -> bytes:
        """The object after `ops`; raises Conflict when its resourceVersion is another."""
