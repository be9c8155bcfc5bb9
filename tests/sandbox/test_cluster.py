"""A whole sandbox works over HTTP, and nothing of it is left when its block or its process ends."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.cluster import Cluster, beside, cluster
from sandbox.pod_process import ask_to_end
from sandbox.pod_process import running as process
from sandbox.reading import is_ready
from sandbox.storage import Object
from tests.sandbox.workloads import (
    NAMESPACE,
    PATIENCE_SECONDS,
    a_deployment,
    a_service,
    a_template,
    eventually,
    pods,
    quick,
)

APPS = f"apis/apps/v1/namespaces/{NAMESPACE}"


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with cluster(quick(tmp_path)) as running:
        running.storage.create("namespaces", {"metadata": {"name": NAMESPACE}})
        yield running


async def call(url: str, method: str = "GET", body: Any = None, content_type: str = "application/json") -> Object:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, data=json.dumps(body), headers={"Content-Type": content_type}) as answer,
    ):
        assert answer.status < 300, await answer.text()
        found: Object = await answer.json()
        return found


async def test_a_deployment_and_a_service_become_endpoints(small: Cluster) -> None:
    await call(f"{small.url}/{APPS}/deployments", "POST", a_deployment(replicas=2))
    await call(f"{small.url}/api/v1/namespaces/{NAMESPACE}/services", "POST", a_service())

    def reached() -> int:
        slices = small.storage.list("endpointslices", NAMESPACE)
        return sum(e["conditions"]["ready"] for s in slices for e in s["endpoints"] or ())

    await eventually(reached, 2)
    found = await call(f"{small.url}/{APPS}/deployments/shop")
    assert found["status"]["availableReplicas"] == 2


async def test_scaling_over_the_scale_subresource_starts_pods(small: Cluster) -> None:
    url = f"{small.url}/{APPS}/deployments"
    await call(url, "POST", a_deployment(replicas=1))
    await call(f"{url}/shop/scale", "PATCH", {"spec": {"replicas": 3}}, "application/merge-patch+json")
    await eventually(lambda: sum(is_ready(pod) for pod in pods(small.storage)), 3)


async def test_what_a_deployment_owns_goes_with_it(small: Cluster) -> None:
    url = f"{small.url}/{APPS}/deployments"
    await call(url, "POST", a_deployment(replicas=2))
    await eventually(lambda: sum(is_ready(pod) for pod in pods(small.storage)), 2)
    await call(f"{url}/shop", "DELETE", {"propagationPolicy": "Background"})
    await eventually(lambda: (pods(small.storage), small.storage.list("replicasets", NAMESPACE)), ([], []))


async def test_a_foreground_deletion_ends_when_the_pods_are_gone(small: Cluster) -> None:
    url = f"{small.url}/{APPS}/deployments"
    await call(url, "POST", a_deployment(replicas=2))
    await eventually(lambda: sum(is_ready(pod) for pod in pods(small.storage)), 2)
    left: list[int] = []
    small.storage.listen("deployments", lambda change: left.append(len(pods(small.storage))))
    await call(f"{url}/shop", "DELETE", {"propagationPolicy": "Foreground"})
    await eventually(lambda: small.storage.get("deployments", NAMESPACE, "shop"), None)
    assert left[-1] == 0


async def test_a_test_decides_which_pods_are_ready(small: Cluster) -> None:
    await call(f"{small.url}/{APPS}/deployments", "POST", a_deployment(replicas=2))
    await eventually(lambda: sum(is_ready(pod) for pod in pods(small.storage)), 2)
    name = pods(small.storage)[0]["metadata"]["name"]
    small.set_ready(NAMESPACE, name, False)
    await eventually(lambda: {p["metadata"]["name"]: is_ready(p) for p in pods(small.storage)}[name], False)
    small.set_ready(NAMESPACE, name, True)
    await eventually(lambda: sum(is_ready(pod) for pod in pods(small.storage)), 2)
    with pytest.raises(KeyError, match="demo/nobody"):
        small.set_ready(NAMESPACE, "nobody", True)


async def test_the_kubeconfig_leads_to_the_api_server(small: Cluster) -> None:
    config = json.loads(small.kubeconfig.read_text())
    assert config["clusters"][0]["cluster"]["server"] == small.url


async def test_what_the_block_raises_is_raised_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="mine"):
        async with cluster(quick(tmp_path)):
            raise LookupError("mine")


async def test_a_component_that_fails_ends_the_block() -> None:
    async def fail() -> None:
        raise OSError("broken")

    with pytest.raises(ExceptionGroup) as caught:
        async with beside(fail()):
            await asyncio.Event().wait()
    assert [str(error) for error in caught.value.exceptions] == ["broken"]


async def test_nothing_is_served_after_the_block(tmp_path: Path) -> None:
    async with cluster(quick(tmp_path)) as running:
        pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", running.api.port)


@pytest.mark.e2e
async def test_real_pods_answer_and_an_update_replaces_them(tmp_path: Path) -> None:
    async with cluster(quick(tmp_path, processes=True)) as running:
        pause = {"preStop": {"sleep": {"seconds": 1}}}
        template = a_template("shop:v1", lifecycle=pause)
        running.storage.create("deployments", a_deployment(replicas=2, template=template))
        await eventually(lambda: sum(is_ready(pod) for pod in pods(running.storage)), 2)
        assert await versions(running) == {"v1"}

        def update(deployment: Object) -> None:
            deployment["spec"]["template"] = a_template("shop:v2", lifecycle=pause)

        running.storage.mutate("deployments", NAMESPACE, "shop", update)
        await eventually(lambda: {pod["spec"]["containers"][0]["image"] for pod in pods(running.storage)}, {"shop:v2"})
        await eventually(lambda: sum(is_ready(pod) for pod in pods(running.storage)), 2)
        assert await versions(running) == {"v2"}


async def versions(running: Cluster) -> set[str]:
    """What the pods themselves say they are."""
    addresses = [pod["status"]["podIP"] for pod in pods(running.storage)]
    return {(await call(f"http://{address}:8080/"))["version"] for address in addresses}


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Object]]:
    """`python -m sandbox` and the line it prints."""
    argv = [sys.executable, "-m", "sandbox", "--directory", str(tmp_path / "s"), "--no-gateway", "--no-prometheus"]
    log = tmp_path / "log"
    async with process(argv, env=dict(os.environ), log=log) as sandbox:
        await eventually(lambda: log.read_text().endswith("}\n") or sandbox.returncode is not None)
        yield sandbox, json.loads(log.read_text())


async def pod_processes(line: Object) -> list[int]:
    """Start a pod that prints its process id, and return that."""
    spec = a_template(command=[sys.executable, "-u", "-c", "import os, time; print(os.getpid()); time.sleep(60)"])[
        "spec"
    ]
    pod = {"metadata": {"name": "one"}, "spec": spec}
    await call(f"{line['url']}/api/v1/namespaces/default/pods", "POST", pod)
    log = Path(line["kubeconfig"]).parent / "pods" / "default_one.log"
    await eventually(lambda: log.exists() and "\n" in log.read_text())
    return [int(found) for found in log.read_text().split()]


async def ended(process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await process.wait()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.e2e
async def test_as_a_process_it_says_where_it_is_and_ends_in_order(
    alone: tuple[asyncio.subprocess.Process, Object],
) -> None:
    sandbox, line = alone
    assert line.keys() == {"url", "kubeconfig", "gateway_url", "proxy_metrics_url", "prometheus_url", "access_log"}
    assert (await call(f"{line['url']}/version"))["major"] == "1"
    (pod,) = await pod_processes(line)
    ask_to_end(sandbox)
    assert await ended(sandbox) == 0
    assert not is_alive(pod)


@pytest.mark.e2e
async def test_no_pod_survives_a_sandbox_that_is_killed(alone: tuple[asyncio.subprocess.Process, Object]) -> None:
    sandbox, line = alone
    (pod,) = await pod_processes(line)
    os.kill(sandbox.pid, signal.SIGKILL)
    await eventually(lambda: is_alive(pod), False)


@pytest.mark.e2e
async def test_it_ends_with_the_process_it_was_told_about(tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    log = tmp_path / "log"
    async with process(sleep, env=dict(os.environ), log=tmp_path / "parent") as parent:
        options = ["--no-processes", "--no-gateway", "--no-prometheus", "--parent", str(parent.pid)]
        argv = [sys.executable, "-m", "sandbox", "--directory", str(tmp_path / "s"), *options]
        async with process(argv, env=dict(os.environ), log=log) as sandbox:
            await eventually(lambda: log.read_text().endswith("}\n"))
            parent.kill()
            assert await ended(sandbox) == 0


async def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ["--directory", str(tmp_path / "s"), "--no-gateway", "--no-prometheus", "--api-port", str(port)]
        log = tmp_path / "log"
        async with process([sys.executable, "-m", "sandbox", *options], env=dict(os.environ), log=log) as sandbox:
            assert await ended(sandbox) == 1
    (line,) = lines(log)
    assert line.startswith("the sandbox cannot run: ")
    assert str(port) in line


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines()
