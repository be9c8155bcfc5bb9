"""The images are what the Dockerfile says: built in a clean root file system, and run there read-only."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from controlplane.binaries import NotBuilt
from tests.image.building import Image, built, missing, size
from tests.image.composing import IN_ORDER, free_ports, up
from tests.image.composition import Service, resolved, services
from tests.image.places import Host, InImage
from tests.image.watching import outcomes, page

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(missing() is not None, reason=missing() or "")]


@pytest.fixture(scope="module")
def images() -> Iterator[dict[str, Image]]:
    with ExitStack() as stack:
        yield {target: stack.enter_context(built(target)) for target in ("controller", "sandbox")}


@pytest.fixture
def place(images: dict[str, Image], tmp_path: Path) -> InImage:
    tmp_path.chmod(0o755)
    return InImage(
        host=Host(directory=tmp_path),
        roots={target: image.root for target, image in images.items()},
        variables={target: image.variables for target, image in images.items()},
    )


def run(place: InImage, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in the controller's image."""
    service = Service(
        name="once", target="controller", entrypoint=None, command=(), after={}, look=(), scratch=("/tmp",)
    )
    command = place.command(service, words)
    return subprocess.run(
        command, env=place.environment(service), capture_output=True, text=True, check=False, timeout=60
    )


def test_the_image_starts_the_controller_as_a_user_by_number(images: dict[str, Image]) -> None:
    config = images["controller"].config
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == ("65532:65532", ["rollout"], ["controller"])
    assert (images["controller"].variables["TZ"], config["ExposedPorts"]) == ("UTC", {"7071/tcp": {}})


def test_the_command_runs_on_a_read_only_root(place: InImage) -> None:
    done = run(place, ["rollout", "--help"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "controller" in done.stdout
    refused = run(place, ["touch", "/opt/rollout/new"])
    assert "Read-only file system" in refused.stderr
    assert run(place, ["id", "-u"]).stdout == "65532\n"


def test_without_a_cluster_the_controller_says_what_it_needs(place: InImage) -> None:
    done = run(place, ["rollout", "controller"])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("rollout controller: no cluster is known: give --kubeconfig FILE")


def test_nothing_is_in_it_that_builds_or_installs(images: dict[str, Image]) -> None:
    root = images["controller"].root
    assert [name for name in ("gcc", "cc", "make", "pip", "pip3") for _ in root.glob(f"**/bin/{name}")] == []
    assert not (root / "build").exists()
    assert [
        path for name in ("etc/pip.conf", "mnt/ca.crt") if (path := root / name).exists() and path.read_text()
    ] == []


def test_every_file_of_it_is_compiled_already(images: dict[str, Image]) -> None:
    packages = next(images["controller"].root.glob("opt/rollout/lib/python3*/site-packages"))
    compiled = {path.name.partition(".")[0] for path in (packages / "rollout" / "__pycache__").glob("*.pyc")}
    assert compiled == {path.stem for path in (packages / "rollout").glob("*.py")}


def test_it_is_not_larger_than_its_page_says(images: dict[str, Image]) -> None:
    assert size(images["controller"].root) < 450


async def test_all_services_release_versions_inside_their_images(place: InImage, tmp_path: Path) -> None:
    ports = free_ports()
    try:
        found = services(resolved({**ports, "STORY_EVERY": "3", "SANDBOX_LOAD": "110"}))
    except NotBuilt as reason:
        pytest.skip(str(reason))
    async with up(found, place, tmp_path) as running:
        assert await page(int(ports["ROLLOUT_API_PORT"])) == (200, "text/html")
        told = await outcomes(int(ports["SANDBOX_API_PORT"]), runs=3)
    assert told == [("shop:v1", "promoted"), ("shop:v2", "promoted"), ("shop:v3-bad", "aborted")]
    assert {name: process.returncode for name, process in running.items()} == IN_ORDER
