"""Every CEL rule of our definitions: what is right passes, what is wrong is refused with the rule's message."""

from typing import Any

import pytest

from tests.cluster.api import Api
from tests.cluster.objects import a_run
from tests.cluster.test_validation import SKIPPED
from tests.models import builders, test_rules
from tests.models.test_rules import BROKEN, RECORD

RIGHT: list[dict[str, Any]] = [
    builders.a_rollout(),
    builders.a_step(weight=0),
    builders.a_step(weight=100, replicas=10_000),
    builders.a_step(weight="2.5", replicas="50%"),
    builders.a_rollout(metadata__name="x" * 50),
    builders.a_check(ratio={"bad": "bad_total", "total": "all_total"}, ceiling="0.001"),
    builders.a_check(latency={"histogram": "seconds", "below": "1s", "share": "99.9"}),
    builders.a_check(query={"expr": "x", "min": -1.5, "max": 2.0}, warnOnly=True, critical=False),
    *test_rules.RIGHT,
]


def here(rollout: dict[str, Any]) -> dict[str, Any]:
    return {**rollout, "metadata": {**rollout["metadata"], "namespace": "NS"}}


@pytest.mark.parametrize("number", range(len(RIGHT)))
async def test_what_is_right_passes(api: Api, number: int) -> None:
    answer = await api.post("rollouts", here(RIGHT[number]), dryRun="All", fieldValidation="Strict")
    assert (answer.status, answer.warnings) == (201, ())


@pytest.mark.parametrize("message", BROKEN)
async def test_what_breaks_a_rule_is_refused_with_its_message(api: Api, message: str) -> None:
    for rollout in BROKEN[message]:
        answer = await api.post("rollouts", here(rollout), dryRun="All")
        assert answer.brief == (422, "Invalid")
        found = [cause[2] for cause in answer.causes if cause[2] != SKIPPED]
        assert found
        assert [text for text in found if not text.endswith(message)] == []


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2},
        {"template": {"spec": {"x": 2}}},
        {"template": {"spec": {"x": 1}, "other": {}}},
        {"steps": [{"weight": 5}]},
    ],
)
async def test_a_run_is_a_record(api: Api, change: dict[str, Any]) -> None:
    await api.create("rolloutruns", a_run())
    answer = await api.merge("rolloutruns", "shop-1", {"spec": change})
    assert answer.brief == (422, "Invalid")
    assert [cause[2].endswith(RECORD) for cause in answer.causes] == [True]


async def test_a_run_whose_template_has_another_key_in_the_place_of_each_of_its_own_slips_through(api: Api) -> None:
    await api.create("rolloutruns", a_run())
    answer = await api.merge("rolloutruns", "shop-1", {"spec": {"template": {"spec": None, "other": {"x": 1}}}})
    assert answer.status == 200


async def test_a_run_can_be_labelled_and_its_status_written(api: Api) -> None:
    await api.create("rolloutruns", a_run())
    assert (await api.merge("rolloutruns", "shop-1", {"metadata": {"labels": {"a": "b"}}})).status == 200
    answer = await api.merge("rolloutruns", "shop-1", {"status": {"phase": "Promoted"}}, "status")
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("plural", ["analysistemplates", "clusteranalysistemplates"])
async def test_templates_are_held_to_the_rules_of_their_checks(api: Api, plural: str) -> None:
    kind = {"analysistemplates": "AnalysisTemplate", "clusteranalysistemplates": "ClusterAnalysisTemplate"}[plural]
    check = {"name": "a", "ratio": {"bad": "bad_total", "total": "all_total"}, "compare": False}
    body = {"apiVersion": "progressive.delivery/v1alpha1", "kind": kind, "metadata": {"name": "t"}}
    wrong = await api.post(plural, {**body, "spec": {"checks": [check]}}, dryRun="All")
    assert wrong.brief == (422, "Invalid")
    assert ["compare: false needs a limit" in cause[2] for cause in wrong.causes] == [True]
    right = await api.post(plural, {**body, "spec": {"checks": [{**check, "ceiling": 1}]}}, dryRun="All")
    assert right.status == 201
