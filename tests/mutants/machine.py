"""Breaks a copy of the checkout and asks a suite whether it notices; the checkout itself is not touched."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants.mutant import Mutant

ROOT = Path(__file__).parents[2]
UNIT, SIMULATION = SUITES = ("unit", "simulation")
_PARTS = ("analysis", "api", "bench", "controlplane", "rollout", "sandbox", "tests", "crds", "docs", "pyproject.toml")
_PATIENCE = {UNIT: 600, SIMULATION: 1_200}  # seconds, after which a suite that hangs has noticed
# What the mutant that retries a conflict where it stands calls.
_INSIST = """

async def _insist(write: Write, client: Client, lane: Lane) -> bytes | None:
    try:
        return await _do(write, client, lane)
    except Conflict:
        return await _do(replace(write, version=None), client, lane)
"""


@dataclass
class Machine:
    """Works in one copy; `green` are the commands that were seen to pass there before anything was broken."""

    copy: Path
    green: set[tuple[str, ...]] = field(default_factory=set)

    def verdict(self, mutant: Mutant, suite: str) -> str:
        """`killed` or `survived`; `outdated` where the text is not there, `red` where the suite fails anyway."""
        file, command = self.copy / mutant.file, _command(mutant, suite)
        text = file.read_text(encoding="utf-8")
        if mutant.before not in text:
            return "outdated"
        if command not in self.green and not self._passes(command, suite):
            return "red"
        self.green.add(command)
        beside = _INSIST if "_insist(" in mutant.after else ""
        file.write_text(text.replace(mutant.before, mutant.after, 1) + beside, encoding="utf-8")
        try:
            return "survived" if self._passes(command, suite) else "killed"
        finally:
            file.write_text(text, encoding="utf-8")

    def _passes(self, command: tuple[str, ...], suite: str) -> bool:
        whole = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *command]
        environment = {**os.environ, "SIMULATION": "ci"}
        try:
            done = subprocess.run(
                whole, cwd=self.copy, env=environment, capture_output=True, check=False, timeout=_PATIENCE[suite]
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


@contextmanager
def machine() -> Iterator[Machine]:
    """A machine with a copy that is gone after the block."""
    with TemporaryDirectory() as directory:
        copy = Path(directory)
        for part in _PARTS:
            source, target = ROOT / part, copy / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        yield Machine(copy)


def _command(mutant: Mutant, suite: str) -> tuple[str, ...]:
    """The named days of the simulation, the tests that the mutant names, or those that mirror its folder."""
    if suite == SIMULATION:
        return ("tests/simulation", "-k", "a_day_breaks")
    if mutant.tests:
        return tuple(shlex.split(mutant.tests))
    folder = Path(mutant.file).parent.name
    if folder == "core":  # its slow properties come last
        return ("tests/core", "--deselect", "tests/core/test_properties.py", "tests/core/test_properties.py")
    return (f"tests/{folder}",) if folder in {"kube", "traffic"} else ("tests/controller/test_loop.py",)
