import math

import pytest

from analysis.judge import Evidence, Rule, begun, ratio_evidence
from analysis.judge.advancing import ln_advance
from analysis.judge.scale import ln_mean, mean
from tests.analysis.judge.tables import ABORTING, ADVANCING, ALONE, TABLES, Row

STRICT = Rule(tolerance=1.2, ceiling=0.01)


def assert_printed(printed: str, value: float):
    """Equal in every digit that is printed."""
    digits = len(printed.partition(".")[2])
    assert value == pytest.approx(float(printed), abs=0.5001 * 10**-digits)


def assert_row(row: Row, evidence: Evidence):
    assert_printed(row.votes, mean(evidence.votes))
    assert_printed(row.fast, ln_mean(evidence.fast))
    assert_printed(row.ceiling, ln_mean(evidence.ceiling))
    assert_printed(row.e_value, evidence.e_value)
    assert_printed(row.key, evidence.key)


@pytest.mark.parametrize("name", TABLES)
def test_every_block_says_what_it_is_to_say(name: str):
    evidence = begun(STRICT)
    for row in TABLES[name]:
        evidence = evidence.after(row.block)
        assert_row(row, evidence)


@pytest.mark.parametrize("name", TABLES)
def test_the_block_that_aborts_is_the_one_that_is_to_abort(name: str):
    found = ratio_evidence([row.block for row in TABLES[name]], tolerance=1.2, alpha=0.01, ceiling=0.01)
    assert found.abort_block == ABORTING[name]


@pytest.mark.parametrize("row", ALONE)
def test_a_block_with_very_many_bad_requests_says_little(row: Row):
    assert_row(row, begun(Rule(ceiling=0.05)).after(row.block))


def test_the_evidence_for_advancing_where_pods_do_not_differ():
    evidence = begun(STRICT)
    for row, printed in zip(TABLES["G1"], ADVANCING, strict=True):
        evidence = evidence.after(row.block)
        assert_printed(printed, ln_advance(evidence.advancing, 1.0))
        assert evidence.advance_value == pytest.approx(math.exp(float(printed)), abs=1)
