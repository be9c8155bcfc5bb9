"""The machine tells who noticed, and says so where nothing could be tried."""

from pathlib import Path

import pytest

from tests.mutants.machine import Machine, Verdict
from tests.mutants.mutant import Mutant


@pytest.mark.parametrize(
    ("before", "after", "tests", "verdict"),
    [
        ("return 2", "return 3", "test_two.py", Verdict("killed", "test_two.py::test_two")),
        ("return 2", "return (", "test_two.py", Verdict("killed", "test_two.py")),
        ("return 2", "return  2", "test_two.py", Verdict("survived")),
        ("return 2", "return 3", "test_two.py -k nothing", Verdict("red", "pytest ends with 5")),
        ("return 4", "return 3", "test_two.py", Verdict("outdated")),
    ],
)
def test_a_mutant_is_tried_and_taken_back(
    tmp_path: Path, before: str, after: str, tests: str, verdict: Verdict
) -> None:
    text = "def two():\n    return 2\n"
    (tmp_path / "two.py").write_text(text)
    (tmp_path / "test_two.py").write_text("from two import two\n\n\ndef test_two():\n    assert two() == 2\n")
    mutant = Mutant("two.py", before, after, tests=tests)
    assert Machine(tmp_path).verdict(mutant) == verdict
    assert (tmp_path / "two.py").read_text() == text
