import json
from typing import Any

import pytest

from rollout.models.kinds import Manifest
from rollout.models.rollout import ORIGINAL
from rollout.models.split import Backend, Split
from rollout.traffic.gateway import GatewayRouter
from tests.traffic.routes import CART, HEADER, SHOP, STRIP, a_ref, a_route, a_rule, refs_in, weights_in

ROUTER = GatewayRouter(kind="HTTPRoute")


def shifted(*refs: dict[str, Any], to: float) -> list[dict[str, Any]]:
    return refs_in(ROUTER.shift(a_route(a_rule(*refs)), (SHOP,), Split.at(to)))


def without_annotation(route: Manifest) -> Manifest:
    return {**route, "metadata": {**route["metadata"], "annotations": {}}}


@pytest.mark.parametrize(
    ("weight", "expected"),
    [(0, (100, 0)), (10, (90, 10)), (50, (50, 50)), (2.5, (975, 25)), (99.9, (1, 999)), (100, (0, 100))],
)
def test_a_service_alone_in_its_rule_gets_plain_per_cents(weight: float, expected: tuple[int, int]) -> None:
    stable, canary = expected
    assert shifted(a_ref("shop"), to=weight) == [a_ref("shop", weight=stable), a_ref("shop-canary", weight=canary)]


def test_siblings_are_scaled_with_the_service() -> None:
    assert shifted(a_ref("shop", weight=3), a_ref("legacy"), to=10) == [
        a_ref("shop", weight=270),
        a_ref("shop-canary", weight=30),
        a_ref("legacy", weight=100),
    ]


def test_weights_with_a_common_divisor_stay_small() -> None:
    assert shifted(a_ref("shop", weight=90_000), a_ref("legacy", weight=10_000), to=10) == [
        a_ref("shop", weight=810),
        a_ref("shop-canary", weight=90),
        a_ref("legacy", weight=100),
    ]


def test_weights_that_would_exceed_the_limit_are_scaled_as_far_as_it_allows() -> None:
    assert shifted(a_ref("shop", weight=1000), a_ref("legacy", weight=333_333), to=0.1) == [
        a_ref("shop", weight=2997),
        a_ref("shop-canary", weight=3),
        a_ref("legacy", weight=999_999),
    ]


def test_a_sibling_without_weight_of_its_own_keeps_having_none() -> None:
    assert shifted(a_ref("shop", weight=7), a_ref("legacy", weight=0), to=10) == [
        a_ref("shop", weight=90),
        a_ref("shop-canary", weight=10),
        a_ref("legacy", weight=0),
    ]


def test_a_service_with_weight_0_stays_out_of_it() -> None:
    assert shifted(a_ref("shop", weight=0), a_ref("legacy", weight=5), to=10) == [
        a_ref("shop", weight=0),
        a_ref("shop-canary", weight=0),
        a_ref("legacy", weight=5),
    ]


def test_the_same_service_twice_makes_two_pairs() -> None:
    one, other = a_ref("shop", filters=[HEADER]), a_ref("shop", weight=3, port=81)
    assert shifted(one, other, to=50) == [
        a_ref("shop", weight=50, filters=[HEADER]),
        a_ref("shop-canary", weight=50, filters=[HEADER]),
        a_ref("shop", weight=150, port=81),
        a_ref("shop-canary", weight=150, port=81),
    ]


def test_a_declared_pair_keeps_both_refs_wherever_they_stand() -> None:
    declared = a_route(a_rule(a_ref("shop-canary", weight=0), a_ref("legacy", weight=2), a_ref("shop", weight=2)))
    route = ROUTER.shift(declared, (SHOP,), Split.at(10))
    assert refs_in(route) == [
        a_ref("shop-canary", weight=10),
        a_ref("legacy", weight=100),
        a_ref("shop", weight=90),
    ]
    assert ROUTER.restore(route) == declared


def test_a_declared_canary_belongs_to_the_stable_side_on_its_port() -> None:
    assert shifted(a_ref("shop"), a_ref("shop-canary", weight=0, port=81), a_ref("shop", port=81), to=10) == [
        a_ref("shop", weight=90),
        a_ref("shop-canary", weight=10),
        a_ref("shop-canary", weight=10, port=81),
        a_ref("shop", weight=90, port=81),
    ]


def test_a_declared_pair_at_rest_is_as_declared() -> None:
    declared = a_route(a_rule(a_ref("shop", weight=100), a_ref("shop-canary", weight=0)))
    assert ROUTER.read(declared, (SHOP,)) is None
    assert ROUTER.restore(declared, (SHOP,)) == declared
    assert ROUTER.restore(declared, (SHOP,)) == declared


def test_a_route_elsewhere_names_the_namespace_in_both_refs() -> None:
    refs = (a_ref("shop", namespace="shop"), a_ref("shop"))
    route = ROUTER.shift(a_route(a_rule(*refs), namespace="edge"), (SHOP,), Split.at(25))
    assert refs_in(route) == [
        a_ref("shop", weight=25 * 3, namespace="shop"),
        a_ref("shop-canary", weight=25, namespace="shop"),
        a_ref("shop", weight=100),
    ]


@pytest.mark.parametrize(
    "ref",
    [a_ref("shop", namespace="other"), a_ref("shop", kind="ServiceImport"), a_ref("shop", group="x"), a_ref("shops")],
)
def test_what_is_not_the_service_is_left_alone(ref: dict[str, Any]) -> None:
    route = a_route(a_rule(ref), a_rule())
    assert ROUTER.shift(route, (SHOP,), Split.at(25)) == route


def test_only_the_named_rules_are_moved() -> None:
    rules = (a_rule(a_ref("shop"), name="a"), a_rule(a_ref("shop")), a_rule(a_ref("shop"), name="b"))
    router = GatewayRouter(kind="HTTPRoute", rules=("b",))
    route = router.shift(a_route(*rules), (SHOP,), Split.at(25))
    assert route["spec"]["rules"] == [*rules[:2], a_rule(a_ref("shop", 75), a_ref("shop-canary", 25), name="b")]


def test_a_pair_in_a_rule_that_is_not_named_is_its_owners_business() -> None:
    theirs = a_rule(a_ref("shop", weight=1), a_ref("shop-canary", weight=1), name="a")
    route = a_route(theirs, a_rule(a_ref("shop"), name="b"))
    router = GatewayRouter(kind="HTTPRoute", rules=("b",))
    shifted = router.shift(route, (SHOP,), Split.at(25))
    assert shifted["spec"]["rules"][0] == theirs
    assert router.read(shifted, (SHOP,)) == Split.at(25)
    assert router.restore(shifted) == route
    assert router.restore(shifted, (SHOP,)) == route
    assert router.restore(route, (SHOP,)) == route


def test_a_pair_of_somebody_elses_services_is_never_ours() -> None:
    route = a_route(a_rule(a_ref("shop")), a_rule(a_ref("cart", weight=9), a_ref("cart-canary", weight=1)))
    assert ROUTER.restore(route, (SHOP,)) == route
    assert ROUTER.restore(route, (SHOP,)) == route
    assert ROUTER.restore(ROUTER.shift(route, (SHOP,), Split.at(10)), (SHOP,)) == route


def test_a_rule_without_room_for_the_canary_stays_with_the_stable_side() -> None:
    full = a_rule(a_ref("shop"), *[a_ref("legacy")] * 15)
    shifted = ROUTER.shift(a_route(a_rule(a_ref("shop")), full), (SHOP,), Split.at(10))
    assert shifted["spec"]["rules"][1] == full
    assert ROUTER.read(shifted, (SHOP,)) == Split.at(10)


def test_several_services_move_together() -> None:
    route = ROUTER.shift(a_route(a_rule(a_ref("shop")), a_rule(a_ref("cart"))), (SHOP, CART), Split.at(25))
    assert weights_in(route, 0) == {"shop": 75, "shop-canary": 25}
    assert weights_in(route, 1) == {"cart": 75, "cart-canary": 25}


def test_the_annotation_says_what_was_declared_and_stays_the_same_for_the_whole_release() -> None:
    route = a_route(a_rule(a_ref("shop"), a_ref("legacy", weight=3), name="web"))
    notes = [
        ROUTER.shift(route, (SHOP,), Split.at(weight))["metadata"]["annotations"][ORIGINAL] for weight in (0, 2.5, 100)
    ]
    assert notes[0] == notes[1] == notes[2]
    assert json.loads(notes[0])[0]["refs"] == [
        {"ref": "/Service/shop/shop", "weight": None, "canary_of": None, "added": False},
        {"ref": "/Service/shop/shop-canary", "weight": None, "canary_of": "/Service/shop/shop", "added": True},
        {"ref": "/Service/shop/legacy", "weight": 3, "canary_of": None, "added": False},
    ]


def test_rules_that_disagree_are_read_as_the_highest_share_of_the_canary() -> None:
    route = a_route(
        a_rule(a_ref("shop", weight=90), a_ref("shop-canary", weight=10)),
        a_rule(a_ref("shop", weight=60), a_ref("shop-canary", weight=40)),
        a_rule(a_ref("shop")),
    )
    assert ROUTER.read(route, (SHOP,)) == Split.at(40)


@pytest.mark.parametrize(
    ("stable", "canary", "expected"),
    [(1_000_000, 1, 0.1), (1, 1_000_000, 99.9), (2, 1, 33.4), (0, 1, 100), (1, 0, 0), (0, 0, 0)],
)
def test_a_share_between_two_tenths_is_never_read_as_nothing_or_everything(
    stable: int, canary: int, expected: float
) -> None:
    route = ROUTER.shift(a_route(a_rule(a_ref("shop"))), (SHOP,), Split.at(0))
    for ref, weight in zip(refs_in(route), (stable, canary), strict=True):
        ref["weight"] = weight
    assert ROUTER.read(route, (SHOP,)) == Split.at(expected)


def test_a_route_that_somebody_reset_reads_as_declared_and_only_loses_the_annotation() -> None:
    declared = a_route(a_rule(a_ref("shop"), a_ref("legacy", weight=3)))
    route = ROUTER.shift(declared, (SHOP,), Split.at(10))
    reset = {**route, "spec": a_route(a_rule(a_ref("shop", weight=2), a_ref("legacy", weight=9)))["spec"]}
    assert ROUTER.read(reset, (SHOP,)) is None
    assert ROUTER.restore(reset) != reset
    assert ROUTER.restore(reset) == {**declared, "spec": reset["spec"]}


def test_a_rule_that_somebody_reset_does_not_keep_the_others_from_being_restored() -> None:
    declared = a_route(a_rule(a_ref("shop"), name="a"), a_rule(a_ref("shop", weight=4), name="b"))
    route = ROUTER.shift(declared, (SHOP,), Split.at(10))
    route["spec"]["rules"][0] = declared["spec"]["rules"][0]
    assert ROUTER.restore(route) == declared


@pytest.mark.parametrize(
    ("one", "other"),
    [({"matches": [{"path": "/a"}]}, {"matches": [{"path": "/b"}]}), ({"name": "a"}, {"name": "b"})],
)
def test_rules_that_changed_places_get_back_their_own_weights(one: dict[str, Any], other: dict[str, Any]) -> None:
    rules = [a_rule(a_ref("shop", weight=2), **one), a_rule(a_ref("shop", weight=3), **other)]
    route = ROUTER.shift(a_route(*rules), (SHOP,), Split.at(10))
    route["spec"]["rules"].reverse()
    assert ROUTER.restore(route) == a_route(*reversed(rules))


def test_a_rule_that_moved_and_matches_something_else_is_known_by_its_name() -> None:
    rules = [a_rule(a_ref("shop", weight=weight), name=f"r{weight}", matches=[weight]) for weight in (2, 3)]
    route = ROUTER.shift(a_route(*rules), (SHOP,), Split.at(10))
    for each in (route["spec"]["rules"], rules):
        each.reverse()
        each[0]["matches"], each[1]["matches"] = each[1]["matches"], each[0]["matches"]
    assert ROUTER.restore(route) == a_route(*rules)


def test_rules_that_nothing_tells_apart_are_known_by_their_place() -> None:
    rules = [a_rule(a_ref("shop", weight=weight)) for weight in (2, 3, 4)]
    route = ROUTER.shift(a_route(*rules), (SHOP,), Split.at(10))
    route["spec"]["rules"][0] = a_rule(a_ref("shop", weight=7))
    assert ROUTER.restore(route) == a_route(a_rule(a_ref("shop", weight=7)), *rules[1:])


def test_a_second_canary_that_somebody_added_goes_with_the_first() -> None:
    declared = a_route(a_rule(a_ref("shop")))
    route = ROUTER.shift(declared, (SHOP,), Split.at(10))
    route["spec"]["rules"][0]["backendRefs"].append(a_ref("shop-canary", weight=5))
    assert ROUTER.restore(route) == declared


def test_without_the_annotation_a_canary_with_weight_is_known_by_its_name() -> None:
    declared = a_route(a_rule(a_ref("shop")), a_rule(a_ref("shop"), a_ref("legacy", weight=0)))
    route = without_annotation(ROUTER.shift(declared, (SHOP,), Split.at(10)))
    assert ROUTER.restore(route, (SHOP,)) != route
    assert ROUTER.read(route, (SHOP,)) == Split.at(10)
    assert ROUTER.restore(route, (SHOP,)) == declared
    assert ROUTER.shift(route, (SHOP,), Split.at(20)) == ROUTER.shift(declared, (SHOP,), Split.at(20))


def test_without_the_annotation_shares_beside_siblings_stay_what_they_are() -> None:
    route = without_annotation(ROUTER.shift(a_route(a_rule(a_ref("shop", 3), a_ref("legacy"))), (SHOP,), Split.at(10)))
    assert weights_in(ROUTER.restore(route, (SHOP,))) == {"shop": 300, "legacy": 100}
    assert weights_in(ROUTER.shift(route, (SHOP,), Split.at(20))) == {"shop": 240, "shop-canary": 60, "legacy": 100}


def test_without_the_annotation_a_canary_at_weight_0_counts_as_declared() -> None:
    route = without_annotation(ROUTER.shift(a_route(a_rule(a_ref("shop"))), (SHOP,), Split.at(0)))
    assert ROUTER.read(route, (SHOP,)) is None
    again = ROUTER.shift(route, (SHOP,), Split.at(10))
    assert weights_in(again) == {"shop": 90, "shop-canary": 10}
    assert weights_in(ROUTER.restore(again)) == {"shop": 100, "shop-canary": 0}


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"index":0}]', "not JSON"])
def test_an_annotation_that_cannot_be_read_is_as_good_as_none(text: str) -> None:
    declared = a_route(a_rule(a_ref("shop")))
    route = ROUTER.shift(declared, (SHOP,), Split.at(10))
    route["metadata"]["annotations"][ORIGINAL] = text
    assert ROUTER.restore(route) != route
    assert ROUTER.restore(route, (SHOP,)) == declared


def test_a_canary_with_another_name_is_shifted_and_restored_too() -> None:
    backend = Backend(service="shop", canary="next", namespace="shop")
    declared = a_route(a_rule(a_ref("shop")))
    route = ROUTER.shift(declared, (backend,), Split.at(10))
    assert weights_in(route) == {"shop": 90, "next": 10}
    assert ROUTER.restore(route) == declared


def test_weights_that_somebody_gave_to_siblings_meanwhile_keep_their_shares() -> None:
    route = ROUTER.shift(a_route(a_rule(a_ref("shop", 3), a_ref("legacy"))), (SHOP,), Split.at(10))
    refs_in(route)[2]["weight"] = 600
    assert weights_in(ROUTER.restore(route)) == {"shop": 300, "legacy": 600}
    assert weights_in(ROUTER.shift(route, (SHOP,), Split.at(20))) == {"shop": 80, "shop-canary": 20, "legacy": 200}


def test_a_sibling_that_somebody_added_meanwhile_keeps_its_share() -> None:
    route = ROUTER.shift(a_route(a_rule(a_ref("shop"))), (SHOP,), Split.at(10))
    route["spec"]["rules"][0]["backendRefs"].append(a_ref("late", weight=50))
    assert weights_in(ROUTER.restore(route)) == {"shop": 100, "late": 50}


def test_a_sibling_that_somebody_removed_meanwhile_stays_away() -> None:
    route = ROUTER.shift(a_route(a_rule(a_ref("shop", 3), a_ref("legacy"))), (SHOP,), Split.at(10))
    del route["spec"]["rules"][0]["backendRefs"][2]
    assert weights_in(ROUTER.restore(route)) == {"shop": 3}


def test_weights_that_somebody_gave_to_the_pair_itself_are_undone() -> None:
    declared = a_route(a_rule(a_ref("shop", 3), a_ref("legacy")))
    route = ROUTER.shift(declared, (SHOP,), Split.at(10))
    refs_in(route)[0]["weight"] = 1
    refs_in(route)[1]["weight"] = 299
    assert ROUTER.read(route, (SHOP,)) == Split.at(99.7)
    assert ROUTER.restore(route) == declared


def test_two_pairs_and_an_edited_sibling_keep_their_shares() -> None:
    declared = a_route(a_rule(a_ref("shop"), a_ref("shop", port=81, filters=[STRIP]), a_ref("legacy", weight=2)))
    route = ROUTER.shift(declared, (SHOP,), Split.at(10))
    refs_in(route)[4]["weight"] = 1
    assert refs_in(ROUTER.restore(route)) == [
        a_ref("shop", weight=100),
        a_ref("shop", weight=100, port=81, filters=[STRIP]),
        a_ref("legacy", weight=1),
    ]


def test_a_canary_that_somebody_left_alone_is_everything_and_is_turned_into_its_stable_side() -> None:
    declared = a_route(a_rule(a_ref("shop", filters=[HEADER])))
    route = ROUTER.shift(declared, (SHOP,), Split.at(10))
    del route["spec"]["rules"][0]["backendRefs"][0]
    assert ROUTER.read(route, (SHOP,)) == Split.at(100)
    assert ROUTER.restore(route) == declared


def test_a_canary_on_another_port_than_its_stable_side_still_counts() -> None:
    route = ROUTER.shift(a_route(a_rule(a_ref("shop"))), (SHOP,), Split.at(10))
    refs_in(route)[0]["port"] = 8080
    assert ROUTER.read(route, (SHOP,)) == Split.at(10)
    assert refs_in(ROUTER.restore(route)) == [a_ref("shop", port=8080)]


def test_a_rule_that_people_declared_for_the_canary_alone_is_not_ours() -> None:
    route = a_route(a_rule(a_ref("shop-canary", weight=1), matches=[{"headers": []}]), a_rule(a_ref("shop")))
    shifted = ROUTER.shift(route, (SHOP,), Split.at(10))
    assert ROUTER.read(shifted, (SHOP,)) == Split.at(10)
    assert ROUTER.restore(shifted) == route


def test_a_copy_of_a_shifted_rule_that_somebody_made_is_moved_and_restored_too() -> None:
    declared = a_route(a_rule(a_ref("shop"), matches=[{"path": "/a"}]))
    route = ROUTER.shift(declared, (SHOP,), Split.at(10))
    route["spec"]["rules"].insert(0, a_rule(*refs_in(route), matches=[{"path": "/b"}]))
    assert weights_in(ROUTER.shift(route, (SHOP,), Split.at(0)), 0) == {"shop": 100, "shop-canary": 0}
    assert ROUTER.restore(route) == a_route(
        a_rule(a_ref("shop"), matches=[{"path": "/b"}]), a_rule(a_ref("shop"), matches=[{"path": "/a"}])
    )


def test_a_route_without_rules_is_left_alone() -> None:
    route = {"metadata": {"name": "public", "namespace": "shop"}, "spec": {}}
    assert ROUTER.shift(route, (SHOP,), Split.at(10)) == route
    assert ROUTER.restore(route) == route
    assert ROUTER.read(route, (SHOP,)) is None
