"""What the pods of one side counted in all, and how equal they are."""

from dataclasses import dataclass, field

from analysis.judge import stored
from analysis.judge.block import Counts, checked


@dataclass(frozen=True, slots=True)
class Side:
    """Sums over the blocks so far, and by pod; a pod that is gone stays counted."""

    requests: float = 0.0
    bad: float = 0.0
    pods: Counts = field(default_factory=dict)

    def plus(self, counts: Counts) -> "Side":
        """With what one more block counted."""
        pods = dict(self.pods)
        requests, bad = self.requests, self.bad
        for name, (more, worse) in counts.items():
            before = pods.get(name)
            pods[name] = (before[0] + more, before[1] + worse) if before else (more, worse)
            requests += more
            bad += worse
        return Side(requests, bad, pods)

    @property
    def number(self) -> float:
        """How many pods of equal load would be worth as much as these; 0 without requests."""
        if not self.requests:
            return 0.0
        return 1 / sum([(requests / self.requests) ** 2 for requests, _ in self.pods.values()])

    def dump(self) -> dict[str, object]:
        """What to remember, as JSON can hold it."""
        return {"sums": [self.requests, self.bad], "pods": {name: list(counts) for name, counts in self.pods.items()}}

    @classmethod
    def load(cls, data: object) -> "Side":
        """What was remembered; a ValueError where that is no such thing."""
        requests, bad = stored.numbers(data, "sums", 2)
        named = stored.entry(data, "pods")
        pods = {name: _pair(named, name) for name in stored.names(named)}
        for name, counts in (("all pods", (requests, bad)), *pods.items()):
            checked(name, *counts)
        return cls(requests, bad, pods)


def _pair(named: object, name: str) -> tuple[float, float]:
    requests, bad = stored.numbers(named, name, 2)
    return requests, bad


def unlikeness(side: Side) -> tuple[float, int]:
    """Pearson's chi-square among the pods, by their requests, with its degrees of freedom; nothing without bad ones."""
    if not side.bad:
        return 0.0, 0
    share = side.bad / side.requests
    squares = [(bad - due) ** 2 / due for requests, bad in side.pods.values() if (due := requests * share)]
    return sum(squares), max(0, len(squares) - 1)
