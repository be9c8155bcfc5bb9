"""What was measured, as tables for people and as JSON for programs."""

import os
import platform
from collections import Counter
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from bench.budgets import Count, Time
from bench.requests import Costs, Phase
from controlplane.audit import What


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything measured; costs and reactions by the name of the cluster."""

    costs: dict[str, Costs]
    reactions: dict[str, tuple[Time, ...]]

    @property
    def missed(self) -> tuple[str, ...]:
        """The budgets of requests that were missed; times hang on the machine, and are only marked."""
        return tuple(
            f"{cluster}: {each.name}"
            for cluster, costs in self.costs.items()
            for each in costs.counts
            if not each.is_met
        )


def machine() -> dict[str, Any]:
    """What it was measured on, and how busy that was."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1),
    }


def tables(report: Report) -> list[Table]:
    """Requests by kind and against the budgets, then times."""
    made = [table for cluster, costs in report.costs.items() for table in (_requests(cluster, costs), _counts(costs))]
    return [*made, *(_times(cluster, times) for cluster, times in report.reactions.items())]


def as_json(report: Report) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "machine": machine(),
        "requests": {
            cluster: {
                "phases": [_phase(each) for each in costs.phases],
                "budgets": [
                    {"name": each.name, "worst": each.worst, "budget": each.budget, "met": each.is_met}
                    for each in costs.counts
                ],
            }
            for cluster, costs in report.costs.items()
        },
        "seconds": {
            cluster: [
                {"name": each.name, "runs": each.seconds, "budget": each.budget, "met": each.is_met} for each in times
            ]
            for cluster, times in report.reactions.items()
        },
        "missed": report.missed,
    }


def _phase(phase: Phase) -> dict[str, Any]:
    rows = [
        {"verb": verb, "resource": _resource(resource, subresource), "requests": count}
        for (verb, resource, subresource), count in sorted(_asked(phase).items())
    ]
    return {"name": phase.name, "rollouts": phase.rollouts, "asked": rows, "refused": _refused(phase)}


def _asked(phase: Phase) -> Counter[What]:
    return Counter(each.what for each in phase.requests)


def _refused(phase: Phase) -> int:
    return sum(each.code >= 400 for each in phase.requests)


def _resource(resource: str, subresource: str) -> str:
    return f"{resource}/{subresource}" if subresource else resource


def _requests(cluster: str, costs: Costs) -> Table:
    table = Table("verb", title=f"What the controller asked of {cluster} (per Rollout)")
    table.add_column("resource", no_wrap=True)
    for phase in costs.phases:
        table.add_column(phase.name, justify="right")
    counted = [_asked(phase) for phase in costs.phases]
    for what in sorted(set().union(*counted), key=lambda each: (each[1], each[2], each[0])):
        cells = (_cell(asked[what], phase.rollouts) for asked, phase in zip(counted, costs.phases, strict=True))
        table.add_row(what[0], _resource(what[1], what[2]), *cells)
    table.add_section()
    table.add_row("all", "", *(_cell(len(each.requests), each.rollouts) for each in costs.phases))
    table.add_row("refused", "", *(_cell(_refused(each), each.rollouts) for each in costs.phases))
    return table


def _cell(count: int, rollouts: int) -> str:
    each = f" ({count / rollouts:.1f})" if rollouts > 1 else ""
    return f"{count}{each}" if count else ""


def _counts(costs: Costs) -> Table:
    table = Table("requests", "counted", "budget", "")
    for each in costs.counts:
        table.add_row(each.name, _spread(each), str(each.budget), _mark(met=each.is_met))
    return table


def _spread(count: Count) -> str:
    shown = Counter(count.counted)
    if len(count.counted) <= 1:
        return str(count.worst)
    return ", ".join(f"{value} ({times} times)" for value, times in sorted(shown.items()))


def _times(cluster: str, times: tuple[Time, ...]) -> Table:
    table = Table("", "min", "median", "max", "budget", "", title=f"{len(times[0].seconds)} runs each on {cluster}")
    for each in times:
        figures = (min(each.seconds), each.median, max(each.seconds), each.budget)
        table.add_row(each.name, *(f"{figure * 1000:.0f} ms" for figure in figures), _mark(met=each.is_met))
    return table


def _mark(*, met: bool) -> str:
    return "[green]met[/]" if met else "[red]missed[/]"
