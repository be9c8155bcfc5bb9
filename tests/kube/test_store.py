from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.kube.store import Store
from rollout.models.kinds import DEPLOYMENTS, PODS, SERVICES, Key, Manifest, Resource
from tests.kube.builders import a_deployment, raw

SHOP = Key("prod", "shop")


def by_owner(manifest: Manifest) -> tuple[str, ...]:
    return tuple(manifest["metadata"].get("labels", {}).values())


def a_store() -> Store:
    return Store({DEPLOYMENTS: {"owner": by_owner}, SERVICES: {}})


def labelled(name: str, version: int, *owners: str) -> bytes:
    manifest = a_deployment(name, version=version)
    manifest["metadata"]["labels"] = {str(n): owner for n, owner in enumerate(owners)}
    return raw(manifest)


class Heard:
    """What a store told: (name, new version or None, old version or None)."""

    def __init__(self, store: Store) -> None:
        self.changes: list[tuple[str, str | None, str | None]] = []
        self.end = store.subscribe(self)

    def __call__(self, resource: Resource, key: Key, new: Manifest | None, old: Manifest | None) -> None:
        versions = [manifest and manifest["metadata"]["resourceVersion"] for manifest in (new, old)]
        self.changes.append((key.name, versions[0], versions[1]))


def test_what_was_put_is_found() -> None:
    store = a_store()
    assert store.put(DEPLOYMENTS, raw(a_deployment("shop", version=5)))
    assert store.get(DEPLOYMENTS, SHOP) == a_deployment("shop", version=5)
    assert store.get(DEPLOYMENTS, Key("prod", "other")) is None


def test_the_kind_that_lists_leave_out_is_filled_in() -> None:
    store = a_store()
    manifest = a_deployment("shop", version=5)
    del manifest["kind"], manifest["apiVersion"]
    store.put(DEPLOYMENTS, raw(manifest))
    assert store.get(DEPLOYMENTS, SHOP) == a_deployment("shop", version=5)


def test_what_is_given_out_can_be_changed_without_harm() -> None:
    store = a_store()
    store.put(DEPLOYMENTS, raw(a_deployment("shop", version=5)))
    taken = store.get(DEPLOYMENTS, SHOP)
    assert taken is not None
    taken.clear()
    assert store.get(DEPLOYMENTS, SHOP) == a_deployment("shop", version=5)


def test_objects_are_listed_in_order_and_by_namespace() -> None:
    store = a_store()
    for name, namespace in (("b", "prod"), ("a", "test"), ("a", "prod")):
        store.put(DEPLOYMENTS, raw(a_deployment(name, version=1, namespace=namespace)))
    assert store.keys(DEPLOYMENTS) == (Key("prod", "a"), Key("prod", "b"), Key("test", "a"))
    assert store.list(DEPLOYMENTS, "test") == (a_deployment("a", version=1, namespace="test"),)
    assert store.size(DEPLOYMENTS) == 3


def test_versions_compare_as_numbers() -> None:
    store = a_store()
    store.put(DEPLOYMENTS, raw(a_deployment("shop", version=9)))
    assert store.put(DEPLOYMENTS, raw(a_deployment("shop", version=10)))
    assert not store.put(DEPLOYMENTS, raw(a_deployment("shop", version=9)))
    assert store.get(DEPLOYMENTS, SHOP) == a_deployment("shop", version=10)


def test_the_echo_of_our_own_write_is_silent() -> None:
    store = a_store()
    heard = Heard(store)
    store.put(DEPLOYMENTS, raw(a_deployment("shop", version=5)))
    assert not store.put(DEPLOYMENTS, raw(a_deployment("shop", version=5)))
    assert heard.changes == [("shop", "5", None)]


def test_subscribers_hear_what_is_and_what_was() -> None:
    store = a_store()
    heard = Heard(store)
    store.put(DEPLOYMENTS, raw(a_deployment("shop", version=5)))
    store.put(DEPLOYMENTS, raw(a_deployment("shop", version=6)))
    store.remove(DEPLOYMENTS, SHOP, resource_version="7")
    heard.end()
    store.put(DEPLOYMENTS, raw(a_deployment("shop", version=8)))
    assert heard.changes == [("shop", "5", None), ("shop", "6", "5"), ("shop", None, "6")]


def test_an_answer_that_comes_after_the_deletion_does_not_bring_the_object_back() -> None:
    store = a_store()
    store.replace(DEPLOYMENTS, (), "4")
    store.put(DEPLOYMENTS, raw(a_deployment("shop", version=5)))
    store.remove(DEPLOYMENTS, SHOP, resource_version="8")
    store.advance(DEPLOYMENTS, "8")
    assert not store.put(DEPLOYMENTS, raw(a_deployment("shop", version=7)))
    assert store.put(DEPLOYMENTS, raw(a_deployment("shop", version=9)))


def test_a_late_deletion_does_not_take_away_the_object_that_followed() -> None:
    store = a_store()
    store.put(DEPLOYMENTS, raw(a_deployment("shop", version=9)))
    assert not store.remove(DEPLOYMENTS, SHOP, resource_version="8")
    assert store.get(DEPLOYMENTS, SHOP) == a_deployment("shop", version=9)


def test_our_own_deletion_counts_at_once() -> None:
    store = a_store()
    store.put(DEPLOYMENTS, raw(a_deployment("shop", version=9)))
    assert store.remove(DEPLOYMENTS, SHOP)
    assert not store.remove(DEPLOYMENTS, SHOP)
    assert store.get(DEPLOYMENTS, SHOP) is None


def test_a_list_takes_away_what_vanished_and_is_silent_about_what_stayed() -> None:
    store = a_store()
    store.replace(DEPLOYMENTS, [raw(a_deployment(name, version=3)) for name in ("gone", "same", "changed")], "3")
    heard = Heard(store)
    store.replace(DEPLOYMENTS, [raw(a_deployment("same", version=3)), raw(a_deployment("changed", version=6))], "7")
    assert sorted(heard.changes) == [("changed", "6", "3"), ("gone", None, "3")]


def test_a_list_spares_what_we_created_after_it_was_made() -> None:
    store = a_store()
    replacement = store.replacement(DEPLOYMENTS, "5")
    store.put(DEPLOYMENTS, raw(a_deployment("shop", version=6)))
    replacement.finish()
    assert store.get(DEPLOYMENTS, SHOP) == a_deployment("shop", version=6)


def test_a_list_brings_back_what_was_taken_for_deleted() -> None:
    store = a_store()
    store.replace(DEPLOYMENTS, [raw(a_deployment("shop", version=3))], "5")
    store.remove(DEPLOYMENTS, SHOP)
    store.replace(DEPLOYMENTS, [raw(a_deployment("shop", version=3))], "6")
    assert store.get(DEPLOYMENTS, SHOP) == a_deployment("shop", version=3)


def test_a_list_that_broke_off_removes_nothing() -> None:
    store = a_store()
    store.replace(DEPLOYMENTS, [raw(a_deployment("shop", version=3))], "3")
    store.replacement(DEPLOYMENTS, "5").add([raw(a_deployment("other", version=4))])
    assert store.keys(DEPLOYMENTS) == (Key("prod", "other"), SHOP)


def test_a_cluster_restored_from_a_backup_is_believed() -> None:
    store = a_store()
    store.replace(DEPLOYMENTS, [raw(a_deployment(name, version=90)) for name in ("shop", "gone")], "100")
    store.replace(DEPLOYMENTS, [raw(a_deployment("shop", version=40, replicas=7))], "50")
    assert store.list(DEPLOYMENTS) == (a_deployment("shop", version=40, replicas=7),)
    assert store.put(DEPLOYMENTS, raw(a_deployment("shop", version=51)))


def test_a_kind_that_is_cleared_tells_each_removal_and_starts_anew() -> None:
    store = a_store()
    store.replace(DEPLOYMENTS, [raw(a_deployment("shop", version=90))], "100")
    heard = Heard(store)
    store.clear(DEPLOYMENTS)
    assert store.put(DEPLOYMENTS, raw(a_deployment("shop", version=3)))
    assert heard.changes == [("shop", None, "90"), ("shop", "3", None)]


def test_kinds_that_nobody_watches_are_not_kept() -> None:
    store = a_store()
    assert not store.put(PODS, raw(a_deployment("shop", version=1)))
    assert not store.remove(PODS, SHOP)
    with pytest.raises(KeyError):
        store.get(PODS, SHOP)


def test_an_index_finds_objects_by_every_value_they_have_now() -> None:
    store = a_store()
    store.put(DEPLOYMENTS, labelled("b", 1, "x", "y"))
    store.put(DEPLOYMENTS, labelled("a", 2, "y", "y"))
    assert store.keys_by_index(DEPLOYMENTS, "owner", "y") == (Key("prod", "a"), Key("prod", "b"))
    store.put(DEPLOYMENTS, labelled("b", 3, "z"))
    assert [m["metadata"]["name"] for m in store.by_index(DEPLOYMENTS, "owner", "y")] == ["a"]
    store.remove(DEPLOYMENTS, Key("prod", "a"))
    assert (store.by_index(DEPLOYMENTS, "owner", "y"), store.keys_by_index(DEPLOYMENTS, "owner", "x")) == ((), ())
    with pytest.raises(KeyError):
        store.by_index(DEPLOYMENTS, "colour", "red")


def wrote(manager: str, time: str, **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": {"f:spec": {}}, **more}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], None),
        ([wrote("progressive-delivery", "2026-11-21T09:00:00Z")], None),
        ([wrote("argocd", "2026-11-21T08:00:00Z"), wrote("progressive-delivery", "2026-11-21T09:00:00Z")], "argocd"),
        ([wrote("helm", "2026-11-21T07:00:00Z"), wrote("argocd", "2026-11-21T08:00:00Z")], "argocd"),
        ([wrote("argocd", "2026-11-21T08:00:00Z"), wrote("helm", "2026-11-21T07:00:00Z")], "argocd"),
        (
            [wrote("gateway", "2026-11-21T09:00:00Z", subresource="status"), wrote("helm", "2026-11-21T07:00:00Z")],
            "helm",
        ),
    ],
)
def test_the_last_writer_is_remembered_and_managed_fields_are_not(
    fields: list[dict[str, Any]], expected: str | None
) -> None:
    store = a_store()
    manifest = a_deployment("shop", version=1)
    manifest["metadata"]["managedFields"] = fields
    store.put(DEPLOYMENTS, raw(manifest))
    assert store.last_writer(DEPLOYMENTS, SHOP) == expected
    assert b"managedFields" not in (store.raw(DEPLOYMENTS, SHOP) or b"managedFields")


def test_nobody_wrote_what_is_not_there() -> None:
    assert a_store().last_writer(DEPLOYMENTS, SHOP) is None


NAMES = ("a", "b")


@given(st.data())
def test_however_answers_and_events_interleave_the_store_never_goes_back_and_ends_at_the_truth(
    data: st.DataObject,
) -> None:
    """A server makes changes; the watch tells all in order, answers to our writes come in any order, or never."""
    truth: dict[str, int] = {}
    events: list[tuple[str, int, bool]] = []
    for version in range(1, data.draw(st.integers(1, 12)) + 1):
        name = data.draw(st.sampled_from(NAMES))
        deleted = name in truth and data.draw(st.booleans())
        events.append((name, version, deleted))
        if deleted:
            del truth[name]
        else:
            truth[name] = version
    writes = [event for event in events if not event[2]]
    answers = data.draw(st.lists(st.sampled_from(writes), unique=True)) if writes else []

    store = a_store()
    store.replace(DEPLOYMENTS, (), "0")
    last: dict[str, int] = {}

    def never_back(_: Resource, key: Key, new: Manifest | None, old: Manifest | None) -> None:
        if new is not None:
            assert int(new["metadata"]["resourceVersion"]) > last.get(key.name, 0)
            last[key.name] = int(new["metadata"]["resourceVersion"])

    store.subscribe(never_back)
    while events or answers:
        from_watch = not answers or (events and data.draw(st.booleans()))
        name, version, deleted = events.pop(0) if from_watch else answers.pop()
        if deleted:
            store.remove(DEPLOYMENTS, Key("prod", name), resource_version=str(version))
        else:
            store.put(DEPLOYMENTS, labelled(name, version, name, str(version)))
        if from_watch:
            store.advance(DEPLOYMENTS, str(version))

    assert {key.name for key in store.keys(DEPLOYMENTS)} == set(truth)
    for name in NAMES:
        held = store.by_index(DEPLOYMENTS, "owner", name)
        assert [int(m["metadata"]["resourceVersion"]) for m in held] == [truth[name] for _ in held]
        assert len(held) == (name in truth)
