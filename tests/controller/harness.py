"""A cluster with virtual pods, the real controller beside it, and a metrics endpoint whose weather a test makes."""

import asyncio
import builtins
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import ClientSession, web

from analysis.sources import ScrapeSource, SourceConfiguration
from analysis.sources.opening import opened
from rollout import controller
from rollout.core.world import Settings
from rollout.kube.client import Client
from rollout.kube.events import EventRecorder
from rollout.kube.indexes import INDEXES
from rollout.kube.queue import Queue
from rollout.kube.store import Store
from rollout.live import Live
from rollout.metrics import Metrics
from rollout.models.kinds import EVENTS, Key, Manifest, Resource
from rollout.notifications.configuration import Notifications
from rollout.notifying import notifying
from sandbox.cluster import Cluster
from sandbox.pod_status import NEVER_READY
from sandbox.storage import Storage
from tests.backends import Backend, Ground
from tests.controller.mirror import Mirror, mirrored

RESOURCES = {
    each.kind: each for each in (*INDEXES, EVENTS, Resource("gateway.networking.k8s.io", "v1", "gateways", "Gateway"))
}
PATIENCE = 20.0  # seconds until a condition that should come true counts as never


@dataclass
class Weather:
    """Counters of both Services as a proxy would show them; a scrape makes traffic go on by itself."""

    requests: dict[str, int] = field(default_factory=lambda: {"shop": 0, "shop-canary": 0})
    bad: dict[str, int] = field(default_factory=lambda: {"shop": 0, "shop-canary": 0})
    rate: int = 200  # requests per scrape and Service
    error_share: dict[str, float] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)  # Services that get no requests any more
    answer: Callable[[], web.Response] | None = None  # instead of the counters

    def render(self) -> str:
        """One more scrape's worth of traffic, in Prometheus' text format."""
        lines = []
        for service in self.requests:
            more = 0 if service in self.silent else self.rate
            self.requests[service] += more
            self.bad[service] += round(more * self.error_share.get(service, 0))
            lines.append(f'requests_total{{service="{service}",code="500"}} {self.bad[service]}')
            good = self.requests[service] - self.bad[service]
            lines.append(f'requests_total{{service="{service}",code="200"}} {good}')
        return "\n".join(lines) + "\n"


ERRORS: dict[str, Any] = {
    "name": "errors",
    "ratio": {
        "bad": 'requests_total{service="{{service}}",code="500"}',
        "total": 'requests_total{service="{{service}}"}',
    },
    "ceiling": 1,
    "compare": False,  # one bad scrape is a breach, so that a scenario is about what follows
}


def template(version: str, **annotations: str) -> dict[str, Any]:
    """The pod template of a version."""
    return {
        "metadata": {"labels": {"app": "shop"}, **({"annotations": annotations} if annotations else {})},
        "spec": {"containers": [{"name": "shop", "image": f"shop:{version}", "ports": [{"containerPort": 8080}]}]},
    }


def a_service(name: str = "shop", app: str = "shop") -> dict[str, Any]:
    """A Service people have."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": {"team": "web"}},
        "spec": {"selector": {"app": app}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def a_route(name: str = "shop", service: str = "shop") -> dict[str, Any]:
    """A route people have, that names the Service."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "labels": {"team": "web"}},
        "spec": {
            "parentRefs": [{"name": "public"}],
            "hostnames": ["shop.example"],
            "rules": [{"backendRefs": [{"name": service, "port": 80}]}],
        },
    }


def an_ingress(name: str = "shop", host: str = "shop.example", **annotations: str) -> dict[str, Any]:
    """An Ingress people have, that leads to the Service."""
    backend = {"service": {"name": "shop", "port": {"number": 80}}}
    paths = [{"path": path, "pathType": "Prefix", "backend": backend} for path in ("/", "/api")]
    metadata = {"name": name, "labels": {"team": "web"}, **({"annotations": annotations} if annotations else {})}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata,
        "spec": {"ingressClassName": "nginx", "rules": [{"host": host, "http": {"paths": paths}}]},
    }


BY_INGRESS: list[dict[str, Any]] = [{"name": "public", "ingress": {"name": "shop"}}]


GATEWAY: dict[str, Any] = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "public"},
    "spec": {"gatewayClassName": "sandbox", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
}


def a_rollout(**spec: Any) -> dict[str, Any]:
    """A Rollout of three pods behind the Service and the route, in two short steps; fields replace these."""
    fields: dict[str, Any] = {
        "replicas": 3,
        "template": template("v1"),
        "services": [{"name": "shop"}],
        "traffic": [{"name": "public", "gatewayRoute": {"kind": "HTTPRoute", "name": "shop"}}],
        "strategy": {"canary": {"steps": [{"weight": 10, "hold": {"for": "50ms"}}, {"weight": 50}]}},
        **spec,
    }
    return {
        "apiVersion": "progressive.delivery/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop"},
        "spec": {name: value for name, value in fields.items() if value is not None},
    }


@dataclass
class Stage:
    """A running cluster and what a test needs to act on it; the controller runs inside `controlling`.

    `objects` is what is in the namespace: the sandbox's storage itself, or a mirror of the real cluster.
    """

    backend: Backend
    objects: Storage | Mirror
    weather: Weather
    metrics_url: str
    settings: Settings
    person: Client
    gitops: ClientSession
    endpoint: "Endpoint"
    notifications: Notifications | None = None
    parts: controller.Parts | None = None
    running: asyncio.Task[None] | None = None

    @property
    def namespace(self) -> str:
        """The namespace of the test."""
        return self.backend.namespace

    @property
    def cluster(self) -> Cluster:
        """The sandbox, for what only a sandbox has."""
        assert self.backend.sandbox is not None, "this test is for the sandbox alone"
        return self.backend.sandbox

    async def create(self, *objects: dict[str, Any]) -> None:
        """Create objects as a person would; raises what the API server answers."""
        for each in objects:
            self._took(
                each["kind"], await self.person.create(RESOURCES[each["kind"]], self.namespace, each, strict=True)
            )

    def get(self, plural: str, name: str = "shop") -> dict[str, Any] | None:
        """An object of the namespace as it is now."""
        return self.objects.get(plural, self.namespace, name)

    def list(self, plural: str, labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Objects of the namespace as they are now."""
        return self.objects.list(plural, self.namespace, labels)

    async def patch(self, kind: str, change: Manifest, name: str = "shop", *, subresource: str | None = None) -> None:
        """Merge a change into an object as a person would."""
        answer = self.person.merge_patch(RESOURCES[kind], self.namespace, name, change, subresource=subresource)
        self._took(kind, await answer)

    async def replace(self, kind: str, path: str, value: Any, name: str = "shop", *, status: bool = False) -> None:
        """Replace a part of an object, or of its status, as a person would."""
        ops = [{"op": "replace", "path": path, "value": value}]
        part = "status" if status else None
        answer = self.person.json_patch(RESOURCES[kind], self.namespace, name, ops, subresource=part)
        self._took(kind, await answer)

    def _took(self, kind: str, answer: bytes) -> None:
        """A person knows what was written; a watch tells it a little later."""
        if isinstance(self.objects, Mirror):
            self.objects.put(RESOURCES[kind].plural, msgspec.json.decode(answer))

    async def delete(self, kind: str, name: str = "shop", *, propagation: str = "Background") -> None:
        """Delete an object as a person would."""
        await self.person.delete(RESOURCES[kind], self.namespace, name, propagation=propagation)

    async def release(self, version: str, **annotations: str) -> None:
        """Change the Rollout's pod template."""
        await self.replace("Rollout", "/spec/template", template(version, **annotations))

    async def as_gitops(self, kind: str, spec: dict[str, Any], name: str = "shop") -> None:
        """Merge a spec into an object as another program, which says its name."""
        url = RESOURCES[kind].path(self.namespace, name)
        headers = {"Content-Type": "application/merge-patch+json"}
        async with self.gitops.patch(url, json={"spec": spec}, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            self._took(kind, await answer.read())

    async def replace_spec(self, spec: dict[str, Any]) -> None:
        """Replace the Rollout's whole spec, as `kubectl replace` does."""
        await self.replace("Rollout", "/spec", spec)

    async def set_ready(self, pod: str, ready: bool) -> None:
        """Let a pod become unready, or ready again; the kubelet follows soon."""
        annotations = {NEVER_READY: "false" if ready else "true"}
        await self.patch("Pod", {"metadata": {"annotations": annotations}}, pod)

    async def lose_status(self) -> None:
        """Let the Rollout's status be lost."""
        await self.patch("Rollout", {"status": None}, subresource="status")

    async def hurry(self) -> None:
        """Let an hour pass: the step was entered that much earlier."""
        await self.replace("Rollout", "/status/step/enteredAt", "2026-01-01T00:00:00.000Z", status=True)

    async def stop_metrics(self, *, hang: bool) -> None:
        """Let the metric source answer no more: connections are refused, or taken and left without an answer."""
        self.endpoint.hangs = hang
        if not hang:
            await self.endpoint.runner.cleanup()

    async def command(self, value: str) -> None:
        """Ask for something by annotation."""
        await self.patch("Rollout", {"metadata": {"annotations": {"progressive.delivery/command": value}}})

    @property
    def status(self) -> dict[str, Any]:
        """The Rollout's status."""
        return (self.get("rollouts") or {}).get("status") or {}

    @property
    def message(self) -> str:
        """The status's sentence, in which the namespace of the test reads `shop`."""
        return str(self.status["message"]).replace(f"{self.namespace}/", "shop/")

    @property
    def weights(self) -> dict[str, int | None]:
        """The route's weights by backend."""
        route = self.get("httproutes")
        assert route is not None
        return {ref["name"]: ref.get("weight") for ref in route["spec"]["rules"][0]["backendRefs"]}

    def beside(self, name: str = "shop-canary") -> dict[str, str] | None:
        """What the owned Ingress says of the canary, by the last part of the annotation; None where it is not there."""
        ingress = self.get("ingresses", name)
        if ingress is None:
            return None
        prefix = "nginx.ingress.kubernetes.io/canary-"
        told = ingress["metadata"].get("annotations") or {}
        return {key.removeprefix(prefix): value for key, value in told.items() if key.startswith(prefix)}

    def pods(self, version: str) -> "builtins.list[str]":
        """Names of the pods of a version."""
        return [pod["metadata"]["name"] for pod in self.list("pods") if image_of(pod) == f"shop:{version}"]

    def images_behind(self, service: str) -> set[str]:
        """The images of the ready pods in a Service's EndpointSlices."""
        found = set()
        for each in self.list("endpointslices", {"kubernetes.io/service-name": service}):
            for endpoint in each.get("endpoints") or ():
                pod = self.get("pods", endpoint["targetRef"]["name"])
                if pod is not None and endpoint["conditions"].get("ready"):
                    found.add(image_of(pod))
        return found

    async def healthy_service(self, version: str) -> None:
        """Wait until the Service leads to this version alone."""
        await self.until(
            lambda: self.images_behind("shop") == {f"shop:{version}"}, f"only {version} behind the Service"
        )

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is so, and then look at everything once more; fails with what the status said last."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    if self.running is not None and self.running.done():
                        self.running.result()  # the controller failed: say why
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"never came: {what}; status: {self.status}") from None
        if isinstance(self.objects, Mirror):
            await self.objects.refresh()  # each kind has a watch of its own, and another may be behind

    async def phase(self, phase: str) -> None:
        """Wait for a phase."""
        await self.until(lambda: self.status.get("phase") == phase, f"phase {phase}")

    async def healthy(self, version: str) -> None:
        """Wait until a version serves alone and everything is as declared."""

        def so() -> bool:
            run = self.status.get("run") or {}
            alone = {image_of(pod) for pod in self.list("pods")}
            return self.status.get("phase") == "Healthy" and run.get("stage") == "Done" and alone == {f"shop:{version}"}

        await self.until(so, f"{version} healthy and alone")


def image_of(pod: Manifest) -> str:
    """The image of a pod's container."""
    return str(pod["spec"]["containers"][0]["image"])


@asynccontextmanager
async def stage(ground: Ground | Path, **settings: Any) -> AsyncIterator[Stage]:
    """A cluster with one Gateway, one Service, one route, and no Rollout yet; a path is for a sandbox's files."""
    ground = ground if isinstance(ground, Ground) else Ground(ground)
    weather = Weather()
    quick = {"start_delay": (0.0, 0.02), "endpoints_lag": (0.0, 0.02), "proxy_lag": (0.0, 0.02)}
    async with (
        ground.open(**{**quick, **settings}) as backend,
        _metrics(weather) as endpoint,
        backend.session(agent="gitops/1.0") as gitops,
        _objects(backend, gitops) as objects,
        await Client.connect(backend.kubeconfig()) as person,
    ):
        made = Stage(
            backend=backend,
            objects=objects,
            weather=weather,
            metrics_url=endpoint.url,
            endpoint=endpoint,
            person=person,
            gitops=gitops,
            settings=Settings(settle=timedelta(milliseconds=50), annotation_commands=True),
        )
        await made.create(GATEWAY, a_service(), a_route())
        yield made


@asynccontextmanager
async def _objects(backend: Backend, session: ClientSession) -> AsyncIterator[Storage | Mirror]:
    if backend.sandbox is not None:
        yield backend.sandbox.storage
        return
    kinds = {each.plural: each for each in RESOURCES.values() if each.namespaced}
    async with mirrored(session, backend.namespace, kinds) as mirror:
        yield mirror


@dataclass
class Endpoint:
    """The metric source of a stage."""

    runner: web.AppRunner
    url: str = ""
    hangs: bool = False


@asynccontextmanager
async def _metrics(weather: Weather) -> AsyncIterator[Endpoint]:
    async def answer(_request: web.Request) -> web.Response:
        if endpoint.hangs:
            await asyncio.Event().wait()
        return weather.answer() if weather.answer is not None else web.Response(text=weather.render())

    app = web.Application()
    app.router.add_get("/metrics", answer)
    endpoint = Endpoint(web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True))
    await endpoint.runner.setup()
    await web.TCPSite(endpoint.runner, "127.0.0.1", 0).start()
    endpoint.url = f"http://127.0.0.1:{endpoint.runner.addresses[0][1]}/metrics"
    try:
        yield endpoint
    finally:
        await endpoint.runner.cleanup()


async def run_controller(made: Stage, *sources: SourceConfiguration) -> None:
    """The real controller on this stage, until cancelled; it measures by these sources, or by the stage's own."""
    client = await Client.connect(made.backend.kubeconfig("controller"))
    own = ScrapeSource(name="proxy", urls=(made.metrics_url,), interval=0.1)
    async with client, opened(sources or (own,)) as measuring:
        queue: Queue[Key] = Queue()
        store, metrics = Store(INDEXES), Metrics()
        recorder = EventRecorder(client, now=lambda: datetime.now(UTC), instance="test")
        made.parts = controller.Parts(
            client=client,
            store=store,
            live=Live(store),
            queue=queue,
            collector=controller.collecting(measuring, queue, Metrics(), lambda: datetime.now(UTC)),
            recorder=recorder,
            metrics=metrics,
            settings=made.settings,
            now=lambda: datetime.now(UTC),
            notifier=notifying(
                made.notifications, queue=queue, recorder=recorder, metrics=metrics, now=lambda: datetime.now(UTC)
            ),
        )
        watching = controller.reflectors(client, made.parts.store, made.namespace)
        async with asyncio.TaskGroup() as group:
            group.create_task(controller.watch(made.parts, watching))
            group.create_task(controller.act(made.parts, watching))


@asynccontextmanager
async def controlling(made: Stage) -> AsyncIterator[None]:
    """The controller beside the block; ended when the block ends, and its failures raised."""
    task = made.running = asyncio.get_running_loop().create_task(run_controller(made))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
