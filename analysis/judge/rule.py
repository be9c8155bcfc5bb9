"""The settings of one comparison."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a canary is compared with the stable version, and how often that may go wrong.

    `tolerance` is the ratio of the two shares of bad requests that is still accepted, `not_worse_than` the one that is
    to be ruled out before advancing early. `ceiling` is the share of bad requests allowed to a canary whatever the
    stable version does (one less the objective). `alpha` is the chance of a false abort in a whole rollout, `weight`
    the part of it that this check has; `beta` the chance of a false advance. `spread` is by how much the shares of
    equal pods differ, relative to each other.
    """

    tolerance: float = 1.2
    not_worse_than: float = 2.0
    ceiling: float = 0.05
    alpha: float = 0.01
    beta: float = 0.05
    weight: float = 1.0
    spread: float = 0.2

    def __post_init__(self) -> None:
        """Refuse settings that cannot be."""
        _within("tolerance", self.tolerance, 1, 1000, "1 accepts nothing above the stable version, 1.2 a fifth more")
        _within("not_worse_than", self.not_worse_than, self.tolerance, 1000, "it is at least the tolerance")
        _within("ceiling", self.ceiling, 1e-9, 1, "it is a share: 0.01 is one bad request in a hundred")
        _within("alpha", self.alpha, 1e-9, 0.5, "it is a chance: 0.01 is one false abort in a hundred rollouts")
        _within("beta", self.beta, 1e-9, 0.5, "it is a chance: 0.05 is one false advance in twenty")
        _within("weight", self.weight, 1e-9, 1, "it is this check's part of the whole, 1 when alone")
        _within("spread", self.spread, 0, 10, "0 means that equal pods do not differ, 0.2 that they do by a fifth")


def _within(name: str, value: float, low: float, high: float, remedy: str) -> None:
    # Written so that a NaN never passes.
    if not low <= value <= high or math.isinf(value):
        raise ValueError(f"{name} must be from {low:g} to {high:g}, not {value:g}: {remedy}")
