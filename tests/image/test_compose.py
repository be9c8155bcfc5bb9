"""docker-compose.yml is valid, as careful as it says, and what it starts releases versions."""

import re
from pathlib import Path
from typing import Any

import pytest

from controlplane.binaries import NotBuilt
from sandbox.prometheus import installed
from tests import missing
from tests.image import building
from tests.image.composing import IN_ORDER, VARIABLES, free_ports, ordered, up
from tests.image.composition import FILE, ROOT, resolved, services
from tests.image.places import Host
from tests.image.watching import outcomes, page


@pytest.fixture
def project() -> dict[str, Any]:
    try:
        return resolved()
    except NotBuilt as reason:
        pytest.skip(str(reason))


def test_composes_own_reader_accepts_the_file(project: dict[str, Any]) -> None:
    assert sorted(project["services"]) == ["controller", "load", "prometheus", "sandbox", "story"]


def test_every_service_is_restricted(project: dict[str, Any]) -> None:
    wanted = {
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "init": True,
        "restart": "unless-stopped",
        "network_mode": "host",
    }
    found = {name: {key: spec.get(key) for key in wanted} for name, spec in project["services"].items()}
    assert found == dict.fromkeys(project["services"], wanted)
    assert [spec for spec in project["services"].values() if "ports" in spec or "privileged" in spec] == []


def test_no_address_in_the_file_is_another_than_loopback() -> None:
    text = FILE.read_text()
    assert set(re.findall(r"https?://([^:/'\s]+)", text)) == {"127.0.0.1"}
    assert "0.0.0.0" not in text


def test_every_port_can_be_moved(project: dict[str, Any]) -> None:
    moved = resolved({name: str(number) for number, name in enumerate(VARIABLES, start=21000)})
    written = {port for port in re.findall(r":-(\d+)\}", FILE.read_text()) if int(port) > 1024}
    assert len(written) == len(VARIABLES)
    assert {port for port in written if re.search(rf"\b{port}\b", str(moved))} == set()
    controller = moved["services"]["controller"]
    api = str(21000 + VARIABLES.index("ROLLOUT_API_PORT"))
    assert f"--api-port={api}" in controller["command"]
    assert controller["environment"] == {"ROLLOUT_SERVER": f"http://127.0.0.1:{api}"}  # for `docker compose exec`


def test_images_carry_the_version_of_the_project(project: dict[str, Any]) -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert {spec["image"].partition(":")[2] for spec in project["services"].values()} == {version[1]}
    assert f"ARG VERSION={version[1]}\n" in (ROOT / "Dockerfile").read_text()


@pytest.mark.e2e
@pytest.mark.skipif(building.missing() is None, reason="the services run in their images instead, in test_image.py")
@pytest.mark.skipif(installed() is None, reason=missing.PROMETHEUS)
async def test_what_it_starts_promotes_a_good_version_and_takes_a_bad_one_back(
    project: dict[str, Any], tmp_path: Path
) -> None:
    ports = free_ports()
    found = services(resolved({**ports, "STORY_EVERY": "3", "SANDBOX_LOAD": "110"}))
    assert ordered(found)[0] == "sandbox"
    async with up(found, Host(directory=tmp_path), tmp_path) as running:
        assert await page(int(ports["ROLLOUT_API_PORT"])) == (200, "text/html")
        told = await outcomes(int(ports["SANDBOX_API_PORT"]), runs=3)
    assert told == [("shop:v1", "promoted"), ("shop:v2", "promoted"), ("shop:v3-bad", "aborted")]
    assert {name: process.returncode for name, process in running.items()} == IN_ORDER
