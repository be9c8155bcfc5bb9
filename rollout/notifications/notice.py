"""One thing that people want to be told, as a value."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rollout.models.kinds import Key
from rollout.models.status import RolloutStatus, Stage


class Kind(StrEnum):
    """What happened."""

    STARTED = "started"
    HELD = "held"
    NEEDS_APPROVAL = "needsApproval"
    ABORTED = "aborted"
    PROMOTED = "promoted"
    STALLED = "stalled"
    TEST = "test"  # somebody tries whether it arrives


HAPPENING = tuple(kind for kind in Kind if kind is not Kind.TEST)
"""What a target can be told of a Rollout."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that happened to a Rollout; `id` tells it apart from all others of the same Rollout, for ever."""

    kind: Kind
    id: str
    at: datetime
    subject: Key
    uid: str
    status: RolloutStatus

    @property
    def identity(self) -> str:
        """What receivers tell it apart by: the same each time it is sent, and no other notice has it."""
        return f"{self.uid}/{self.id}"

    @property
    def sentence(self) -> str:
        """Where the Rollout is, why, and what comes next."""
        return self.status.message or ""

    @property
    def reason(self) -> str:
        """The same in one word."""
        return reason_of(self.status)

    @property
    def images(self) -> tuple[str, ...]:
        """Images of the version that is, or was, released; empty once nothing of it is left."""
        run, revisions = self.status.run, self.status.revisions
        known = (revisions.canary, revisions.stable) if revisions is not None else ()
        return next((each.images for each in known if each and run and each.name == run.revision), ())


def reason_of(status: RolloutStatus) -> str:
    """The reason that all conditions carry."""
    return next((each.reason for each in status.conditions or () if each.type == "Ready"), "")


def moving(status: RolloutStatus) -> bool:
    """Whether a run goes on."""
    return status.run is not None and status.run.stage is not Stage.DONE
