"""What is acted on is what is, not what was heard; at rest nothing ticks, and values never change."""

import ast
from collections.abc import Iterator
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

from pydantic import BaseModel

import rollout.core
import rollout.models
import rollout.traffic
from rollout import controller
from rollout.core.decide import decide
from rollout.core.plan import plan
from rollout.core.subjects import subscription
from rollout.models.kinds import ROLLOUTS
from tests.controller.test_loop import acting
from tests.core.builders import at_rest, judged
from tests.core.cluster import calm, one_round
from tests.guards.test_process import A_ROLLOUT, SHOP
from tests.kube.builders import eventually, raw
from tests.kube.fake_api import FakeApi

ROOT = Path(__file__).parents[2]


async def test_what_nobody_heard_of_is_acted_on_when_the_lease_is_won(api: FakeApi, parts: controller.Parts) -> None:
    parts.store.put(ROLLOUTS, raw(api.put(ROLLOUTS, A_ROLLOUT)))
    assert parts.queue.depth == 0
    async with acting(parts):
        await eventually(lambda: "status" in api.objects[ROLLOUTS.path(*SHOP)])


async def test_a_change_does_nothing_but_enqueue_and_many_changes_are_one_key(
    api: FakeApi, parts: controller.Parts
) -> None:
    parts.store.subscribe(controller.wake(parts))
    for _ in range(5):
        parts.store.put(ROLLOUTS, raw(api.put(ROLLOUTS, A_ROLLOUT)))
    assert (parts.queue.depth, parts.queue.delayed, api.seen) == (1, 0, [])
    assert await parts.queue.get() == SHOP


async def test_what_was_written_is_seen_by_the_next_reconcile_without_a_wait_for_the_watch(
    api: FakeApi, parts: controller.Parts
) -> None:
    parts.store.put(ROLLOUTS, raw(api.put(ROLLOUTS, A_ROLLOUT)))
    await controller.reconcile(SHOP, parts)
    assert parts.store.get(ROLLOUTS, SHOP) == api.objects[ROLLOUTS.path(*SHOP)]


def test_at_rest_no_reconcile_is_scheduled_and_nothing_is_measured() -> None:
    world, _, _ = one_round(calm(at_rest()))
    decision = decide(world, judged())
    assert (decision.after, plan(world, decision)) == (None, ())
    assert subscription(world, decision.status) is None


def values() -> Iterator[type]:
    """Every dataclass and model that decisions are made of."""
    for package in (rollout.core, rollout.models, rollout.traffic):
        for found in walk_packages(package.__path__, f"{package.__name__}."):
            for each in vars(import_module(found.name)).values():
                if isinstance(each, type) and each.__module__ == found.name:
                    yield each


def test_what_is_observed_and_decided_never_changes_afterwards() -> None:
    dataclasses = {each for each in values() if is_dataclass(each)}
    models = {each for each in values() if issubclass(each, BaseModel)}
    assert (len(dataclasses) > 10, len(models) > 10) == (True, True)
    changeable: list[type] = [each for each in models if not each.model_config.get("frozen")]
    changeable += [each for each in dataclasses if not vars(each)["__dataclass_params__"].frozen]
    assert changeable == []


def test_nothing_waits_for_an_effect_by_sleeping() -> None:
    """Delays are entries of the queue; what may sleep are back-offs and paces around it, and turns (0 s)."""
    sleeping: dict[str, int] = {}
    for part in ("rollout", "analysis", "api"):
        for path in (ROOT / part).rglob("*.py"):
            waits = [each for each in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if _sleeps(each)]
            sleeping |= {path.relative_to(ROOT).as_posix(): len(waits)} if waits else {}
    watching_people = {name: sleeping.pop(name) for name in tuple(sleeping) if name.startswith("rollout/cli/")}
    assert "rollout/cli/controller.py" in watching_people  # the heart
    assert sleeping == {
        "api/streams.py": 1,
        "rollout/kube/reflector.py": 1,
        "rollout/kube/events.py": 1,
        "rollout/kube/lease.py": 2,
        "rollout/notifications/outbox.py": 1,
    }


def _sleeps(node: ast.AST) -> bool:
    named = isinstance(node, ast.Call) and ast.unparse(node.func) in ("asyncio.sleep", "time.sleep", "sleep")
    return named and not (isinstance(node, ast.Call) and ast.unparse(node.args[0]) == "0")
