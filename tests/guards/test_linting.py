"""The rules that keep out what has broken loops, errors and dates elsewhere: each is switched on."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = {
    "api -> rollout -> analysis": ("analysis/checks.py", "import rollout.models.kinds"),
    "the sandbox stands alone": ("sandbox/settings.py", "import analysis.checks"),
    "nothing but the demo knows the sandbox": ("rollout/live.py", "import sandbox.settings"),
    "nothing knows the control plane of the tests, nor the bench": ("sandbox/settings.py", "import controlplane.audit"),
    "the control plane of the tests knows nothing of what is tested on it": (
        "controlplane/audit.py",
        "import analysis.checks",
    ),
    "nothing imports the composition roots": ("rollout/cli/app.py", "import rollout.cli.controller"),
    "inside rollout: the loop, then the cluster, then decisions, routers and words": (
        "rollout/kube/queue.py",
        "import rollout.controller",
    ),
    "decisions, models and routers are pure: no loop, no client, no clock, no logger": (
        "rollout/core/decide.py",
        "import structlog",
    ),
}


def findings(code: str, path: str) -> set[str]:
    """The rules by which ruff refuses this code at this place of the project."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "json", "--stdin-filename", path]
    ran = subprocess.run([*command, "-"], input=code, cwd=ROOT, capture_output=True, text=True, check=False)
    return {each["code"] for each in json.loads(ran.stdout)}


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("ASYNC251", "time.sleep(1)"),
        ("ASYNC210", "requests.get('http://prometheus', timeout=1)"),
        ("ASYNC221", "subprocess.run(['kubectl'])"),
        ("ASYNC230", "open('file')"),
        ("RUF006", "asyncio.create_task(beat())"),
        ("S113", "requests.get('http://prometheus')"),
        ("DTZ005", "datetime.now()"),
        ("DTZ003", "datetime.utcnow()"),
        ("DTZ006", "datetime.fromtimestamp(0)"),
        ("DTZ001", "datetime(2026, 11, 21)"),
        ("BLE001", "try:\n        beat()\n    except Exception:\n        return"),
        ("S110", "try:\n        beat()\n    except Exception:\n        pass"),
    ],
)
@pytest.mark.parametrize("package", ["rollout/kube", "analysis", "api"])
def test_what_stops_a_loop_or_hides_a_failure_is_refused(rule: str, line: str, package: str) -> None:
    imports = "import asyncio\nimport subprocess\nimport time\nfrom datetime import datetime\n\nimport requests\n"
    assert rule in findings(f"{imports}\n\nasync def beat() -> None:\n    {line}\n", f"{package}/made_up.py")


@pytest.mark.parametrize(
    "line", ["import time", "import random", "from datetime import datetime\n\ndatetime.now(None)"]
)
@pytest.mark.parametrize("package", ["core", "models", "traffic"])
def test_a_decision_that_looks_at_a_clock_or_throws_dice_is_refused(line: str, package: str) -> None:
    assert "TID251" in findings(f"{line}\n", f"rollout/{package}/made_up.py")


def test_an_import_against_each_of_the_contracts_is_refused(tmp_path: Path) -> None:
    for part in ("rollout", "api", "analysis", "sandbox", "controlplane", "bench"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, line in CONTRACTS.values():
        with (tmp_path / file).open("a") as code:
            code.write(f"\n{line}\n")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    ran = subprocess.run([*command, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    judged = (line.partition(" BROKEN") for line in ran.stdout.splitlines())
    assert {name for name, broken, _ in judged if broken} == set(CONTRACTS)
