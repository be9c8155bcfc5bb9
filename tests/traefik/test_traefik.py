"""A Gateway implementation that is not ours moves real traffic between real pods, and no request is lost.

Traefik accepts a weight at once and obeys it up to two seconds later: what is taken down on acceptance alone is lost.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from controlplane.binaries import NotBuilt, binaries, traefik
from controlplane.network import NoNetwork, inside

pytestmark = pytest.mark.e2e

_ROOT = Path(__file__).parent.parent.parent
_SECONDS = 300
_SETTLE = 5.0  # more than the two seconds that Traefik takes, and a loaded machine
SCENARIOS = ("release", "abort", "third", "unheard")
Report = dict[str, Any]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """What happened in all scenarios, by name; skips where they cannot be played."""
    directory = tmp_path_factory.mktemp("traefik")
    try:
        binaries(), traefik()
        command = inside(sys.executable, "-m", "tests.traefik.scenario", str(directory), f"{_SETTLE:g}s")
    except (NotBuilt, NoNetwork) as reason:
        pytest.skip(str(reason))
    played = subprocess.run(command, cwd=_ROOT, check=False, timeout=_SECONDS, stderr=subprocess.PIPE, text=True)
    assert played.returncode == 0, played.stderr
    found: dict[str, Report] = json.loads((directory / "reports.json").read_text())
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_request_is_lost(reports: dict[str, Report], name: str) -> None:
    requests = reports[name]["requests"]
    assert [each for each in requests if each["class"] == "lost"] == []
    assert len(requests) > 80 * reports[name]["seconds"]  # so much was asked all the time
    assert {each["client"] for each in requests} == {"http1", "http2"}
    assert any(each["ms"] > 1000 for each in requests)


@pytest.mark.parametrize("name", SCENARIOS)
def test_afterwards_the_route_is_exactly_as_declared(reports: dict[str, Report], name: str) -> None:
    assert declared(reports[name]["route"]) == declared(reports[name]["declared"])


def declared(route: Report) -> Report:
    metadata = {key: route["metadata"].get(key) for key in ("labels", "annotations", "finalizers", "ownerReferences")}
    return {"spec": route["spec"], **metadata}


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("release", [None, 0, 20, 50, 100, None]),
        ("abort", [None, 0, 20, 0, None]),
        ("third", [None, 0, 20, 50, 0, None, 0, 20, 50, 100, None]),
        ("unheard", [None, 0, 20, 50, 0, None]),
    ],
)
def test_the_route_has_these_weights_in_this_order(
    reports: dict[str, Report], name: str, weights: list[int | None]
) -> None:
    assert [each["weight"] for each in reports[name]["shifts"]] == weights


@pytest.mark.parametrize(("name", "version"), [("release", "v2"), ("abort", "v1"), ("third", "v4"), ("unheard", "v1")])
def test_afterwards_only_the_expected_version_serves(reports: dict[str, Report], name: str, version: str) -> None:
    after = [each for each in reports[name]["requests"] if each["at"] > reports[name]["ended"]]
    assert set(Counter(each["version"] for each in after)) == {version}
    assert len(after) > 100


def test_a_bad_version_is_taken_back_for_its_errors(reports: dict[str, Report]) -> None:
    requests = reports["abort"]["requests"]
    assert {each["version"] for each in requests if each["class"] == "failed"} == {"v2-bad"}
    assert "errors" in reports["abort"]["status"]["message"]


def test_a_canary_that_was_taken_back_answers_until_the_gateway_has_heard_of_it(reports: dict[str, Report]) -> None:
    emptied, restored = reports["unheard"]["shifts"][-2:]
    after = [each for each in reports["unheard"]["requests"] if each["at"] > emptied["written"]]
    assert emptied["accepted"] - emptied["written"] > 8
    assert len([each for each in after if each["version"] == "v2" and each["class"] == "ok"]) > 300
    assert restored["written"] - emptied["accepted"] > _SETTLE - 0.5  # the canary goes as the route is given back
