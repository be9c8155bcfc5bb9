"""What the image installs is a part of what the tests run with."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
_PIN = re.compile(r"^([a-z0-9.-]+)(==\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def pins(part: str = "") -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes of every package of a lock."""
    text = (ROOT / f"requirements{part}.lock").read_text()
    found = {
        name: (version, frozenset(re.findall("sha256:[0-9a-f]+", hashes)))
        for name, version, hashes in _PIN.findall(text)
    }
    assert len(found) == len(re.findall(r"^[^\s#]", text, re.MULTILINE)), "every line is understood"
    return found


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in requirements}


@pytest.mark.parametrize("part", ["-runtime", "-sandbox", "-build"])
def test_a_lock_of_the_image_pins_nothing_that_the_whole_lock_does_not(part: str) -> None:
    assert pins(part).items() <= pins().items()


def test_the_controllers_lock_has_all_that_the_controller_needs_and_nothing_of_the_tests() -> None:
    extras = PROJECT["optional-dependencies"]
    runtime = pins("-runtime").keys()
    assert names(PROJECT["dependencies"]) <= runtime
    assert runtime & names([*extras["dev"], *extras["sandbox"]]) == set()


def test_the_sandboxs_lock_adds_what_the_sandbox_needs() -> None:
    sandbox = pins("-sandbox").keys()
    assert pins("-runtime").keys() | names(PROJECT["optional-dependencies"]["sandbox"]) <= sandbox
    assert "pytest" not in sandbox


def test_the_builds_lock_has_what_builds_our_wheel() -> None:
    assert "hatchling" in pins("-build")
