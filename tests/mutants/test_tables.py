"""The tables of mutants fit the code, and whoever asks for nothing that is there hears of it."""

import ast

import pytest

from tests.mutants.__main__ import MUTANTS, main
from tests.mutants.machine import ROOT
from tests.mutants.mutant import Mutant
from tests.simulation.days import DAYS, DEATHS


@pytest.mark.parametrize("mutant", [pytest.param(each, id=f"{each.file}: {each.told}") for each in MUTANTS])
def test_what_a_mutant_breaks_is_there(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert mutant.before in text
    broken = text.replace(mutant.before, mutant.after, 1)
    assert broken != text
    if mutant.file.endswith(".py"):
        ast.parse(broken)  # else anything would notice


@pytest.mark.parametrize("mutant", [pytest.param(each, id=f"{each.file}: {each.told}") for each in MUTANTS])
def test_who_has_to_notice_is_one_day_of_the_simulation_or_tests_that_are_there(mutant: Mutant) -> None:
    assert bool(mutant.day) != bool(mutant.tests)
    if mutant.day:
        assert mutant.day in DAYS | DEATHS
    else:
        assert (ROOT / mutant.tests.split()[0]).exists()


def test_a_word_that_no_mutant_mentions_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no such word"]) == 2
    said = f"No mutant to try in rows 1 to {len(MUTANTS)} that mentions any of: no such word.\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("rows", ["0-3", "9-3", "1-9999", "x", ""])
def test_rows_that_are_not_there_are_told(rows: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--rows", rows])
    assert f"write FIRST-LAST, from 1 to {len(MUTANTS)}, such as 1-6" in capsys.readouterr().err
