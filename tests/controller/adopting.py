"""A running Deployment that a Rollout adopts, and a record of whom Services and routes led to at every moment."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox.changes import Change
from tests.backends import Ground
from tests.controller.harness import Stage, a_rollout, controlling, stage, template

REFERENCE = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}


def a_deployment(version: str = "v1", **annotations: str) -> dict[str, Any]:
    """A Deployment people have, behind the Service."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": template(version, **annotations),
        },
    }


def adopting(**spec: Any) -> dict[str, Any]:
    """A Rollout that references that Deployment."""
    return a_rollout(**{"template": None, "workloadRef": REFERENCE, **spec})


@dataclass
class Seen:
    """Everything people could have met: the images behind each Service and the fewest ready endpoints of `shop`."""

    images: dict[str, set[str]] = field(default_factory=dict)
    fewest: int = 1_000
    weights: list[int] = field(default_factory=list)  # of the canary, whenever the route changed

    def begin(self, version: str) -> None:
        """Begin anew, with three pods of a version behind the Service."""
        self.images, self.fewest, self.weights = {"shop": {f"shop:{version}"}}, 3, []


@contextmanager
def watching(made: Stage) -> Iterator[Seen]:
    """Look at every write to EndpointSlices and routes within the write itself, so that none is missed."""
    seen = Seen()

    def endpoints(change: Change) -> None:
        service = change.object["metadata"]["labels"]["kubernetes.io/service-name"]
        ready = [each for each in change.object.get("endpoints") or () if each["conditions"]["ready"]]
        found = [made.get("pods", each["targetRef"]["name"]) for each in ready]
        images = {pod["spec"]["containers"][0]["image"] for pod in found if pod is not None}
        seen.images.setdefault(service, set()).update(images)
        if service == "shop" and change.type != "DELETED":
            seen.fewest = min(seen.fewest, len(ready))

    def route(change: Change) -> None:
        refs = change.object["spec"]["rules"][0]["backendRefs"]
        seen.weights += [ref.get("weight", 1) for ref in refs if ref["name"] == "shop-canary"]

    ends: list[Callable[[], None]] = [
        made.objects.listen("endpointslices", endpoints),
        made.objects.listen("httproutes", route),
    ]
    try:
        yield seen
    finally:
        for end in ends:
            end()


def source(made: Stage) -> dict[str, Any]:
    """The referenced Deployment's spec as it is now."""
    found = made.get("deployments")
    assert found is not None
    return found["spec"]  # type: ignore[no-any-return]


def is_taken_over(made: Stage) -> bool:
    """Whether the referenced Deployment is only a template."""
    return (source(made).get("paused"), source(made)["replicas"]) == (True, 0)


def pinned(made: Stage) -> str | None:
    """The revision the Service is restricted to."""
    selector = (made.get("services") or {})["spec"]["selector"]
    return selector.get("progressive.delivery/revision")  # type: ignore[no-any-return]


async def set_image(made: Stage, version: str, **spec: Any) -> None:
    """What `kubectl set image` does to the referenced Deployment, with other fields of its spec beside it."""
    containers = template(version)["spec"]["containers"]
    await made.patch("Deployment", {"spec": {"template": {"spec": {"containers": containers}}, **spec}})


async def serving(made: Stage) -> None:
    """Create the Deployment and wait until its pods serve."""
    await made.create(a_deployment())
    await made.until(lambda: ready_behind(made) == 3, "three pods behind the Service")


def ready_behind(made: Stage, service: str = "shop") -> int:
    """Ready endpoints of a Service."""
    slices = made.list("endpointslices", {"kubernetes.io/service-name": service})
    return sum(each["conditions"]["ready"] for found in slices for each in found.get("endpoints") or ())


@asynccontextmanager
async def adopted(ground: Ground, **spec: Any) -> AsyncIterator[tuple[Stage, Seen]]:
    """A stage on which the Deployment was adopted, with the controller running, and whom it led to from now on."""
    async with stage(ground) as made, controlling(made):
        await serving(made)
        with watching(made) as seen:
            await made.create(adopting(**spec))
            await settled(made, "v1")
            seen.begin("v1")
            yield made, seen


async def settled(made: Stage, version: str) -> None:
    """Wait until a version serves alone, behind a pinned Service."""
    await made.healthy(version)
    await made.until(lambda: is_taken_over(made) and pinned(made) is not None, "the Deployment taken over")
    await made.until(lambda: len(made.pods(version)) == 3, "three pods in all")
    await made.healthy_service(version)
