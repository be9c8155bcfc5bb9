"""Whether there is a Prometheus at all: the one line that stands for this folder where there is none."""

import subprocess

import pytest

from tests.prometheus.server import PROGRAM


@pytest.mark.skipif(
    PROGRAM is None,
    reason="Prometheus is not on the PATH, so the tests in tests/prometheus are left out;"
    " install it to have them (Debian: apt-get install prometheus)",
)
def test_the_prometheus_on_the_path_runs() -> None:
    assert PROGRAM is not None
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout + done.stderr).startswith("prometheus, version ")
