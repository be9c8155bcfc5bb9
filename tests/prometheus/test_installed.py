"""Whether there is a Prometheus at all: the one line that stands for this folder where there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import missing
from tests.prometheus.server import PROGRAM


def test_without_one_this_file_alone_is_collected_here_and_the_line_says_how_to_have_it() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", str(Path(__file__).parent)]
    done = subprocess.run(
        [*command, "-k", "on_the_path"],
        cwd=Path(__file__).parents[2],
        env={"PATH": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "1 skipped, 1 deselected" in done.stdout) == (0, True), done.stdout + done.stderr
    assert f"1 left out: {missing.PROMETHEUS}" in done.stdout


@pytest.mark.skipif(PROGRAM is None, reason=missing.PROMETHEUS)
def test_the_prometheus_on_the_path_runs() -> None:
    assert PROGRAM is not None
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout + done.stderr).startswith("prometheus, version ")
