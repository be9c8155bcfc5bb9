"""What the controller may cost and how fast it has to be: the figures that `make bench` compares with."""

from dataclasses import dataclass
from statistics import median

# Requests. Events and the lease, and numbers and checkpoints (each at most every 30 s), are counted apart.
STEP = 3  # writes to enter a step by weight alone: route, status, run
STEP_WITH_SCALING = 5
READS = 0  # in a whole release
SETTLED = 5  # writes to create one settled Rollout, its run apart
AT_REST = 0  # besides watches and the renewal of the lease

# Seconds.
FIRST_WRITE = 0.1
SCALED = 1.0
EMPTIED = 0.5
OURS = 0.05
ABORTED = 1.0


@dataclass(frozen=True, kw_only=True)
class Count:
    """A number of requests beside its budget: the worst of all that were counted."""

    name: str
    counted: tuple[int, ...]
    budget: int

    @property
    def worst(self) -> int:
        """What the budget is for; -1 if nothing was counted."""
        return max(self.counted, default=-1)

    @property
    def is_met(self) -> bool:
        """Something was counted, and nothing of it is above the budget."""
        return bool(self.counted) and self.worst <= self.budget


@dataclass(frozen=True, kw_only=True)
class Time:
    """Something that was measured several times, in seconds, beside its budget."""

    name: str
    seconds: tuple[float, ...]
    budget: float

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.seconds)

    @property
    def is_met(self) -> bool:
        """Every run was within the budget."""
        return max(self.seconds) <= self.budget
