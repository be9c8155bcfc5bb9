"""Shows what the tests of the core are worth: each line below breaks the core in one place, and a test has to notice.

Run as `python -m tests.core.mutants` from the checkout; it works on a copy and changes nothing here.
"""

# ruff: noqa: E501 (one mutant, one line)

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PARTS = ("analysis", "rollout", "tests/core", "tests/traffic", "pyproject.toml")


class Mutant(NamedTuple):
    file: str
    before: str
    after: str


MUTANTS = (
    Mutant("gates.py", "enough = len(case.canary.ready) >= case.pods(case.index)", "enough = True"),
    Mutant("gates.py", "return enough and routing.endpoints_exact(case.world, case.canary)", "return enough"),
    Mutant("stepping.py", "    if case.canary is None or not case.canary.ready:\n        return 0\n", ""),
    Mutant("stages.py", "if breach is not None:", "if breach is not None and not case.asked.paused_at:"),
    Mutant("stages.py", "case.found.only(named(case)).breach() is None and _another(case)", "_another(case)"),
    Mutant("stages.py", "_REVERTS = 3", "_REVERTS = 4"),
    Mutant("stages.py", "case.now >= case.deadline", "case.now > case.deadline"),
    Mutant("stages.py", "if ready(case) or case.asked.paused_at:\n        return None", "if ready(case):\n        return None"),
    Mutant("stages.py", "policy.then is Then.ABORT and case.run.emptied_at", "case.run.emptied_at"),
    Mutant("stepping.py", 'update={"reverts": 0, "reason": None, "emptied_at": None}', 'update={"reason": None}'),
    Mutant("promotion.py", "settled and _pinned(case, case.run.revision) and", "settled and"),
    Mutant("promotion.py", "settled = case.unsettled is None and", "settled ="),
    Mutant("promotion.py", "(case.asked.promote or doubt(case) is None)", "True"),
    Mutant("stepping.py", "blocked = routing.waiting(case.world) if case.index == 0 else None", "blocked = None"),
    Mutant("stepping.py", "not blocked and not _unprepared(case)", "not blocked"),
    Mutant("stepping.py", "weight = 0 if case.run.emptied_at else", "weight ="),
    Mutant("stepping.py", "urgent=weight < case.weight or case.run.reverts > 0", "urgent=case.run.reverts > 0"),
    Mutant("retreat.py", "if canary is not None and canary.ready and not case.stable.ready and case.world.services:", "if False:"),
    Mutant("retreat.py", "unsettled = case.unsettled is not None or", "unsettled ="),
    Mutant("retreat.py", "max(case.stable_replicas, 1)", "case.stable_replicas"),
    Mutant("retreat.py", "and case.world.wanted == case.run.revision\n    replicas", "\n    replicas"),
    Mutant("case.py", "return max(self.world.replicas, self.stable.replicas)", "return self.world.replicas"),
    Mutant("case.py", "(canary.mark(PROMOTED) or 0) >= run.number", "canary.mark(PROMOTED) is not None"),
    Mutant("case.py", "(routing.abort_mark(world) or 0) >= run.number", "False"),
    Mutant("case.py", "run.number < newest.spec.number", "False"),
    Mutant("findings.py", "and not each.warn_only), None)", "), None)"),
    Mutant("findings.py", "max(result.since, since)", "result.since"),
    Mutant("findings.py", "count > limit", "count >= limit"),
    Mutant("asked.py", "command.verb is not Verb.ABORT)", "command.verb is Verb.ABORT)"),
    Mutant("asked.py", "if command.id not in asked.handled:", "if True:"),
    Mutant("plan.py", "(*early, *promise) if decision.urgent", "(*promise, *early) if decision.urgent"),
    Mutant("plan.py", "(*promise, *tried, *early)", "(*promise, *early, *tried)"),
    Mutant("plan.py", "*body, *late, *rest", "*late, *body, *rest"),
    Mutant("plan.py", "body = (*_record(world, decision), *source(world, decision), *twins, *made)", "body = (*_record(world, decision), *source(world, decision), *twins)"),
    Mutant("plan_routes.py", "(target.weight == now and decision.urgent)", "decision.urgent"),
    Mutant("plan_routes.py", "target.pin is None or world.stable is None or target.pin == world.stable.name", "True"),
    Mutant("routing.py", '.get(ROLLOUT_LABEL) == world.key.name', '.get(ROLLOUT_LABEL)'),
    Mutant("plan_routes.py", "version = None if falls else", "version ="),
    Mutant("plan_routes.py", "version = None if urgent else", "version = None or"),
    Mutant("plan_workload.py", "elif replicas < revision.replicas and name not in decision.target.promoted:", "elif replicas < revision.replicas:"),
    Mutant("plan_workload.py", "annotations.pop(ABORTED, None)", "pass"),
    Mutant("report.py", "same = old is not None and old.status == status", "same = False"),
    Mutant("report.py", "+ world.settings.write_numbers_every - world.now", "- world.now"),
    Mutant("routing.py", "return max(weights, default=None)", "return min(weights, default=None)"),
    Mutant("routing.py", "service.canary_targets == revision.ready", "service.canary_targets <= revision.ready"),
    Mutant("world.py", "if pod.ready and not pod.terminating", "if pod.ready"),
)  # fmt: skip


def main() -> int:
    """Print one line for each mutant; the number of survivors is the exit code."""
    survivors = 0
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        for part in PARTS:
            source, target = ROOT / part, copy / part
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        assert _green(copy), "the tests have to pass before anything is broken"
        for mutant in MUTANTS:
            verdict = _try(copy, mutant)
            survivors += verdict == "survived"
            print(f"{verdict:9} {mutant.file:18} {mutant.before.strip().splitlines()[0][:80]}", flush=True)  # noqa: T201
    return survivors


def _try(copy: Path, mutant: Mutant) -> str:
    file = copy / "rollout/core" / mutant.file
    text = file.read_text()
    if text.count(mutant.before) == 0:
        return "outdated"
    file.write_text(text.replace(mutant.before, mutant.after, 1))
    try:
        return "survived" if _green(copy) else "killed"
    finally:
        file.write_text(text)


def _green(copy: Path) -> bool:
    tables = sorted(path.as_posix() for path in (copy / "tests/core").glob("test_*.py"))
    slowest_last = sorted(tables, key=lambda path: path.endswith("test_properties.py"))
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *slowest_last]
    return subprocess.run(command, cwd=copy, capture_output=True, check=False, timeout=300).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
