"""A sandbox with virtual pods, the real controller beside it, and a metrics endpoint whose weather a test makes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web

from analysis.sources import ScrapeSource
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
from rollout.models.definitions import DEFINITIONS, manifest
from rollout.models.kinds import Key, Resource
from sandbox import settings as sandbox_settings
from sandbox.cluster import Cluster, cluster

NAMESPACE = "shop"
RESOURCES = {each.kind: each for each in (*INDEXES, Resource("gateway.networking.k8s.io", "v1", "gateways", "Gateway"))}
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
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"team": "web"}},
        "spec": {"selector": {"app": app}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def a_route(name: str = "shop", service: str = "shop") -> dict[str, Any]:
    """A route people have, that names the Service."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"team": "web"}},
        "spec": {
            "parentRefs": [{"name": "public"}],
            "hostnames": ["shop.example"],
            "rules": [{"backendRefs": [{"name": service, "port": 80}]}],
        },
    }


GATEWAY: dict[str, Any] = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "public", "namespace": NAMESPACE},
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
        "metadata": {"name": "shop", "namespace": NAMESPACE},
        "spec": {name: value for name, value in fields.items() if value is not None},
    }


@dataclass
class Stage:
    """A running sandbox and what a test needs to act on it; the controller runs inside `controlling`."""

    cluster: Cluster
    weather: Weather
    metrics_url: str
    settings: Settings
    person: Client
    endpoint: "Endpoint"
    parts: controller.Parts | None = None
    running: asyncio.Task[None] | None = None

    async def create(self, *objects: dict[str, Any]) -> None:
        """Create objects as a person would; raises what the API server answers."""
        for each in objects:
            await self.person.create(RESOURCES[each["kind"]], NAMESPACE, each, strict=True)

    def get(self, plural: str, name: str = "shop") -> dict[str, Any] | None:
        """An object of the namespace as it is now."""
        return self.cluster.storage.get(plural, NAMESPACE, name)

    async def patch(self, kind: str, change: dict[str, Any], name: str = "shop") -> None:
        """Merge a change into an object as a person would."""
        await self.person.merge_patch(RESOURCES[kind], NAMESPACE, name, change)

    async def delete(self, kind: str, name: str = "shop", *, propagation: str = "Background") -> None:
        """Delete an object as a person would."""
        await self.person.delete(RESOURCES[kind], NAMESPACE, name, propagation=propagation)

    async def release(self, version: str, **annotations: str) -> None:
        """Change the Rollout's pod template."""
        changed = template(version, **annotations)
        ops = [{"op": "replace", "path": "/spec/template", "value": changed}]
        await self.person.json_patch(RESOURCES["Rollout"], NAMESPACE, "shop", ops)

    async def as_gitops(self, kind: str, spec: dict[str, Any], name: str = "shop") -> None:
        """Merge a spec into an object as another program, which says its name."""
        url = self.cluster.url + RESOURCES[kind].path(NAMESPACE, name)
        headers = {"Content-Type": "application/merge-patch+json", "User-Agent": "gitops/1.0"}
        async with ClientSession() as session, session.patch(url, json={"spec": spec}, headers=headers) as answer:
            assert answer.status == 200, await answer.text()

    async def replace_spec(self, spec: dict[str, Any]) -> None:
        """Replace the Rollout's whole spec, as `kubectl replace` does."""
        ops = [{"op": "replace", "path": "/spec", "value": spec}]
        await self.person.json_patch(RESOURCES["Rollout"], NAMESPACE, "shop", ops)

    def hurry(self) -> None:
        """Let an hour pass: the step was entered that much earlier."""

        def earlier(rollout: dict[str, Any]) -> None:
            step = rollout["status"]["step"]
            step["enteredAt"] = "2026-01-01T00:00:00.000Z"

        self.cluster.storage.mutate("rollouts", NAMESPACE, "shop", earlier, subresource="status")

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
    def weights(self) -> dict[str, int | None]:
        """The route's weights by backend."""
        route = self.get("httproutes")
        assert route is not None
        return {ref["name"]: ref.get("weight") for ref in route["spec"]["rules"][0]["backendRefs"]}

    def pods(self, version: str) -> list[str]:
        """Names of the pods of a version."""
        found = self.cluster.storage.list("pods", NAMESPACE)
        return [pod["metadata"]["name"] for pod in found if pod["spec"]["containers"][0]["image"] == f"shop:{version}"]

    def images_behind(self, service: str) -> set[str]:
        """The images of the ready pods in a Service's EndpointSlices."""
        found = set()
        for each in self.cluster.storage.list("endpointslices", NAMESPACE, {"kubernetes.io/service-name": service}):
            for endpoint in each.get("endpoints") or ():
                pod = self.get("pods", endpoint["targetRef"]["name"])
                if pod is not None and endpoint["conditions"].get("ready"):
                    found.add(pod["spec"]["containers"][0]["image"])
        return found

    async def healthy_service(self, version: str) -> None:
        """Wait until the Service leads to this version alone."""
        await self.until(
            lambda: self.images_behind("shop") == {f"shop:{version}"}, f"only {version} behind the Service"
        )

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is so; fails with what the status said last."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    if self.running is not None and self.running.done():
                        self.running.result()  # the controller failed: say why
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"never came: {what}; status: {self.status}") from None

    async def phase(self, phase: str) -> None:
        """Wait for a phase."""
        await self.until(lambda: self.status.get("phase") == phase, f"phase {phase}")

    async def healthy(self, version: str) -> None:
        """Wait until a version serves alone and everything is as declared."""

        def so() -> bool:
            run = self.status.get("run") or {}
            alone = {pod["spec"]["containers"][0]["image"] for pod in self.cluster.storage.list("pods", NAMESPACE)}
            return self.status.get("phase") == "Healthy" and run.get("stage") == "Done" and alone == {f"shop:{version}"}

        await self.until(so, f"{version} healthy and alone")


@asynccontextmanager
async def stage(directory: Path, **settings: Any) -> AsyncIterator[Stage]:
    """A sandbox with the resources installed, one Gateway, one Service, one route, and no Rollout yet."""
    weather = Weather()
    chosen = {"processes": False, "gateway": False, "prometheus": False, "start_delay": (0.0, 0.02)}
    chosen |= {"endpoints_lag": (0.0, 0.02), "proxy_lag": (0.0, 0.02), **settings}
    async with (
        cluster(sandbox_settings.Settings(directory=directory, **chosen)) as running,
        _metrics(weather) as endpoint,
        await Client.connect(running.kubeconfig) as person,
    ):
        for definition in DEFINITIONS:
            running.storage.create("customresourcedefinitions", manifest(definition))
        running.storage.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        made = Stage(
            cluster=running,
            weather=weather,
            metrics_url=endpoint.url,
            endpoint=endpoint,
            person=person,
            settings=Settings(settle=timedelta(milliseconds=50), annotation_commands=True),
        )
        await made.create(GATEWAY, a_service(), a_route())
        yield made


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
    endpoint = Endpoint(web.AppRunner(app, shutdown_timeout=0.1))
    await endpoint.runner.setup()
    await web.TCPSite(endpoint.runner, "127.0.0.1", 0).start()
    endpoint.url = f"http://127.0.0.1:{endpoint.runner.addresses[0][1]}/metrics"
    try:
        yield endpoint
    finally:
        await endpoint.runner.cleanup()


async def run_controller(made: Stage) -> None:
    """The real controller on this stage, until cancelled."""
    client = await Client.connect(made.cluster.kubeconfig)
    source = ScrapeSource(name="proxy", urls=(made.metrics_url,), interval=0.1)
    async with client, opened((source,)) as sources:
        queue: Queue[Key] = Queue()
        store = Store(INDEXES)
        made.parts = controller.Parts(
            client=client,
            store=store,
            live=Live(store),
            queue=queue,
            collector=controller.collecting(sources, queue, Metrics(), lambda: datetime.now(UTC)),
            recorder=EventRecorder(client, now=lambda: datetime.now(UTC), instance="test"),
            metrics=Metrics(),
            settings=made.settings,
            now=lambda: datetime.now(UTC),
        )
        watching = controller.reflectors(client, made.parts.store, None)
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
