"""A controller that is gone is told of for days, and nobody is called while each namespace has one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from rollout.readings import PREFIX
from tests.monitoring.test_rules import MONITORING, needs_promtool, promtool

pytestmark = needs_promtool

_FIRING = 'count(ALERTS{alertname="ProgressiveDeliveryDown",alertstate="firing"}) > bool 0 or vector(0)'
_LATER = ("40m", "90m", "7h", "3d", "6d")
_GONE = "1x4 _x2100"  # one sample every five minutes, the last one after twenty
_THERE = "1x2100"


def controller(namespace: str, pod: str = "one") -> str:
    return f'{PREFIX}_build_info{{namespace="{namespace}",pod="{pod}"}}'


def expect(folder: Path, series: dict[str, str], *, firing: Sequence[str] = (), quiet: Sequence[str] = ()) -> None:
    """With these series the alert fires at these times, and does not at those."""
    times = [*((at, 1) for at in firing), *((at, 0) for at in quiet)]
    asked = [{"expr": _FIRING, "eval_time": at, "exp_samples": [{"labels": "{}", "value": so}]} for at, so in times]
    told = [{"series": name, "values": values} for name, values in series.items()]
    tests = [{"interval": "5m", "input_series": told, "promql_expr_test": asked}]
    file, rules = folder / "scene.yaml", [str(MONITORING / "rules.yaml")]
    scene: dict[str, Any] = {"rule_files": rules, "evaluation_interval": "5m", "tests": tests}
    file.write_text(yaml.safe_dump(scene))
    assert "SUCCESS" in promtool("test", "rules", str(file))


def test_of_two_controllers_the_one_that_is_gone_is_told_of_for_days(tmp_path: Path) -> None:
    expect(tmp_path, {controller("a"): _THERE, controller("b"): _GONE}, firing=_LATER, quiet=["20m"])


def test_where_all_are_gone_it_never_ends(tmp_path: Path) -> None:
    expect(tmp_path, {controller("a"): _GONE}, firing=[*_LATER, "167h", "168h", "169h", "172h"], quiet=["20m"])


def test_where_none_was_ever_scraped_it_is_told_as_well(tmp_path: Path) -> None:
    expect(tmp_path, {"up": "0x2100"}, firing=_LATER)


def test_nobody_is_called_while_each_namespace_has_a_controller(tmp_path: Path) -> None:
    replaced = {controller("a", "old"): "1x20 _x2100", controller("a", "new"): "_x20 1x2100"}
    expect(tmp_path, {**replaced, controller("b"): _THERE}, quiet=["0m", "5m", *_LATER, "172h"])


def test_it_ends_once_the_controller_is_back(tmp_path: Path) -> None:
    back = {controller("a"): _THERE, controller("b"): "1x4 _x40 1x2100"}
    expect(tmp_path, back, firing=["3h"], quiet=["4h", "3d"])
