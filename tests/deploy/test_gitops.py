"""The recipes of docs/gitops.md and docs/install.md say what the controller does."""

import re
from typing import Any

import pytest
import yaml

from rollout.kube.request import FIELD_MANAGER
from tests.backends import ROOT
from tests.deploy.overlays import a_copy, built, container, deployment, one


def blocks(page: str) -> list[Any]:
    text = (ROOT / "docs" / page).read_text()
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def test_every_recipe_is_yaml() -> None:
    assert [each.get("kind") or next(iter(each)) for each in blocks("gitops.md")] == [
        "Application",
        "ignoreDifferences",
        "Kustomization",
        "driftDetection",
        "healthChecks",
    ]


def test_the_manager_in_the_recipes_is_the_one_that_the_controller_writes_as() -> None:
    named = next(each for each in blocks("gitops.md") if list(each) == ["ignoreDifferences"])
    assert named["ignoreDifferences"][0]["managedFieldsManagers"] == [FIELD_MANAGER]
    assert f"writes is `{FIELD_MANAGER}`" in (ROOT / "docs" / "gitops.md").read_text()


def test_both_tools_are_told_to_leave_the_same_fields_alone() -> None:
    application, flux = (
        next(each for each in blocks("gitops.md") if each.get("kind") == kind)
        for kind in ("Application", "Kustomization")
    )
    argocd = {each["kind"]: each["jsonPointers"] for each in application["spec"]["ignoreDifferences"]}
    assert {each["target"]["kind"]: each["paths"] for each in flux["spec"]["ignore"]} == argocd
    assert argocd == {
        "HTTPRoute": ["/spec/rules"],
        "Service": ["/spec/selector"],
        "Deployment": ["/spec/replicas", "/spec/paused"],
    }
    assert application["spec"]["syncPolicy"]["syncOptions"] == ["RespectIgnoreDifferences=true"]


def test_the_kustomization_of_ones_own_builds(tmp_path: Any) -> None:
    a_copy(tmp_path / "progressive-delivery")
    (mine,) = (each for each in blocks("install.md") if "components" in each)
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(mine))
    (tmp_path / "sources.yaml").write_text("sources: []\n")
    objects = built(tmp_path)
    assert container(objects)["image"].startswith("registry.example.com/tools/progressive-delivery:")
    assert container(objects)["args"][-1] == "--annotation-commands=all"
    assert deployment(objects)["spec"]["replicas"] == 2
    (config,) = (each for each in objects if each["kind"] == "ConfigMap")
    assert config["data"] == {"sources.yaml": "sources: []\n"}


def test_the_kustomization_with_notifications_of_ones_own_builds(tmp_path: Any) -> None:
    a_copy(tmp_path / "progressive-delivery")
    (mine,) = (each for each in blocks("notifications.md") if "components" in each)
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(mine))
    (tmp_path / "notifications.yaml").write_text("targets: []\n")
    objects = built(tmp_path)
    volumes = {each["name"]: each for each in deployment(objects)["spec"]["template"]["spec"]["volumes"]}
    config = one(objects, "ConfigMap", volumes["notifications"]["configMap"]["name"])
    assert config["data"] == {"notifications.yaml": "targets: []\n"}


@pytest.mark.parametrize("folder", ["base", "cluster", "people", "rbac", "argocd"])
def test_every_folder_builds_by_itself(folder: str) -> None:
    assert built(ROOT / "deploy" / folder)
