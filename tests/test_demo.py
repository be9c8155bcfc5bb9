"""The demo from start to end on real parts, as a newcomer runs it, and the controller killed in the middle of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


def test_a_good_release_is_promoted_a_bad_one_is_taken_back_and_no_request_is_lost(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "rollout", "demo", "--headless", "--report", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(report.read_text())
    good, bad = found["releases"]
    assert (good["revision"], good["outcome"], good["lost"]) == ("v2", "promoted", 0)
    assert [step["weight"] for step in good["steps"]] == [10, 30, 60, 100]
    assert good["failed"] == {"stable": 0, "canary": 0}
    assert (bad["revision"], bad["outcome"], bad["lost"]) == ("v3", "aborted", 0)
    assert bad["failed"]["stable"] == 0
    assert bad["failed"]["canary"] > 0
    assert bad["scrape_to_zero_seconds"] <= 2
    assert found["api_requests"]["per_step"]["reads"] == 0
    assert found["api_requests"]["per_step"]["writes"] <= 5
    assert found["api_requests"]["at_rest_per_minute"] == 0
