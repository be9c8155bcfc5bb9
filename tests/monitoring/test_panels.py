"""The dashboard asks for the pods of the chosen Rollout and for no others, by their names as a cluster gives them."""

import re
from pathlib import Path
from typing import Any

import yaml

from rollout.models.rollout import REVISION_LABEL, ROLLOUT_LABEL
from rollout.monitoring.panels import ROWS
from tests.controller.harness import Stage, a_rollout, controlling, stage, template
from tests.monitoring.test_rules import filled, needs_promtool, panel_queries, promtool

LONG = "shop-" + "x" * 40
ALIKE = ("shop", "shop-admin", "shop-b", "shop-bcdfghjklm", LONG)
OF_PODS = [expr for expr in panel_queries() if "$rollout" in expr]


def named(name: str) -> dict[str, Any]:
    alone: dict[str, Any] = a_rollout(services=None, traffic=None, replicas=1)
    return {**alone, "metadata": {"name": name}}


def a_deployment(name: str) -> dict[str, Any]:
    """One that no Rollout knows."""
    labels = {"app": "other"}
    pods = {**template("v1"), "metadata": {"labels": labels}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pods}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


async def names_of_pods(made: Stage) -> dict[str, tuple[str, str]]:
    """The Rollout and the revision of each pod by its name; empty where it has none."""
    await made.create(*map(named, ALIKE), *map(a_deployment, ("shop", "shop-shop")))
    await made.until(lambda: len(made.list("pods")) == len(ALIKE) + 2, "all pods")
    metadata = [pod["metadata"] for pod in made.list("pods")]
    return {
        each["name"]: (each["labels"].get(ROLLOUT_LABEL, ""), each["labels"].get(REVISION_LABEL, ""))
        for each in metadata
    }


async def test_every_panel_selects_the_pods_of_its_rollout_only_and_knows_their_revision(tmp_path: Path) -> None:
    async with stage(tmp_path) as made, controlling(made):
        pods = await names_of_pods(made)
    assert len({rollout for rollout, _ in pods.values()}) == len(ALIKE) + 1
    for expr in OF_PODS:
        selecting, naming = (set(re.findall(each, expr)) for each in (r'pod=~"([^"]+)"', r'"pod", "([^"]+)"'))
        assert selecting == naming
        (pattern,) = naming
        for name in ALIKE:
            matches = {pod: re.fullmatch(pattern.replace("$rollout", name), pod) for pod in pods}
            found = {pod: match[1] for pod, match in matches.items() if match}
            assert found == {pod: revision for pod, (rollout, revision) in pods.items() if rollout == name}


@needs_promtool
def test_the_share_of_the_traffic_is_that_within_the_rollout(tmp_path: Path) -> None:
    (share,) = [panel for row in ROWS for panel in row.panels if panel.title == "Share of the traffic"]
    rates = {
        "shop-x7c9f2bcdf-6d8f7c9b5-bcd5f": 90,
        "shop-k4z2bbcdfg-5b9c4d8f76-fgh2j": 10,
        "shop-admin-99bbzcdfgh-77b8cd9f5-klm2n": 900,
    }
    series = [
        {"series": f'requests_total{{namespace="default",pod="{pod}"}}', "values": f"0+{rate}x30"}
        for pod, rate in rates.items()
    ]
    percent = {"x7c9f2bcdf": 90, "k4z2bbcdfg": 10}
    told = [{"labels": f'{{revision="{revision}"}}', "value": value} for revision, value in percent.items()]
    expected = {"expr": f"round(100 * {filled(share.queries[0].expr)})", "eval_time": "7m", "exp_samples": told}
    file = tmp_path / "shares.yaml"
    file.write_text(
        yaml.safe_dump({"tests": [{"interval": "15s", "input_series": series, "promql_expr_test": [expected]}]})
    )
    assert "SUCCESS" in promtool("test", "rules", str(file))
