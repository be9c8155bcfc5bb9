"""Plays a Gateway controller without a proxy: routes of the class `sandbox` are accepted a moment after each change."""

import asyncio
from collections import defaultdict
from datetime import UTC, datetime

from controlplane.api import Api, Object
from sandbox.gateway.attachment import by_name
from sandbox.gateway.statuses import CONTROLLER, route_parents
from sandbox.reading import ObjectKey, key_of

_GROUP = "/apis/gateway.networking.k8s.io/v1"
_ROUTES = ("httproutes", "grpcroutes")
_KINDS = {
    "gatewayclasses": f"{_GROUP}/gatewayclasses",
    "gateways": f"{_GROUP}/gateways",
    "referencegrants": f"{_GROUP}/referencegrants",
    "services": "/api/v1/services",
    **{plural: f"{_GROUP}/{plural}" for plural in _ROUTES},
}
_LAG_SECONDS = 0.01


class Gateway:
    """What is known of the cluster, and whose status has to be looked at again."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, dict[ObjectKey, Object]] = defaultdict(dict)
        self._due: set[tuple[str, ObjectKey]] = set()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Write the statuses of routes until cancelled."""
        await self._api.create(
            f"{_GROUP}/gatewayclasses",
            {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "GatewayClass",
                "metadata": {"name": "sandbox"},
                "spec": {"controllerName": CONTROLLER},
            },
        )
        async with asyncio.TaskGroup() as group:
            for plural, path in _KINDS.items():
                group.create_task(self._follow(plural, path))
            group.create_task(self._write_what_is_due())

    async def _follow(self, plural: str, path: str) -> None:
        async for obj, gone in self._api.follow(path):
            key = ("", obj["metadata"]["name"]) if plural == "gatewayclasses" else key_of(obj)
            if gone:
                self._known[plural].pop(key, None)
            else:
                self._known[plural][key] = obj
            self._look_again(plural, key)

    def _look_again(self, plural: str, key: ObjectKey) -> None:
        """A route hangs on itself; anything else may concern the routes of its namespace, a grant or a class all."""
        everywhere = plural in ("gatewayclasses", "referencegrants", "gateways")
        for kind in _ROUTES:
            concerned = self._known[kind] if plural not in _ROUTES else (key,) if kind == plural else ()
            self._due |= {(kind, each) for each in concerned if everywhere or each[0] == key[0]}
        self._changed.set()

    async def _write_what_is_due(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(_LAG_SECONDS)
            self._changed.clear()
            due, self._due = self._due, set()
            for plural, key in sorted(due):
                await self._write(plural, key)

    async def _write(self, plural: str, key: ObjectKey) -> None:
        route = self._known[plural].get(key)
        if route is None:
            return
        parents = route_parents(
            route,
            gateways=self._ours(),
            service_of=self._known["services"].get,
            grants=tuple(self._known["referencegrants"].values()),
            now=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        if parents != (route.get("status") or {}).get("parents", []):
            version = {"resourceVersion": route["metadata"]["resourceVersion"]}
            path = f"{_GROUP}/namespaces/{key[0]}/{plural}/{key[1]}/status"
            await self._api.merge(path, {"metadata": version, "status": {"parents": parents}})

    def _ours(self) -> dict[ObjectKey, Object]:
        classes = {
            name
            for (_, name), each in self._known["gatewayclasses"].items()
            if each["spec"]["controllerName"] == CONTROLLER
        }
        return by_name(each for each in self._known["gateways"].values() if each["spec"]["gatewayClassName"] in classes)
