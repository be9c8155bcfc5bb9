import json

import pytest

from analysis.judge import Block, Rule, Tail, begun
from tests.analysis.judge.tables import a_block

RULE = Rule()
SAME = [a_block([(100, 50)], [(900, 450)]), a_block([(100, 5)], [(900, 45)]), a_block([(100, 1)], [(900, 9)])]
SLOWER = [a_block([(100, 55)], [(900, 450)]), a_block([(100, 30)], [(900, 45)]), a_block([(100, 5)], [(900, 9)])]


def gathered(blocks: list[Block], number: int) -> Tail:
    tail = Tail.begun(RULE, len(blocks))
    for _ in range(number):
        tail = tail.after(blocks)
    return tail


def test_the_evidence_is_the_mean_of_that_at_the_bounds():
    tail = gathered(SLOWER, 4)
    assert tail.e_value == pytest.approx(sum(each.e_value for each in tail.bounds) / 3)


def test_the_key_and_the_counts_are_those_of_the_bound_that_speaks_most():
    tail = gathered(SLOWER, 4)
    assert tail.worst is tail.bounds[1]
    assert tail.key == tail.bounds[1].key
    assert (tail.canary_bad, tail.canary_requests, tail.stable_bad, tail.stable_requests) == (120, 400, 180, 3600)
    assert tail.ratio() == pytest.approx(6)
    assert tail.interval() == tail.bounds[1].interval()


def test_a_slower_canary_is_taken_back_and_an_equal_one_is_not():
    assert gathered(SLOWER, 20).aborts
    assert not gathered(SAME, 200).aborts


def test_advancing_needs_every_bound():
    tail = gathered(SAME, 40)
    assert tail.advance_value == min(each.advance_value for each in tail.bounds)
    assert tail.advances == all(each.advances for each in tail.bounds)
    assert tail.bounds[0].advances
    assert not gathered(SAME, 1).advances


def test_no_ceiling_is_bet_on_since_half_of_all_requests_are_above_the_median():
    tail = gathered([a_block([(100, 50)], [(0, 0)])], 50)
    assert tail.e_value <= 1


def test_another_number_of_bounds_is_refused():
    with pytest.raises(ValueError, match="zip"):
        Tail.begun(RULE, 3).after(SAME[:2])
    with pytest.raises(ValueError, match="at least one bound"):
        Tail.begun(RULE, 0)


def test_what_is_remembered_goes_on_exactly():
    tail = gathered(SLOWER, 7)
    resumed = Tail.load(RULE, json.loads(json.dumps(tail.dump())))
    assert resumed == tail
    assert resumed.after(SAME).e_value == tail.after(SAME).e_value


@pytest.mark.parametrize("garbage", [None, {}, {"bounds": []}, {"bounds": "abc"}, {"bounds": [{}]}, begun(RULE).dump()])
def test_garbage_is_not_loaded(garbage: object):
    with pytest.raises(ValueError, match="remembered"):
        Tail.load(RULE, garbage)
