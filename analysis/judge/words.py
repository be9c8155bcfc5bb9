"""What the evidence sounds like: one plain sentence, in ordinary words, with the numbers behind it."""

import math

from analysis.judge.evidence import Evidence


def compared(evidence: Evidence) -> str:
    """Both sides, how many times the stable's rate the canary's is, and how likely that is by chance."""
    canary = share(evidence.canary_bad, evidence.canary_requests)
    stable = share(evidence.stable_bad, evidence.stable_requests)
    return f"canary {canary}, stable {stable}: {chance(evidence.e_value)}"


def share(bad: float, requests: float) -> str:
    """How many requests were bad, and the per cent."""
    if not requests:
        return "without requests"
    return f"{count(bad)} of {count(requests)} requests bad ({percent(bad / requests)})"


def chance(evidence: float) -> str:
    """How likely as much would be by chance, or that nothing speaks against the canary."""
    return "no sign of harm" if evidence <= 1 else f"by chance {likelihood(evidence)}"


def likelihood(evidence: float) -> str:
    """How likely it is at most to ever see so much by chance."""
    return f"1 in {count(significant(max(1.0, evidence)))}"


def count(number: float) -> str:
    """A whole number with its thousands separated."""
    return f"{number:,.0f}"


def significant(number: float) -> float:
    """The number to two digits."""
    return float(f"{number:.2g}")


def percent(part: float) -> str:
    """A share in per cent, to two digits."""
    if 0 < part < 1e-5:
        return "under 0.001 %"
    return f"{100 * part:.0f} %" if part >= 0.1 else f"{significant(100 * part):g} %"


def times(ratio: float) -> str:
    """A ratio as people say it."""
    return f"{significant(ratio):g}" if math.isfinite(ratio) else "any number of"
