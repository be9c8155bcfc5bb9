"""`kubectl apply -k` of every overlay on a real API server: it takes, changes nothing the second time, and goes."""

from pathlib import Path

import pytest

from controlplane.cluster import ControlPlane
from tests.deploy.installing import Installation, installed, kubectl, prepared
from tests.deploy.overlays import NAME, OVERLAYS, Folder

each_overlay = pytest.mark.parametrize("name", OVERLAYS)


# kubectl sends a budget's selector each time; the generations below show that nothing comes of it.
BUDGET = f"poddisruptionbudget.policy/{NAME} configured"


async def generations(made: Installation) -> str:
    """Of which generation everything is."""
    return await kubectl(made.cluster, "get", "-k", made.path, "--output=custom-columns=K:.kind,G:.metadata.generation")


async def left(cluster: ControlPlane) -> str:
    """What is left of ours in the cluster."""
    kinds = "crd,clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding,namespace"
    found = await kubectl(cluster, "get", kinds, "--output=name")
    return "\n".join(line for line in found.splitlines() if "progressive" in line)


@pytest.fixture
async def store(bare: ControlPlane) -> None:
    await kubectl(bare, "apply", "-f", "-", stdin='{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"store"}}')


@each_overlay
async def test_an_overlay_is_applied_and_changes_nothing_the_second_time(
    bare: ControlPlane, store: None, tmp_path: Path, name: str
) -> None:
    async with prepared(bare, name, tmp_path) as folder:
        made = Installation(cluster=bare, folder=folder, name=name)
        first = [line for line in await made.apply() if not line.startswith("customresourcedefinition")]
        assert {line.rpartition(" ")[2] for line in first} == {"created"}
        before = await generations(made)
        second = await made.apply()
        assert [line for line in second if line not in (BUDGET, f"{line.rpartition(' ')[0]} unchanged")] == []
        assert await generations(made) == before
        assert await kubectl(bare, "diff", "-k", made.path) == ""


@pytest.mark.parametrize("name", ["one-namespace", "policy"])
async def test_an_overlay_is_applied_on_the_servers_side_too(
    bare: ControlPlane, store: None, tmp_path: Path, name: str
) -> None:
    async with prepared(bare, name, tmp_path) as folder:
        said = await Installation(cluster=bare, folder=folder, name=name).apply("--server-side")
        assert {line.rpartition(" ")[2] for line in said} == {"serverside-applied"}


async def test_nothing_is_left_of_what_is_deleted(bare: ControlPlane, tmp_path: Path) -> None:
    async with installed(bare, "policy", tmp_path) as made:
        await kubectl(bare, "delete", "-k", made.path, "--timeout=120s")
        assert await left(bare) == ""


async def test_the_namespace_of_somebody_stays_when_its_controller_is_deleted(
    bare: ControlPlane, store: None, tmp_path: Path
) -> None:
    async with installed(bare, "one-namespace", tmp_path):
        pass
    assert await kubectl(bare, "get", "namespace", "store", "--output=name") == "namespace/store\n"


@pytest.mark.parametrize("name", ["cluster-wide", "replicas"])
async def test_the_pods_are_admitted_to_a_restricted_namespace_and_get_ready(
    bare: ControlPlane, tmp_path: Path, name: str
) -> None:
    async with installed(bare, name, tmp_path):
        status = ("rollout", "status", f"deployment/{NAME}", "--namespace", NAME, "--timeout=30s")
        assert "successfully rolled out" in await kubectl(bare, *status)


async def test_a_pod_with_more_privilege_is_not_admitted(bare: ControlPlane, tmp_path: Path) -> None:
    drop = ("deploy/base/deployment.yaml", "capabilities: {drop: [ALL]}", "privileged: false")
    async with installed(bare, "cluster-wide", tmp_path, edits=[drop]):
        shown = ("get", "deployment", NAME, "--namespace", NAME)
        condition = "jsonpath={.status.conditions[?(@.type=='ReplicaFailure')].message}"
        waited = ("--for=jsonpath={.status.conditions[?(@.type=='ReplicaFailure')].status}=True", "--timeout=30s")
        await kubectl(bare, "wait", f"deployment/{NAME}", "--namespace", NAME, *waited)
        assert "violates PodSecurity" in await kubectl(bare, *shown, "--output", condition)


async def test_other_metric_sources_start_new_pods(bare: ControlPlane, tmp_path: Path) -> None:
    async with installed(bare, "cluster-wide", tmp_path) as made:
        made.folder.edit("deploy/base/sources.yaml", "monitoring:9090", "observability:9090")
        said = await made.apply()
        changed = {line.split(" ")[0] for line in said if line != BUDGET and not line.endswith("unchanged")}
        assert {each.partition("-metric-sources")[0] for each in changed} == {
            f"configmap/{NAME}",
            f"deployment.apps/{NAME}",
        }


def test_the_folders_are_there_for_kubectl_apply_f_too() -> None:
    """A kustomization that ends in .yaml would be an object to `kubectl apply -f crds/`."""
    for folder in ("crds", "deploy/rbac"):
        assert not (Folder().root / folder / "kustomization.yaml").exists()
        assert (Folder().root / folder / "Kustomization").exists()
