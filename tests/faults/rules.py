"""Which request suffers which fault."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.faults.asked import Asked
from tests.faults.effects import Effect, GoneInStream, Late, Silence, Twice


@dataclass(frozen=True, kw_only=True)
class Match:
    """Requests of which everything given here is true; of those, the `first` to the `last` (counted from 1).

    `probability` is the chance of each of these, `where` looks at whatever else. A fault of a watch's stream hits
    watches only.
    """

    verbs: frozenset[str] = frozenset()  # empty: any
    plurals: frozenset[str] = frozenset()  # empty: any
    name: str | None = None
    subresource: str | None = None
    path: str = ""  # how it begins
    agent: str = ""  # how the User-Agent begins
    token: str | None = None
    first: int = 1
    last: int | None = None  # None: no end
    probability: float = 1.0
    where: Callable[[Asked], bool] | None = None

    def covers(self, asked: Asked) -> bool:
        """Whether this is such a request, its number and chance aside."""
        return (
            (not self.verbs or asked.verb in self.verbs)
            and (not self.plurals or asked.plural in self.plurals)
            and self.name in {None, asked.name}
            and self.subresource in {None, asked.subresource}
            and asked.path.startswith(self.path)
            and self._comes_from(asked)
            and (self.where is None or self.where(asked))
        )

    def _comes_from(self, asked: Asked) -> bool:
        return asked.agent.startswith(self.agent) and self.token in {None, asked.token}


def matching(verbs: str = "", plurals: str = "", **fields: object) -> Match:
    """A Match with verbs and plurals as words: `matching("create patch", "httproutes")`."""
    return Match(verbs=frozenset(verbs.split()), plurals=frozenset(plurals.split()), **fields)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Rule:
    """A fault and the requests that suffer it; two equal rules are one."""

    match: Match
    effect: Effect


class Schedule:
    """The rules in force. The first that fits a request is the one it suffers; chance comes from `random`."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._rules: tuple[Rule, ...] = ()
        self._seen: Counter[Rule] = Counter()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force; one that is set anew counts its requests anew."""
        return self._rules

    @rules.setter
    def rules(self, rules: Sequence[Rule]) -> None:
        kept = set(self._rules) & set(rules)
        self._rules = tuple(rules)
        self._seen = Counter({rule: count for rule, count in self._seen.items() if rule in kept})

    def effect_on(self, asked: Asked) -> Effect | None:
        """What this request, which has just come, suffers; every rule that covers it counts it."""
        found = [rule.effect for rule in self._rules if self._hits(rule, asked)]
        return found[0] if found else None

    def _hits(self, rule: Rule, asked: Asked) -> bool:
        streams = isinstance(rule.effect, Silence | Twice | Late | GoneInStream)
        if not rule.match.covers(asked) or (streams and asked.verb != "watch"):
            return False
        self._seen[rule] += 1
        number, last = self._seen[rule], rule.match.last
        if number < rule.match.first or (last is not None and number > last):
            return False
        return rule.match.probability >= 1 or self._random.random() < rule.match.probability
