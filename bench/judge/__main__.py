"""`python -m bench.judge`: simulates releases and prints how often each judge is wrong, and how soon it is right.

Ends with 1 when a row is missed. `--runs` are runs of each row.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from typing import Annotated

import typer

from bench.judge.report import table
from bench.judge.rows import ROWS
from bench.judge.runs import Result, simulate

app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)


@app.command()
def main(
    runs: Annotated[int, typer.Option(min=1, help="Runs of each row.")] = 4_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same table.")] = 5,
    only: Annotated[str, typer.Option(help="Rows whose group or name holds this.")] = "",
) -> None:
    """Simulate every row and print the table."""
    chosen = [(place, row) for place, row in enumerate(ROWS) if only in f"{row.group}: {row.name}"]
    if not chosen:
        raise typer.BadParameter("no row's group or name holds it", param_hint="--only")
    results: list[Result] = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for place, row in chosen:
            results.append(simulate(pool, place, row, runs=runs, seed=seed))
            print(f"{row.group}: {row.name}: {results[-1].missed or 'done'}", flush=True)
    print(f"\n{runs} runs of each row, seed {seed}")
    print("\n".join(table(results)))
    missed = [result for result in results if result.missed]
    raise typer.Exit(bool(missed))


if __name__ == "__main__":
    app()
