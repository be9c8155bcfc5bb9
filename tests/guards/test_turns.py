import asyncio
import subprocess
import sys
import time
from pathlib import Path

from analysis.sources.shared import Shared
from tests.guards import turns
from tests.guards.turns import measured


async def in_a_task_of_ours(seconds: float, *, block: bool) -> list[str]:
    """What is said about a turn, of a task that is not a test's, that waits so long."""

    async def ask(_key: str) -> None:
        if block:
            time.sleep(seconds)  # noqa: ASYNC251 (the sin itself)
        else:
            await asyncio.sleep(seconds)

    with measured() as found:
        async with asyncio.TaskGroup() as group:
            group.create_task(Shared(ask).get("question", fresh=0))
    return found.too_long


async def test_a_call_that_blocks_the_loop_is_found() -> None:
    (said,) = await in_a_task_of_ours(turns.ASLEEP + 0.1, block=True)
    assert "analysis/sources/shared.py:get" in said


async def test_waiting_as_the_loop_wants_it_is_fine() -> None:
    assert await in_a_task_of_ours(turns.ASLEEP + 0.1, block=False) == []


def test_a_test_in_which_the_loop_was_blocked_fails(tmp_path: Path) -> None:
    file = tmp_path / "test_blocking.py"
    file.write_text(f"import time\n\nasync def test_it() -> None:\n    time.sleep({turns.ASLEEP + 0.1})\n")
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "pytest", "-q", "-c", f"{root}/pyproject.toml", "--rootdir", str(root)]
    ran = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-p", "tests.conftest", str(file)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, "in one turn of the loop" in ran.stdout) == (1, True), ran.stdout
