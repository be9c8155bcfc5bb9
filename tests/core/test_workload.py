"""Deployments of revisions: names, templates and their comparison."""

from rollout.core.workload import bare, deployment, images, revision_of
from rollout.models.rollout import REVISION_LABEL, ROLLOUT_LABEL
from tests.core.builders import KEY, NEW, a_template

LABELS = {ROLLOUT_LABEL: "shop", REVISION_LABEL: NEW}


def test_a_template_has_one_name_however_it_is_written() -> None:
    template = a_template()
    turned = {"spec": template["spec"], "metadata": template["metadata"]}
    assert revision_of(template) == revision_of(turned)
    assert revision_of(template) != revision_of(a_template("other"))


def test_a_name_is_ten_characters_without_vowels() -> None:
    name = revision_of(a_template())
    assert len(name) == 10
    assert not set(name) & set("aeiou01")


def test_a_name_stays_the_same_over_releases_of_the_controller() -> None:
    assert revision_of({}) == "wv7q2vjtcg"


def test_a_deployment_is_labelled_and_selects_its_own_pods_alone() -> None:
    made = deployment(KEY, revision=NEW, template=a_template(), replicas=2, marks={"mark": "1"})
    assert made["metadata"] == {
        "name": "shop-new",
        "namespace": "store",
        "labels": {**LABELS, "app.kubernetes.io/managed-by": "progressive-delivery"},
        "annotations": {"mark": "1"},
    }
    assert made["spec"] == {
        "replicas": 2,
        "revisionHistoryLimit": 0,
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": {"app": "shop", **LABELS}}, "spec": a_template()["spec"]},
    }


def test_a_live_template_compares_as_it_was_declared() -> None:
    live = deployment(KEY, revision=NEW, template=a_template(), replicas=2, marks={})["spec"]["template"]
    live["metadata"]["creationTimestamp"] = None
    live["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "2026-05-01T12:00:00Z"}
    assert bare(live) == bare(a_template())
    live["metadata"]["annotations"]["team"] = "web"
    assert bare(live) != bare(a_template())


def test_a_template_is_not_changed_by_looking_at_it() -> None:
    template = a_template()
    bare(template)
    deployment(KEY, revision=NEW, template=template, replicas=1, marks={})
    assert template == a_template()


def test_the_images_of_all_containers_are_told() -> None:
    assert images({"spec": {"containers": [{"image": "a"}, {"image": "b"}, {}]}}) == ("a", "b", "")
    assert images({}) == ()
