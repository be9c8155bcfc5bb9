"""The alerts as Prometheus itself sees them, and the dashboard's questions as a parser of PromQL does."""

import json
import re
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from rollout.metrics import Metrics
from rollout.monitoring.alerts import ALERTS, Alert
from rollout.monitoring.grafana import dashboard
from rollout.monitoring.panels import ROWS
from rollout.readings import PREFIX
from tests import missing
from tests.api.test_metrics import readings
from tests.monitoring.scenes import SCENES, asked
from tests.monitoring.starting import since_start

PROMTOOL = which("promtool")
MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason=missing.PROMETHEUS)


def promtool(*arguments: str) -> str:
    """What it says; fails where it finds a fault."""
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def exported() -> set[str]:
    metrics = Metrics()
    metrics.read(readings())
    found = set()
    for family in text_string_to_metric_families(metrics.render().decode()):
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        found |= {family.name + suffix for suffix in suffixes}
    return found


def filled(expr: str) -> str:
    """A panel's question with its variables as they are at first."""
    variables: list[dict[str, Any]] = dashboard()["templating"]["list"]
    values = {each["name"]: each.get("query", "") for each in variables} | {"__rate_interval": "1m"}
    for name in sorted(values, key=len, reverse=True):
        expr = expr.replace(f"${name}", values[name])
    return expr


def panel_queries() -> list[str]:
    return [query.expr for row in ROWS for panel in row.panels for query in panel.queries]


@needs_promtool
def test_prometheus_accepts_the_rules() -> None:
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", str(MONITORING / "rules.yaml"))


def test_both_files_have_the_same_rules() -> None:
    plain = yaml.safe_load((MONITORING / "rules.yaml").read_text())
    assert yaml.safe_load((MONITORING / "prometheusrule.yaml").read_text())["spec"] == plain


def scene(alert: Alert, series: dict[str, str], *, fires: bool) -> dict[str, Any]:
    """A test of promtool's: with these series the alert fires, or does not."""
    firing = f'count(ALERTS{{alertname="{alert.name}",alertstate="firing"}}) > bool 0 or vector(0)'
    late = "295m" if alert.lasting == "4h" else "45m"
    expected = {"expr": firing, "eval_time": late, "exp_samples": [{"labels": "{}", "value": int(fires)}]}
    told = [{"series": name, "values": values} for name, values in since_start(series, minutes=300).items()]
    test = {"interval": "1m", "input_series": told, "promql_expr_test": [expected]}
    return {"rule_files": [str(MONITORING / "rules.yaml")], "evaluation_interval": "1m", "tests": [test]}


@needs_promtool
@pytest.mark.parametrize("fires", [True, False])
@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_fires_when_it_should_and_only_then(alert: Alert, fires: bool, tmp_path: Path) -> None:
    bad, well = SCENES[alert.name.removeprefix("ProgressiveDelivery")]
    file = tmp_path / "scene.yaml"
    file.write_text(yaml.safe_dump(scene(alert, bad if fires else well, fires=fires)))
    assert "SUCCESS" in promtool("test", "rules", str(file))


@needs_promtool
@pytest.mark.parametrize("queries", ["40x60", "0+4x60"])
def test_of_a_source_that_nobody_asks_nobody_hears(queries: str, tmp_path: Path) -> None:
    (down,) = (alert for alert in ALERTS if alert.name == "ProgressiveDeliveryMetricSourceDown")
    file, series = tmp_path / "scene.yaml", asked("a", leads=1, up=0, queries=queries)
    file.write_text(yaml.safe_dump(scene(down, series, fires=queries == "0+4x60")))
    assert "SUCCESS" in promtool("test", "rules", str(file))


def test_every_metric_in_an_alert_or_a_panel_is_exported() -> None:
    texts = [*(alert.expr for alert in ALERTS), *panel_queries()]
    asked = {name for expr in texts for name in re.findall(rf"\b{PREFIX}_\w+", expr)}
    assert asked - exported() == set()


@pytest.mark.parametrize("expr", panel_queries())
def test_every_question_of_the_dashboard_is_promql(expr: str) -> None:
    promql_parser.parse(filled(expr))


def test_the_dashboard_asks_the_chosen_data_source_and_every_variable_is_defined() -> None:
    made = dashboard()
    defined = {each["name"] for each in made["templating"]["list"]} | {"__rate_interval"}
    assert set(re.findall(r"\$\{?([a-z_]\w*)", json.dumps(made["panels"]))) - defined == set()
    charts = [panel for panel in made["panels"] if panel["type"] != "row"]
    assert {target["datasource"]["uid"] for panel in charts for target in panel["targets"]} == {"${datasource}"}


def test_no_two_panels_overlap() -> None:
    cells = [
        (x, y)
        for place in (each["gridPos"] for each in dashboard()["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
