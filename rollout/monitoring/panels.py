"""The panels of the dashboard `Canary analysis`: what is asked, and how it is shown."""

from dataclasses import dataclass
from typing import Final

from rollout.core.workload import ALPHABET, REVISION_LENGTH
from rollout.readings import PREFIX as P

_LETTER: Final = f"[{ALPHABET}]"
_POD: Final = f"$rollout-({_LETTER}{{{REVISION_LENGTH}}})-{_LETTER}+-?{_LETTER}{{5}}"
"""The name of a pod of the Rollout: `<rollout>-<revision>-<hash of the ReplicaSet>-<5 letters>`.

Neither a Rollout whose name begins alike has such pods, nor a Deployment of the same name. Before the 5 letters
Kubernetes cuts a name at 58, so that of a long one the dash is missing; above 45 letters too little of it is left.
"""
_PODS: Final = f'namespace="$namespace",pod=~"{_POD}"'


@dataclass(frozen=True, kw_only=True)
class Query:
    """One question; `legend` names a line, with labels in double braces."""

    expr: str
    legend: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One chart, or with `number` one number. `unit` is Grafana's name for it."""

    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str = "short"
    number: bool = False


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


def _by_version(expr: str, by: str = "") -> str:
    """The sum by revision, which is in the names of a revision's pods: `<rollout>-<revision>-...`."""
    labelled = f'label_replace({expr}, "revision", "$1", "pod", "{_POD}")'
    return f"sum by ({by}revision) ({labelled})"


def _requests(more: str = "") -> str:
    return f"rate($requests{{{_PODS}{more}}}[$__rate_interval])"


def _container(metric: str, *, rate: bool = False) -> str:
    selected = f'{metric}{{{_PODS},container!=""}}'
    return f"rate({selected}[$__rate_interval])" if rate else selected


def _quantile(share: float) -> Query:
    buckets = f"rate($duration_bucket{{{_PODS}}}[$__rate_interval])"
    percent = f"{100 * share:g}"
    return Query(
        expr=f"histogram_quantile({share:g}, {_by_version(buckets, by='le, ')})",
        legend=f"p{percent} {{{{revision}}}}",
    )


def _own_quantile(metric: str, by: str = "", share: float = 0.99) -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, sum by ({labels}) (rate({P}_{metric}_bucket[$__rate_interval])))"


_ALL = _by_version(_requests())
_BAD = _by_version(_requests(",$bad"))  # no series at all where nothing was ever bad

ROWS: Final = (
    Row(
        "Canary against stable",
        (
            Panel(
                title="Requests a second",
                about="By version: the revision in its pods' names, which are cut for Rollouts above 45 letters.",
                queries=(Query(expr=_ALL, legend="{{revision}}"),),
                unit="reqps",
            ),
            Panel(
                title="Share of the traffic",
                about="What each version really gets, which is what the share test compares with the step's weight.",
                queries=(Query(expr=f"{_ALL} / scalar(sum({_requests()}))", legend="{{revision}}"),),
                unit="percentunit",
            ),
            Panel(
                title="Error rate",
                about="The share of requests that match the variable `bad`, by version.",
                queries=(Query(expr=f"({_BAD} or 0 * {_ALL}) / {_ALL}", legend="{{revision}}"),),
                unit="percentunit",
            ),
            Panel(
                title="Latency",
                about="95 and 99 of 100 requests are faster, by version; no finer than the histogram's buckets.",
                queries=(_quantile(0.95), _quantile(0.99)),
                unit="s",
            ),
        ),
    ),
    Row(
        "Saturation by version",
        (
            Panel(
                title="Processor time",
                about="Cores in use, by version, as cAdvisor counts them.",
                queries=(
                    Query(
                        expr=_by_version(_container("container_cpu_usage_seconds_total", rate=True)),
                        legend="{{revision}}",
                    ),
                ),
            ),
            Panel(
                title="Memory",
                about="The working set of all pods, by version.",
                queries=(
                    Query(expr=_by_version(_container("container_memory_working_set_bytes")), legend="{{revision}}"),
                ),
                unit="bytes",
            ),
            Panel(
                title="Container restarts",
                about="In the last hour, by version, as kube-state-metrics counts them.",
                queries=(
                    Query(
                        expr=_by_version(f"increase(kube_pod_container_status_restarts_total{{{_PODS}}}[1h])"),
                        legend="{{revision}}",
                    ),
                ),
            ),
        ),
    ),
    Row(
        "All releases",
        (
            Panel(
                title="Rollouts by phase",
                about="Each replica counts all; the highest number is the newest.",
                queries=(Query(expr=f"max by (phase) ({P}_rollouts)", legend="{{phase}}"),),
            ),
            Panel(
                title="Releases that ended, per hour",
                about="By outcome.",
                queries=(Query(expr=f"sum by (outcome) (increase({P}_releases_total[1h]))", legend="{{outcome}}"),),
            ),
            Panel(
                title="Verdicts a second",
                about="By what the checks said.",
                queries=(
                    Query(expr=f"sum by (state) (rate({P}_verdicts_total[$__rate_interval]))", legend="{{state}}"),
                ),
            ),
            Panel(
                title="From the proof to 0 %",
                about="99 of 100 bad versions were off the traffic this long after the sample that proved them bad.",
                queries=(Query(expr=_own_quantile("abort_reaction_seconds"), legend="p99"),),
                unit="s",
            ),
        ),
    ),
    Row(
        "Controller",
        (
            Panel(
                title="Acts",
                about="Replicas that hold the lease: one.",
                queries=(Query(expr=f"sum({P}_leader)", legend="leaders"),),
                number=True,
            ),
            Panel(
                title="Longest wait in the queue",
                about="How long the Rollout that waits for longest has been due.",
                queries=(Query(expr=f"max({P}_queue_age_seconds)", legend="oldest"),),
                unit="s",
                number=True,
            ),
            Panel(
                title="Reconcile",
                about="99 of 100 take no longer.",
                queries=(Query(expr=_own_quantile("reconcile_duration_seconds"), legend="p99"),),
                unit="s",
            ),
            Panel(
                title="Writes to the API server",
                about="99 of 100 take no longer, by lane: aborts have one of their own.",
                queries=(Query(expr=_own_quantile("api_server_write_duration_seconds", "lane"), legend="{{lane}}"),),
                unit="s",
            ),
            Panel(
                title="Metric sources",
                about="1 is well, 0 is down, as the replica that acts heard last.",
                queries=(
                    Query(
                        expr=f"min by (source) ({P}_metric_source_up and ignoring (source) {P}_leader == 1)",
                        legend="{{source}}",
                    ),
                ),
            ),
            Panel(
                title="Questions to metric sources",
                about="99 of 100 are answered faster.",
                queries=(Query(expr=_own_quantile("metric_source_query_seconds", "source"), legend="{{source}}"),),
                unit="s",
            ),
            Panel(
                title="Age of watches",
                about="Time since a watch last gave a sign of life.",
                queries=(Query(expr=f"max by (resource) ({P}_watch_age_seconds)", legend="{{resource}}"),),
                unit="s",
            ),
        ),
    ),
)
