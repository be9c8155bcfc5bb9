"""Every command with kubectl in the pages does what they say and prints what they show."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends import KUBERNETES, SANDBOX, Ground
from tests.kubectl.pages import OBJECTS, ROOT, commands
from tests.kubectl.shop import Shop, a_shop
from tests.kubectl.stories import INSTALLING, MENTIONED, PROMISED, STORIES, Outcome

SHOWN = {each.command: each.output for each in commands() if each.output is not None}
_AGE = re.compile(r"\b(?:\d+[dhms])+\b")
_REVISION = re.compile(r"\b[bcdfghjklmnpqrstvwxz2456789]{10}\b")
_TIME = re.compile(r"(?:\d{1,2} [A-Z][a-z]{2} )?\d\d:\d\d:\d\d UTC")  # with the day, shortly before midnight
_EDITOR = "sed -i s/shop:v3/shop:edited/"


def plain(text: str) -> list[str]:
    """Lines without what differs each time: ages, hashes, times of day, widths of columns."""
    text = _TIME.sub("TIME", _REVISION.sub("REVISION", _AGE.sub("AGE", text)))
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def is_bare(command: str) -> bool:
    return len(command.split()) == 2


def verb(command: str) -> str:
    return command.split()[1]


def person(shop: Shop) -> Shop:
    """Somebody in a directory with the files that the pages speak of."""
    directory = shop.kubectl.directory
    for folder in ("crds", "deploy"):
        (directory / folder).symlink_to(ROOT / folder)
    minimal = next(block for where, block in OBJECTS if where.startswith("README.md"))
    (directory / "shop.yaml").write_text(minimal.replace("namespace: store", f"namespace: {shop.made.namespace}"))
    environment = {**shop.kubectl.environment, "KUBE_EDITOR": _EDITOR}
    return replace(shop, kubectl=replace(shop.kubectl, environment=environment))


async def carried_out(shop: Shop, command: str, outcome: Outcome) -> None:
    line = command.replace("-n store", f"-n {shop.made.namespace}")
    if outcome.endless:
        await shop.kubectl.follow(line, until=str(outcome.has))
        return
    said = await shop.kubectl.shell(line)
    assert (said.code == 0) is not outcome.refused, said
    if outcome.has is not None:
        assert re.search(outcome.has, said.err if outcome.refused else said.out), said
        return
    expected = SHOWN[command] if outcome.says is None else outcome.says
    assert (plain(said.out), said.err) == (plain(expected), ""), command


async def told(ground: Ground, directory: Path, story: str, verbs: set[str] | None = None) -> None:
    async with a_shop(ground, directory) as opened:
        shop = person(opened)
        await STORIES[story].before(shop)
        for command, outcome in STORIES[story].commands.items():
            if verbs is None or verb(command) in verbs:
                await carried_out(shop, command, outcome)
                await shop.made.until(lambda outcome=outcome: outcome.comes(shop), f"what comes of {command}")  # type: ignore[misc]


def test_every_command_of_the_pages_is_in_a_story_and_every_story_in_the_pages() -> None:
    shown = {each.command for each in commands() if not is_bare(each.command)}
    told = {command for story in STORIES.values() for command in story.commands}
    assert shown - MENTIONED - INSTALLING == told
    assert shown >= MENTIONED | INSTALLING


def test_the_pages_are_read_whole() -> None:
    by_place = {(each.where.partition(":")[0], each.command) for each in commands()}
    assert {
        ("README.md", "kubectl apply -f crds/"),
        ("README.md", "kubectl get rollout"),
        ("docs/cli.md", "kubectl apply -f shop.yaml"),
        ("docs/concepts.md", "kubectl annotate rollout shop progressive.delivery/command=abort"),
        ("docs/limits.md", "kubectl apply"),
        ("docs/reference.md", "kubectl explain rollout.spec --recursive"),
        ("examples/canary-gateway.yaml", "kubectl get pd -n store -w"),
    } <= by_place


@pytest.mark.parametrize("ground", [KUBERNETES], indirect=True)
@pytest.mark.parametrize("story", STORIES)
async def test_the_commands_do_what_the_pages_say(ground: Ground, tmp_path: Path, story: str) -> None:
    await told(ground, tmp_path, story)


@pytest.mark.parametrize("ground", [SANDBOX], indirect=True)
@pytest.mark.parametrize("story", ["holding", "asking", "hurrying"])
async def test_the_commands_that_the_sandbox_promises_do_it_there_too(
    ground: Ground, tmp_path: Path, story: str
) -> None:
    await told(ground, tmp_path, story, PROMISED)
