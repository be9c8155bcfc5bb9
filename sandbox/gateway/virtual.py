"""The Gateway controller without a proxy: it only writes statuses, a random lag after each change."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from random import Random

from sandbox.gateway.attachment import attachments, backend_name, backend_refs, by_name
from sandbox.gateway.statuses import CONTROLLER, class_status, gateway_status, is_current, route_parents
from sandbox.reading import ObjectKey, follow, key_of
from sandbox.settings import Settings
from sandbox.storage import Object, Storage
from sandbox.workqueue import Workqueue, work

ROUTES = ("httproutes", "grpcroutes")
Key = tuple[str, str, str]  # plural, namespace, name


async def run(storage: Storage, settings: Settings) -> None:
    """Write the statuses of routes, Gateways and classes until cancelled; create the class `sandbox` if it is missing.

    As with real Gateways, that a route is accepted says nothing about when a proxy has it.
    """
    offer_class(storage)
    writer = _Writer(storage, settings)
    with ExitStack() as stack:
        for plural, see in writer.concerns.items():
            stack.callback(follow(storage, plural, see))
        await work(writer.queue, writer.write)


def offer_class(storage: Storage) -> None:
    """Create the GatewayClass `sandbox` if it is missing."""
    if storage.record("gatewayclasses", None, "sandbox") is None:
        offered = {"metadata": {"name": "sandbox"}, "spec": {"controllerName": CONTROLLER}}
        storage.create("gatewayclasses", offered)


def our_gateways(storage: Storage) -> list[Object]:
    """Return the Gateways of our classes; they belong to the storage."""
    classes = {
        record.object["metadata"]["name"]
        for record in storage.records("gatewayclasses")
        if record.object["spec"]["controllerName"] == CONTROLLER
    }
    gateways = (record.object for record in storage.records("gateways"))
    return [gateway for gateway in gateways if gateway["spec"]["gatewayClassName"] in classes]


class _Writer:
    """Finds whose status a change concerns, and writes it when its lag is over."""

    def __init__(self, storage: Storage, settings: Settings) -> None:
        self._storage = storage
        self._lag = settings.proxy_lag
        self._chance = Random(f"{settings.seed}/gateway status")  # noqa: S311 - a lag, not a secret
        self.queue: Workqueue[Key] = Workqueue(asyncio.get_running_loop().time)
        self._pending: set[Key] = set()
        self._naming: dict[ObjectKey, set[Key]] = {}  # Service -> the routes that name it or did so

    @property
    def concerns(self) -> Mapping[str, Callable[[Object, Object | None], None]]:
        """Everything that a status depends on, and who looks at its changes."""
        return {
            "gatewayclasses": self._see_class,
            "gateways": self._see_gateway,
            "referencegrants": self._see_grant,
            "services": self._see_service,
            **{plural: partial(self._see_route, plural) for plural in ROUTES},
        }

    def write(self, key: Key) -> None:
        """Write the status of one object, if there is one and it differs."""
        self._pending.discard(key)
        plural, namespace, name = key
        record = self._storage.record(plural, namespace, name)
        if record is None:
            return
        status = self._status(plural, record.object)

        def change(obj: Object) -> None:
            obj["status"] = {**(obj.get("status") or {}), **status}

        self._storage.mutate(plural, namespace, name, change, subresource="status")

    def _status(self, plural: str, obj: Object) -> Object:
        now = self._storage.now()
        if plural == "gatewayclasses":
            return class_status(obj, now=now) if obj["spec"]["controllerName"] == CONTROLLER else {}
        gateways = by_name(our_gateways(self._storage))
        if plural == "gateways":
            key = key_of(obj)
            return gateway_status(obj, self._attached(obj), now=now) if key in gateways else {}
        grants = [record.object for record in self._storage.records("referencegrants")]
        return {"parents": route_parents(obj, gateways=gateways, service_of=self._service, grants=grants, now=now)}

    def _service(self, key: ObjectKey) -> Object | None:
        record = self._storage.record("services", *key)
        return record.object if record else None

    def _attached(self, gateway: Object) -> Counter[str]:
        only = by_name([gateway])
        routes = (record.object for plural in ROUTES for record in self._storage.records(plural))
        return Counter(name for route in routes for one in attachments(route, only) for name in one.listeners)

    def _add(self, *keys: Key) -> None:
        for key in keys:
            if key not in self._pending:
                self._pending.add(key)
                self.queue.add(key, after=self._chance.uniform(*self._lag))

    def _add_all(self, *plurals: str) -> None:
        self._add(*((plural, *key_of(r.object)) for plural in plurals for r in self._storage.records(plural)))

    def _see_route(self, plural: str, route: Object, previous: Object | None) -> None:
        key = (plural, *key_of(route))
        for ref in backend_refs(route):
            self._naming.setdefault(backend_name(route, ref), set()).add(key)
        if not is_current(route):
            self._add(key)
        if previous is None or self._storage.record(*key) is None or _attaches(route) != _attaches(previous):
            self._add_all("gateways")

    def _see_service(self, service: Object, previous: Object | None) -> None:
        exists = self._storage.record("services", *key_of(service)) is not None
        if previous is None or not exists or service["spec"].get("ports") != previous["spec"].get("ports"):
            self._add(*self._naming.get(key_of(service), ()))

    def _see_gateway(self, gateway: Object, previous: Object | None) -> None:
        if previous is None or gateway["spec"] != previous["spec"]:
            self._add_all("gateways", *ROUTES)

    def _see_class(self, gateway_class: Object, _previous: Object | None) -> None:
        self._add(("gatewayclasses", "", gateway_class["metadata"]["name"]))
        self._add_all("gateways", *ROUTES)

    def _see_grant(self, _grant: Object, _previous: Object | None) -> None:
        self._add_all(*ROUTES)


def _attaches(route: Object) -> tuple[object, object]:
    return route["spec"].get("parentRefs"), route["spec"].get("hostnames")
