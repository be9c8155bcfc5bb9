"""Pods live as in Kubernetes: as real processes, and as virtual ones that annotations steer."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import kubelet
from sandbox.addresses import Addresses
from sandbox.images import environment, program, split
from sandbox.kubelet import pre_stop_seconds
from sandbox.pod_process import running as process
from sandbox.probes import Probe, probe_of
from sandbox.reading import condition, is_ready
from sandbox.storage import Object, Storage
from tests.sandbox.workloads import NAMESPACE, a_pod, always, eventually, quick, running

PYTHON = [sys.executable, "-S", "-u", "-c"]
LISTEN = "import os, socket; s = socket.create_server((os.environ['POD_IP'], int(os.environ['PORT'])));"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Storage]:
    storage = Storage(seed=1)
    async with running(kubelet.run(storage, quick(tmp_path, processes=True))):
        yield storage


@pytest.fixture
async def virtual(tmp_path: Path) -> AsyncIterator[Storage]:
    storage = Storage(seed=1)
    async with running(kubelet.run(storage, quick(tmp_path))):
        yield storage


def a_script(name: str, code: str, **container: Any) -> Object:
    return a_pod(name, command=[*PYTHON, code], **container)


def read(storage: Storage, name: str) -> Object:
    pod = storage.get("pods", NAMESPACE, name)
    assert pod
    return pod


def exists(storage: Storage, name: str) -> bool:
    return storage.get("pods", NAMESPACE, name) is not None


def ready(storage: Storage, name: str) -> bool:
    return is_ready(read(storage, name))


def container(storage: Storage, name: str) -> Object:
    found: Object = (read(storage, name).get("status", {}).get("containerStatuses") or [{}])[0]
    return found


def reason(storage: Storage, name: str) -> str | None:
    why: str | None = container(storage, name).get("state", {}).get("waiting", {}).get("reason")
    return why


def log(directory: Path, name: str) -> str:
    path = directory / "pods" / f"{NAMESPACE}_{name}.log"
    return path.read_text() if path.exists() else ""


def annotate(storage: Storage, name: str, **annotations: str) -> None:
    def change(pod: Object) -> None:
        pod["metadata"].setdefault("annotations", {}).update(
            {f"sandbox/{key.replace('_', '-')}": value for key, value in annotations.items()}
        )

    assert storage.mutate("pods", NAMESPACE, name, change)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# Virtual pods


async def test_a_virtual_pod_is_scheduled_addressed_and_ready(virtual: Storage) -> None:
    virtual.create("pods", a_pod("one"))
    await eventually(lambda: ready(virtual, "one"))
    pod = read(virtual, "one")
    assert pod["spec"]["nodeName"] == "sandbox"
    assert pod["status"]["podIP"].startswith("127.1.")
    assert pod["status"]["phase"] == "Running"
    assert {c["type"]: c["status"] for c in pod["status"]["conditions"]} == dict.fromkeys(
        ("PodScheduled", "Initialized", "ContainersReady", "Ready"), "True"
    )


async def test_annotations_steer_a_virtual_pod_while_it_runs(virtual: Storage) -> None:
    virtual.create("pods", a_pod("one"))
    await eventually(lambda: ready(virtual, "one"))
    annotate(virtual, "one", never_ready="true", restarts="3")
    await eventually(lambda: ready(virtual, "one"), False)
    assert container(virtual, "one")["restartCount"] == 3
    annotate(virtual, "one", never_ready="false")
    await eventually(lambda: ready(virtual, "one"))


async def test_a_virtual_pod_that_is_deleted_vanishes_unless_a_finalizer_holds_it(virtual: Storage) -> None:
    held = a_pod("held")
    held["metadata"]["finalizers"] = ["test/hold"]
    virtual.create("pods", held)
    virtual.create("pods", a_pod("free"))
    await eventually(lambda: ready(virtual, "held") and ready(virtual, "free"))
    for name in ("held", "free"):
        virtual.delete("pods", NAMESPACE, name)
    await eventually(lambda: exists(virtual, "free"), False)
    await always(lambda: exists(virtual, "held"))


async def test_every_pod_has_an_address_of_its_own(virtual: Storage) -> None:
    names = [f"pod-{number}" for number in range(300)]
    for name in names:
        virtual.create("pods", a_pod(name))
    await eventually(lambda: all(ready(virtual, name) for name in names))
    assert len({read(virtual, name)["status"]["podIP"] for name in names}) == 300


def test_two_sandboxes_on_one_machine_do_not_share_addresses() -> None:
    one, other = Addresses(exclusive=True), Addresses(exclusive=True)
    try:
        blocks = {addresses.take().rpartition(".")[0] for addresses in (one, other)}
    finally:
        one.close()
        other.close()
    assert len(blocks) == 2


# Real processes


async def test_a_container_sees_its_environment_and_its_output_is_logged(node: Storage, tmp_path: Path) -> None:
    code = (
        "import os; print(*(os.environ[k] for k in ('POD_IP', 'PORT', 'IMAGE', 'IMAGE_TAG', 'COLOR', 'APP', 'SELF')))"
    )
    env = [
        {"name": "COLOR", "value": "blue"},
        {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "SELF", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]
    node.create("pods", a_script("one", code, env=env))
    await eventually(lambda: "\n" in log(tmp_path, "one"))
    ip = read(node, "one")["status"]["podIP"]
    assert log(tmp_path, "one").splitlines()[0] == f"{ip} 8080 shop:v1 v1 blue shop one"


async def test_a_pod_without_a_probe_is_ready_when_it_listens(node: Storage) -> None:
    node.create("pods", a_script("deaf", "import time; time.sleep(60)"))
    node.create("pods", a_script("open", f"{LISTEN} s.accept(); import time; time.sleep(60)"))
    await eventually(lambda: ready(node, "open"))
    assert not ready(node, "deaf")
    assert container(node, "deaf")["state"].keys() == {"running"}


async def test_a_readiness_probe_decides_who_is_ready(node: Storage) -> None:
    good = {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1}
    slow = {"httpGet": {"path": "/?seconds=5", "port": 8080}, "periodSeconds": 1}
    bad = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    node.create("pods", a_pod("good", readinessProbe=good))
    node.create("pods", a_pod("slow", readinessProbe=slow))
    node.create("pods", a_pod("bad", readinessProbe=bad, env=[{"name": "ERROR_RATE", "value": "1"}]))
    await eventually(lambda: ready(node, "good") and "running" in container(node, "bad")["state"])
    await always(lambda: ready(node, "slow") or ready(node, "bad"), False, turns=50)


async def test_a_process_that_ends_is_restarted_ever_later(node: Storage) -> None:
    node.create("pods", a_script("one", "raise SystemExit(3)"))
    await eventually(lambda: container(node, "one").get("restartCount", 0) >= 2)
    await eventually(lambda: reason(node, "one"), "CrashLoopBackOff")
    last = container(node, "one")["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (3, "Error")
    assert read(node, "one")["status"]["phase"] == "Running"
    assert not ready(node, "one")


async def test_a_pod_that_must_not_restart_is_over_when_its_process_is(node: Storage) -> None:
    for name, code in (("good", "pass"), ("bad", "raise SystemExit(1)")):
        pod = a_script(name, code)
        pod["spec"]["restartPolicy"] = "Never"
        node.create("pods", pod)
    await eventually(lambda: read(node, "good").get("status", {}).get("phase"), "Succeeded")
    await eventually(lambda: read(node, "bad").get("status", {}).get("phase"), "Failed")


async def test_an_unknown_image_cannot_be_pulled(node: Storage) -> None:
    node.create("pods", a_pod("one", image="example.com/nobody/knows:this"))
    await eventually(lambda: reason(node, "one"), "ErrImagePull")
    await eventually(lambda: reason(node, "one"), "ImagePullBackOff")
    assert read(node, "one")["status"]["phase"] == "Pending"
    node.delete("pods", NAMESPACE, "one")
    await eventually(lambda: exists(node, "one"), False)


SLOW_TO_END = """
import signal, sys, time
def end(*_):
    print("asked to end")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("began")
while True:
    time.sleep(0.1)
"""


async def test_a_pod_that_is_deleted_is_asked_to_end_after_its_pre_stop_pause(node: Storage, tmp_path: Path) -> None:
    pause = {"preStop": {"sleep": {"seconds": 1}}}
    node.create("pods", a_script("one", SLOW_TO_END, ports=[], lifecycle=pause))
    await eventually(lambda: "began" in log(tmp_path, "one") and ready(node, "one"))
    node.delete("pods", NAMESPACE, "one")
    await always(lambda: ("asked to end" in log(tmp_path, "one"), ready(node, "one")), (False, True))
    await eventually(lambda: exists(node, "one"), False)
    assert log(tmp_path, "one").splitlines() == ["began", "asked to end"]


STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid())
time.sleep(60)
"""


async def test_a_process_that_does_not_listen_is_killed_after_the_grace_period(node: Storage, tmp_path: Path) -> None:
    node.create("pods", a_script("one", STUBBORN))
    await eventually(lambda: "\n" in log(tmp_path, "one"))
    pid = int(log(tmp_path, "one"))
    node.delete("pods", NAMESPACE, "one", grace=1)
    await eventually(lambda: exists(node, "one"), False)
    assert not is_alive(pid)


async def test_a_pod_that_is_removed_by_force_leaves_no_process(node: Storage, tmp_path: Path) -> None:
    node.create("pods", a_script("one", STUBBORN))
    await eventually(lambda: "\n" in log(tmp_path, "one"))
    pid = int(log(tmp_path, "one"))
    node.delete("pods", NAMESPACE, "one", grace=0)
    await eventually(lambda: is_alive(pid), False)


async def test_no_process_survives_the_kubelet(tmp_path: Path) -> None:
    storage = Storage(seed=1)
    async with running(kubelet.run(storage, quick(tmp_path, processes=True))):
        storage.create("pods", a_script("one", STUBBORN))
        await eventually(lambda: "\n" in log(tmp_path, "one"))
        pid = int(log(tmp_path, "one"))
        assert is_alive(pid)
    assert not is_alive(pid)


PARENT = """
import asyncio, os, pathlib, sys
from sandbox.pod_process import running

async def main():
    argv = [sys.executable, "-c", "import time; time.sleep(60)"]
    async with running(argv, env={}, log=pathlib.Path(os.devnull)) as child:
        print(child.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_no_process_survives_its_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    out = tmp_path / "parent.log"
    async with process([sys.executable, "-c", PARENT], env=dict(os.environ), log=out) as parent:
        await eventually(lambda: out.exists() and out.read_text().strip().isdigit())
        child = int(out.read_text())
        await eventually(lambda: "tether" in Path(f"/proc/{child}/cmdline").read_text(), False)
        os.kill(parent.pid, signal.SIGKILL)
        await eventually(lambda: is_alive(child), False)


# What is read from a pod


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("shop:v2", ("shop", "v2")),
        ("example.com:5000/team/shop:v2@sha256:abc", ("shop", "v2")),
        ("shop", ("shop", "latest")),
    ],
)
def test_an_image_has_a_name_and_a_tag(image: str, expected: tuple[str, str]) -> None:
    assert split(image) == expected


def test_a_command_overrides_the_image_and_arguments_extend_it() -> None:
    shop = program({"image": "shop:v1"})
    assert shop
    assert program({"image": "shop:v1", "args": ["-v"]}) == (*shop, "-v")
    assert program({"image": "nobody", "command": ["run"], "args": ["it"]}) == ("run", "it")
    assert program({"image": "nobody", "args": ["it"]}) is None


def test_a_container_does_not_see_the_environment_of_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the host")
    pod = a_pod()
    assert "SECRET" not in environment(pod, pod["spec"]["containers"][0], ip="127.1.0.1")


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        ({"sleep": {"seconds": 5}}, 5.0),
        ({"exec": {"command": ["sleep", "3"]}}, 3.0),
        ({"exec": {"command": ["/bin/true"]}}, 0.0),
    ],
)
def test_a_pre_stop_hook_is_a_pause(hook: Object, expected: float) -> None:
    assert pre_stop_seconds({"lifecycle": {"preStop": hook}}) == expected


def test_a_probe_has_the_defaults_of_kubernetes() -> None:
    ports = [{"name": "http", "containerPort": 8080}]
    probed = {"ports": ports, "readinessProbe": {"httpGet": {"port": "http"}, "failureThreshold": 1}}
    assert probe_of(probed) == Probe(port=8080, path="/", failures=1)
    assert probe_of({"ports": ports}) == Probe(port=8080, period=1.0)


async def test_conditions_keep_their_times_while_they_do_not_change(virtual: Storage) -> None:
    virtual.create("pods", a_pod("one"))
    await eventually(lambda: ready(virtual, "one"))
    before = condition(read(virtual, "one"), "Ready")
    annotate(virtual, "one", restarts="1")
    await eventually(lambda: container(virtual, "one")["restartCount"], 1)
    assert condition(read(virtual, "one"), "Ready") == before


async def test_an_annotation_keeps_a_real_pod_from_being_ready_as_well(node: Storage) -> None:
    node.create("pods", a_pod("one"))
    await eventually(lambda: ready(node, "one"))
    annotate(node, "one", never_ready="true")
    await eventually(lambda: ready(node, "one"), False)
