"""Every file of examples/, as people use it: tried out, compared, applied, applied again, taken away."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.backends import Backend, Ground
from tests.controller.adopting import pinned
from tests.kubectl.command import Kubectl, kubectl_for
from tests.kubectl.pages import EXAMPLES, OBJECTS
from tests.kubectl.shop import Shop, a_bare_shop

# Lists that kubectl merges as a whole and the API server fills with defaults: kubectl sends them each time and says
# `configured`, and nothing changes.
DEFAULTED = ("httproute.gateway.networking.k8s.io", "grpcroute.gateway.networking.k8s.io")
NEEDS = {"templates.yaml": "Deployment {}/cart does not exist: create it, or correct spec.workloadRef.name."}
NO_PROMQL = {"worker.yaml": "source proxy evaluates no PromQL"}  # the metric source of these tests
SELECTOR = re.compile(r"\n  selector: #.*\n    app: shop\n")
COMES = {**NEEDS, **NO_PROMQL}


def here(backend: Backend, text: str) -> str:
    """A manifest of the pages, in the test's namespace."""
    return text.replace("namespace: store", f"namespace: {backend.namespace}")


def names(text: str) -> list[str]:
    """What kubectl calls the objects of a manifest."""
    return [name_of(each) for each in yaml.safe_load_all(text)]


def name_of(manifest: dict[str, Any]) -> str:
    group, _, _ = manifest["apiVersion"].rpartition("/")
    kind = manifest["kind"].lower()
    return f"{kind}{'.' if group else ''}{group}/{manifest['metadata']['name']}"


async def versions(kubectl: Kubectl, found: list[str]) -> str:
    return await kubectl("get", *found, "-o=jsonpath={.items[*].metadata.generation}")


async def comes_out(shop: Shop, example: str) -> None:
    """Wait until the example's Rollout serves, or says what it lacks here."""
    name = "cart" if example in NEEDS else "mailer" if example in NO_PROMQL else ""
    wanted = COMES.get(example, "").format(shop.made.namespace)

    def so() -> bool:
        rollouts = [each.get("status") or {} for each in shop.made.list("rollouts")]
        if name:
            return any(wanted in status.get("message", "") for status in rollouts)
        return bool(rollouts) and all(status.get("phase") == "Healthy" for status in rollouts)

    await shop.made.until(so, wanted or "every Rollout healthy")


@pytest.mark.parametrize("ground", ["kubernetes"], indirect=True)
@pytest.mark.parametrize("example", EXAMPLES)
async def test_an_example_is_applied_compared_applied_again_and_taken_away(
    ground: Ground, tmp_path: Path, example: str
) -> None:
    async with a_bare_shop(ground, tmp_path) as shop:
        kubectl, text = shop.kubectl, here(shop.made.backend, EXAMPLES[example])
        found = names(text)
        assert (await kubectl.run("diff", "-f", "-", given=text)).code == 1
        tried = await kubectl("apply", "--dry-run=server", "-f", "-", given=text)
        assert tried.splitlines() == [f"{name} created (server dry run)" for name in found]
        made = await kubectl("apply", "-f", "-", given=text)
        assert made.splitlines() == [f"{name} created" for name in found]
        await comes_out(shop, example)
        assert await kubectl("diff", "-f", "-", given=text) == ""
        before = await versions(kubectl, found)
        again = (await kubectl("apply", "-f", "-", given=text)).splitlines()
        changed = [f"{name} configured" if name.startswith(DEFAULTED) else f"{name} unchanged" for name in found]
        assert (again, await versions(kubectl, found)) == (changed, before)
        gone = await kubectl("delete", "-f", "-", "--timeout=20s", given=text)
        parted = [name.split("/") for name in found]
        assert gone.splitlines() == [
            f'{kind} "{name}" deleted from {shop.made.namespace} namespace' for kind, name in parted
        ]


@pytest.mark.parametrize("ground", ["kubernetes"], indirect=True)
@pytest.mark.parametrize("example", EXAMPLES)
async def test_an_example_is_applied_by_the_server_again_and_again(
    ground: Ground, tmp_path: Path, example: str
) -> None:
    async with ground.open() as backend:
        kubectl, text = kubectl_for(backend, tmp_path), here(backend, EXAMPLES[example])
        applied = [f"{name} serverside-applied" for name in names(text)]
        tried = await kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", given=text)
        assert tried.splitlines() == [f"{line} (server dry run)" for line in applied]
        for _ in range(2):
            said = await kubectl("apply", "--server-side", "-f", "-", given=text)
            assert said.splitlines() == applied
        assert await kubectl("diff", "--server-side", "-f", "-", given=text) == ""


@pytest.mark.parametrize("ground", ["kubernetes"], indirect=True)
async def test_at_rest_the_server_applies_again_what_the_controller_does_not_own(
    ground: Ground, tmp_path: Path
) -> None:
    async with a_bare_shop(ground, tmp_path) as shop:
        text = here(shop.made.backend, EXAMPLES["workload-ref.yaml"])
        await shop.kubectl("apply", "--server-side", "-f", "-", given=text)
        await comes_out(shop, "workload-ref.yaml")
        refused = await shop.kubectl.refused("apply", "--server-side", "-f", "-", given=text)
        assert refused.splitlines()[0].endswith('conflict with "progressive-delivery" using v1: .spec.selector')
        revision = pinned(shop.made)
        said = await shop.kubectl("apply", "--server-side", "-f", "-", given=SELECTOR.sub("\n", text))
        assert said.splitlines() == [f"{name} serverside-applied" for name in names(text)]
        service = shop.made.get("services") or {}
        assert service["spec"]["selector"] == {"app": "shop", "progressive.delivery/revision": revision}


@pytest.mark.parametrize("ground", ["kubernetes"], indirect=True)
async def test_a_deployment_applied_with_its_size_again_is_taken_off_again(ground: Ground, tmp_path: Path) -> None:
    async with a_bare_shop(ground, tmp_path) as shop:
        text = here(shop.made.backend, EXAMPLES["workload-ref.yaml"])
        await shop.kubectl("apply", "-f", "-", given=text)
        await comes_out(shop, "workload-ref.yaml")
        sized = text.replace(
            "spec:\n  selector:\n    matchLabels:", "spec:\n  replicas: 5\n  selector:\n    matchLabels:"
        )
        said = await shop.kubectl("apply", "-f", "-", given=sized)
        assert "deployment.apps/shop configured" in said
        await shop.made.until(
            lambda: (shop.made.get("deployments") or {})["spec"]["replicas"] == 0,
            "the referenced Deployment at 0 again",
        )
        assert pinned(shop.made) is not None


@pytest.mark.parametrize("ground", ["kubernetes"], indirect=True)
@pytest.mark.parametrize(("where", "block"), OBJECTS)
async def test_an_object_in_the_pages_is_taken_by_the_server(
    ground: Ground, tmp_path: Path, where: str, block: str
) -> None:
    async with ground.open() as backend:
        kubectl = kubectl_for(backend, tmp_path)
        text = here(backend, block)
        for server_side in ((), ("--server-side",)):
            said = await kubectl("apply", "--dry-run=server", *server_side, "-f", "-", given=text)
            assert [line.split()[0] for line in said.splitlines()] == names(text), where
