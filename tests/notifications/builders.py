"""Statuses of a Rollout in the middle of things, and the notices that follow from them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rollout.models.kinds import Key
from rollout.models.rollout import format_time
from rollout.models.status import (
    Condition,
    Outcome,
    Phase,
    Revisions,
    RevisionStatus,
    RolloutStatus,
    RunStatus,
    Stage,
    StepStatus,
)
from rollout.notifications.configuration import Notifications
from rollout.notifications.notice import Kind, Notice
from rollout.notifications.owed import owed

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
KEY = Key("store", "shop")
UID = "8f1c"
SECRET = "c2VzYW1lLXNlc2FtZS1zZXNhbWUtc2VzYW1l"


def ago(**length: float) -> str:
    return format_time(NOW - timedelta(**length))


def a_run(stage: Stage = Stage.STEPPING, **fields: Any) -> RunStatus:
    """Run 3, which began five minutes ago."""
    base: dict[str, Any] = {
        "number": 3,
        "name": "shop-3",
        "revision": "new",
        "stable": "old",
        "stage": stage,
        "started_at": ago(minutes=5),
        "since": ago(minutes=5),
    }
    return RunStatus(**{**base, **fields})


def a_status(phase: Phase = Phase.PROGRESSING, reason: str = "Holding", **fields: Any) -> RolloutStatus:
    """At 10 %, the first of two steps."""
    stalled = "True" if phase in (Phase.STALLED, Phase.ABORTED) else "False"
    conditions = tuple(
        Condition(
            type=kind,
            status=status,
            reason=reason,
            message="At 10 %.",
            observed_generation=1,
            last_transition_time=ago(minutes=1),
        )
        for kind, status in (("Ready", "False"), ("Stalled", stalled))
    )
    base: dict[str, Any] = {
        "phase": phase,
        "message": "At 10 %.",
        "conditions": conditions,
        "run": a_run(),
        "step": StepStatus(index=0, count=2, name="step-1", progress="1/2", started_at=ago(minutes=5)),
        "revisions": Revisions(
            stable=RevisionStatus(name="old", images=("shop:v1",)),
            canary=RevisionStatus(name="new", images=("shop:v2",)),
        ),
    }
    return RolloutStatus(**{**base, **fields})


def promoted(**fields: Any) -> RolloutStatus:
    """Run 3 ended well a minute ago."""
    run = a_run(Stage.DONE, outcome=Outcome.PROMOTED, ended_at=ago(minutes=1), **fields)
    revisions = Revisions(stable=RevisionStatus(name="new", images=("shop:v2",)))
    return a_status(Phase.HEALTHY, "Promoted", run=run, step=None, revisions=revisions, message="Promoted shop:v2.")


def aborted(stage: Stage = Stage.DONE, **fields: Any) -> RolloutStatus:
    """Run 3 was taken back a minute ago."""
    run = a_run(stage, outcome=Outcome.ABORTED, since=ago(minutes=1), reason="errors: 6 % against 0.5 %", **fields)
    return a_status(Phase.ABORTED, "Aborted", run=run, step=None, message="Taken back: errors.")


def a_notice(status: RolloutStatus | None = None, **fields: Any) -> Notice:
    """The last notice that this status owes."""
    (*_, last) = owed(KEY, UID, status or a_status(reason="WaitingForApproval"), now=NOW)
    return Notice(**{**vars(last), **fields})


def numbered(number: int) -> Notice:
    """The start of one of many runs."""
    run = a_run(number=number)
    return Notice(kind=Kind.STARTED, id=f"{number}/started", at=NOW, subject=KEY, uid=UID, status=a_status(run=run))


def settings(*targets: dict[str, Any], **fields: Any) -> Notifications:
    """A file with these targets."""
    return Notifications.model_validate({"cluster": "prod", "targets": list(targets), **fields})
