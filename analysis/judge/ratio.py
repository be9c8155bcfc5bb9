"""A whole comparison at once, block by block: for notebooks, backtests and simulations."""

from collections.abc import Iterable
from dataclasses import dataclass

from analysis.judge import words
from analysis.judge.block import Block
from analysis.judge.evidence import Evidence, begun
from analysis.judge.rule import Rule


@dataclass(frozen=True)
class RatioEvidence:
    """What could be said after each block, which block decided, and what there was to say in the end."""

    e_values: tuple[float, ...]
    keys: tuple[float, ...]
    advance_values: tuple[float, ...]
    abort_block: int | None
    advance_block: int | None
    final: Evidence

    @property
    def sentence(self) -> str:
        """One plain sentence with the numbers, after the last block."""
        return words.compared(self.final)


def ratio_evidence(
    blocks: Iterable[Block],
    *,
    tolerance: float = 1.2,
    alpha: float = 0.01,
    ceiling: float = 0.05,
    weight: float = 1.0,
    spread: float = 0.2,
    not_worse_than: float = 2.0,
    beta: float = 0.05,
) -> RatioEvidence:
    """Compare the canary's share of bad requests with the stable version's, looking after every block.

    >>> from analysis.judge import Block, ratio_evidence
    >>> stable = {"pod-x": (475, 3), "pod-y": (475, 2)}
    >>> blocks = [Block(canary={"pod-a": (50, bad)}, stable=stable) for bad in (0, 3, 5, 4, 6, 5)]
    >>> evidence = ratio_evidence(blocks, tolerance=1.2, alpha=0.01, ceiling=0.01)
    >>> [round(each, 1) for each in evidence.e_values]
    [0.5, 1.5, 7.0, 34.9, 250.9, 1715.0]
    >>> [round(each, 1) for each in evidence.keys]
    [1.0, 5.9, 65.4, 168.1, 295.2, 354.2]
    >>> evidence.abort_block
    4
    >>> print(*evidence.sentence.split(": "), sep="\\n")
    canary 23 of 300 requests bad (7.7 %), stable 30 of 5,700 (0.53 %)
    15 times the stable's rate, between 2.8 and 40 times; by chance 1 in 1,700
    """
    budget = {"alpha": alpha, "beta": beta, "weight": weight}
    rule = Rule(tolerance=tolerance, not_worse_than=not_worse_than, ceiling=ceiling, spread=spread, **budget)
    seen = _seen(rule, blocks)
    final = seen[-1] if seen else begun(rule)
    return RatioEvidence(
        e_values=tuple(each.e_value for each in seen),
        keys=tuple(each.key for each in seen),
        advance_values=tuple(each.advance_value for each in seen),
        abort_block=next((place for place, each in enumerate(seen) if each.aborts), None),
        advance_block=next((place for place, each in enumerate(seen) if each.advances), None),
        final=final,
    )


def _seen(rule: Rule, blocks: Iterable[Block]) -> list[Evidence]:
    now, seen = begun(rule), list[Evidence]()
    for block in blocks:
        now = now.after(block)
        seen.append(now)
    return seen
