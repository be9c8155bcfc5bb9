"""What a demo measured, computed from the logs of load, proxy and API server, and from the runs' records."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rollout.models.rollout import parse_time

_CONTROLLER = "progressive-delivery"
_READS = ("get", "list")
_WRITES = ("create", "update", "patch", "delete")
_PERIODIC = ("events", "leases")  # counted apart
_MOVED = ("deployments", "services", "httproutes", "grpcroutes")
_AFTER = 0.5  # seconds in which the record and the status of a step follow its weight


@dataclass(frozen=True, kw_only=True)
class Release:
    """One release as the demo saw it: times are Unix seconds."""

    version: str
    before: str  # the version that served
    changed: float  # when the template changed
    ended: float
    record: dict[str, Any]  # the RolloutRun


def lines(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of a file; a last line that is not complete yet is left out."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def release_report(
    release: Release, requests: Sequence[dict[str, Any]], access: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """One entry of `releases`: what it cost in requests and seconds."""
    status = release.record["status"]
    within = [each for each in requests if release.changed <= each["at"] <= release.ended]
    failed = [each for each in within if each["class"] == "failed"]
    aborted = status["outcome"] == "aborted"
    return {
        "revision": release.version,
        "outcome": status["outcome"],
        "steps": [
            {"weight": float(step["weight"]), "at": round(_unix(step["at"]) - release.changed, 2)}
            for step in status.get("steps") or ()
        ],
        "requests": len(within),
        "failed": {
            "stable": sum(each.get("version") == release.before for each in failed),
            "canary": sum(each.get("version") == release.version for each in failed),
        },
        "lost": sum(each["class"] == "lost" for each in within),
        "breach_to_zero_seconds": _since(_first_bad(release, access), release, access) if aborted else None,
        "scrape_to_zero_seconds": _since(_proved(status), release, access) if aborted else None,
    }


def _unix(time: str) -> float:
    return parse_time(time).timestamp()


def _start(entry: dict[str, Any]) -> float:
    """When the proxy took the request."""
    return float(entry["start"])


def _first_bad(release: Release, access: Sequence[dict[str, Any]]) -> float | None:
    """When the new version's first bad answer left the proxy."""
    bad = (
        _start(each) + float(each["duration_ms"]) / 1000
        for each in access
        if each.get("version") == release.version and int(each["code"]) >= 500
    )
    return min(bad, default=None)


def _proved(status: dict[str, Any]) -> float | None:
    """When the scrape was made whose sample reached the failure limit."""
    proofs = [_unix(each["provedAt"]) for each in status.get("analysis") or () if each.get("provedAt")]
    return min(proofs, default=None)


def _since(moment: float | None, release: Release, access: Sequence[dict[str, Any]]) -> float | None:
    """Seconds from a moment to the last request the proxy gave to the new version; 0 when that was earlier."""
    given = [_start(each) for each in access if each.get("version") == release.version]
    if moment is None or not given:
        return None
    return round(max(max(given) - moment, 0.0), 2)


def api_report(audit: Sequence[dict[str, Any]], record: dict[str, Any], rest: tuple[float, float]) -> dict[str, Any]:
    """`api_requests`: the most that entering a step took, the first left out since it prepares the run; and at rest."""
    own = [each for each in audit if each["agent"].startswith(_CONTROLLER) and each["resource"] not in _PERIODIC]
    times = [_unix(step["at"]) for step in record["status"].get("steps") or ()]
    entries = [_entering(own, before, after) for before, after in pairwise(times)]
    quiet = [each for each in own if rest[0] <= each["at"] <= rest[1] and each["verb"] != "watch"]
    return {
        "per_step": {
            "reads": max((_count(entry, _READS) for entry in entries), default=0),
            "writes": max((_count(entry, _WRITES) for entry in entries), default=0),
        },
        "at_rest_per_minute": round(len(quiet) * 60 / (rest[1] - rest[0]), 1),
    }


def _entering(own: Sequence[dict[str, Any]], before: float, after: float) -> list[dict[str, Any]]:
    """The requests that one step took: from the first write to the workload or the traffic, to the status after it."""
    within = [each for each in own if before + _AFTER <= each["at"] <= after + _AFTER]
    begins = (index for index, each in enumerate(within) if each["resource"] in _MOVED and each["verb"] in _WRITES)
    records = (index for index, each in enumerate(within) if each["resource"] == "rolloutruns")
    first, record = next(begins, len(within)), next(records, len(within))
    said = (index for index, each in enumerate(within) if index > record and each["resource"] == "rollouts")
    return within[first : next(said, len(within)) + 1]


def _count(entries: Iterable[dict[str, Any]], verbs: Sequence[str]) -> int:
    return sum(each["verb"] in verbs for each in entries)
