"""Every overlay builds, and what it says agrees with the code."""

import re
from typing import Any

import pytest
import yaml

from analysis.sources import load
from api.health import create_health_app
from rollout.kube.lease import Timing
from rollout.metrics import Metrics
from rollout.models.status import Verb
from tests.backends import ROOT
from tests.deploy.overlays import NAME, OVERLAYS, Folder, built, container, deployment, one, overlay
from tests.deploy.pods import expanded, options_of

CRDS = {
    f"{name}.progressive.delivery"
    for name in ("analysistemplates", "clusteranalysistemplates", "rolloutruns", "rollouts")
}
PEOPLE = {"progressive-delivery-viewer", "progressive-delivery-editor", "progressive-delivery-releaser"}
CLUSTER = {("CustomResourceDefinition", name) for name in CRDS} | {("ClusterRole", name) for name in PEOPLE}
WORKLOAD = {
    ("ServiceAccount", NAME),
    ("Role", f"{NAME}-lease"),
    ("RoleBinding", f"{NAME}-lease"),
    ("ConfigMap", f"{NAME}-metric-sources"),
    ("Deployment", NAME),
    ("Service", f"{NAME}-metrics"),
    ("NetworkPolicy", NAME),
    ("PodDisruptionBudget", NAME),
}
WHOLE = CLUSTER | WORKLOAD | {("Namespace", NAME), ("ClusterRole", NAME), ("ClusterRoleBinding", NAME)}
WANTED = {
    "cluster-wide": WHOLE,
    "monitoring": WHOLE | {("ServiceMonitor", NAME), ("PrometheusRule", NAME), ("ConfigMap", f"{NAME}-dashboard")},
    "one-namespace": WORKLOAD
    | {("Role", NAME), ("RoleBinding", NAME), ("ClusterRole", f"{NAME}-templates")}
    | {("ClusterRoleBinding", f"{NAME}-templates:store")},
    "notifications": WHOLE | {("ConfigMap", f"{NAME}-notifications")},
    "policy": WHOLE
    | {(f"ValidatingAdmissionPolicy{kind}", "commands.progressive.delivery") for kind in ("", "Binding")},
    "replicas": WHOLE,
}
ARGUMENTS = {
    "cluster-wide": {},
    "monitoring": {},
    "notifications": {"notifications": "/etc/notifications/notifications.yaml"},
    "one-namespace": {"namespace": "store"},
    "policy": {"annotation_commands": "all"},
    "replicas": {},
}
SOURCES = "/etc/progressive-delivery/sources.yaml"

each_overlay = pytest.mark.parametrize("name", OVERLAYS)


def named(each: dict[str, Any]) -> tuple[str, str]:
    """Kind and name, without the hash that kustomize adds."""
    name = each["metadata"]["name"]
    return each["kind"], re.sub(r"-[a-z0-9]{10}$", "", name) if each["kind"] == "ConfigMap" else name


def test_every_overlay_is_known_here() -> None:
    assert sorted(WANTED) == sorted(ARGUMENTS) == OVERLAYS


@each_overlay
def test_an_overlay_has_these_objects_and_each_once(name: str) -> None:
    found = [named(each) for each in overlay(name)]
    assert len(found) == len(set(found))
    assert set(found) == WANTED[name]


@each_overlay
def test_the_arguments_are_options_of_the_controller(name: str) -> None:
    objects = overlay(name)
    given = options_of(expanded(objects))
    assert given == {"metric_sources": SOURCES, **ARGUMENTS[name]}


@each_overlay
def test_the_probes_ask_what_the_controller_answers_where_it_listens(name: str) -> None:
    pod = container(overlay(name))
    ports = {each["name"]: each["containerPort"] for each in pod["ports"]}
    asked = {probe: pod[probe]["httpGet"] for probe in ("livenessProbe", "readinessProbe")}
    assert asked == {
        "livenessProbe": {"path": "/healthz", "port": "metrics"},
        "readinessProbe": {"path": "/readyz", "port": "metrics"},
    }
    served = create_health_app(live=lambda: None, ready=lambda: None, metrics=Metrics()).routes
    assert {"/healthz", "/readyz", "/metrics"} <= {getattr(route, "path", "") for route in served}
    assert ports == {"metrics": options_of(["controller"], defaults=True)["health_port"]}


@each_overlay
def test_the_pod_asks_for_no_privilege(name: str) -> None:
    spec = deployment(overlay(name))["spec"]["template"]["spec"]
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(overlay(name))["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@each_overlay
def test_the_image_is_that_of_this_version(name: str) -> None:
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert container(overlay(name))["image"] == f"progressive-delivery:{version}"


@pytest.mark.parametrize("name", sorted(set(OVERLAYS) - {"one-namespace"}))
def test_the_overlays_for_the_whole_cluster_have_the_same_rights_and_pods_but_for_what_they_are_for(name: str) -> None:
    known, found = overlay("cluster-wide"), overlay(name)
    for kind in ("ClusterRole", "ClusterRoleBinding", "ServiceAccount"):
        assert one(found, kind) == one(known, kind)
    for kind in ("Role", "RoleBinding"):
        assert one(found, kind, f"{NAME}-lease") == one(known, kind, f"{NAME}-lease")
    plain, other = (dict(container(objects)) for objects in (known, found))
    assert other.pop("args")[:2] == plain.pop("args")
    mounts = plain.pop("volumeMounts")
    assert other.pop("volumeMounts")[: len(mounts)] == mounts
    assert other == plain


def test_a_leader_that_hangs_at_its_end_has_lost_the_lease_before_it_is_killed() -> None:
    grace = deployment(overlay("cluster-wide"))["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert Timing().lease < grace


def test_the_metric_sources_can_be_read(tmp_path: Any) -> None:
    objects = overlay("cluster-wide")
    (config,) = (each for each in objects if each["kind"] == "ConfigMap")
    (tmp_path / "sources.yaml").write_text(config["data"]["sources.yaml"])
    assert [source.name for source in load(tmp_path / "sources.yaml")] == ["prometheus"]
    (volume,) = deployment(objects)["spec"]["template"]["spec"]["volumes"]
    assert volume == {"name": "metric-sources", "configMap": {"name": config["metadata"]["name"]}}


@each_overlay
def test_the_service_the_policy_and_the_budget_choose_the_pods(name: str) -> None:
    objects = overlay(name)
    labels = deployment(objects)["spec"]["template"]["metadata"]["labels"]
    chosen = [
        one(objects, "Service", f"{NAME}-metrics")["spec"]["selector"],
        one(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        one(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        deployment(objects)["spec"]["selector"]["matchLabels"],
    ]
    assert chosen == [labels] * 4


def test_a_budget_lets_a_node_be_drained_whatever_the_number_of_replicas() -> None:
    assert one(overlay("cluster-wide"), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_several_replicas_are_on_nodes_of_their_own() -> None:
    spec = deployment(overlay("replicas"))["spec"]
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert spec["replicas"] == 2
    assert [(each["topologyKey"], each["whenUnsatisfiable"]) for each in spread] == [
        ("kubernetes.io/hostname", "DoNotSchedule"),
        ("topology.kubernetes.io/zone", "ScheduleAnyway"),
    ]


def test_the_service_monitor_reads_the_port_that_the_service_has() -> None:
    objects = overlay("monitoring")
    service = one(objects, "Service", f"{NAME}-metrics")
    monitor = one(objects, "ServiceMonitor")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [each["port"] for each in monitor["spec"]["endpoints"]] == [
        each["name"] for each in service["spec"]["ports"]
    ]


def test_the_rules_and_the_dashboard_are_in_the_namespace_of_the_controller() -> None:
    objects = overlay("monitoring")
    found = (one(objects, "PrometheusRule"), one(objects, "ConfigMap", f"{NAME}-dashboard"))
    assert [each["metadata"]["namespace"] for each in found] == [NAME, NAME]


def test_for_one_namespace_the_rights_in_the_cluster_become_rights_there() -> None:
    objects = overlay("one-namespace")
    whole = yaml.safe_load((ROOT / "deploy/rbac/cluster-role.yaml").read_text())["rules"]
    kept, templates = one(objects, "Role")["rules"], one(objects, "ClusterRole", f"{NAME}-templates")["rules"]
    assert rights(kept) | rights(templates) == rights(whole)
    assert rights(templates) == {
        ("progressive.delivery", "clusteranalysistemplates", verb) for verb in ("list", "watch")
    }
    assert not rights(templates) & rights(kept)


def test_for_one_namespace_everything_but_what_reads_templates_is_in_it() -> None:
    outside = {named(each) for each in overlay("one-namespace") if each["metadata"].get("namespace") != "store"}
    assert outside == {("ClusterRole", f"{NAME}-templates"), ("ClusterRoleBinding", f"{NAME}-templates:store")}


def rights(rules: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_who_may_release_may_give_every_command() -> None:
    rules = one(built(ROOT / "deploy" / "people"), "ClusterRole", f"{NAME}-releaser")["rules"]
    commands = {("progressive.delivery", f"rollouts/{verb}", "update") for verb in Verb}
    assert commands <= rights(rules)
    assert rights(rules) - commands == {("progressive.delivery", "rollouts", verb) for verb in ("get", "patch")}


def test_the_policy_knows_every_command() -> None:
    policy = one(overlay("policy"), "ValidatingAdmissionPolicy", "commands.progressive.delivery")
    (known,) = (each["expression"] for each in policy["spec"]["variables"] if each["name"] == "known")
    assert set(re.findall(r"'(\w+)'", known)) == set(Verb)
    assert [verb for verb in Verb if verb not in policy["spec"]["validations"][0]["message"]] == []


def test_an_image_of_ones_own_registry_is_one_line(tmp_path: Any) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "resources": ["../deploy/overlays/cluster-wide"],
                "images": [{"name": "progressive-delivery", "newName": "registry.example.com/tools/pd"}],
            }
        )
    )
    for folder in ("crds", "deploy"):
        (tmp_path / folder).symlink_to(Folder().root / folder)
    assert container(built(tmp_path / "mine"))["image"].startswith("registry.example.com/tools/pd:")
