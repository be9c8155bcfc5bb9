"""Breaks a copy of the checkout and asks a suite whether it notices; the checkout itself is not touched."""

import os
import re
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
_PARTS = (
    "analysis",
    "api",
    "bench",
    "controlplane",
    "rollout",
    "sandbox",
    "tests",
    "crds",
    "deploy",
    "docs",
    "pyproject.toml",
)
_PATIENCE = 600  # seconds, after which a suite that hangs has noticed
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S.*?)(?: - |$)", re.MULTILINE)  # in a summary, not in a log
# What the mutant that retries a conflict where it stands calls.
_INSIST = """

async def _insist(write: Write, client: Client, lane: Lane) -> bytes | None:
    try:
        return await _do(write, client, lane)
    except Conflict:
        return await _do(replace(write, version=None), client, lane)
"""


@dataclass(frozen=True)
class Verdict:
    """`killed` or `survived`; `outdated` where the text is not there, `red` where the suite fails anyway."""

    word: str
    by: str = ""  # the first test that noticed, or why there is none


@dataclass
class Machine:
    """Works in one copy; `green` are the suites that were seen to pass there before anything was broken."""

    copy: Path
    green: set[str] = field(default_factory=set)

    def verdict(self, mutant: Mutant) -> Verdict:
        """What the mutant's suite makes of it."""
        file = self.copy / mutant.file
        text = file.read_text(encoding="utf-8")
        if mutant.before not in text:
            return Verdict("outdated")
        fails = self._fails(mutant.asked) if mutant.asked not in self.green else None
        if fails is not None:
            return Verdict("red", fails)
        self.green.add(mutant.asked)
        beside = _INSIST if "_insist(" in mutant.after else ""
        file.write_text(text.replace(mutant.before, mutant.after, 1) + beside, encoding="utf-8")
        try:
            noticed = self._fails(mutant.asked)
            return Verdict("survived") if noticed is None else Verdict("killed", noticed)
        finally:
            file.write_text(text, encoding="utf-8")

    def _fails(self, tests: str) -> str | None:
        """The first test that fails, or why none could be run; None when all pass."""
        whole = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *shlex.split(tests)]
        environment = {**os.environ, "SIMULATION": "ci"}
        try:
            done = subprocess.run(
                whole, cwd=self.copy, env=environment, capture_output=True, check=False, timeout=_PATIENCE, text=True
            )
        except subprocess.TimeoutExpired:
            return f"no end after {_PATIENCE} s"
        if done.returncode == 0:
            return None
        named = _FAILED.search(done.stdout)
        return named[1] if named else f"pytest ends with {done.returncode}"


@contextmanager
def machine() -> Iterator[Machine]:
    """A machine with a copy that is gone after the block."""
    with TemporaryDirectory() as directory:
        copy = Path(directory)
        for part in _PARTS:
            source, target = ROOT / part, copy / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        yield Machine(copy)
