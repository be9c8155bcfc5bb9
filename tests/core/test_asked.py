"""What people asked for: once each, abort first, refused with a reason."""

from dataclasses import replace

import pytest

from rollout.core.asked import Asked, carried, take, template_revision, unreadable, waiting
from rollout.core.target import Event
from rollout.core.world import Settings, World
from rollout.models.status import Command, Override, Stage, Verb
from tests.core.builders import MINUTE, NEW, OLD, a_command, a_run, a_world, ago, at_rest, commanded

ALL = Settings(annotation_commands=True)


def told(world: World, *commands: Command, handled: tuple[str, ...] | None = None) -> World:
    return replace(world, status=world.status.model_copy(update={"commands": commands, "handled": handled}))


def reasons(asked: Asked) -> list[str]:
    return [event.reason for event in asked.events]


EFFECTS: dict[str, tuple[World, Command, dict[str, object]]] = {
    "abort": (a_world(), a_command(Verb.ABORT, reason="slow"), {"abort": "ann asked for it: slow"}),
    "abort by nobody": (a_world(), a_command(Verb.ABORT, by=None), {"abort": "a person asked for it"}),
    "promote": (a_world(), a_command(Verb.PROMOTE), {"promote": True}),
    "promote to the end": (a_world(), a_command(Verb.PROMOTE, to="end"), {"promote": True, "promote_to_end": True}),
    "pause": (a_world(), a_command(Verb.PAUSE), {"paused_at": ago(0 * MINUTE)}),
    "resume": (a_world(status={"paused_at": ago(MINUTE)}), a_command(Verb.RESUME), {"resume": True}),
    "promote while paused": (a_world(status={"paused_at": ago(MINUTE)}), a_command(Verb.PROMOTE), {"promote": True}),
}


@pytest.mark.parametrize(("world", "command", "effect"), EFFECTS.values(), ids=EFFECTS)
def test_a_command_has_its_effect(world: World, command: Command, effect: dict[str, object]) -> None:
    asked = take(told(world, command))
    assert asked == Asked(
        **{"paused_at": None, "override": None, "handled": (command.id,), "accepted": (command,), **effect}
    )  # type: ignore[arg-type]
    assert reasons(carried(asked, frozenset())) == [f"{command.verb.capitalize()}Asked"]


def test_a_command_without_effect_yet_goes_on_waiting_and_nothing_is_told_of_it() -> None:
    world = told(a_world(), a_command(Verb.PROMOTE), a_command(Verb.PAUSE))
    asked = carried(take(world), frozenset({Verb.PROMOTE}))
    assert (asked.handled, reasons(asked)) == (("id-pause",), ["PauseAsked"])
    assert waiting(world, asked.handled) == (a_command(Verb.PROMOTE),)


def test_a_command_that_was_handled_is_not_carried_out_again() -> None:
    asked = take(told(a_world(), a_command(Verb.ABORT), handled=("id-abort",)))
    assert (asked.abort, asked.events, asked.handled) == (None, (), ("id-abort",))


def test_an_abort_is_taken_first_wherever_it_stands() -> None:
    asked = take(told(a_world(), a_command(Verb.PROMOTE), a_command(Verb.PAUSE), a_command(Verb.ABORT)))
    assert reasons(carried(asked, frozenset()))[0] == "AbortAsked"
    assert asked.handled == ("id-abort", "id-promote", "id-pause")


def test_a_command_for_what_is_gone_is_refused_with_a_reason_and_handled() -> None:
    asked = take(told(a_world(), a_command(Verb.PROMOTE, step=2)))
    assert asked.handled == ("id-promote",)
    assert asked.events == (
        Event(
            reason="CommandRefused",
            note="promote by ann was refused: It is meant for step 3, but the run is in step 1 (step-1): "
            "look at the Rollout and ask again.",
            warning=True,
        ),
    )


def test_the_last_fifty_ids_are_remembered() -> None:
    handled = tuple(str(number) for number in range(50))
    assert take(told(a_world(), a_command(Verb.PAUSE), handled=handled)).handled == (*handled[1:], "id-pause")


def test_an_annotation_is_taken_once_and_its_words_can_be_used_again() -> None:
    world = a_world(manifest=commanded("pause"))
    first = take(world)
    assert (first.handled, reasons(carried(first, frozenset()))) == (("pause",), ["PauseAsked"])
    assert reasons(take(told(world, handled=("pause",)))) == []
    assert take(told(a_world(), handled=("pause",))).handled == ()


@pytest.mark.parametrize("value", ["promote", "resume", "retry", "undo", "restart:2", '{"id":"1","verb":"promote"}'])
def test_an_annotation_may_only_pause_and_abort_until_the_operator_says_otherwise(value: str) -> None:
    world = a_world(manifest=commanded(value))
    assert reasons(take(world)) == ["CommandRefused"]
    assert "--annotation-commands=all" in (unreadable(world) or "")
    assert unreadable(replace(world, settings=ALL)) is None


@pytest.mark.parametrize("value", ["abort", "pause:again"])
def test_an_annotation_may_always_abort_and_pause(value: str) -> None:
    assert unreadable(a_world(manifest=commanded(value))) is None


def test_an_annotation_that_cannot_be_read_asks_for_nothing() -> None:
    world = a_world(manifest=commanded("explode"))
    asked = take(world)
    assert replace(asked, events=()) == Asked(paused_at=None, override=None, handled=())
    assert reasons(asked) == ["CommandRefused"]
    assert "is not a command" in (unreadable(world) or "")


def undone(to: str | None = None) -> World:
    world = a_world(Stage.DONE, run=a_run(Stage.DONE, outcome="promoted"), canary=a_world().revisions[NEW])
    canary = replace(world.revisions[NEW], manifest={**world.revisions[NEW].manifest})
    canary.manifest["metadata"] = {**canary.manifest["metadata"], "annotations": {"progressive.delivery/promoted": "2"}}
    world = replace(world, revisions={**world.revisions, NEW: canary})
    return told(world, a_command(Verb.UNDO, to=to))


@pytest.mark.parametrize("to", [None, "1"])
def test_an_undo_asks_for_the_version_before_until_the_template_changes(to: str | None) -> None:
    assert take(undone(to)).override == Override(run=1, revision=OLD, template=NEW)


def test_an_override_remembers_the_declared_template_behind_it() -> None:
    override = Override(run=1, revision=OLD, template=NEW)
    world = a_world(status={"override": override}, wanted=OLD)
    assert (template_revision(world), template_revision(a_world())) == (NEW, NEW)


def test_a_restart_is_for_a_version_that_rests() -> None:
    assert reasons(take(told(at_rest(), a_command(Verb.RESTART)))) == [
        "CommandRefused"
    ]  # the status tells of no version


def test_the_last_refusals_are_remembered_with_their_reason_and_each_id_once() -> None:
    two = (a_command(Verb.RESUME, id="one"), a_command(Verb.RETRY, id="two"))
    asked = take(told(a_world(), *two))
    assert [each.id for each in asked.refusals] == ["one", "two"]
    assert asked.refusals[0].reason.startswith("It is not paused, so there is nothing to resume")
    again = told(a_world(), a_command(Verb.RESUME, id="one"))
    again = replace(again, status=again.status.model_copy(update={"refusals": asked.refusals, "handled": ("two",)}))
    assert [each.id for each in take(again).refusals] == ["two", "one"]
