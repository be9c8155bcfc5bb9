"""Shows what the tests are worth: every mutant breaks the code in one place, and tests have to notice.

Run as `python -m tests.mutants [--rows FIRST-LAST] [WORD ...]` from the checkout, with words for the mutants that
mention one of them. Each is tried on what its row of the tables names: a day of the simulation, or other tests. Fails
when one lives, or could not be tried. `--rows` goes on where a run was cut off, or tries again what was changed.
"""

# ruff: noqa: T201 (it prints a table)

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.mutants.controller import APPLY, CORE, LOOP, ROUTERS
from tests.mutants.guards import GUARDS
from tests.mutants.machine import Verdict, machine
from tests.mutants.mutant import Mutant

MUTANTS = (*CORE, *APPLY, *ROUTERS, *LOOP, *GUARDS)


def main(arguments: Sequence[str]) -> int:
    """Print one line for each mutant, with what its suite makes of it, and a sum; 1 where one is not killed."""
    asked = _parser().parse_args(arguments)
    chosen = [(row, each) for row, each in enumerate(MUTANTS, 1) if row in asked.rows and _meant(each, asked.words)]
    if not chosen:
        words = f" that mentions any of: {', '.join(asked.words)}" if asked.words else ""
        print(f"No mutant to try in rows {asked.rows[0]} to {asked.rows[-1]}{words}.", file=sys.stderr)
        return 2
    sums: Counter[tuple[str, str]] = Counter()
    began = time.monotonic()
    with machine() as made:
        for row, mutant in chosen:
            verdict = made.verdict(mutant)
            sums[mutant.suite, verdict.word] += 1
            _print(row, mutant, verdict)
    for (suite, word), count in sorted(sums.items()):
        print(f"{suite}: {count} {word}")
    print(f"{len(chosen)} of {len(MUTANTS)} mutants in {time.monotonic() - began:.0f} s")
    return int(any(word != "killed" for _, word in sums))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Break the code, and see who notices.")
    parser.add_argument("--rows", type=_rows, default=range(1, len(MUTANTS) + 1), help="FIRST-LAST of the whole table")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only mutants that mention one of them")
    return parser


def _rows(text: str) -> range:
    first, _, last = text.partition("-")
    if not (
        first.isdecimal() and (last or first).isdecimal() and 1 <= int(first) <= int(last or first) <= len(MUTANTS)
    ):
        raise argparse.ArgumentTypeError(f"write FIRST-LAST, from 1 to {len(MUTANTS)}, such as 1-6")
    return range(int(first), int(last or first) + 1)


def _meant(mutant: Mutant, words: Sequence[str]) -> bool:
    return not words or any(map(mutant.mentions, words))


def _print(row: int, mutant: Mutant, verdict: Verdict) -> None:
    sin = f"  [{mutant.sin}]" if mutant.sin else ""
    by = f"  <- {verdict.by}" if verdict.by else ""
    print(f"{row:3} {verdict.word:8} {mutant.suite:10} {mutant.file:30} {mutant.told}{sin}{by}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
