"""The policy on commands by annotation, on a real API server: who may edit does not give commands, and edits pass."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from controlplane.cluster import ControlPlane
from rollout.intents import parse_annotation
from rollout.models.rollout import COMMAND
from rollout.models.status import Verb
from tests.controller.harness import a_rollout
from tests.deploy.installing import installed, kubectl, refused

SHOP = "store"
NEEDED = "ValidatingAdmissionPolicy 'commands.progressive.delivery'"
# Who may do what, besides looking: `promoter` has one command only and may not write a Rollout at all.
PEOPLE = {
    "editor": ["progressive-delivery-editor", "progressive-delivery-viewer"],
    "releaser": ["progressive-delivery-releaser"],
    "both": ["progressive-delivery-editor", "progressive-delivery-releaser", "progressive-delivery-viewer"],
    "promoter": ["promote-only", "progressive-delivery-viewer"],
    "looker": ["progressive-delivery-viewer"],
}
PROMOTE_ONLY = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "promote-only"},
    "rules": [{"apiGroups": ["progressive.delivery"], "resources": ["rollouts/promote"], "verbs": ["update"]}],
}


def binding(user: str, role: str) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"{user}-{role}", "namespace": SHOP},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }


def a_shop(name: str = "shop", **annotations: str) -> dict[str, Any]:
    made = a_rollout()
    return {**made, "metadata": {"name": name, "namespace": SHOP, "annotations": annotations}}


def text(*objects: dict[str, Any]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(bare: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """The policy in force, a Rollout, and people with their roles."""
    async with installed(bare, "policy", tmp_path_factory.mktemp("policy")):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHOP}}
        bindings = [binding(user, role) for user, roles in PEOPLE.items() for role in roles]
        await kubectl(bare, "apply", "-f", "-", stdin=text(namespace, PROMOTE_ONLY, *bindings))
        await kubectl(bare, "apply", "-f", "-", stdin=text(a_shop()))
        await in_force(bare)
        yield bare
        await kubectl(bare, "delete", "rollouts", "--all", "--namespace", SHOP)


async def in_force(cluster: ControlPlane) -> None:
    """Wait until the API server has compiled the policy; until then it lets everything pass."""
    for _ in range(200):
        try:
            await refused(cluster, *annotate("admin", "nonsense", "--dry-run=server"))
        except AssertionError:
            continue
        return
    raise AssertionError("the policy never came into force")


def annotate(user: str, value: str, *options: str) -> tuple[str, ...]:
    who = () if user == "admin" else (f"--as={user}",)
    return ("annotate", "rollout", "shop", "-n", SHOP, "--overwrite", f"{COMMAND}={value}", *who, *options)


async def test_every_command_is_for_those_who_may_give_it(cluster: ControlPlane) -> None:
    for verb in Verb:
        assert "annotated" in await kubectl(cluster, *annotate("releaser", verb))
        said = await refused(cluster, *annotate("editor", f"{verb}:2"))
        assert NEEDED in said
        assert (
            f"editor may not {verb} Rollout store/shop: that needs the verb update on rollouts/{verb} in group "
            "progressive.delivery, as the ClusterRole progressive-delivery-releaser gives it."
        ) in said


async def test_the_right_to_one_command_is_not_one_to_another_nor_to_edit(cluster: ControlPlane) -> None:
    assert "cannot patch resource" in await refused(cluster, *annotate("promoter", "promote"))
    await kubectl(cluster, "apply", "-f", "-", stdin=text(binding("promoter", "progressive-delivery-editor")))
    assert "annotated" in await kubectl(cluster, *annotate("promoter", "promote"))
    assert "promoter may not abort" in await refused(cluster, *annotate("promoter", "abort"))
    await kubectl(cluster, "delete", "rolebinding", "-n", SHOP, "promoter-progressive-delivery-editor")


JSON = [
    ("promote", '{"id": "1", "verb": "promote", "to": "end"}'),
    ("abort", '{"reason": "the \'verb\' was: promote", "verb" : "abort", "id": "2"}'),
    ("undo", '{\n"verb":\t"undo", "id": "verb", "to": "3"}'),
]


async def test_a_command_in_json_is_asked_for_by_its_verb(cluster: ControlPlane) -> None:
    for verb, value in JSON:
        assert parse_annotation(value).verb == verb
        assert f"editor may not {verb} " in await refused(cluster, *annotate("editor", value))
        assert "annotated" in await kubectl(cluster, *annotate("releaser", value))


UNREADABLE = [
    "promoted",
    " promote",
    "Promote",
    "jump",
    '{"id": "1", "verb": "abort", "verb": "promote"}',  # which one counts depends on who reads
    r'{"id": "1", "v\u0065rb": "promote"}',
    r'{"id": "1", "verb": "pro\u006dote"}',
    ' {"id": "1", "verb": "promote"}',
    '{"id": "1"}',
    "[promote]",
]


async def test_what_the_policy_cannot_read_is_refused_whoever_writes_it(cluster: ControlPlane) -> None:
    for value in UNREADABLE:
        said = await refused(cluster, *annotate("both", value))
        assert NEEDED in said, value
        assert "The annotation progressive.delivery/command cannot be read: write promote, abort," in said


async def test_ordinary_edits_pass(cluster: ControlPlane) -> None:
    as_editor = ("-n", SHOP, "--as=editor")
    await kubectl(cluster, *annotate("releaser", "pause"))
    change = ("patch", "rollout", "shop", "--type=merge", "-p", '{"spec": {"replicas": 5}}')
    assert "patched" in await kubectl(cluster, *change, *as_editor)  # with the command of somebody else still there
    assert "annotated" in await kubectl(cluster, "annotate", "rollout", "shop", "team=web", *as_editor)
    assert "annotated" in await kubectl(cluster, "annotate", "rollout", "shop", f"{COMMAND}-", *as_editor)
    assert "created" in await kubectl(cluster, "create", "-f", "-", "--as=editor", stdin=text(a_shop("other")))
    assert "scaled" in await kubectl(cluster, "scale", "rollout", "other", "--replicas=2", *as_editor)
    assert "deleted" in await kubectl(cluster, "delete", "rollout", "other", *as_editor)


async def test_nobody_brings_a_command_with_a_new_rollout_or_under_another_name(cluster: ControlPlane) -> None:
    commanded = text(a_shop("new", **{COMMAND: "promote"}))
    assert "editor may not promote Rollout store/new" in await refused(
        cluster, "create", "-f", "-", "--as=editor", stdin=commanded
    )
    assert "created" in await kubectl(cluster, "create", "-f", "-", "--as=both", stdin=commanded)


async def test_a_status_or_a_scale_does_not_carry_a_command(cluster: ControlPlane) -> None:
    change = json.dumps({"metadata": {"annotations": {COMMAND: "promote"}}})
    shop = ("rollout", "shop", "--namespace", SHOP)
    for part in ("status", "scale"):
        await kubectl(cluster, "patch", *shop, f"--subresource={part}", "--type=merge", "--patch", change)
        shown = await kubectl(cluster, "get", *shop, "--output=jsonpath={.metadata.annotations}")
        assert COMMAND not in shown


MAY = {
    "view": {"list rollouts": True, "create rollouts": False, "update rollouts/promote": False},
    "edit": {"list rollouts": True, "create rollouts": True, "update rollouts/promote": True},
    "admin": {"delete rollouts": True, "update rollouts/abort": True, "patch rollouts/status": False},
}


async def test_the_clusters_own_roles_hold_what_ours_allow(cluster: ControlPlane) -> None:
    await kubectl(cluster, "apply", "-f", "-", stdin=text(*(binding(f"user-of-{role}", role) for role in MAY)))
    for role, wanted in MAY.items():
        async with asyncio.timeout(30):
            while {each: await can(cluster, each, f"user-of-{role}") for each in wanted} != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.2)


async def can(cluster: ControlPlane, what: str, user: str) -> bool:
    verb, resource = what.split()
    kind, _, subresource = resource.partition("/")
    question = ("auth", "can-i", verb, f"{kind}.progressive.delivery", f"--subresource={subresource}")
    try:
        return await kubectl(cluster, *question, "--namespace", SHOP, f"--as={user}") == "yes\n"
    except AssertionError:  # kubectl ends with 1 for no
        return False


async def test_who_looks_sees_and_changes_nothing(cluster: ControlPlane) -> None:
    assert "shop" in await kubectl(cluster, "get", "rollouts,rolloutruns", "-n", SHOP, "--as=looker")
    assert "cannot patch resource" in await refused(cluster, *annotate("looker", "abort"))


async def test_an_editor_does_not_write_the_status(cluster: ControlPlane) -> None:
    change = ("patch", "rollout", "shop", "-n", SHOP, "--subresource=status", "--type=merge", "-p", '{"status": {}}')
    assert 'cannot patch resource "rollouts/status"' in await refused(cluster, *change, "--as=both")
