"""The first version, one that is lost, and a controller that would make it otherwise."""

from typing import Any

import pytest

from rollout.core import plan_workload
from rollout.core.workload import deployment
from rollout.models.kinds import PODS, SERVICES, Key, Manifest
from tests.backends import Ground
from tests.controller.adopting import Seen, a_deployment, adopted, adopting, set_image, settled, watching
from tests.controller.counting import Counting
from tests.controller.harness import Stage, a_rollout, controlling, stage, template
from tests.controller.test_commands import LONG, holding

BROKEN = {"sandbox/never-ready": "true"}
BAKING = {"canary": {"steps": [{"weight": 50}], "bake": {"for": "1h"}}}


async def test_a_first_version_that_is_mended_is_replaced_at_once_without_steps(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        with watching(made) as seen:
            await made.create(a_rollout(template=template("v1", **BROKEN), strategy=LONG))
            await made.until(lambda: len(made.pods("v1")) == 3, "three pods")
            await made.release("v2", **BROKEN)
            await made.until(lambda: not made.pods("v1") and len(made.pods("v2")) == 3, "only the second version")
            await made.release("v3")
            await made.healthy("v3")
            assert (seen.images["shop"], seen.weights) == ({"shop:v3"}, [])
        assert made.status.get("step") is None
        assert made.status["run"]["number"] == 3


async def test_one_settled_rollout_costs_at_most_five_writes_and_no_read(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.until(lambda: made.parts is not None and made.parts.store.size(SERVICES) == 1, "the watches open")
        counting = Counting(made)
        await counting.settled()
        counting.forget()
        await made.create(a_rollout())
        await made.healthy("v1")
        await counting.settled()
        asked = counting.asked("rolloutruns")
        assert (asked.total() <= 5, {verb for verb, _, _ in asked} & {"get", "list"}) == (True, set()), asked


async def test_a_first_version_that_serves_is_kept_when_the_template_changes_and_the_next_goes_in_steps(
    ground: Ground,
) -> None:
    async with stage(ground, endpoints_lag=(0.3, 0.4)) as made, controlling(made):
        with watching(made) as seen:
            await made.create(a_rollout(strategy=LONG))
            await made.until(lambda: all_ready(made, "v1"), "three ready pods, behind no Service yet")
            await made.release("v2")
            await holding(made, 10)
            assert seen.images == {"shop": {"shop:v1"}, "shop-canary": {"shop:v2"}}


def all_ready(made: Stage, version: str) -> bool:
    known = [made.parts.store.get(PODS, Key(made.namespace, name)) for name in made.pods(version)] if made.parts else []
    ready = [pod for pod in known if pod is not None and is_ready(pod)]
    return len(ready) == 3


def is_ready(pod: Manifest) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def otherwise(*args: Any, **options: Any) -> Manifest:
    """A later controller's way to make the Deployment of a revision."""
    made = deployment(*args, **options)
    made["metadata"]["labels"]["later"] = "yes"
    made["spec"]["strategy"] = {"type": "Recreate"}
    made["spec"]["template"]["metadata"].setdefault("annotations", {})["later"] = "yes"
    made["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "LATER", "value": "yes"}]
    return made


def workload(made: Stage) -> tuple[object, object]:
    """Everything that would show a restart: each pod's identity, and each Deployment's spec."""
    pods = {each["metadata"]["uid"] for each in made.list("pods")}
    return pods, {each["metadata"]["name"]: each["spec"] for each in made.list("deployments")}


@pytest.mark.parametrize("moment", ["at rest", "in a step", "baking"])
async def test_a_controller_that_would_make_a_deployment_otherwise_restarts_no_pod(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    async with stage(ground) as made:
        async with controlling(made):
            await made.create(a_rollout(strategy=BAKING if moment == "baking" else LONG))
            await made.healthy("v1")
            await reached(made, moment)
        before = workload(made)
        monkeypatch.setattr(plan_workload, "deployment", otherwise)
        async with controlling(made):
            await looked_again(made)
            assert workload(made) == before


async def test_a_controller_that_would_make_a_deployment_otherwise_restarts_no_referenced_pod(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with adopted(ground, strategy=LONG) as (made, _seen):
        await set_image(made, "v2")
        await holding(made, 10)
        before = workload(made)
        monkeypatch.setattr(plan_workload, "deployment", otherwise)
        await looked_again(made)
        assert workload(made) == before


async def reached(made: Stage, moment: str) -> None:
    if moment == "at rest":
        return
    await made.release("v2")
    await (made.phase("Baking") if moment == "baking" else holding(made, 10))


async def looked_again(made: Stage) -> None:
    """Wait until the controller has taken a command, and so has looked at everything."""
    await made.command("pause")
    await made.until(lambda: bool(made.status.get("pausedAt")), "the pause")
    await made.command("resume")
    await made.until(lambda: not made.status.get("pausedAt"), "the pause over")


async def lose_stable(made: Stage) -> None:
    """Delete the stable version's Deployment, and in the same moment ask for another version."""
    await made.delete("Deployment", f"shop-{made.status['revisions']['stable']['name']}")


async def only_known(made: Stage, seen: Seen, version: str, *, canary: set[str]) -> None:
    """Wait until the stable version serves again; no other was ever behind the Service."""
    await made.until(lambda: len(made.pods(version)) == 3, "the stable version again")
    await made.healthy_service(version)
    assert seen.images["shop"] == {f"shop:{version}"}
    assert seen.images.get("shop-canary", set()) == canary


async def test_at_rest_a_stable_version_that_was_deleted_is_built_again(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout())
        await made.healthy("v1")
        before = set(made.pods("v1"))
        await lose_stable(made)
        await made.until(lambda: not before & set(made.pods("v1")), "the old pods gone")
        await made.healthy("v1")
        await made.until(lambda: len(made.pods("v1")) == 3, "three pods")
        assert made.status["run"]["number"] == 1


@pytest.mark.parametrize("referenced", [False, True])
async def test_a_template_that_changes_while_the_stable_version_is_lost_goes_in_steps(
    ground: Ground, *, referenced: bool
) -> None:
    async with stage(ground) as made:
        with watching(made) as seen:
            async with controlling(made):
                await at_rest(made, referenced=referenced)
            await lose_stable(made)
            await (set_image(made, "v2") if referenced else made.release("v2"))
            async with controlling(made):
                await holding(made, 10)
                await only_known(made, seen, "v1", canary={"shop:v2"})


async def at_rest(made: Stage, *, referenced: bool) -> None:
    if not referenced:
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        return
    await made.create(a_deployment(), adopting(strategy=LONG))
    await settled(made, "v1")


async def test_an_aborted_version_is_not_brought_up_when_the_stable_one_is_lost(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        await made.release("v2")
        await holding(made, 10)
        await made.command("abort")
        await made.phase("Aborted")
        with watching(made) as seen:
            before = set(made.pods("v1"))
            await lose_stable(made)
            await made.until(lambda: not before & set(made.pods("v1")), "the old pods gone")
            await made.phase("Aborted")
            await only_known(made, seen, "v1", canary=set())


@pytest.mark.parametrize("template_changes", [False, True])
async def test_in_a_step_a_stable_version_that_was_deleted_is_built_again(
    ground: Ground, *, template_changes: bool
) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=LONG))
        await made.healthy("v1")
        with watching(made) as seen:
            seen.begin("v1")
            await made.release("v2")
            await holding(made, 10)
            before = set(made.pods("v1"))
            await lose_stable(made)
            if template_changes:
                await made.release("v3")
                await made.until(lambda: made.status["run"]["number"] == 3, "a third run")
            await made.until(lambda: not before & set(made.pods("v1")), "the old pods gone")
            await holding(made, 10)
            await only_known(made, seen, "v1", canary={"shop:v2", "shop:v3"} if template_changes else {"shop:v2"})


async def test_while_it_bakes_the_service_stays_with_the_new_version_when_the_old_one_is_lost(ground: Ground) -> None:
    async with stage(ground) as made, controlling(made):
        await made.create(a_rollout(strategy=BAKING))
        await made.healthy("v1")
        await made.release("v2")
        await made.phase("Baking")
        with watching(made) as seen:
            seen.begin("v2")
            before, pins = set(made.pods("v1")), []
            made.objects.listen("services", lambda change: pins.append(change.object["spec"]["selector"]))
            await lose_stable(made)
            await made.until(lambda: len(set(made.pods("v1")) - before) == 3, "the old version built again")
            await made.phase("Baking")
            assert (pins, seen.fewest, seen.images["shop"]) == ([], 3, {"shop:v2"})
