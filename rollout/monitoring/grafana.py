"""The dashboard in the form that Grafana imports."""

from collections.abc import Iterator
from typing import Any, Final

from rollout.monitoring.panels import ROWS, Panel

TITLE: Final = "Canary analysis"
_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 2
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    """The whole dashboard; the data source, the Rollout and the names of its metrics are variables."""
    return {
        "uid": "progressive-delivery",
        "title": TITLE,
        "description": "A release, the new version beside the old one, and the controller that watches over it.",
        "tags": ["progressive-delivery"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": [{"id": number, **panel} for number, panel in enumerate(_panels(), start=1)],
    }


def _variables() -> list[dict[str, Any]]:
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    text = (
        ("namespace", "Namespace", "default"),
        ("rollout", "Rollout", "shop"),
        ("requests", "Counter of requests", "requests_total"),
        ("bad", "Which of them are bad", 'code=~"5.."'),
        ("duration_bucket", "Buckets of durations", "request_duration_seconds_bucket"),
    )
    return [source, *(_text(name, label, default) for name, label, default in text)]


def _text(name: str, label: str, default: str) -> dict[str, Any]:
    chosen = {"text": default, "value": default}
    return {"name": name, "label": label, "type": "textbox", "query": default, "current": chosen, "options": [chosen]}


def _panels() -> Iterator[dict[str, Any]]:
    top = 0
    for row in ROWS:
        yield {"type": "row", "title": row.title, "collapsed": False, "panels": [], "gridPos": _place(top, 0, 24, 1)}
        top += 1
        for index, panel in enumerate(row.panels):
            line, column = divmod(index, _COLUMNS)
            yield _panel(panel, _place(top + line * _HEIGHT, column * _WIDTH, _WIDTH, _HEIGHT))
        top += -(-len(row.panels) // _COLUMNS) * _HEIGHT


def _place(y: int, x: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "type": "stat" if panel.number else "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {} if panel.number else {"tooltip": {"mode": "multi"}, "legend": {"showLegend": True}},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": _SOURCE, "expr": query.expr, "legendFormat": query.legend}
            for index, query in enumerate(panel.queries)
        ],
    }
