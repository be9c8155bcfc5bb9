import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rollout.cli.app import app
from rollout.cli.exits import EPILOG, Code

GOOD = """\
apiVersion: progressive.delivery/v1alpha1
kind: Rollout
metadata: {name: shop, namespace: store}
spec:
  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: shop}
  strategy: {canary: {steps: [{weight: 5}, {weight: 50}]}}
"""


def lint(*files: str, stdin: str | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["lint", *files], input=stdin)
    return result.exit_code, result.stdout, result.stderr


def test_lint_says_so_when_there_is_nothing_to_say(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(GOOD)
    assert lint(str(file)) == (0, "No problems in 1 file.\n", "")
    assert lint(str(file), "-", stdin=GOOD) == (0, "No problems in 2 files.\n", "")


def test_lint_says_so_when_there_is_nothing_of_ours() -> None:
    said = "Nothing to check in 1 file: no Rollout, no template of checks.\n"
    assert [lint("-", stdin=text) for text in ("", "---\n", "kind: Deployment\n")] == 3 * [(0, said, "")]


def test_lint_tells_each_problem_with_its_place_and_leaves_with_1() -> None:
    code, out, err = lint("-", stdin=GOOD.replace("weight: 5}", "weigth: 5}"))
    assert (code, err, out.startswith("stdin:6:")) == (1, "", True)
    assert "weigth" in out


def test_lint_reads_the_files_there_are_and_names_the_others(tmp_path: Path) -> None:
    file, binary, gone = tmp_path / "shop.yaml", tmp_path / "binary", tmp_path / "gone.yaml"
    file.write_text(GOOD)
    binary.write_bytes(b"\xff\xfe")
    assert lint(str(gone), str(binary), str(tmp_path), str(file)) == (
        1,
        "No problems in 1 file.\n",
        f"rollout: cannot read {gone}: No such file or directory\n"
        f"rollout: cannot read {binary}: it is not UTF-8 text\n"
        f"rollout: cannot read {tmp_path}: Is a directory\n",
    )


def test_help_documents_every_exit_code_and_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout
    assert EPILOG in shown
    assert [code for code in Code if f" {int(code)} " not in EPILOG] == []
    commands = {"list", "get", "watch", "promote", "abort", "pause", "resume", "retry", "undo", "restart", "lint"}
    assert {
        line.split()[1] for line in shown.splitlines() if line.startswith("│ ") and len(line.split()) > 1
    } >= commands


@pytest.mark.parametrize("args", [["--help"], ["lint", "-"], ["list", "--help"], ["controller-of-nothing"]])
def test_no_light_command_waits_for_what_the_heavy_ones_need(args: list[str]) -> None:
    script = (
        "import sys\n"
        f"sys.argv = ['rollout', *{args!r}]\n"
        "from rollout.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'fastapi', 'uvicorn', 'kubernetes', 'aiohttp', 'sandbox', 'api', 'prometheus_api_client'}\n"
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], input=b"", capture_output=True, check=False)
    assert (run.returncode, run.stderr if args[0] != "controller-of-nothing" else b"") == (0, b"")


def test_help_names_the_demo_and_the_controller_and_no_arguments_are_help() -> None:
    run = subprocess.run([sys.executable, "-m", "rollout"], capture_output=True, check=False, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert all(f" {name} " in run.stdout for name in ("demo", "controller"))


@pytest.mark.parametrize("options", [{"--every": "0s"}, {"--from": "2020-01-01T00:00:00Z"}])
def test_a_past_with_too_many_scrapes_is_refused_before_anything_is_asked(options: dict[str, str]) -> None:
    given = {
        "--prometheus": "http://127.0.0.1:1",
        "--from": "2026-01-01T00:00:00Z",
        "--to": "2026-01-01T01:00:00Z",
        "--canary": "shop-b.*",
        "--stable": "shop-a.*",
        **options,
    }
    words = [word for pair in given.items() for word in pair]
    result = CliRunner().invoke(app, ["backtest", "shop.yaml", *words])
    assert result.exit_code == Code.REFUSED
    assert "--every: it has to be the time between two scrapes, with at most 20,000 of them between" in result.stderr
