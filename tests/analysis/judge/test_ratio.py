import doctest

from analysis.judge import Block, ratio, ratio_evidence


def test_the_example_in_the_documentation_is_true():
    found = doctest.testmod(ratio)
    assert found.attempted >= 6
    assert not found.failed


def test_without_blocks_there_is_nothing_to_say():
    nothing = ratio_evidence([])
    assert (nothing.e_values, nothing.keys, nothing.advance_values) == ((), (), ())
    assert nothing.abort_block is None
    assert nothing.advance_block is None


def test_blocks_may_come_from_a_generator():
    block = Block(canary={"": (50, 5)}, stable={"": (950, 5)})
    assert ratio_evidence(block for _ in range(5)) == ratio_evidence([block] * 5)
