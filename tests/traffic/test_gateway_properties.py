"""What holds for the weights of every route, and for routes that other people edit during a release."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollout.models.kinds import Manifest
from rollout.models.split import Split
from rollout.models.traffic import GatewayRoute, RouteKind
from rollout.traffic.registry import router_for
from tests.traffic.routes import BACKENDS, HEADER, a_ref, a_rule, as_read, refs_in, routes

ROUTER = router_for(GatewayRoute(kind=RouteKind.HTTP, name="public"))
ANY_ROUTE = routes(kind="HTTPRoute")
ROUTES = ANY_ROUTE.filter(lambda route: ROUTER.problem(route, BACKENDS) is None)
SPLITS = st.integers(0, 1000).map(lambda tenths: Split.at(tenths / 10))

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def is_ours(ref: dict[str, Any], name: str) -> bool:
    return (ref["name"], ref.get("namespace", "shop"), ref.get("kind", "Service")) == (name, "shop", "Service")


def names_a(ref: dict[str, Any], *names: str) -> bool:
    return any(is_ours(ref, name) for name in names)


def weight_of(ref: dict[str, Any]) -> int:
    return int(ref.get("weight", 1))


def shares(refs: list[dict[str, Any]]) -> list[Fraction]:
    """The share of each backend that people declared; that of a canary is part of its stable side's."""
    total = sum(weight_of(ref) for ref in refs) or 1
    sides: list[Fraction] = []
    for ref in refs:
        if names_a(ref, "shop-canary", "cart-canary"):
            sides[-1] += Fraction(weight_of(ref), total)
        else:
            sides.append(Fraction(weight_of(ref), total))
    return sides


@relaxed
@given(route=ROUTES, split=SPLITS)
def test_every_declared_backend_keeps_exactly_its_share_of_its_rule(route: Manifest, split: Split) -> None:
    shifted = ROUTER.shift(route, BACKENDS, split)
    for number in range(len(route["spec"]["rules"])):
        assert shares(refs_in(shifted, number)) == shares(refs_in(route, number))


@relaxed
@given(route=ANY_ROUTE, split=SPLITS)
def test_every_stable_side_has_its_canary_right_behind_it_and_both_say_their_weight(
    route: Manifest, split: Split
) -> None:
    shifted = ROUTER.shift(route, BACKENDS, split)
    for number in range(len(route["spec"]["rules"])):
        refs = refs_in(shifted, number)
        for position, ref in enumerate(refs):
            if names_a(ref, "shop", "cart"):
                canary = refs[position + 1]
                assert is_ours(canary, f"{ref['name']}-canary")
                assert "weight" in ref
                assert "weight" in canary


@relaxed
@given(route=ANY_ROUTE, split=SPLITS)
def test_an_added_canary_is_a_copy_of_its_stable_side(route: Manifest, split: Split) -> None:
    shifted = ROUTER.shift(route, BACKENDS, split)
    for number in range(len(route["spec"]["rules"])):
        if any(names_a(ref, "shop-canary", "cart-canary") for ref in refs_in(route, number)):
            continue
        refs = refs_in(shifted, number)
        for stable, canary in pairwise(refs):
            if names_a(canary, "shop-canary", "cart-canary"):
                assert canary == {**stable, "name": canary["name"], "weight": canary["weight"]}


@relaxed
@given(route=ANY_ROUTE, split=SPLITS)
def test_weights_stay_in_range_and_are_never_all_zero_unless_declared_so(route: Manifest, split: Split) -> None:
    shifted = ROUTER.shift(route, BACKENDS, split)
    for number in range(len(route["spec"]["rules"])):
        weights = [weight_of(ref) for ref in refs_in(shifted, number)]
        assert all(0 <= weight <= 1_000_000 for weight in weights)
        assert any(weights) == any(weight_of(ref) for ref in refs_in(route, number))


@relaxed
@given(route=ANY_ROUTE, split=SPLITS)
def test_a_canary_never_gets_more_than_was_asked_for(route: Manifest, split: Split) -> None:
    shifted = ROUTER.shift(route, BACKENDS, split)
    for number in range(len(route["spec"]["rules"])):
        refs = refs_in(shifted, number)
        for stable, canary in pairwise(refs):
            if names_a(canary, "shop-canary", "cart-canary"):
                pair = weight_of(stable) + weight_of(canary)
                assert weight_of(canary) * 1000 <= pair * round(split.canary * 10)
                assert not pair or split.canary not in (0, 100) or weight_of(canary) == pair * split.canary / 100


def reorder(route: Manifest, rule: int) -> None:
    rules = route["spec"]["rules"]
    route["spec"]["rules"] = [*rules[rule:], *reversed(rules[:rule])]


def add_a_rule(route: Manifest, rule: int) -> None:
    added = a_rule(a_ref("shop"), a_ref("other", weight=7), matches=[{"path": {"value": "/new"}}])
    route["spec"]["rules"].insert(rule, added)


def remove_the_rule(route: Manifest, rule: int) -> None:
    del route["spec"]["rules"][rule]


def filter_everything(route: Manifest, rule: int) -> None:
    route["spec"]["rules"][rule]["filters"] = [HEADER]
    for ref in refs_in(route, rule):
        ref["filters"] = [HEADER]


def change_the_port(route: Manifest, rule: int) -> None:
    for ref in refs_in(route, rule):
        ref["port"] = 9999


def match_something_else(route: Manifest, rule: int) -> None:
    route["spec"]["rules"][rule]["matches"] = [{"path": {"value": "/moved"}}]


def add_an_empty_sibling(route: Manifest, rule: int) -> None:
    route["spec"]["rules"][rule]["backendRefs"].insert(0, a_ref("late", weight=0))


def report(route: Manifest, rule: int) -> None:
    route["status"] = {"parents": [{"controllerName": "theirs"}]}
    route["metadata"]["resourceVersion"] = "9"


def annotate(route: Manifest, rule: int) -> None:
    route["metadata"]["annotations"] = {**route["metadata"].get("annotations", {}), "theirs": "1"}


EDITS = st.sampled_from(
    [
        reorder,
        add_a_rule,
        remove_the_rule,
        filter_everything,
        change_the_port,
        match_something_else,
        add_an_empty_sibling,
        report,
        annotate,
    ]
)


def edited_alike(data: st.DataObject, *routes: Manifest) -> tuple[Manifest, ...]:
    """The routes, each with the same edit made to it; the edits leave the weights of backends alone."""
    edit = data.draw(EDITS)
    rule = data.draw(st.integers(0, max(0, len(routes[0]["spec"]["rules"]) - 1)))
    copies = tuple(as_read(route) for route in routes)
    for each in copies if routes[0]["spec"]["rules"] else ():
        edit(each, rule)
    return copies


@relaxed
@given(route=ROUTES, split=SPLITS, data=st.data())
def test_restore_undoes_only_the_shift_whatever_others_edited_meanwhile(
    route: Manifest, split: Split, data: st.DataObject
) -> None:
    shifted, edited = ROUTER.shift(route, BACKENDS, split), route
    for _ in range(data.draw(st.integers(1, 2))):
        shifted, edited = edited_alike(data, shifted, edited)
    assert ROUTER.restore(shifted) == edited


@relaxed
@given(route=ROUTES, split=SPLITS, other=SPLITS, data=st.data())
def test_a_shift_after_somebody_elses_edit_is_the_shift_of_the_edited_route(
    route: Manifest, split: Split, other: Split, data: st.DataObject
) -> None:
    shifted, edited = edited_alike(data, ROUTER.shift(route, BACKENDS, split), route)
    expected = ROUTER.shift(edited, BACKENDS, other)
    assert ROUTER.shift(shifted, BACKENDS, other) == expected
