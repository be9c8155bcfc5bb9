"""What holds for everything that moves traffic, whatever it is written in."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rollout.models.kinds import Manifest
from rollout.models.rollout import ORIGINAL, REVISION_LABEL
from rollout.models.split import Backend, Split
from rollout.models.traffic import CookieMatch, GatewayRoute, HeaderMatch, Match, RouteKind
from rollout.traffic.canary_annotations import without
from rollout.traffic.ingress import IngressRouter
from rollout.traffic.patch import json_patch
from rollout.traffic.registry import router_for
from rollout.traffic.service import pin, pinned
from tests.traffic.json_patch import RefusedError, apply
from tests.traffic.routes import BACKENDS, as_read, ingresses, routes, services

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


class Mover(Protocol):
    def shift(self, manifest: Manifest, backends: tuple[Backend, ...], split: Split) -> Manifest: ...
    def read(self, manifest: Manifest, backends: tuple[Backend, ...]) -> Split | None: ...
    def restore(self, manifest: Manifest, backends: tuple[Backend, ...] = ()) -> Manifest: ...


class Pins:
    """No router: the Services themselves, which know all or nothing."""

    def shift(self, manifest: Manifest, backends: tuple[Backend, ...], split: Split) -> Manifest:
        return pin(manifest, "new" if split.canary else "old")

    def read(self, manifest: Manifest, backends: tuple[Backend, ...]) -> Split | None:
        revision = pinned(manifest)
        return None if revision is None else Split.at(100 if revision == "new" else 0)

    def restore(self, manifest: Manifest, backends: tuple[Backend, ...] = ()) -> Manifest:
        return pin(manifest, None)


@dataclass(frozen=True, kw_only=True)
class Case:
    mover: Mover
    manifests: st.SearchStrategy[Manifest]
    splits: st.SearchStrategy[Split]
    ours: Callable[[Manifest], Manifest]  # the manifest without everything the mover may write


def without_weights(manifest: Manifest) -> Manifest:
    rest = copy.deepcopy(manifest)
    for rule in rest["spec"]["rules"]:
        del rule["backendRefs"]
    annotations = rest["metadata"].pop("annotations", {})
    annotations.pop(ORIGINAL, None)
    return {**rest, "annotations": annotations}


def without_pin(manifest: Manifest) -> Manifest:
    rest = copy.deepcopy(manifest)
    rest["spec"]["selector"].pop(REVISION_LABEL, None)
    return rest


def a_case_for(kind: RouteKind) -> Case:
    router = router_for(GatewayRoute(kind=kind, name="public"))
    return Case(
        mover=router,
        manifests=routes(kind=kind).filter(lambda route: router.problem(route, BACKENDS) is None),
        splits=st.integers(0, 1000).map(lambda tenths: Split.at(tenths / 10)),
        ours=without_weights,
    )


def without_canary_annotations(manifest: Manifest) -> Manifest:
    rest = copy.deepcopy(manifest)
    return {**rest, "annotations": without(rest["metadata"].pop("annotations", {}))}


def beside(ingress: Manifest) -> Manifest:
    """The owned Ingress beside one, before any split."""
    made = IngressRouter().carrier(ingress, BACKENDS, twin=None, rollout="shop")
    assert made is not None
    return as_read(made)


_headers = st.builds(
    lambda name, how: HeaderMatch.model_validate({"name": name, **how}),
    st.sampled_from(["X-Beta", "x_1"]),
    st.sampled_from([{}, {"exact": "yes"}, {"pattern": "^(a|b)$"}]),
)
_cookies = st.sampled_from(["beta", "b-1"]).map(lambda name: CookieMatch(name=name))
matches = st.none() | st.one_of(
    st.builds(Match, header=_headers),
    st.builds(Match, cookie=_cookies),
    st.builds(Match, header=_headers, cookie=_cookies),
)
CASES = {
    "HTTPRoute": a_case_for(RouteKind.HTTP),
    "GRPCRoute": a_case_for(RouteKind.GRPC),
    "Ingress": Case(
        mover=IngressRouter(),
        manifests=ingresses().map(beside),
        splits=st.builds(lambda tenths, match: Split.at(tenths / 10, match), st.integers(0, 1000), matches),
        ours=without_canary_annotations,
    ),
    "none": Case(
        mover=Pins(), manifests=services(), splits=st.sampled_from([Split.at(0), Split.at(100)]), ours=without_pin
    ),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@every_case
@relaxed
@given(data=st.data())
def test_a_split_that_was_shifted_to_is_read_back(case: Case, data: st.DataObject) -> None:
    manifest, split = data.draw(case.manifests), data.draw(case.splits)
    assert case.mover.read(case.mover.shift(manifest, BACKENDS, split), BACKENDS) == split


@every_case
@relaxed
@given(data=st.data())
def test_a_shift_depends_only_on_the_last_split(case: Case, data: st.DataObject) -> None:
    manifest, split = data.draw(case.manifests), data.draw(case.splits)
    directly = case.mover.shift(manifest, BACKENDS, split)
    assert case.mover.shift(directly, BACKENDS, split) == directly
    there = manifest
    for before in data.draw(st.lists(case.splits, min_size=1, max_size=3)):
        there = case.mover.shift(there, BACKENDS, before)
    assert case.mover.shift(there, BACKENDS, split) == directly


@every_case
@relaxed
@given(data=st.data())
def test_restore_gives_back_exactly_what_was_declared(case: Case, data: st.DataObject) -> None:
    manifest = shifted = data.draw(case.manifests)
    for split in data.draw(st.lists(case.splits, max_size=3)):
        shifted = case.mover.shift(shifted, BACKENDS, split)
    assert case.mover.restore(shifted) == case.mover.restore(shifted, BACKENDS) == manifest


@every_case
@relaxed
@given(data=st.data())
def test_nothing_else_is_changed_and_the_argument_not_at_all(case: Case, data: st.DataObject) -> None:
    manifest, split = data.draw(case.manifests), data.draw(case.splits)
    as_read = copy.deepcopy(manifest)
    shifted = case.mover.shift(manifest, BACKENDS, split)
    assert case.ours(shifted) == case.ours(as_read)
    as_shifted = copy.deepcopy(shifted)
    case.mover.restore(shifted)
    case.mover.read(shifted, BACKENDS)
    assert (manifest, shifted) == (as_read, as_shifted)


@every_case
@relaxed
@given(data=st.data())
def test_what_was_never_shifted_is_declared_and_restoring_it_changes_nothing(case: Case, data: st.DataObject) -> None:
    manifest = data.draw(case.manifests)
    assert case.mover.read(manifest, BACKENDS) is None
    for backends in ((), BACKENDS):
        assert case.mover.restore(manifest, backends) == manifest


def without_empty_maps(manifest: Manifest) -> Manifest:
    """As the API server keeps it."""
    metadata = {field: value for field, value in manifest["metadata"].items() if value != {}}
    return {**manifest, "metadata": metadata}


@every_case
@relaxed
@given(data=st.data())
def test_the_json_patch_of_a_shift_makes_exactly_the_shift(case: Case, data: st.DataObject) -> None:
    manifest = data.draw(case.manifests)
    one, other = (case.mover.shift(manifest, BACKENDS, data.draw(case.splits)) for _ in range(2))
    for before, after in ((manifest, one), (one, other), (other, manifest)):
        patch = json_patch(before, after)
        assert without_empty_maps(apply(before, patch)) == after
        assert bool(patch) == (before != after)


@every_case
@relaxed
@given(data=st.data())
def test_a_patch_survives_what_others_write_elsewhere(case: Case, data: st.DataObject) -> None:
    manifest = data.draw(case.manifests)
    before = case.mover.shift(manifest, BACKENDS, data.draw(case.splits))
    before["metadata"]["annotations"] = {**before["metadata"].get("annotations", {}), "first": "1"}
    after = data.draw(
        st.sampled_from([case.mover.shift(before, BACKENDS, data.draw(case.splits)), case.mover.restore(before)])
    )

    def elsewhere(manifest: Manifest) -> Manifest:
        metadata = {
            **manifest["metadata"],
            "annotations": {**manifest["metadata"]["annotations"], "theirs": "new"},
            "resourceVersion": "8",
            "generation": 5,
            "managedFields": [],
        }
        return {**manifest, "metadata": metadata, "status": {"seen": True}}

    assert apply(elsewhere(before), json_patch(before, after)) == elsewhere(after)


@every_case
@relaxed
@given(data=st.data())
def test_a_patch_is_refused_when_anything_it_replaces_was_changed(case: Case, data: st.DataObject) -> None:
    manifest = data.draw(case.manifests)
    before = case.mover.shift(manifest, BACKENDS, data.draw(case.splits))
    patch = json_patch(before, case.mover.shift(before, BACKENDS, data.draw(case.splits)))
    replaced = [operation["path"] for operation in patch if operation["op"] in ("replace", "remove")]
    assume(replaced)
    theirs: list[dict[str, Any]] = [{"op": "replace", "path": data.draw(st.sampled_from(replaced)), "value": "theirs"}]
    with pytest.raises(RefusedError):
        apply(apply(before, theirs), patch)
