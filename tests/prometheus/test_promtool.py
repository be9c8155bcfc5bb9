"""What Prometheus' own tool thinks of what the sandbox makes."""

import json
import subprocess
from pathlib import Path
from shutil import which

import pytest

from sandbox.prometheus import configuration, targets
from sandbox.shop import Metrics
from tests import missing
from tests.sandbox.test_prometheus import a_pod

PROMTOOL = which("promtool")

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason=missing.PROMETHEUS)


def promtool(*arguments: str, text: str = "") -> str:
    """What it says of them; fails where it finds a fault."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *arguments], input=text, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_configuration_of_the_sandboxs_prometheus_is_valid(tmp_path: Path) -> None:
    pods = tmp_path / "pods.json"
    pods.write_text(json.dumps(targets([a_pod()])))
    file = tmp_path / "prometheus.json"
    file.write_text(json.dumps(configuration(pods, "http://127.0.0.1:9/stats/prometheus", interval=2.5)))
    assert "is valid prometheus config file syntax" in promtool("check", "config", str(file))


def test_what_a_pod_of_the_demo_shows_can_be_read() -> None:
    metrics = Metrics()
    metrics.observe("GET", 200, seconds=0.02)
    metrics.observe("GET", 500, seconds=3)
    helps = [f"# HELP {name} Said for the tool.\n" for name in ("requests_total", "request_duration_seconds")]
    assert promtool("check", "metrics", text="".join(helps) + metrics.text()) == ""
