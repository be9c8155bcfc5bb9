"""A shop as somebody sees it who watches its Rollout and its route, and asks for things with kubectl."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from controlplane.api import Api
from controlplane.cluster import ControlPlane
from sandbox.cluster import beside
from tests.traefik.objects import Manifest, pods, shop

_PATIENCE = 120.0  # seconds until what should come counts as never
_KINDS = {
    "rollout": "/apis/progressive.delivery/v1alpha1/namespaces/{}/rollouts",
    "route": "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes",
}


@dataclass(kw_only=True)
class Shift:
    """One weight of the canary in the route, None where there is none, since a moment (seconds since the epoch)."""

    weight: int | None
    generation: int
    written: float
    accepted: float | None = None


@dataclass(kw_only=True)
class Shop:
    """One shop: its objects as they were last seen, and every weight its route ever had, oldest first."""

    cluster: ControlPlane
    namespace: str
    seen: dict[str, Manifest] = field(default_factory=dict)
    shifts: list[Shift] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        """Create everything, and wait until v1 is deployed."""
        await self.kubectl("create", "namespace", self.namespace)
        await self.kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s")
        objects = {"apiVersion": "v1", "kind": "List", "items": shop(self.namespace)}
        await self.kubectl("apply", "--filename=-", stdin=json.dumps(objects))
        await self.ends("Healthy", run=1)

    async def ship(self, version: str) -> None:
        """Change the Rollout's pod template."""
        ops = [{"op": "replace", "path": "/spec/template", "value": pods(version)}]
        await self.kubectl("patch", "rollout/shop", "--type=json", f"--patch={json.dumps(ops)}")

    async def kubectl(self, *arguments: str, stdin: str | None = None) -> None:
        """Call kubectl in this shop's namespace; raises CalledProcessError."""
        await asyncio.to_thread(self.cluster.kubectl, f"--namespace={self.namespace}", *arguments, stdin=stdin)

    async def ends(self, phase: str, *, run: int) -> None:
        """Wait until a run has ended in a phase; fails when it ends in another."""
        await self.until(
            lambda: self.status.get("run", {}).get("number") == run and self._over, f"the end of run {run}"
        )
        assert self.status["phase"] == phase, self.status["message"]

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is so; fails with what the status said last."""
        try:
            async with asyncio.timeout(_PATIENCE):
                while not condition():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise AssertionError(f"{self.namespace}: never came: {what}; status: {self.status}") from None

    @property
    def status(self) -> dict[str, Any]:
        """The Rollout's status."""
        return self.seen.get("rollout", {}).get("status") or {}

    @property
    def weight(self) -> int | None:
        """The canary's weight in the route."""
        return self.shifts[-1].weight if self.shifts else None

    @property
    def _over(self) -> bool:
        return bool(self.status["run"].get("outcome") and self.status["run"]["stage"] == "Done")

    def see(self, kind: str, obj: Manifest) -> None:
        """Take note of a change."""
        self.seen[kind] = obj
        if kind == "route":
            self._note(obj)
        self.changed.set()

    def _note(self, route: Manifest) -> None:
        now, generation = time.time(), route["metadata"]["generation"]
        if not self.shifts or self.shifts[-1].generation != generation:
            self.shifts.append(Shift(weight=_weight(route), generation=generation, written=now))
        if self.shifts[-1].accepted is None and _accepted(route):
            self.shifts[-1].accepted = now


def _weight(route: Manifest) -> int | None:
    refs = route["spec"]["rules"][0]["backendRefs"]
    return next((int(ref["weight"]) for ref in refs if ref["name"] == "shop-canary"), None)


def _accepted(route: Manifest) -> bool:
    """Whether the Gateway says that it has taken over the present generation."""
    conditions = [each for parent in route.get("status", {}).get("parents", ()) for each in parent["conditions"]]
    current = {
        each["type"]
        for each in conditions
        if each["status"] == "True" and each["observedGeneration"] == route["metadata"]["generation"]
    }
    return {"Accepted", "ResolvedRefs"} <= current


@asynccontextmanager
async def watched(cluster: ControlPlane, api: Api, *, namespace: str) -> AsyncIterator[Shop]:
    """A shop that is opened, and watched beside the block."""
    found = Shop(cluster=cluster, namespace=namespace)

    async def follow(kind: str, path: str) -> None:
        async for obj, _gone in api.follow(path.format(namespace)):
            found.see(kind, obj)

    async with beside(*(follow(kind, path) for kind, path in _KINDS.items())):
        await found.open()
        yield found
