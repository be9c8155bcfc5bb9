"""The alerts as rules that Prometheus reads, as a PrometheusRule for its operator, and as a page for people."""

from collections.abc import Iterable
from typing import Any, Final

from rollout.monitoring.alerts import ALERTS, Alert

PAGE: Final = "docs/alerts.md"
_NAME: Final = "progressive-delivery"
_ABOUT: Final = """\
# Alerts

`deploy/monitoring` has these rules as a PrometheusRule (`prometheusrule.yaml`) and as a plain rule file for a
Prometheus without the operator (`rules.yaml`). This page and both files are written by `make monitoring` from one
definition. Critical: releases are not watched over. Warning: look today. Info: nice to know.
"""


def groups() -> dict[str, Any]:
    """The content of a rule file."""
    return {"groups": [{"name": _NAME, "rules": [_rule(alert) for alert in ALERTS]}]}


def prometheus_rule() -> dict[str, Any]:
    """The same for the Prometheus operator."""
    labels = {"app.kubernetes.io/name": _NAME, "app.kubernetes.io/part-of": _NAME}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": _NAME, "labels": labels},
        "spec": groups(),
    }


def page() -> str:
    """What each alert means and what to do, with the anchors that the rules name."""
    return _ABOUT + "".join(_paragraph(ALERTS))


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.lasting,
        "labels": {"severity": str(alert.severity)},
        "annotations": {
            "summary": alert.summary,
            "description": alert.remedy,
            "runbook": f"{PAGE}#{alert.name.lower()}",
        },
    }


def _paragraph(alerts: Iterable[Alert]) -> Iterable[str]:
    for alert in alerts:
        lasting = f" for {alert.lasting}" if alert.lasting != "0m" else ""
        summary = alert.summary.replace("{{ $value }}", "Some").replace("{{ $labels.", "`").replace(" }}", "`")
        yield f"\n## {alert.name}\n\n{summary}\n\n"
        yield f"**Severity** {alert.severity}, when this gives something{lasting}:\n\n```promql\n{alert.expr}\n```\n\n"
        yield f"**What to do.** {alert.remedy}\n"
