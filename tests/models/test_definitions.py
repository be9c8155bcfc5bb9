from typing import Any

from rollout.models.definitions import manifests

CRDS = {crd["spec"]["names"]["kind"]: crd for crd in manifests()}


def version(kind: str) -> dict[str, Any]:
    (only,) = CRDS[kind]["spec"]["versions"]
    return {key: value for key, value in only.items() if key != "schema"}


def columns(kind: str) -> list[tuple[str, str, str]]:
    return [(c["name"], c["type"], c["jsonPath"]) for c in version(kind)["additionalPrinterColumns"]]


def test_the_kinds_are_found_under_these_names() -> None:
    assert {kind: (crd["spec"]["scope"], crd["spec"]["names"]) for kind, crd in CRDS.items()} == {
        "Rollout": (
            "Namespaced",
            {
                "plural": "rollouts",
                "singular": "rollout",
                "kind": "Rollout",
                "listKind": "RolloutList",
                "shortNames": ["pd"],
                "categories": ["all", "progressive-delivery"],
            },
        ),
        "AnalysisTemplate": (
            "Namespaced",
            {
                "plural": "analysistemplates",
                "singular": "analysistemplate",
                "kind": "AnalysisTemplate",
                "listKind": "AnalysisTemplateList",
                "categories": ["progressive-delivery"],
            },
        ),
        "ClusterAnalysisTemplate": (
            "Cluster",
            {
                "plural": "clusteranalysistemplates",
                "singular": "clusteranalysistemplate",
                "kind": "ClusterAnalysisTemplate",
                "listKind": "ClusterAnalysisTemplateList",
                "categories": ["progressive-delivery"],
            },
        ),
        "RolloutRun": (
            "Namespaced",
            {
                "plural": "rolloutruns",
                "singular": "rolloutrun",
                "kind": "RolloutRun",
                "listKind": "RolloutRunList",
                "shortNames": ["pdr"],
                "categories": ["progressive-delivery"],
            },
        ),
    }


def test_a_crd_is_named_after_its_plural_and_group() -> None:
    assert [crd["metadata"] for crd in CRDS.values()] == [
        {"name": "rollouts.progressive.delivery"},
        {"name": "analysistemplates.progressive.delivery"},
        {"name": "clusteranalysistemplates.progressive.delivery"},
        {"name": "rolloutruns.progressive.delivery"},
    ]


def test_status_is_a_subresource_and_a_rollout_can_be_scaled() -> None:
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    assert {kind: version(kind).get("subresources") for kind in CRDS} == {
        "Rollout": {"status": {}, "scale": scale},
        "AnalysisTemplate": None,
        "ClusterAnalysisTemplate": None,
        "RolloutRun": {"status": {}},
    }


def test_kubectl_get_shows_where_a_rollout_is_and_why() -> None:
    assert columns("Rollout") == [
        ("Phase", "string", ".status.phase"),
        ("Step", "string", ".status.step.progress"),
        ("Weight", "string", ".status.traffic.desired"),
        ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status'),
        ("Message", "string", ".status.message"),
        ("Age", "date", ".metadata.creationTimestamp"),
    ]


def test_kubectl_get_shows_how_a_run_ended() -> None:
    assert columns("RolloutRun") == [
        ("Rollout", "string", ".spec.rollout"),
        ("Number", "integer", ".spec.number"),
        ("Revision", "string", ".spec.revision"),
        ("Outcome", "string", ".status.outcome"),
        ("Age", "date", ".metadata.creationTimestamp"),
    ]
