"""Shows what the tests of the controller are worth: each line below breaks it in one place, and tests have to notice.

Run as `python -m tests.mutants [WORD ...]` from the checkout, with words for the lines that mention one of them;
`--suite NAME` tries one suite only, and `--first` no further one once a suite has noticed. It works on a copy and
changes nothing here. The simulation alone takes a minute and a half for a mutant that it lets live.
"""

# ruff: noqa: E501 (one mutant, one line)

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PARTS = ("analysis", "rollout", "sandbox", "tests", "pyproject.toml")
PATIENCE = 1_200  # seconds, after which a suite that hangs has noticed


class Mutant(NamedTuple):
    file: str  # below rollout/
    before: str
    after: str


CORE = (
    Mutant("core/gates.py", "enough = len(case.canary.ready) >= case.pods(case.index)", "enough = True"),
    Mutant("core/gates.py", "return enough and routing.endpoints_exact(case.world, case.canary)", "return enough"),
    Mutant("core/stepping.py", "    if case.canary is None or not case.canary.ready:\n        return 0\n", ""),
    Mutant("core/stages.py", "if breach is not None:", "if breach is not None and not case.asked.paused_at:"),
    Mutant("core/stages.py", "case.found.only(named(case)).breach() is None and _another(case)", "_another(case)"),
    Mutant("core/stages.py", "_REVERTS = 3", "_REVERTS = 4"),
    Mutant("core/stages.py", "case.now >= case.deadline", "case.now > case.deadline"),
    Mutant("core/stages.py", "if ready(case) or case.asked.paused_at:\n        return None", "if ready(case):\n        return None"),
    Mutant("core/stages.py", "policy.then is Then.ABORT and case.run.emptied_at", "case.run.emptied_at"),
    Mutant("core/stepping.py", 'update={"reverts": 0, "reason": None, "routed_at": None, "emptied_at": None}', 'update={"reason": None, "routed_at": None}'),
    Mutant("core/promotion.py", "settled and _pinned(case, case.run.revision) and", "settled and"),
    Mutant("core/promotion.py", "settled = case.unsettled is None and", "settled ="),
    Mutant("core/promotion.py", "(case.asked.promote or doubt(case) is None)", "True"),
    Mutant("core/stepping.py", "blocked = routing.waiting(case.world) if case.index == 0 else None", "blocked = None"),
    Mutant("core/stepping.py", "not blocked and not _unprepared(case)", "not blocked"),
    Mutant("core/stepping.py", "weight = 0 if case.run.emptied_at else", "weight ="),
    Mutant("core/stepping.py", "urgent=weight < case.weight or case.run.reverts > 0", "urgent=case.run.reverts > 0"),
    Mutant("core/retreat.py", "if canary is not None and canary.ready and not case.stable.ready and case.world.services:", "if False:"),
    Mutant("core/retreat.py", "unsettled = case.unsettled is not None or", "unsettled ="),
    Mutant("core/retreat.py", "max(case.stable_replicas, 1)", "case.stable_replicas"),
    Mutant("core/retreat.py", "and case.world.wanted == case.run.revision\n    replicas", "\n    replicas"),
    Mutant("core/case.py", "return max(self.world.replicas, self.stable.replicas)", "return self.world.replicas"),
    Mutant("core/case.py", "(canary.mark(PROMOTED) or 0) >= run.number", "canary.mark(PROMOTED) is not None"),
    Mutant("core/case.py", "(routing.abort_mark(world) or 0) >= run.number", "False"),
    Mutant("core/case.py", "run.number < newest.spec.number", "False"),
    Mutant("core/case.py", "settle if since is None else settle - (self.now - parse_time(since))", "settle - self.in_stage"),
    Mutant("core/retreat.py", "written=_taken(case)", "written=True"),
    Mutant("core/promotion.py", "written=not routing.shifted(case.world)", "written=True"),
    Mutant("core/subjects.py", "entered + world.settings.settle", "entered"),
    Mutant("core/findings.py", "and not each.warn_only), None)", "), None)"),
    Mutant("core/findings.py", "max(result.since, since)", "result.since"),
    Mutant("core/findings.py", "count > limit", "count >= limit"),
    Mutant("core/asked.py", "command.verb is not Verb.ABORT)", "command.verb is Verb.ABORT)"),
    Mutant("core/asked.py", "if command.id not in asked.handled:", "if True:"),
    Mutant("core/plan.py", "(*early, *promise) if decision.urgent", "(*promise, *early) if decision.urgent"),
    Mutant("core/plan.py", "(*promise, *tried, *early)", "(*promise, *early, *tried)"),
    Mutant("core/plan.py", "*body, *late, *rest", "*late, *body, *rest"),
    Mutant("core/plan.py", "body = (*_record(world, decision), *source(world, decision), *twins, *made)", "body = (*_record(world, decision), *source(world, decision), *twins)"),
    Mutant("core/plan_routes.py", "(target.weight == now and decision.urgent)", "decision.urgent"),
    Mutant("core/plan_routes.py", "target.pin is None or world.stable is None or target.pin == world.stable.name", "True"),
    Mutant("core/routing.py", '.get(ROLLOUT_LABEL) == world.key.name', '.get(ROLLOUT_LABEL)'),
    Mutant("core/plan_routes.py", "if moves and not takes else None", "if moves else None"),
    Mutant("core/plan_routes.py", "if moves and not takes else None", "if moves and takes else None"),
    Mutant("core/plan_workload.py", "elif replicas < revision.replicas and name not in decision.target.promoted:", "elif replicas < revision.replicas:"),
    Mutant("core/plan_workload.py", "annotations.pop(ABORTED, None)", "pass"),
    Mutant("core/report.py", "same = old is not None and old.status == status", "same = False"),
    Mutant("core/report.py", "+ world.settings.write_numbers_every - world.now", "- world.now"),
    Mutant("core/routing.py", "return max(weights, default=None)", "return min(weights, default=None)"),
    Mutant("core/routing.py", "service.canary_targets == revision.ready", "service.canary_targets <= revision.ready"),
    Mutant("core/world.py", "if pod.ready and not pod.terminating", "if pod.ready"),
)  # fmt: skip
APPLY = (
    Mutant("kube/apply.py", "for write in plan[len(leading) :]:", "for write in reversed(plan[len(leading) :]):"),
    Mutant("kube/apply.py", "            _raise_unless_harmless(write, error)\n", ""),
    Mutant("kube/apply.py", "    if failures:\n", "    if False:\n"),
    Mutant("kube/apply.py", "        self._keep(write, raw)\n", ""),
    Mutant("kube/apply.py", "    leading = tuple(takewhile(lambda write: write.urgent, plan))\n", "    leading = plan\n"),
    Mutant("kube/apply.py", "raw = await _do(self._current(write), self.client, lane)", "raw = await _insist(self._current(write), self.client, lane)"),
    Mutant("kube/apply.py", "[*([fence] if write.version is not None else []), *write.body]", "[*write.body]"),
    Mutant("kube/apply.py", "if write.verb is Verb.DELETE and isinstance(error, NotFound | Conflict):", "if isinstance(error, NotFound | Conflict):"),
)  # fmt: skip
ROUTERS = (
    Mutant("traffic/patch.py", 'yield {"op": "test", "path": pointer(path), "value": before}\n', "yield from ()\n"),
    Mutant("traffic/gateway.py", "tenths = dict(split.shares).get(CANARY, 0)", "tenths = max(dict(split.shares).get(CANARY, 0), 10)"),
    Mutant("traffic/gateway.py", "highest = max(shares, default=0)", "highest = min(shares, default=0)"),
    Mutant("traffic/gateway.py", "        return declared(manifest, chosen=self._chosen, twins=twins(backends))\n", "        return manifest\n"),
    Mutant("traffic/service.py", "if name != REVISION_LABEL}\n    if revision", "if True}\n    if revision"),
    Mutant("traffic/service.py", '"selector": {**_selector(service), REVISION_LABEL: revision}', '"selector": {**_selector(service)}'),
)  # fmt: skip
LOOP = (
    Mutant("controller.py", "        parts.queue.retry(key)\n        return ReconcileOutcome.CONFLICT", "        return ReconcileOutcome.CONFLICT"),
    Mutant("controller.py", "delay = parts.queue.retry(key, at_least=wait or 0.0)", "delay = wait or 0.0"),
    Mutant("controller.py", "    if decision.after is not None:\n", "    if False:\n"),
    Mutant("controller.py", "        for key in parts.store.keys(ROLLOUTS):\n            parts.queue.add(key)\n", ""),
    Mutant("controller.py", "    for reflector in watching:\n        await reflector.synced.wait()\n", ""),
    Mutant("controller.py", "        for key in concerned(parts.store, resource, manifest):", "        for key in concerned(parts.store, resource, manifest) if resource == ROLLOUTS else ():"),
    Mutant("controller.py", "    _measure(world, decision, parts)\n", ""),
    Mutant("controller.py", "        queue.add(key, urgent=any(map(_is_bad, results)))\n", "        pass\n"),
    Mutant("kube/queue.py", "        self.add(key, delay=delay, urgent=urgent)\n        return delay", "        return delay"),
    Mutant("kube/queue.py", "        del self._working[key]\n        if key in self._wanted:", "        del self._working[key]\n        if False:"),
    Mutant("kube/queue.py", "due, urgent = min(due, old.due), urgent or old.urgent", "due, urgent = max(due, old.due), urgent or old.urgent"),
    Mutant("kube/queue.py", "        if key not in self._working:\n", "        if True:\n"),
    Mutant("kube/reflector.py", "        except Gone as error:\n            self._resource_version = None\n", "        except Gone as error:\n"),
    Mutant("kube/reflector.py", "idle_seconds=self._pace.idle", "idle_seconds=1e9"),
    Mutant("kube/reflector.py", "            self._store.remove(self.resource, key, resource_version=event.resource_version)\n", "            del key\n"),
    Mutant("kube/reflector.py", "        replacement.finish()\n", ""),
    Mutant("kube/store.py", "        if not table.is_news(key, version):\n            return False\n", ""),
    Mutant("kube/store.py", "        for key in self._store.absent(self._resource, self._listed, self._version):\n            self._store.remove(self._resource, key)\n", ""),
    Mutant("kube/lease.py", 'free = self.holder in {"", self._identity} or', 'free = self.holder != "nobody" or'),
    Mutant("kube/lease.py", "        except (TimeoutError, _Lost):\n                return", "        except (TimeoutError, _Lost):\n                continue"),
)  # fmt: skip
MUTANTS = (*CORE, *APPLY, *ROUTERS, *LOOP)


def main(words: Sequence[str]) -> int:
    """Print one line for each mutant and what each suite makes of it; the number of survivors is the exit code."""
    survivors = 0
    suites, first, words = _chosen(words)
    chosen = [each for each in MUTANTS if not words or any(word in " ".join(each) for word in words)]
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        _fill(copy)
        for tests in sorted({tuple(_command(suite, mutant)) for suite in suites for mutant in chosen}):
            assert _green(copy, tests), f"{tests[0]} has to pass before anything is broken"
        for mutant in chosen:
            verdicts = _try(copy, mutant, suites, first=first)
            survivors += "killed" not in verdicts.values()
            told = "  ".join(f"{suite} {verdict:9}" for suite, verdict in verdicts.items())
            print(f"{told} {mutant.file:22} {mutant.before.strip().splitlines()[0][:80]}", flush=True)  # noqa: T201
    return survivors


def _chosen(words: Sequence[str]) -> tuple[tuple[str, ...], bool, Sequence[str]]:
    """The suites, whether the first that notices is enough, and the words."""
    if words[:1] == ["--suite"]:
        return (words[1],), False, words[2:]
    first = words[:1] == ["--first"]
    return ("unit", "simulation"), first, words[first:]


def _fill(copy: Path) -> None:
    for part in PARTS:
        source, target = ROOT / part, copy / part
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    apply = copy / "rollout/kube/apply.py"  # for the mutant that retries a conflict where it stands
    apply.write_text(apply.read_text() + _INSIST)


_INSIST = """

async def _insist(write: Write, client: Client, lane: Lane) -> bytes | None:
    try:
        return await _do(write, client, lane)
    except Conflict:
        return await _do(replace(write, version=None), client, lane)
"""


def _try(copy: Path, mutant: Mutant, suites: Sequence[str], *, first: bool) -> dict[str, str]:
    file = copy / "rollout" / mutant.file
    text = file.read_text()
    if text.count(mutant.before) == 0:
        return dict.fromkeys(suites, "outdated")
    file.write_text(text.replace(mutant.before, mutant.after, 1))
    verdicts = dict.fromkeys(suites, "not tried")
    try:
        for suite in suites:
            verdicts[suite] = "survived" if _green(copy, _command(suite, mutant)) else "killed"
            if first and verdicts[suite] == "killed":
                break
    finally:
        file.write_text(text)
    return verdicts


def _command(suite: str, mutant: Mutant) -> list[str]:
    """The named days of the simulation, or the tests that mirror the mutant's folder; the slow properties of the core come last."""
    if suite == "simulation":
        return ["tests/simulation", "-k", "a_day_breaks"]
    folder = mutant.file.partition("/")[0]
    if folder == "core":
        return ["tests/core", "--deselect", "tests/core/test_properties.py", "tests/core/test_properties.py"]
    return [f"tests/{folder}"] if folder in {"kube", "traffic"} else ["tests/controller/test_loop.py"]


def _green(copy: Path, tests: Sequence[str]) -> bool:
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "SIMULATION": "ci"}
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
