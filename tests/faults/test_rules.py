"""Which request suffers a fault is a matter of values, counts and a seeded chance."""

from random import Random
from typing import Any

import pytest

from tests.faults.asked import Asked
from tests.faults.effects import CONFLICT, GONE, CutAfter, Silence
from tests.faults.rules import Match, Rule, Schedule, matching

PATCH = Asked(
    verb="patch",
    method="PATCH",
    target="/apis/x/v1/namespaces/shop/httproutes/shop?fieldManager=us",
    path="/apis/x/v1/namespaces/shop/httproutes/shop",
    plural="httproutes",
    namespace="shop",
    name="shop",
    headers=(("User-Agent", "controller/1"), ("Authorization", "Bearer sesame")),
    body=b'[{"weight": 50}]',
)
WATCH = Asked(verb="watch", method="GET", target="/api/v1/pods?watch=true", path="/api/v1/pods", plural="pods")


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (Match(), True),
        (matching("patch", "httproutes"), True),
        (matching("create patch"), True),
        (matching("create"), False),
        (matching("", "services"), False),
        (Match(name="shop"), True),
        (Match(name="other"), False),
        (Match(subresource=""), True),
        (Match(subresource="status"), False),
        (Match(path="/apis/x"), True),
        (Match(path="/api/v1"), False),
        (Match(agent="controller"), True),
        (Match(agent="kubectl"), False),
        (Match(token="sesame"), True),
        (Match(token="other"), False),
        (Match(where=lambda asked: b"50" in asked.body), True),
        (Match(where=lambda asked: b"60" in asked.body), False),
    ],
)
def test_a_rule_hits_what_all_its_fields_say(match: Match, expected: bool) -> None:
    schedule = Schedule(Random(0))
    schedule.rules = (Rule(match, CONFLICT),)
    assert schedule.effect_on(PATCH) == (CONFLICT if expected else None)


def effects(schedule: Schedule, count: int, asked: Asked = PATCH) -> list[Any]:
    return [schedule.effect_on(asked) for _ in range(count)]


def test_a_rule_may_hit_the_second_to_the_third_matching_request_only() -> None:
    schedule = Schedule(Random(0))
    schedule.rules = (Rule(matching("patch", first=2, last=3), CONFLICT),)
    assert schedule.effect_on(WATCH) is None
    assert effects(schedule, 4) == [None, CONFLICT, CONFLICT, None]


def test_the_first_rule_that_fits_is_the_one_suffered() -> None:
    schedule = Schedule(Random(0))
    schedule.rules = (Rule(matching("patch", last=1), CONFLICT), Rule(Match(), GONE))
    assert effects(schedule, 2) == [CONFLICT, GONE]


def test_a_rule_that_stays_counts_on_and_one_that_is_set_anew_begins_again() -> None:
    schedule = Schedule(Random(0))
    rule = Rule(matching(last=1), CONFLICT)
    schedule.rules = (rule,)
    assert effects(schedule, 1) == [CONFLICT]
    schedule.rules = (rule, Rule(Match(), CutAfter()))
    assert effects(schedule, 1) == [CutAfter()]
    schedule.rules = ()
    schedule.rules = (rule,)
    assert effects(schedule, 1) == [CONFLICT]


def test_a_chance_is_the_seeds() -> None:
    def hits(seed: int) -> list[bool]:
        schedule = Schedule(Random(seed))
        schedule.rules = (Rule(Match(probability=0.3), CONFLICT),)
        return [effect is not None for effect in effects(schedule, 200)]

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert 40 < sum(hits(1)) < 80


def test_what_is_done_to_a_stream_hits_watches_only() -> None:
    schedule = Schedule(Random(0))
    schedule.rules = (Rule(Match(), Silence()),)
    assert (schedule.effect_on(PATCH), schedule.effect_on(WATCH)) == (None, Silence())
