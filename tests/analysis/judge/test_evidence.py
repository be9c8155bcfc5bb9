import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.judge import Block, Evidence, Rule, begun, ratio_evidence
from tests.analysis.judge.tables import a_block

RULE = Rule(ceiling=0.01)


@st.composite
def counts(draw: st.DrawFn, most: float = 1e9) -> tuple[float, float]:
    requests = draw(st.one_of(st.integers(0, 200), st.floats(0, most), st.sampled_from([0, 1, 1e9])))
    bad = draw(st.one_of(st.just(0), st.integers(0, 3), st.just(requests), st.floats(0, most)))
    return requests, min(bad, requests)


def sides() -> st.SearchStrategy[dict[str, tuple[float, float]]]:
    return st.dictionaries(st.sampled_from(["a", "b", "c"]), counts(), max_size=3)


blocks = st.builds(Block, canary=sides(), stable=sides())
rules = st.builds(
    Rule,
    tolerance=st.sampled_from([1.0, 1.2, 2.0]),
    ceiling=st.sampled_from([1e-9, 0.01, 1.0]),
    weight=st.sampled_from([1e-6, 0.25, 1.0]),
    spread=st.sampled_from([0.0, 0.2, 10.0]),
)


def figures(evidence: Evidence) -> tuple[object, ...]:
    return (
        evidence.e_value,
        evidence.key,
        evidence.advance_value,
        evidence.aborts,
        evidence.advances,
        evidence.ratio(),
        evidence.interval(),
        evidence.canary_requests,
        evidence.canary_bad,
        evidence.stable_requests,
        evidence.stable_bad,
    )


def gathered(rule: Rule, given_blocks: list[Block]) -> Evidence:
    evidence = begun(rule)
    for block in given_blocks:
        evidence = evidence.after(block)
    return evidence


def assert_sane(evidence: Evidence):
    assert 0 <= evidence.e_value < math.inf
    assert 1 <= evidence.key < math.inf
    assert 0 <= evidence.advance_value < math.inf
    ratio, (low, high) = evidence.ratio(), evidence.interval()
    assert ratio is None or 0 <= ratio < math.inf
    assert 0 <= low < high


@given(rules, st.lists(blocks, max_size=8))
def test_whatever_was_counted_the_evidence_is_finite_and_sane(rule: Rule, given_blocks: list[Block]):
    assert_sane(gathered(rule, given_blocks))


@given(rules, st.lists(blocks, max_size=8), st.integers(0, 8))
def test_what_is_remembered_at_any_cut_goes_on_exactly(rule: Rule, given_blocks: list[Block], cut: int):
    written = json.dumps(gathered(rule, given_blocks[:cut]).dump())
    resumed = Evidence.load(rule, json.loads(written))
    assert json.dumps(resumed.dump()) == written
    for block in given_blocks[cut:]:
        resumed = resumed.after(block)
    assert figures(resumed) == figures(gathered(rule, given_blocks))


@given(st.lists(blocks, max_size=8))
def test_all_blocks_at_once_say_the_same_as_one_after_the_other(given_blocks: list[Block]):
    whole = ratio_evidence(given_blocks, ceiling=0.01)
    seen = [gathered(RULE, given_blocks[: place + 1]) for place in range(len(given_blocks))]
    assert whole.e_values == tuple(each.e_value for each in seen)
    assert whole.keys == tuple(each.key for each in seen)
    assert whole.advance_values == tuple(each.advance_value for each in seen)
    assert whole.abort_block == next((place for place, each in enumerate(seen) if each.aborts), None)
    assert whole.advance_block == next((place for place, each in enumerate(seen) if each.advances), None)
    assert figures(whole.final) == figures(gathered(RULE, given_blocks))


def test_before_the_first_block_nothing_is_known():
    new = begun(RULE)
    assert figures(new) == (1.0, 1.0, 1.0, False, False, None, (0.0, math.inf), 0, 0, 0, 0)


@pytest.mark.parametrize(
    "block",
    [
        Block({}, {}),
        Block({"a": (0, 0)}, {"x": (0, 0)}),
        Block({}, {"x": (100, 100)}),
        Block({"a": (0, 0)}, {"x": (100, 5)}),
    ],
)
def test_without_requests_on_the_canary_nothing_speaks_for_or_against_it(block: Block):
    assert gathered(RULE, [block] * 500).e_value == 1.0


def test_where_all_traffic_goes_to_the_canary_only_the_ceiling_speaks():
    good, bad = gathered(RULE, [Block({"a": (100, 0)}, {})] * 50), gathered(RULE, [Block({"a": (100, 9)}, {})] * 50)
    assert good.e_value == pytest.approx(0.9, abs=0.01)
    assert bad.e_value > 1e6
    assert bad.aborts
    assert (good.key, good.aborts) == (1, False)


def test_beside_nothing_an_excess_that_equal_pods_could_have_does_not_abort():
    uneven = [Block({"a": (100, 9), "b": (100, 0), "c": (100, 0)}, {})] * 10
    assert gathered(RULE, uneven).e_value > 100
    assert not gathered(RULE, uneven).aborts


def test_when_everything_fails_for_ever_the_numbers_stay_finite_and_the_verdict_stands():
    evidence = gathered(RULE, [Block({"a": (1e9, 1e9)}, {"x": (1e9, 0)})] * 2000)
    assert evidence.aborts
    assert evidence.e_value == pytest.approx(math.exp(600))
    assert 30 <= evidence.key <= math.exp(600)
    assert_sane(evidence)


def test_the_key_stays_finite_where_many_pods_agree():
    evidence = gathered(Rule(spread=0.0), [a_block([(1e6, 1e6)], [(1e6, 10)] * 200)] * 3)
    assert evidence.key == pytest.approx(math.exp(600))


def test_advancing_takes_one_over_beta():
    evidence = begun(RULE)
    while not evidence.advances:
        before, evidence = evidence, evidence.after(a_block([(500, 2)], [(500, 2)]))
    assert before.advance_value < 20 <= evidence.advance_value < 100


def test_what_pods_differ_by_weakens_the_evidence_for_advancing_as_well():
    unequal = [(100, 20)] + [(100, 0)] * 9
    evidence = gathered(RULE, [a_block([(1000, 20)], unequal)] * 4)
    square, freedom, due = 80 * 9, 9, 4 * 40 * 1.2 / 2.2
    found = (square + 3) / (freedom + 3) - 1
    dispersion = 1 + 3 * found * (1 + 1 / 10) * (1 - due / 160)
    plain = sum(map(math.exp, evidence.advancing)) / 6
    assert evidence.advance_value == pytest.approx(sum(math.exp(each / dispersion) for each in evidence.advancing) / 6)
    assert evidence.advance_value < plain


def test_a_part_of_a_bad_request_that_is_next_to_nothing_keeps_the_ratio_finite():
    assert_sane(gathered(RULE, [Block({"a": (2, 1)}, {"x": (1, 5e-324)})]))


def test_when_both_sides_fail_completely_nothing_is_the_canarys_fault():
    evidence = gathered(RULE, [Block({"a": (100, 100)}, {"x": (900, 900)})] * 200)
    assert evidence.e_value < 1
    assert not evidence.aborts


def test_the_size_of_what_is_remembered_does_not_grow_with_the_blocks():
    def size(number: int) -> int:
        return len(json.dumps(gathered(RULE, [Block({"a": (50, 1)}, {"x": (950, 4)})] * number).dump()))

    assert size(2000) <= size(20)


def test_a_pod_that_is_gone_stays_counted_and_one_that_comes_is_added():
    evidence = gathered(RULE, [Block({"a": (50, 1)}, {"x": (10, 1)}), Block({"b": (50, 0)}, {"y": (5, 0)})])
    assert (evidence.canary_requests, evidence.canary_bad) == (100, 1)
    assert (evidence.stable_requests, evidence.stable_bad) == (15, 1)
    assert set(evidence.stable.pods) == {"x", "y"}


def test_the_ratio_is_that_of_the_rates():
    assert gathered(RULE, [a_block([(50, 1)], [(950, 4)])] * 3).ratio() == pytest.approx(4.75)
    assert gathered(RULE, [a_block([(50, 0)], [(950, 4)])]).ratio() == 0
    assert gathered(RULE, [a_block([(50, 3)], [(950, 0)])]).ratio() is None


def test_an_incident_on_both_sides_while_the_share_is_small_does_not_make_the_canary_look_better():
    incident, later = a_block([(50, 10)], [(950, 190)]), a_block([(500, 5)], [(500, 5)])
    assert gathered(RULE, [incident, later, later]).ratio() == pytest.approx(1)


def test_pods_that_differ_much_raise_what_is_asked_of_the_canary():
    stable = [(100, 2)] * 10
    unequal = [(100, 20 if place == 0 else 0) for place in range(10)]
    one, other = (gathered(RULE, [a_block([(100, 10)], pods)] * 6) for pods in (stable, unequal))
    assert one.e_value == other.e_value
    assert one.aborts
    assert other.key < one.key
    assert not other.aborts


def test_a_side_with_one_reporter_each_has_to_be_clearer_than_one_with_many():
    few = gathered(RULE, [a_block([(100, 6)], [(1000, 20)])] * 3)
    many = gathered(RULE, [a_block([(100, 6)], [(100, 2)] * 10)] * 3)
    assert few.key < many.key


def test_a_check_with_a_small_part_of_the_budget_is_held_back_later():
    blocks = [a_block([(5, 1)], [(95, 0)])] * 12
    whole, part = (gathered(Rule(ceiling=1.0, weight=weight), blocks) for weight in (1.0, 0.1))
    assert whole.e_value < part.e_value


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ((10, 11), "canary 'a': 11 bad of 10 requests: there cannot be more bad requests than requests"),
        ((-1, -1), "canary 'a': -1 bad of -1 requests: counts are numbers from 0 to 1e+15"),
        ((10, -1), "canary 'a': -1 bad of 10 requests: counts are numbers from 0 to 1e+15"),
        ((math.nan, 0), "canary 'a': 0 bad of nan requests: counts are numbers from 0 to 1e+15"),
        ((10, math.nan), "canary 'a': nan bad of 10 requests: counts are numbers from 0 to 1e+15"),
        ((math.inf, 0), "canary 'a': 0 bad of inf requests: counts are numbers from 0 to 1e+15"),
    ],
)
def test_counts_that_cannot_be_are_refused_by_name(counted: tuple[float, float], said: str):
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        Block({"a": counted}, {})


def test_the_stable_side_is_named_too():
    with pytest.raises(ValueError, match="stable 'x': 2 bad of 1 requests"):
        Block({"a": (1, 0)}, {"x": (1, 2)})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tolerance", 0.9),
        ("not_worse_than", 1.1),
        ("ceiling", 0),
        ("ceiling", 1.5),
        ("alpha", 0),
        ("beta", 1),
        ("weight", 0),
        ("weight", 1.01),
        ("spread", -0.1),
        ("spread", math.nan),
        ("tolerance", math.inf),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name_with_a_remedy(name: str, value: float):
    with pytest.raises(ValueError, match=rf"^{name} must be from .* to .*, not .*: \w+"):
        Rule(**{name: value})


def remembered() -> dict[str, object]:
    return json.loads(json.dumps(gathered(RULE, [a_block([(50, 1)], [(950, 4)])]).dump()))


@pytest.mark.parametrize("name", sorted(begun(RULE).dump()))
@pytest.mark.parametrize(
    "garbage", [None, 7, "x", [], [1, 2, 3, 4], [None] * 7, {"sums": [1, 2]}, {"sums": [1, 2], "pods": 3}]
)
def test_garbage_is_not_loaded(name: str, garbage: object):
    with pytest.raises(ValueError, match="remembered"):
        Evidence.load(RULE, {**remembered(), name: garbage})


@pytest.mark.parametrize("garbage", [None, 3, "x", [], {}])
def test_what_is_no_evidence_at_all_is_not_loaded(garbage: object):
    with pytest.raises(ValueError, match="remembered"):
        Evidence.load(RULE, garbage)


@pytest.mark.parametrize(
    "changed",
    [
        {"votes": [0, 0, 0, 0, 0, 0, math.nan]},
        {"votes": [0, 0, 0, 0, 0, 0, True]},
        {"ranges": {**remembered()["ranges"], "first": 72}},
        {"ranges": {**remembered()["ranges"], "first": -1}},
        {"ranges": {**remembered()["ranges"], "higher": [1.0, 1.0]}},
        {"ranges": {**remembered()["ranges"], "higher": [1.0, 1.0, 1.0]}},
        {"ranges": {**remembered()["ranges"], "pool": [3, 0]}},
        {"canary": {"sums": [10, 11], "pods": {}}},
        {"canary": {"sums": [10, 1], "pods": {"a": [1, 2]}}},
    ],
)
def test_what_cannot_have_been_remembered_is_not_loaded(changed: dict[str, object]):
    with pytest.raises(ValueError, match=r"remembered|bad of"):
        Evidence.load(RULE, {**remembered(), **changed})
