import json
from typing import Any

import pytest

from api.views import view_of
from rollout.cli.endings import carried_out, settled
from rollout.models.kinds import Manifest
from tests.api.cluster import a_run, moving

BEHIND = {
    "type": "Ready",
    "status": "True",
    "reason": "Promoted",
    "message": "",
    "observedGeneration": 1,
    "lastTransitionTime": "2026-05-01T13:41:00.000Z",
}


def view(manifest: Manifest) -> Any:
    return json.loads(view_of(manifest).model_dump_json(by_alias=True))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({"phase": "Progressing"}, None),
        ({"phase": "Baking"}, None),
        ({"phase": "Paused"}, None),
        ({"phase": "Healthy"}, 0),
        ({"phase": "Aborted"}, 2),
        ({"phase": "Stalled"}, 2),
        ({"phase": "Healthy", "conditions": [BEHIND]}, None),
        ({"phase": "Healthy", "conditions": [{**BEHIND, "observedGeneration": 2}]}, 0),
    ],
)
def test_a_rollout_is_settled_once_the_controller_has_seen_what_is_declared(
    status: dict[str, Any], code: int | None
) -> None:
    assert settled(view(moving(**status))) == code


@pytest.mark.parametrize(
    ("command", "status", "code"),
    [
        ({"verb": "pause"}, {"handled": []}, None),
        ({"verb": "pause"}, {"handled": ["x"]}, 0),
        ({"verb": "promote"}, {"handled": ["x"]}, 0),
        ({"verb": "promote", "to": "end"}, {"handled": ["x"]}, None),
        ({"verb": "promote", "to": "end"}, {"handled": ["x"], "phase": "Stalled"}, 2),
        ({"verb": "abort"}, {"handled": ["x"]}, None),
        ({"verb": "abort"}, {"handled": ["x"], "run": a_run(number=5)}, 0),
        ({"verb": "undo"}, {"handled": ["x"], "phase": "Healthy"}, None),
        ({"verb": "undo"}, {"handled": ["x"], "phase": "Healthy", "run": a_run("Done", number=5)}, 0),
        ({"verb": "retry"}, {"handled": ["x"], "phase": "Aborted", "run": a_run("Done", number=5)}, 2),
        ({"verb": "restart"}, {"handled": ["x"], "phase": "Healthy"}, 0),
    ],
)
def test_what_was_asked_in_run_4_is_over_when(
    command: dict[str, Any], status: dict[str, Any], code: int | None
) -> None:
    assert carried_out(view(moving(**status)), {"id": "x", **command}, before=4) == code
