"""For each alert: series (one value a minute) under which it has to fire, and others under which it must not.

A counter is given from 0 on; whether Prometheus sees the 0 depends on what the process shows at its start.
"""

from rollout.readings import PREFIX as P

_LEADING = {
    f'{P}_leader{{pod="a"}}': "1x60",
    f'{P}_leader{{pod="b"}}': "0x60",
    f'{P}_build_info{{version="1"}}': "1x60",
}
_WAITS = f'{P}_rollouts_unready{{reason="WaitingForApproval"}}'
_ABORTED, _PROMOTED = (f'{P}_releases_total{{outcome="{outcome}"}}' for outcome in ("aborted", "promoted"))
_FAILED = f'{P}_reconciles_total{{outcome="failed"}}'
_FAST = f'{P}_abort_reaction_seconds_bucket{{le="0.5"}}'


def asked(pod: str, *, leads: int, up: int, queries: str) -> dict[str, str]:
    """What one replica shows of a metric source."""
    return {
        f'{P}_leader{{pod="{pod}"}}': f"{leads}x60",
        f'{P}_metric_source_up{{source="main",pod="{pod}"}}': f"{up}x60",
        f'{P}_metric_source_queries_total{{source="main",outcome="down",pod="{pod}"}}': queries,
    }


SCENES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "Down": ({f'{P}_build_info{{namespace="a"}}': "1x60", f'{P}_build_info{{namespace="b"}}': "1x20 _x40"}, _LEADING),
    "NoLeader": ({f'{P}_leader{{pod="a"}}': "0x60"}, _LEADING),
    "LeaderFlapping": (
        {f'{P}_leader{{pod="a"}}': "0 1 " * 30, f'{P}_leader{{pod="b"}}': "1 0 " * 30},
        _LEADING,
    ),
    "WatchStale": (
        {f'{P}_watch_age_seconds{{resource="pods"}}': "400x60"},
        {f'{P}_watch_age_seconds{{resource="pods"}}': "10x60"},
    ),
    "QueueStuck": ({f"{P}_queue_age_seconds": "60x60"}, {f"{P}_queue_age_seconds": "0.1x60"}),
    "ReconcileFailing": (
        {_FAILED: "0x37 1 2x30"},
        {_FAILED: "0x37 1x30", f'{P}_reconciles_total{{outcome="wrote"}}': "0+9x60"},
    ),
    "WritesForbidden": (
        {f'{P}_api_server_writes_total{{verb="patch",outcome="forbidden",resource="services"}}': "0x40 1x20"},
        {f'{P}_api_server_writes_total{{verb="patch",outcome="ok",resource="services"}}': "0+1x60"},
    ),
    "MetricSourceDown": (
        # Another replica led before and says what it knows of that time.
        asked("a", leads=0, up=1, queries="500x60") | asked("b", leads=1, up=0, queries="0+4x60"),
        asked("a", leads=0, up=0, queries="0+4x15 60x45") | asked("b", leads=1, up=1, queries="0+4x60"),
    ),
    "AbortSlow": (
        {f"{P}_abort_reaction_seconds_count": "0x20 1x40", _FAST: "0x60"},
        {f"{P}_abort_reaction_seconds_count": "0x20 1x40", _FAST: "0x20 1x40"},
    ),
    "ReleasesAborted": (
        {_ABORTED: "0x20 1x5 2x5 3x30", _PROMOTED: "0x10 1 2x50"},
        {_ABORTED: "0x20 1x5 2x5 3x30", _PROMOTED: "0x10 1 2 3x50"},
    ),
    "RolloutStalled": ({f'{P}_rollouts{{phase="Stalled"}}': "1x60"}, {f'{P}_rollouts{{phase="Healthy"}}': "9x60"}),
    "ReleaseBlind": (
        {f'{P}_rollouts_unready{{reason="NoData"}}': "2x60"},
        {f'{P}_rollouts_unready{{reason="Holding"}}': "2x60"},
    ),
    "ApprovalWaits": ({_WAITS: "1x300"}, {_WAITS: "1x200 0x100"}),
    "StepLong": ({f"{P}_oldest_step_age_seconds": "90000x60"}, {f"{P}_oldest_step_age_seconds": "3600x60"}),
    "NotificationsLate": (
        {f'{P}_notification_age_seconds{{target="chat"}}': "0+60x60"},
        {f'{P}_notification_age_seconds{{target="chat"}}': "0 120 0 200 " * 15},
    ),
    "NotificationsLost": (
        {f'{P}_notifications_total{{target="chat",outcome="givenUp"}}': "0x20 1x40"},
        {f'{P}_notifications_total{{target="chat",outcome="sent"}}': "0+1x60"},
    ),
}
