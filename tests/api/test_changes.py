"""What a new pod template changes, in words that hold no value."""

from typing import Any

import pytest

from api.changes import changes


def a_template(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": list(containers), **spec}}


def a_container(name: str = "shop", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "registry.example/store/shop:v1", **fields}


ONE = a_template(a_container(env=[{"name": "LEVEL", "value": "info"}], resources={"limits": {"cpu": 1}}))
PROXY = a_container("proxy", image="proxy@sha256:aa")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (ONE, ONE, ()),
        (a_template(a_container()), a_template(a_container(image="shop:v2")), ("image shop:v1 → shop:v2",)),
        (
            ONE,
            a_template(a_container(env=[{"name": "LEVEL", "value": "sesame"}, {"name": "NEW", "value": "sesame"}])),
            ("env LEVEL changed", "env NEW added", "resources removed"),
        ),
        (a_template(a_container(env=[{"name": "OLD"}])), a_template(a_container()), ("env OLD removed",)),
        (
            a_template(a_container(), PROXY),
            a_template(a_container(image="shop:v2"), {**PROXY, "args": ["--sesame"]}),
            ("shop: image shop:v1 → shop:v2", "proxy: args added"),
        ),
        (a_template(a_container()), a_template(a_container(), PROXY), ("proxy: added",)),
        (a_template(a_container()), a_template(a_container("store")), ("store: added", "shop: removed")),
        (
            a_template(a_container(), initContainers=[a_container("migrate")], volumes=[]),
            a_template(a_container(), initContainers=[a_container("migrate", image="shop:v2")], hostNetwork=True),
            ("init container migrate: image shop:v1 → shop:v2", "hostNetwork added", "volumes removed"),
        ),
        (
            ONE,
            {**ONE, "metadata": {"labels": {"app": "store"}, "annotations": {"restarted": "sesame"}}},
            ("label app changed", "annotation restarted added"),
        ),
        ({}, {"spec": "sesame", "metadata": None}, ()),
        (a_template({"image": "a"}), a_template("sesame"), ()),  # type: ignore[arg-type]
    ],
)
def test_each_difference_is_told_by_its_name(
    before: dict[str, Any], after: dict[str, Any], told: tuple[str, ...]
) -> None:
    assert changes(before, after) == told
    assert "sesame" not in " ".join(told)


def test_of_very_many_differences_the_first_are_told_and_the_others_counted() -> None:
    many = a_template(a_container(), **{f"field{number}": number for number in range(30)})
    told = changes(a_template(a_container()), many)
    assert (len(told), told[0], told[-1]) == (20, "field0 added", "11 more")
