"""Shows that each guard has a test: every line below takes one guard away, and the tests named beside it have to fail.

Run as `python -m tests.guards.mutants [WORD ...]` from the checkout, with words for the rows that mention one of them;
it works on a copy and changes nothing here.
"""

# ruff: noqa: E501 (one guard, one line)

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PARTS = ("analysis", "api", "controlplane", "rollout", "sandbox", "tests", "crds", "docs", "pyproject.toml")
PATIENCE = 120  # seconds, after which tests that hang have noticed


class Guard(NamedTuple):
    sin: str
    file: str
    before: str
    after: str
    tests: str


G = "tests/guards"
LINT = f"{G}/test_linting.py"
PROMETHEUS = "analysis/sources/prometheus.py"
GUARDS = (
    Guard("sync call in the loop", PROMETHEUS, "asyncio.get_running_loop().run_in_executor(self._threads, partial(self._answer, query))", "asyncio.sleep(0, self._answer(query))", "tests/analysis/test_prometheus.py -k hang"),
    Guard("sync call in the loop", PROMETHEUS, "DeadlineSession(seconds=timeout,", "DeadlineSession(seconds=3600.0,", f"{G}/test_threads.py"),
    Guard("sync call in the loop", "analysis/sources/deadline.py", "if time.monotonic() > deadline:", "if False:", "tests/analysis/test_prometheus.py -k trickling"),
    Guard("sync call in the loop", "analysis/lane.py", "asyncio.Semaphore(AT_ONCE)", "asyncio.Semaphore(1000)", "tests/analysis/test_lane.py -k few"),
    Guard("sync call in the loop", "tests/conftest.py", "    assert turns.too_long == []\n", "", f"{G}/test_turns.py"),
    Guard("sync call in the loop", "pyproject.toml", '"ASYNC", ', "", LINT),
    Guard("watch without inactivity timeout", "rollout/kube/reflector.py", "timeout_seconds=max(round(self._jitter(self._pace.watch)), 1)", "timeout_seconds=10**6", f"{G}/test_process.py -k asked_to_end"),
    Guard("watch without inactivity timeout", "rollout/kube/transport.py", "sock_read=idle_seconds", "sock_read=None", "tests/kube/test_client.py -k silent"),
    Guard("watch without inactivity timeout", "rollout/kube/reflector.py", "idle_seconds=self._pace.idle", "idle_seconds=10.0**6", "tests/kube/test_reflector.py -k dead_but_open"),
    Guard("watch without inactivity timeout", "rollout/kube/reflector.py", "idle: float = 150.0", "idle: float = 3600.0", f"{G}/test_liveness.py -k given_up"),
    Guard("watch without inactivity timeout", "rollout/cli/controller.py", "{reflector.resource.plural: reflector.age for reflector in watching}", "{}", f"{G}/test_process.py -k age_of_every_watch"),
    Guard("watch without inactivity timeout", "rollout/kube/request.py", '        "allowWatchBookmarks": "true",\n', "", f"{G}/test_process.py -k asked_to_end"),
    Guard("410 not listed again", "rollout/kube/reflector.py", "            self._resource_version = None\n            log.info(\"listing again\"", "            log.info(\"listing again\"", "tests/kube/test_reflector.py -k expired_history"),
    Guard("410 not listed again", "rollout/kube/errors.py", "    410: Gone,\n", "", "tests/kube/test_client.py -k gone"),
    Guard("410 not listed again", "rollout/kube/reflector.py", "self._jitter(self._pace.backoff.after(self._failures))", "0.0", "tests/kube/test_reflector.py -k growing_waits"),
    Guard("green liveness, frozen controller", "rollout/cli/controller.py", "if silent > _FROZEN:", "if False:", f"{G}/test_liveness.py"),
    Guard("green liveness, frozen controller", "rollout/cli/controller.py", "if reflector.stuck > _STUCK]", "if False]", f"{G}/test_liveness.py {G}/test_process.py"),
    Guard("green liveness, frozen controller", "rollout/kube/errors.py", "min(float(text), _LONGEST_WAIT)", "float(text)", f"{G}/test_liveness.py -k left_alone"),
    Guard("green liveness, frozen controller", "rollout/cli/controller.py", "heart = Heart(watching)", "heart = Heart(())", f"{G}/test_process.py -k unhealthy"),
    Guard("green liveness, frozen controller", "rollout/kube/reflector.py", "        self._tried = self._clock()\n", "", f"{G}/test_liveness.py"),
    Guard("green liveness, frozen controller", "rollout/cli/controller.py", "ready=lambda: _unready(watching)", "ready=lambda: None", f"{G}/test_process.py -k ready_when"),
    Guard("status write storm", "rollout/core/plan.py", "if decision.status == world.status or _going(world, decision):", "if _going(world, decision):", f"{G}/test_levels.py tests/core/test_plan.py"),
    Guard("status write storm", "rollout/core/report.py", "same = old is not None and old.status == status", "same = False", "tests/core/test_report.py"),
    Guard("status write storm", "rollout/controller.py", "        metrics.wrote(verb,", "        str(", f"{G}/test_process.py -k counted"),
    Guard("no or unsafe leader election", "rollout/kube/lease.py", 'patch = {"metadata": {"resourceVersion": version}, "spec": spec}', 'patch = {"metadata": {}, "spec": spec}', "tests/kube/test_lease.py -k elses_name"),
    Guard("no or unsafe leader election", "rollout/kube/lease.py", "renewing.add_done_callback(lambda _: working.cancelling() or working.cancel())", "pass", "tests/kube/test_lease.py -k 'elses_name or cannot_renew'"),
    Guard("no or unsafe leader election", "rollout/kube/lease.py", "async with asyncio.timeout(self._timing.call):", "async with asyncio.timeout(None):", "tests/kube/test_lease.py"),
    Guard("no or unsafe leader election", "rollout/kube/lease.py", "async with asyncio.timeout_at(until):", "async with asyncio.timeout_at(None):", "tests/kube/test_lease.py -k cannot_renew"),
    Guard("no or unsafe leader election", "rollout/kube/lease.py", "return free and await self._write()", "return await self._write()", "tests/kube/test_lease.py -k left_alone"),
    Guard("no or unsafe leader election", "rollout/kube/lease.py", 'raise ValueError("the lease must last longer than give_up + retry + call")', "pass", "tests/kube/test_lease.py -k outlive"),
    Guard("no or unsafe leader election", "rollout/kube/lease.py", "except (ApiError, TimeoutError) as error:", "except TimeoutError as error:", "tests/kube/test_lease.py"),
    Guard("no or unsafe leader election", "rollout/kube/lease.py", "else max(before, self._looked_at - self._timing.retry)", "else before", "tests/kube/test_lease.py -k looked_long_ago"),
    Guard("no or unsafe leader election", "rollout/kube/lease.py", "since = self._looked_at if before is None else max(before, self._looked_at - self._timing.retry)", "since = self._looked_at", "tests/kube/test_lease.py -k was_noticed"),
    Guard("no or unsafe leader election", "rollout/kube/apply.py", "        if not self.leads():\n", "        if False:\n", f"tests/lease/test_fence.py {G}/test_fences.py"),
    Guard("no or unsafe leader election", "rollout/controller.py", "        leads=parts.leads,\n", "", f"{G}/test_fences.py"),
    Guard("no or unsafe leader election", "rollout/cli/controller.py", "leads=lambda: election.leads", "leads=lambda: True", f"{G}/test_fences.py"),
    Guard("no or unsafe leader election", "rollout/core/plan_routes.py", "    annotations.pop(LEADER, None)\n    if leader is not None:\n", "    if False:\n", "tests/core/test_leader.py"),
    Guard("no or unsafe leader election", "rollout/core/plan_routes.py", "if known == leader or (falls and known is not None and leader is not None):", "if known == leader:", "tests/core/test_leader.py"),
    Guard("no or unsafe leader election", "rollout/kube/apply.py", "_merged(plan, store))", "{})", "tests/lease/test_fence.py -k somebody_else"),
    Guard("swallowed exceptions", "rollout/controller.py", "    except Exception:  # noqa: BLE001 (the one boundary: a fault in one Rollout must not stop the others)\n        delay = parts.queue.retry(key)\n", "    except ZeroDivisionError:\n        delay = 0.0\n", f"{G}/test_failures.py"),
    Guard("swallowed exceptions", "rollout/controller.py", '_log.exception("reconcile failed"', '_log.debug("reconcile failed"', f"{G}/test_failures.py"),
    Guard("swallowed exceptions", "rollout/controller.py", "            group.create_task(reflector.run())", "            asyncio.ensure_future(reflector.run())", f"{G}/test_failures.py"),
    Guard("swallowed exceptions", "rollout/kube/store.py", "            subscriber(resource, key, new, before)", "            try:\n                subscriber(resource, key, new, before)\n            except Exception:\n                return", f"{G}/test_failures.py"),
    Guard("swallowed exceptions", "pyproject.toml", '"BLE", ', "", LINT),
    Guard("edge-triggered handlers", "rollout/controller.py", "        for key in parts.store.keys(ROLLOUTS):\n            parts.queue.add(key)\n", "", f"{G}/test_levels.py"),
    Guard("edge-triggered handlers", "rollout/kube/queue.py", "        if old is not None:\n", "        if old is None:\n            pass\n        elif old.due > due + 1e9:\n", "tests/kube/test_queue.py"),
    Guard("edge-triggered handlers", "rollout/kube/reflector.py", "        replacement.finish()\n", "        self._store.advance(self.resource, page.resource_version)\n", "tests/kube/test_reflector.py -k expired_history"),
    Guard("polling for each object", "rollout/core/report.py", "after=min((wait for wait in (ruling.after, due) if wait), default=None)", "after=min((wait for wait in (ruling.after, due) if wait), default=timedelta(seconds=10))", f"{G}/test_levels.py"),
    Guard("dict soup, god context", "rollout/core/world.py", "@dataclass(frozen=True, kw_only=True)\nclass World", "@dataclass(kw_only=True)\nclass World", f"{G}/test_levels.py"),
    Guard("dict soup, god context", "rollout/models/base.py", "model_config = ConfigDict(frozen=True, extra=\"forbid\"", "model_config = ConfigDict(extra=\"forbid\"", f"{G}/test_levels.py"),
    Guard("dict soup, god context", "pyproject.toml", '"rollout.core", "rollout.models", "rollout.traffic", "rollout.intents", "analysis.assess"]', '"rollout.models"]', LINT),
    Guard("write without resourceVersion", "rollout/kube/apply.py", "return [*([fence] if write.version is not None else []), *write.body]", "return [*write.body]", f"{G}/test_fences.py"),
    Guard("write without resourceVersion", "rollout/kube/apply.py", 'return {**write.body, "metadata": {**write.body.get("metadata", {}), "resourceVersion": write.version}}', "return dict(write.body)", f"{G}/test_fences.py"),
    Guard("write without resourceVersion", "rollout/core/plan.py", '            why="say so",\n            version=_version(world),', '            why="say so",', "tests/core/test_plan.py"),
    Guard("write without resourceVersion", "rollout/traffic/patch.py", '            yield {"op": "test", "path": pointer(place), "value": old}\n', "", "tests/traffic/test_patch.py"),
    Guard("write without resourceVersion", "rollout/traffic/patch.py", '        yield {"op": "test", "path": pointer(path), "value": before}\n', "", "tests/traffic/test_patch.py"),
    Guard("write without resourceVersion", "rollout/kube/request.py", '        options["preconditions"] = {"uid": uid}\n', "        pass\n", "tests/kube/test_client.py -k another_object"),
    Guard("write without resourceVersion", "rollout/controller.py", "    except (Conflict, Invalid) as error:  # somebody else was faster: look again\n", "    except Conflict:\n        return await _attempt(key, parts)\n    except Invalid as error:\n", f"{G}/test_fences.py"),
    Guard("sleep as synchronization", "rollout/kube/apply.py", "        self.store.put(write.resource, raw)\n", "", f"{G}/test_levels.py"),
    Guard("sleep as synchronization", "rollout/kube/table.py", "return version > held.version", "return True", "tests/kube/test_store.py"),
    Guard("sleep as synchronization", "rollout/kube/table.py", "return self.listing or version > self.seen", "return True", "tests/kube/test_store.py"),
    Guard("sleep as synchronization", "rollout/controller.py", "    await apply(\n", "    await asyncio.sleep(1)\n    await apply(\n", f"{G}/test_levels.py"),
    Guard("fire and forget, no graceful stop", "rollout/kube/lease.py", "                await self._release()\n", "                pass\n", "tests/kube/test_lease.py -k 'gives_the_lease or gives_it_back'"),
    Guard("fire and forget, no graceful stop", "rollout/cli/controller.py", "        asyncio.get_running_loop().add_signal_handler(number, running.cancel)", "        str(number)", f"{G}/test_ending.py -k gives_the_lease"),
    Guard("fire and forget, no graceful stop", "rollout/kube/lease.py", "            await self._try_to(self._give_back)", "            await self._give_back()", f"{G}/test_ending.py -k grace"),
    Guard("fire and forget, no graceful stop", "pyproject.toml", '"RUF", ', '"RUF1", ', LINT),
    Guard("naive datetimes", "pyproject.toml", '"DTZ", ', "", LINT),
    Guard("NaN or empty is success", "analysis/samples.py", "for point in points if math.isfinite(point.value)", "for point in points", "tests/analysis/test_samples.py"),
    Guard("NaN or empty is success", PROMETHEUS, "if not math.isfinite(number):", "if False:", "tests/analysis/test_prometheus.py -k one_number"),
    Guard("NaN or empty is success", "analysis/windows.py", "Sample.PASSES if low <= value <= high and math.isfinite(value) else Sample.FAILS", "Sample.FAILS if value < low or value > high else Sample.PASSES", "tests/analysis"),
    Guard("NaN or empty is success", PROMETHEUS, '        return NoData("the query answers nothing")', "        return Number(0.0, 0.0)", "tests/analysis/test_prometheus.py -k one_number"),
    Guard("PromQL without escaping", "analysis/templates.py", "    if character in (quote, \"\\\\\"):\n", "    if character in (quote,):\n", "tests/analysis/test_templates.py"),
    Guard("PromQL without escaping", "analysis/templates.py", "    if character in (quote, \"\\\\\"):\n", "    if character in (\"\\\\\",):\n", "tests/analysis/test_templates.py"),
    Guard("PromQL without escaping", "analysis/templates.py", 'return _METACHARACTERS.sub(r"\\\\\\g<0>", value)', "return value", "tests/analysis/test_templates.py"),
    Guard("PromQL without escaping", "analysis/templates.py", "or _KEYWORDS.fullmatch(value)", "", "tests/analysis/test_templates.py"),
    Guard("tests that mock the client", "tests/kube/fake_time.py", "import asyncio\n", "import asyncio\nfrom unittest import mock\n", f"{G}/test_fakes.py"),
    Guard("secrets in status and logs", "rollout/cli/logs.py", "            without_secrets,  # after the traceback has become text\n", "", f"{G}/test_secrets.py"),
    Guard("secrets in status and logs", "rollout/cli/logs.py", "    if _NAME.search(name):\n        return REDACTED\n", "", f"{G}/test_secrets.py"),
    Guard("secrets in status and logs", "rollout/cli/logs.py", "        text = secret.sub(", "        secret.sub(", f"{G}/test_secrets.py"),
    Guard("secrets in status and logs", "rollout/cli/logs.py", "else _text(_said(value))", "else value", f"{G}/test_secrets.py -k no_text"),
    Guard("secrets in status and logs", "rollout/cli/logs.py", "return [name, REDACTED]", "return values", f"{G}/test_secrets.py -k no_text"),
    Guard("secrets in status and logs", "rollout/cli/controller.py", "        log_as(log_format)\n", "", f"{G}/test_ending.py -k credentials"),
    Guard("secrets in status and logs", PROMETHEUS, "_USER.sub('//', said)[:200]", "said[:200]", "tests/analysis/test_prometheus.py -k whatever"),
    Guard("secrets in status and logs", "analysis/sources/configuration.py", "    url: Address = Field(repr=False)\n    timeout", "    url: Address\n    timeout", "tests/analysis/test_prometheus.py -k secret"),
    Guard("unbounded cardinality and memory", "rollout/kube/ingest.py", '.pop("managedFields", ())', '.get("managedFields", ())', "tests/kube/test_store.py -k managed_fields"),
    Guard("unbounded cardinality and memory", "rollout/controller.py", "label_selector=ROLLOUT_LABEL if resource == PODS else None", "label_selector=None", f"{G}/test_process.py -k of_pods_only"),
    Guard("unbounded cardinality and memory", "rollout/kube/store.py", "        if table is None:\n            return False\n        key, version", "        if table is None:\n            table = self._tables[resource] = Table({})\n        key, version", "tests/kube/test_store.py"),
    Guard("unbounded cardinality and memory", "rollout/kube/queue.py", "if len(self._later) > 2 * len(self._wanted) + 64:", "if False:", "tests/kube/test_queue.py -k pile_up"),
    Guard("unbounded cardinality and memory", "rollout/controller.py", "resource=write.resource.plural", "resource=write.key.name", f"{G}/test_process.py -k name_of"),
)  # fmt: skip


def main(*words: str) -> int:
    """Print one line for each guard; the number of those whose loss no test notices is the exit code."""
    survivors = 0
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        for part in PARTS:
            source, target = ROOT / part, copy / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        for guard in GUARDS:
            if words and not any(word in str(guard) for word in words):
                continue
            verdict = _try(copy, guard)
            survivors += verdict != "noticed"
            print(f"{verdict:9} {guard.sin:34} {guard.file:32} {guard.tests}", flush=True)  # noqa: T201
    return survivors


def _try(copy: Path, guard: Guard) -> str:
    file = copy / guard.file
    text = file.read_text(encoding="utf-8")
    if guard.before not in text:
        return "outdated"
    if not _green(copy, guard.tests):
        return "red"
    file.write_text(text.replace(guard.before, guard.after, 1), encoding="utf-8")
    try:
        return "unnoticed" if _green(copy, guard.tests) else "noticed"
    finally:
        file.write_text(text, encoding="utf-8")


def _green(copy: Path, tests: str) -> bool:
    names, _, chosen = tests.partition(" -k ")
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *names.split()]
    command += ["-k", chosen.strip("'")] if chosen else []
    try:
        ran = subprocess.run(command, cwd=copy, capture_output=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return False
    return ran.returncode == 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
