"""The real kubectl works against the sandbox."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import garbage
from sandbox.apiserver import ApiServer, RequestRecord
from tests import missing

Kubectl = Callable[..., Awaitable[str]]

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason=missing.KUBECTL)

SHOP = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "shop", "labels": {"app": "shop"}},
    "spec": {
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {
            "metadata": {"labels": {"app": "shop"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        },
    },
}


@pytest.fixture
def kubectl(server: ApiServer, tmp_path: Path) -> Kubectl:
    config = server.write_kubeconfig(tmp_path / "kubeconfig")

    async def run(*arguments: str, given: Any = None) -> str:
        process = await asyncio.create_subprocess_exec(
            "kubectl", "--kubeconfig", str(config), "--cache-dir", str(tmp_path / "cache"), *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate(json.dumps(given).encode() if given else b"")
        assert process.returncode == 0, output.decode()
        return output.decode()

    return run


async def test_create_get_and_describe(kubectl: Kubectl) -> None:
    assert await kubectl("create", "-f", "-", given=SHOP) == "deployment.apps/shop created\n"
    listed = (await kubectl("get", "deploy")).splitlines()
    assert listed[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert listed[1].split()[:4] == ["shop", "0/1", "0", "0"]
    described = await kubectl("describe", "deployment", "shop")
    assert "RollingUpdateStrategy:  25% max unavailable, 25% max surge" in described
    assert await kubectl("get", "all", "-o", "name") == "deployment.apps/shop\n"


async def test_create_validates_on_the_server(kubectl: Kubectl) -> None:
    wrong = json.loads(json.dumps(SHOP))
    wrong["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"
    with pytest.raises(AssertionError, match="strict decoding error: unknown field"):
        await kubectl("create", "-f", "-", given=wrong)


async def test_patch_annotate_label_and_scale(kubectl: Kubectl, server: ApiServer) -> None:
    await kubectl("create", "-f", "-", given=SHOP)
    await kubectl("patch", "deploy/shop", "-p", '{"spec":{"paused":true}}')
    await kubectl("patch", "deploy/shop", "--type=json", "-p", '[{"op":"remove","path":"/spec/paused"}]')
    await kubectl("patch", "deploy/shop", "--type=merge", "-p", '{"spec":{"minReadySeconds":3}}')
    await kubectl("annotate", "deploy/shop", "example.com/pause=yes")
    await kubectl("label", "deploy/shop", "tier=gold")
    await kubectl("scale", "deploy/shop", "--replicas=5")
    await kubectl("set", "image", "deploy/shop", "web=web:2")
    shop = server.storage.list("deployments")[0]
    assert shop["metadata"]["annotations"] == {"example.com/pause": "yes"}
    assert shop["metadata"]["labels"] == {"app": "shop", "tier": "gold"}
    assert (shop["spec"]["replicas"], shop["spec"]["minReadySeconds"], "paused" in shop["spec"]) == (5, 3, False)
    assert shop["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"


async def test_wait_sees_the_condition_when_it_comes(kubectl: Kubectl, server: ApiServer) -> None:
    watching = asyncio.Event()

    async def intercept(record: RequestRecord) -> None:
        if record.verb == "watch":
            watching.set()

    server.intercept = intercept
    await kubectl("create", "-f", "-", given=SHOP)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(kubectl("wait", "--for=condition=Available", "deploy/shop", "--timeout=20s"))
        await watching.wait()
        conditions = {"conditions": [{"type": "Available", "status": "True"}]}
        server.storage.mutate(
            "deployments", "default", "shop", lambda obj: obj.update(status=conditions), subresource="status"
        )
    assert waiting.result() == "deployment.apps/shop condition met\n"


async def test_delete_waits_until_the_object_is_gone(kubectl: Kubectl, server: ApiServer) -> None:
    async with asyncio.TaskGroup() as group:
        collecting = group.create_task(garbage.run(server.storage, server.settings))
        await kubectl("create", "namespace", "team")
        await kubectl("create", "-n", "team", "-f", "-", given=SHOP)
        deleted = await kubectl("delete", "namespace", "team", "--timeout=20s")
        collecting.cancel()
    assert deleted == 'namespace "team" deleted\n'
    assert server.storage.list("deployments") == []


async def test_the_imperative_commands_create(kubectl: Kubectl, server: ApiServer) -> None:
    await kubectl("create", "deployment", "cart", "--image=cart:1", "--replicas=2", "--port=80")
    await kubectl("create", "configmap", "settings", "--from-literal=a=b")
    await kubectl("create", "service", "clusterip", "cart", "--tcp=80:8080")
    spec = server.storage.list("deployments")[0]["spec"]
    assert (spec["replicas"], spec["template"]["spec"]["containers"][0]["image"]) == (2, "cart:1")
    assert spec["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert server.storage.list("configmaps")[0]["data"] == {"a": "b"}
    service = server.storage.list("services")[0]["spec"]
    assert service["ports"] == [{"name": "80-8080", "protocol": "TCP", "port": 80, "targetPort": 8080}]


async def test_access_can_be_asked_for(kubectl: Kubectl) -> None:
    assert await kubectl("auth", "can-i", "get", "pods") == "yes\n"
    assert "system:admin" in await kubectl("auth", "whoami")


async def test_server_side_apply_and_diff_free_reapply(kubectl: Kubectl, server: ApiServer) -> None:
    await kubectl("apply", "--server-side", "-f", "-", given=SHOP)
    before = server.storage.version
    await kubectl("apply", "--server-side", "-f", "-", given=SHOP)
    assert server.storage.version == before


async def test_the_server_tells_its_version(kubectl: Kubectl) -> None:
    assert "Server Version: v1.32.0-sandbox" in await kubectl("version")
