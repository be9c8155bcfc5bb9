import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException

from rollout.kube import credentials
from rollout.kube.client import Client
from rollout.models.kinds import DEPLOYMENTS
from tests.kube.fake_api import FakeApi
from tests.kube.fake_time import run


def a_kubeconfig(folder: Path, server: str, user: dict[str, Any], *, name: str = "config") -> Path:
    config = {
        "current-context": "one",
        "contexts": [
            {"name": "one", "context": {"cluster": "fake", "user": "me"}},
            {"name": "two", "context": {"cluster": "fake", "user": "other"}},
        ],
        "clusters": [{"name": "fake", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": user}, {"name": "other", "user": {"token": "second"}}],
    }
    file = folder / name
    file.write_text(yaml.safe_dump(config))
    return file


async def sent_with(api: FakeApi, client: Client) -> str | None:
    await client.list_page(DEPLOYMENTS)
    return api.seen[-1].headers.get("Authorization")


async def test_a_context_other_than_the_current_one_can_be_chosen(api: FakeApi, tmp_path: Path) -> None:
    file = a_kubeconfig(tmp_path, api.url, {"token": "first"})
    async with await Client.connect(file, "two") as client:
        assert await sent_with(api, client) == "Bearer second"


async def test_a_token_file_that_changes_is_read_again_and_kept_when_it_vanishes(api: FakeApi, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    file = a_kubeconfig(tmp_path, api.url, {"tokenFile": str(token)})
    async with Client(await credentials.load(file, None, reload_seconds=0.0)) as client:
        assert await sent_with(api, client) == "Bearer old"
        token.write_text("new\n")
        assert await sent_with(api, client) == "Bearer new"
        token.unlink()
        assert await sent_with(api, client) == "Bearer new"


async def test_a_plugin_gives_the_token(api: FakeApi, tmp_path: Path) -> None:
    answer = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"plugged"}}'
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "/bin/echo",
        "args": [answer],
        "interactiveMode": "Never",
    }
    async with await Client.connect(a_kubeconfig(tmp_path, api.url, {"exec": plugin})) as client:
        assert await sent_with(api, client) == "Bearer plugged"


async def test_the_default_kubeconfig_is_the_one_kubectl_uses(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / ".kube"
    home.mkdir()
    a_kubeconfig(home, api.url, {"token": "home"})
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    async with await Client.connect() as client:
        assert await sent_with(api, client) == "Bearer home"
    monkeypatch.setenv("KUBECONFIG", str(a_kubeconfig(tmp_path, api.url, {"token": "variable"})))
    async with await Client.connect() as client:
        assert await sent_with(api, client) == "Bearer variable"


@pytest.mark.parametrize("in_cluster", [True, False])
async def test_without_any_configuration_there_is_no_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_cluster: bool
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigException):
        await Client.connect(in_cluster=in_cluster)
    with pytest.raises(ConfigException):
        await Client.connect(tmp_path / "missing")


def test_only_one_request_waits_for_the_credentials_to_be_renewed() -> None:
    async def scenario() -> list[str]:
        told = []

        async def slow(_: Configuration) -> None:
            await asyncio.sleep(5)
            told.append("renewed")

        renew = credentials.renewal(slow, reload_seconds=60)

        async def request(name: str) -> None:
            await renew(Configuration())
            told.append(name)

        await request("early")
        await asyncio.sleep(61)
        async with asyncio.TaskGroup() as group:
            group.create_task(request("due"))
            group.create_task(request("beside"))
        return told

    assert run(scenario()) == ["early", "beside", "renewed", "due"]


@pytest.mark.parametrize("content", ["garbage: [", "", "clusters: 5", "[]", "{clusters: [], contexts: []}"])
async def test_what_is_no_kubeconfig_is_said_in_a_line_with_its_file(tmp_path: Path, content: str) -> None:
    file = tmp_path / "config"
    file.write_text(content)
    with pytest.raises(ConfigException) as caught:
        await credentials.load(file, "nope")
    assert str(caught.value).startswith(f"{file} cannot be used as a kubeconfig: ")
    assert "\n" not in str(caught.value)
