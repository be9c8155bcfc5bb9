"""No failure is swallowed: one Rollout's costs that Rollout time, any other ends the process, where it is seen."""

import ast
import asyncio
from pathlib import Path
from typing import Any, NoReturn

import pytest
from structlog.testing import capture_logs

from rollout import controller
from rollout.kube.lease import Election
from rollout.kube.observe import observe
from rollout.kube.store import Store
from rollout.models.kinds import ROLLOUTS, Key
from tests.controller.test_loop import NOW, acting
from tests.guards.test_process import A_ROLLOUT, SHOP
from tests.kube.builders import eventually, raw
from tests.kube.fake_api import FakeApi

ROOT = Path(__file__).parents[2]
TWIN = Key("shop", "twin")


@pytest.fixture
def two_rollouts(api: FakeApi, parts: controller.Parts) -> None:
    """In the cluster and in the cache."""
    for key in (SHOP, TWIN):
        metadata = {"namespace": key.namespace, "name": key.name, "uid": f"u-{key.name}"}
        parts.store.put(ROLLOUTS, raw(api.put(ROLLOUTS, {**A_ROLLOUT, "metadata": metadata})))


class Broken:
    """A part of the controller with a fault that nobody foresaw."""

    synced = asyncio.Event()

    async def run(self) -> NoReturn:
        raise ZeroDivisionError("nobody foresaw this")


@pytest.mark.usefixtures("two_rollouts")
async def test_a_fault_in_one_rollout_is_told_and_tried_again_and_stops_no_other(
    api: FakeApi, parts: controller.Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = 0

    def fail_twice(store: Store, key: Key, *arguments: Any, **more: Any) -> Any:
        nonlocal failures
        if key == SHOP and failures < 2:
            failures += 1
            raise ZeroDivisionError("nobody foresaw this")
        return observe(store, key, *arguments, **more)

    monkeypatch.setattr(controller, "observe", fail_twice)
    with capture_logs() as logs:
        async with acting(parts):
            await eventually(lambda: all("status" in api.objects[ROLLOUTS.path(*key)] for key in (TWIN, SHOP)))
    told = [(each["log_level"], each["rollout"]) for each in logs if each["event"] == "reconcile failed"]
    assert told == [("error", "shop/shop")] * 2
    assert b'reconciles_total{outcome="failed"} 2.0' in parts.metrics.render()


async def test_a_watch_that_fails_in_an_unforeseen_way_ends_the_controller(
    api: FakeApi, parts: controller.Parts
) -> None:
    election = Election(parts.client, namespace="shop", name="lease", identity="a", now=lambda: NOW)
    with pytest.raises(ExceptionGroup) as failure:
        async with asyncio.timeout(10):
            await controller.run(parts, (Broken(),), election)  # type: ignore[arg-type]
    assert failure.group_contains(ZeroDivisionError)


async def test_work_that_fails_outside_of_a_reconcile_ends_the_controller(
    api: FakeApi, parts: controller.Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts.queue, "get", lambda **_: Broken().run())
    election = Election(parts.client, namespace="shop", name="lease", identity="a", now=lambda: NOW)
    with pytest.raises(ExceptionGroup) as failure:
        async with asyncio.timeout(10):
            await controller.run(parts, (), election)
    assert failure.group_contains(ZeroDivisionError)


def test_only_a_reconcile_a_question_for_a_metric_and_a_notification_may_fail_in_any_way() -> None:
    paths = [path for part in ("rollout", "analysis", "api") for path in (ROOT / part).rglob("*.py")]
    catching = [path.relative_to(ROOT).as_posix() for path in paths for _ in filter(_anything, _handlers(path))]
    assert sorted(catching) == [
        "analysis/collector.py",
        "rollout/controller.py",
        "rollout/notifications/outbox.py",
        "rollout/notifications/speaking.py",
    ]


def _handlers(path: Path) -> list[ast.ExceptHandler]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]


def _anything(handler: ast.ExceptHandler) -> bool:
    """Whether it ends here whatever was raised."""
    caught = (
        {"BaseException"}
        if handler.type is None
        else {each.id for each in ast.walk(handler.type) if isinstance(each, ast.Name)}
    )
    return bool(caught & {"Exception", "BaseException"}) and not any(
        isinstance(each, ast.Raise) for each in ast.walk(handler)
    )
