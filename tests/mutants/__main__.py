"""Shows what the tests are worth: every mutant breaks the code in one place, and tests have to notice.

Run as `python -m tests.mutants [--suite unit|simulation] [--first] [WORD ...]` from the checkout, with words for the
mutants that mention one of them; `--suite` asks one suite only, and `--first` no further one once a suite has noticed.
The simulation takes a minute and a half for a mutant that it lets live. Fails when a mutant lives in every suite that
was asked.
"""

# ruff: noqa: T201 (it prints a table)

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from tests.mutants.controller import APPLY, CORE, LOOP, ROUTERS
from tests.mutants.guards import GUARDS
from tests.mutants.machine import SIMULATION, SUITES, UNIT, Machine, machine
from tests.mutants.mutant import Mutant

MUTANTS = (*CORE, *APPLY, *ROUTERS, *LOOP, *GUARDS)


def main(arguments: Sequence[str]) -> int:
    """Print one line for each mutant, with what each suite makes of it, and a sum; 1 where one lives."""
    asked = _parser().parse_args(arguments)
    chosen = [each for each in MUTANTS if not asked.words or any(map(each.mentions, asked.words))]
    suites = [asked.suite] if asked.suite else list(SUITES)
    if not any(_suites(mutant, suites) for mutant in chosen):
        print(f"No mutant to try mentions any of: {', '.join(asked.words)}.", file=sys.stderr)
        return 2
    sums, survivors = {suite: Counter[str]() for suite in suites}, 0
    with machine() as made:
        for mutant in chosen:
            verdicts = _verdicts(made, mutant, suites, first=asked.first)
            survivors += bool(verdicts) and "killed" not in verdicts.values()
            for suite, verdict in verdicts.items():
                sums[suite][verdict] += 1
            _print(mutant, verdicts)
    for suite, counts in sums.items():
        print(f"{suite}: {', '.join(f'{count} {verdict}' for verdict, count in counts.items()) or 'not asked'}")
    return min(survivors, 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Break the code, and see who notices.")
    parser.add_argument("--suite", choices=SUITES, help="ask this suite only")
    parser.add_argument("--first", action="store_true", help="ask no further suite once one has noticed")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only mutants that mention one of them")
    return parser


def _suites(mutant: Mutant, suites: Sequence[str]) -> list[str]:
    """Those that can notice: a guard has tests of its own."""
    return [suite for suite in suites if suite == UNIT or not (mutant.sin or mutant.unseen)]


def _verdicts(made: Machine, mutant: Mutant, suites: Sequence[str], *, first: bool) -> dict[str, str]:
    verdicts: dict[str, str] = {}
    for suite in _suites(mutant, suites):
        verdicts[suite] = made.verdict(mutant, suite)
        if first and verdicts[suite] == "killed":
            break
    return verdicts


def _print(mutant: Mutant, verdicts: dict[str, str]) -> None:
    told = "  ".join(f"{suite} {verdict:9}" for suite, verdict in verdicts.items())
    why = f"  (not for the {SIMULATION}: {mutant.unseen})" if mutant.unseen else ""
    sin = f"  [{mutant.sin}]" if mutant.sin else ""
    print(f"{told} {mutant.file:30} {mutant.told}{sin}{why}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
