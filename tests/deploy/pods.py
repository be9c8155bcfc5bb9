"""The controller as its Deployment starts it: the same command, arguments, environment, files and account."""

import asyncio
import base64
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from controlplane.cluster import ControlPlane
from rollout.cli.controller import controller
from tests.deploy.overlays import NAME, Manifest, container, deployment
from tests.faults.access import kubeconfig_through

# What a test cannot have otherwise: free ports, and a settle time that suits pods without processes.
_HERE = ("--api-port=0", "--health-host=127.0.0.1", "--health-port=0", "--settle=100ms")
_PATIENCE = 30.0


def environment(objects: Sequence[Manifest]) -> dict[str, str]:
    """The variables of the container; what the pod knows of itself is its namespace."""
    namespace = deployment(list(objects))["metadata"]["namespace"]
    told = {"metadata.namespace": namespace}
    return {each["name"]: told[each["valueFrom"]["fieldRef"]["fieldPath"]] for each in container(list(objects))["env"]}


def expanded(objects: Sequence[Manifest]) -> list[str]:
    """The arguments as the kubelet passes them on, with $(VARIABLES) replaced."""
    found = []
    for argument in container(list(objects))["args"]:
        for name, value in environment(objects).items():
            argument = argument.replace(f"$({name})", value)  # noqa: PLW2901 (one replacement after the other)
        found.append(argument)
    return found


def options_of(arguments: Sequence[str], *, defaults: bool = False) -> dict[str, Any]:
    """What the real command makes of arguments; without `defaults` only what they say."""
    app = typer.Typer()
    app.command("controller")(controller)
    app.callback()(lambda: None)
    command = typer.main.get_command(app).commands["controller"]  # type: ignore[attr-defined]
    assert arguments[0] == "controller"
    parsed = command.make_context("controller", list(arguments[1:])).params
    plain = command.make_context("controller", []).params
    said = parsed if defaults else {key: value for key, value in parsed.items() if value != plain[key]}
    return {key: str(value) if isinstance(value, Path) else value for key, value in said.items()}


@dataclass
class Pod:
    """A running process and what it said."""

    process: asyncio.subprocess.Process
    log: list[str] = field(default_factory=list)

    async def read(self) -> None:
        """Take in what it says until it ends."""
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.log.append(line.decode())

    def said(self, words: str) -> bool:
        """Whether a line has these words."""
        return any(words in line for line in self.log)

    async def until_said(self, words: str) -> None:
        """Wait for a line with these words."""
        async with asyncio.timeout(_PATIENCE):
            while not self.said(words):
                assert self.process.returncode is None, self.log
                await asyncio.sleep(0.02)


@asynccontextmanager
async def pod(
    cluster: ControlPlane, objects: Sequence[Manifest], directory: Path, *, name: str = NAME
) -> AsyncIterator[Pod]:
    """The process beside the block, from the moment it listens; killed at its end."""
    program, *before = container(list(objects))["command"]
    arguments = await asyncio.to_thread(_with_files, cluster, objects, directory)
    command = [str(Path(sys.executable).parent / program), *before, *arguments, *_HERE]
    variables = {
        "PATH": os.environ["PATH"],
        "HOSTNAME": name,
        "KUBECONFIG": str(await _account(cluster, objects, directory)),
        **environment(objects),
    }
    made = Pod(await asyncio.create_subprocess_exec(*command, stderr=PIPE, env=variables))
    reading = asyncio.get_running_loop().create_task(made.read())
    try:
        await made.until_said("listening")
        yield made
    finally:
        if made.process.returncode is None:
            made.process.kill()
        await made.process.wait()
        await asyncio.wait([reading])


def _with_files(cluster: ControlPlane, objects: Sequence[Manifest], directory: Path) -> list[str]:
    """The arguments, with the files of the container's volumes below a directory of the test."""
    manifest = deployment(list(objects))
    volumes = {each["name"]: each for each in manifest["spec"]["template"]["spec"]["volumes"]}
    mounts = {each["mountPath"]: volumes[each["name"]] for each in container(list(objects))["volumeMounts"]}
    places = {f"{path}/": f"{directory / volume['name']}/" for path, volume in mounts.items()}
    for path, volume in mounts.items():
        folder = Path(places[f"{path}/"])
        folder.mkdir(parents=True)
        for file, text in _held(cluster, objects, volume, manifest["metadata"]["namespace"]).items():
            (folder / file).write_text(_moved(text, places))
    return [_moved(each, places) for each in expanded(objects)]


def _moved(text: str, places: Mapping[str, str]) -> str:
    """The text with the paths of the container where the test has them."""
    for path, place in places.items():
        text = text.replace(path, place)
    return text


def _held(
    cluster: ControlPlane, objects: Sequence[Manifest], volume: Mapping[str, Any], namespace: str
) -> dict[str, str]:
    """The files of a volume: of a ConfigMap that is applied with the rest, or of a Secret that has to be there."""
    if "secret" in volume:
        shown = ("get", "secret", volume["secret"]["secretName"], "--namespace", namespace, "--output=json")
        data = json.loads(cluster.kubectl(*shown))["data"]
        return {file: base64.b64decode(value).decode() for file, value in data.items()}
    wanted = volume["configMap"]["name"]
    (config,) = (each for each in objects if each["kind"] == "ConfigMap" and each["metadata"]["name"] == wanted)
    return dict(config["data"])


async def _account(cluster: ControlPlane, objects: Sequence[Manifest], directory: Path) -> Path:
    """A kubeconfig with a token that the API server made for the Deployment's account."""
    manifest = deployment(list(objects))
    account = manifest["spec"]["template"]["spec"]["serviceAccountName"]
    arguments = ("create", "token", account, "--namespace", manifest["metadata"]["namespace"])
    token = await asyncio.to_thread(cluster.kubectl, *arguments)
    like = cluster.kubeconfig()
    return kubeconfig_through(cluster.url, like, directory / "kubeconfig", ca=cluster.ca, token=token.strip())
