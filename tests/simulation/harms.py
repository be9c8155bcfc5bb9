"""Which requests suffer from which trouble."""

from tests.faults.effects import (
    CONFLICT,
    EXPIRED_TOKEN,
    INTERNAL_ERROR,
    UNAVAILABLE,
    CutAfter,
    CutBefore,
    CutWithin,
    Delay,
    Effect,
    GoneInStream,
    HalfOpen,
    Hold,
    Late,
    Silence,
    Twice,
    too_many_requests,
)
from tests.faults.rules import Rule, matching
from tests.simulation.schedule import Trouble

_WRITES = "create patch delete update"
_ANY = _WRITES + " get list watch"

_HARMS: dict[Trouble, tuple[str, Effect]] = {
    Trouble.DELAY: (_WRITES, Delay(3.0)),
    Trouble.CONFLICTS: ("patch", CONFLICT),
    Trouble.THROTTLED: (_ANY, too_many_requests(2)),
    Trouble.ERRORS: (_WRITES, INTERNAL_ERROR),
    Trouble.ROUTES_REFUSED: ("patch", INTERNAL_ERROR),
    Trouble.UNAVAILABLE: (_ANY, UNAVAILABLE),
    Trouble.CUT_BEFORE: (_WRITES, CutBefore()),
    Trouble.CUT_AFTER: (_WRITES, CutAfter()),
    Trouble.CUT_WITHIN: (_ANY, CutWithin(0.5)),
    Trouble.HALF_OPEN: (_WRITES, HalfOpen()),
    Trouble.SILENT_WATCHES: ("watch", Silence()),
    Trouble.TWICE: ("watch", Twice()),
    Trouble.LATE: ("watch", Late(0.2, 6.0)),
    Trouble.GONE: ("watch", GoneInStream(1)),
    Trouble.SLOW_LISTS: ("list", Delay(6.0)),
    Trouble.EXPIRED_TOKEN: (_ANY, EXPIRED_TOKEN),
}

STREAMS = frozenset({Trouble.SILENT_WATCHES, Trouble.TWICE, Trouble.LATE, Trouble.GONE, Trouble.CUT_WITHIN})
"""Those that begin with a new watch, and last as long as it does."""

WRITES_ONLY = frozenset(
    {Trouble.ERRORS, Trouble.ROUTES_REFUSED, Trouble.CONFLICTS, Trouble.CUT_BEFORE, Trouble.CUT_AFTER}
)
"""Those under which a controller still knows at once what is so, but may not be able to change it."""

LASTING = 520.0
"""Seconds after which a watch that was opened under such a trouble has ended."""


def rule(trouble: Trouble, percent: int) -> Rule:
    """The rule of a fault proxy."""
    verbs, effect = ("patch", Hold(outlives_client=True)) if trouble is Trouble.HELD else _HARMS[trouble]
    plurals = "httproutes ingresses" if trouble is Trouble.ROUTES_REFUSED else ""
    return Rule(matching(verbs, plurals, probability=percent / 100), effect)
