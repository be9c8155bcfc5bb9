import json
from collections.abc import Sequence
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from api.views import urgency, view_of
from rollout.cli.render import bar, render_list, render_rollout
from rollout.cli.words import ago, at, images, percent, value
from rollout.models.kinds import Manifest
from tests.api.cluster import NOW, a_rollout, a_run, aborted, moving, quiet


def view(manifest: Manifest) -> Any:
    return json.loads(view_of(manifest).model_dump_json(by_alias=True))


def views(*manifests: Manifest) -> list[Any]:
    found = sorted((view_of(manifest) for manifest in manifests), key=urgency)
    return [json.loads(each.model_dump_json(by_alias=True)) for each in found]


def text(renderable: RenderableType, *, width: int = 100) -> str:
    console = Console(file=StringIO(), width=width, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    assert max(map(len, lines)) <= width
    return "\n".join(lines) + "\n"


def page(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def test_a_release_that_moves_tells_the_sentence_first_and_then_everything_else() -> None:
    assert text(render_rollout(view(moving()), NOW)) == page(
        "shop  store  Progressing",
        "At 5 % until 13:46, then 25 %. Errors 0.4 % against 0.5 %: no sign of harm.",
        "",
        " traffic   ██████████████████████████████████████████▨▨   desired 5 · routed 5 · observed 4.9 %",
        " steps     ◉5 ── ○25 (approval) ── ○100 ── ○bake 10m",
        "",
        " checks                     stable  canary",
        " errors    pass              0.005   0.004  no harm: 1 in 1.3",
        " p99       not enough data       –    0.31  needs 400 more requests",
        "",
        " stable    7c9f1  shop:v1  10/10 ready",
        " canary    a31d0  shop:v2  3/3 ready",
        " run 4     a31d0 replaces 7c9f1 · started 13:41:00, 5m ago",
    )


def a_comparison(**fields: Any) -> dict[str, Any]:
    return {
        "name": "errors",
        "state": "pass",
        "message": "errors: no sign of harm",
        "canary": 1.2,
        "stable": 0.4,
        "unit": "%",
        "requests": 500,
        "bad": 6,
        "stableRequests": 9500,
        "stableBad": 38,
        "ratio": 3.0,
        "ratioLow": 0.98,
        **fields,
    }


NUMBERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a range that is open": ({}, ["canary 6 of 500 · stable 38 of 9,500 · 3 times (0.98 or more)"]),
    "a range": ({"ratioHigh": 12.34}, ["canary 6 of 500 · stable 38 of 9,500 · 3 times (0.98 to 12.3)"]),
    "no ratio yet": ({"ratio": None, "bad": None}, ["canary – of 500 · stable 38 of 9,500"]),
    "what follows": (
        {"likelihood": "1 in 12", "detectable": 4.6, "outlook": "about 400 more requests prove it"},
        [
            "canary 6 of 500 · stable 38 of 9,500 · 3 times (0.98 or more)",
            "1 in 12 by chance · finds 4.6 times and more · about 400 more requests prove it",
        ],
    ),
    "proof": (
        {"proven": True},
        ["canary 6 of 500 · stable 38 of 9,500 · 3 times (0.98 or more)", "proved not worse"],
    ),
    "texts that are too long": (
        {"outlook": "m" * 200},
        ["canary 6 of 500 · stable 38 of 9,500 · 3 times (0.98 or more)", "m" * 88 + "…"],
    ),
}


@pytest.mark.parametrize(("fields", "lines"), NUMBERS.values(), ids=NUMBERS)
def test_a_comparison_tells_both_sides_and_what_follows_from_them(fields: dict[str, Any], lines: list[str]) -> None:
    other = {"name": "p99", "state": "notEnoughData", "message": "p99: not measured yet"}
    shown = text(render_rollout(view(moving(analysis=[a_comparison(**fields), other])), NOW)).splitlines()
    start = shown.index(" checks                     stable  canary")
    assert shown[start + 1 : start + 3 + len(lines)] == [
        " errors    pass              0.4 %   1.2 %  no sign of harm",
        *(f"           {line}" for line in lines),
        " p99       not enough data       –       –  not measured yet",
    ]


def test_a_step_that_waits_for_evidence_is_marked() -> None:
    long = view(moving())
    steps = [{**long["steps"][0], "evidence": True}, {**long["steps"][1], "evidence": True}, long["steps"][2]]
    shown = text(render_rollout({**long, "steps": steps}, NOW))
    assert " steps     ◉5 (evidence) ── ○25 (evidence, approval) ── ○100 ── ○bake 10m\n" in shown


def test_a_rollout_at_rest_is_short() -> None:
    assert text(render_rollout(view(quiet()), NOW)) == page(
        "cart  store  Healthy",
        "shop:v1 serves since 12:00.",
        "",
        " stable    7c9f1  shop:v1  10/10 ready",
        " run 4     a31d0 replaces 7c9f1 · promoted 12:00:00, 1h ago",
    )


def test_a_rollout_nobody_looked_at_says_so() -> None:
    assert text(render_rollout(view(a_rollout()), NOW)) == page(
        "shop  store  New", "The controller has not looked at it yet.", ""
    )


def test_what_was_asked_is_shown_until_it_is_done() -> None:
    command = {"id": "1", "verb": "abort", "by": "anna", "at": "2026-05-01T13:45:59Z", "reason": "check with billing"}
    lines = text(render_rollout(view(moving(commands=[command, {"id": "2", "verb": "pause"}])), NOW)).splitlines()
    assert lines[-2:] == [" asked     abort by anna at 13:45:59: check with billing", " asked     pause"]


@pytest.mark.parametrize(
    ("stage", "index", "steps"),
    [
        ("Initial", 0, "○5 ── ○25 (approval) ── ○100 ── ○bake 10m"),
        ("Stepping", 1, "●5 ── ◉25 (approval) ── ○100 ── ○bake 10m"),
        ("Switching", 2, "●5 ── ●25 (approval) ── ◉100 ── ○bake 10m"),
        ("Baking", 2, "●5 ── ●25 (approval) ── ●100 ── ◉bake 10m"),
        ("Finishing", 2, "●5 ── ●25 (approval) ── ●100 ── ●bake 10m"),
        ("Aborting", 1, "●5 ── ✗25 (approval) ── ○100 ── ○bake 10m"),
    ],
)
def test_the_dots_tell_the_place_of_the_run(stage: str, index: int, steps: str) -> None:
    step = {**moving()["status"]["step"], "index": index}
    shown = text(render_rollout(view(moving(run=a_run(stage), step=step)), NOW))
    assert f" steps     {steps}\n" in shown


def test_many_steps_are_cut_around_the_present_one() -> None:
    long = view(moving())
    steps = [{**long["steps"][0], "weight": float(number * 2), "approval": False} for number in range(50)]
    shown = {**long, "steps": steps, "step": {**long["step"], "index": 30, "count": 50}}
    line = next(line for line in text(render_rollout(shown, NOW)).splitlines() if line.startswith(" steps"))
    assert line == (" steps     26 before ── ●52 ── ●54 ── ●56 ── ●58 ── ◉60 ── ○62 ── ○64 ── ○66 ── ○68 ── 16 more")


def test_long_texts_are_cut_where_they_would_break_a_table() -> None:
    check = {
        "name": "a-check-with-a-very-long-name-indeed",
        "state": "regress",
        "message": "m" * 200,
        "canary": 1234567,
    }
    shown = text(render_rollout(view(moving(analysis=[check])), NOW)).splitlines()
    row = next(line for line in shown if "regress" in line)
    assert (len(row), row.startswith(" a-check-with-a-ver…"), row.endswith("m…")) == (100, True, True)


def test_the_fleet_is_three_bands_with_one_line_each() -> None:
    fleet = views(moving(), quiet(), aborted(), a_rollout("new"))
    assert text(render_list(fleet, NOW)) == page(
        "name          traffic            steps  what is happening                                        for",
        "needs you 1",
        "  pay                                   Taken back to 0 % at 13:00:00: errors 6.1 % against 0.…  46m",
        "moving 2",
        "  new                                   The controller has not looked at it yet.                 30d",
        "  shop        █████████▨    5 %  ◉○○    At 5 % until 13:46, then 25 %. Errors 0.4 % against 0.…   5m",
        "quiet 1",
        "  cart                                  shop:v1 serves since 12:00.                               1h",
    )


def test_namespaces_are_shown_where_there_are_several_and_versions_where_asked() -> None:
    fleet = views(moving(), quiet("blog", namespace="web"))
    assert text(render_list(fleet, NOW, wide=True)) == page(
        "name          namespace  traffic            steps  stable  canary  what is happening             for",
        "moving 1",
        "  shop        store      █████████▨    5 %  ◉○○    7c9f1   a31d0   At 5 % until 13:46, then 25…   5m",
        "quiet 1",
        "  blog        web                                  7c9f1           shop:v1 serves since 12:00.    1h",
    )


def test_many_quiet_ones_are_counted_and_only_listed_where_asked() -> None:
    fleet = views(*(quiet(f"r{number:02}") for number in range(11)))
    assert text(render_list(fleet, NOW)).splitlines()[1:] == ["quiet 11", "  -o wide lists them"]
    assert len(text(render_list(fleet, NOW, wide=True)).splitlines()) == 13


def test_nothing_to_show_is_said() -> None:
    assert text(render_list([], NOW)) == "No Rollouts.\n"


def test_more_than_eight_steps_are_a_fraction() -> None:
    step = {**moving()["status"]["step"], "count": 12, "progress": "1/12"}
    assert "1/12" in text(render_list(views(moving(step=step)), NOW))


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_width_breaks_a_line_of_a_table(width: int) -> None:
    fleet = views(moving(), quiet(), aborted())
    assert len(text(render_list(fleet, NOW), width=width).splitlines()) == 7
    assert len(text(render_rollout(view(moving(message="short")), NOW), width=width).splitlines()) == 13


@pytest.mark.parametrize(
    ("weight", "cells"),
    [
        (0, "██████████"),
        (0.1, "█████████▨"),
        (25, "████████▨▨"),
        (50, "█████▨▨▨▨▨"),
        (99.9, "█▨▨▨▨▨▨▨▨▨"),
        (100, "▨" * 10),
    ],
)
def test_a_share_that_is_not_nothing_can_be_seen(weight: float, cells: str) -> None:
    assert bar(weight, width=10).plain == cells


def test_colours_are_only_where_the_terminal_has_them() -> None:
    console = Console(width=100, force_terminal=True, color_system="standard")
    with console.capture() as capture:
        console.print(render_rollout(view(moving()), NOW))
    assert "\x1b[" in capture.get()
    assert "\x1b[" not in text(render_rollout(view(moving()), NOW))


def test_numbers_times_and_images_are_short() -> None:
    seconds: Sequence[str] = ("13:46:00", "13:45:20", "13:00:00", "03:46:00")
    assert [ago(f"2026-05-01T{time}Z", NOW) for time in seconds] == ["0s", "40s", "46m", "10h"]
    assert (ago("2026-04-01T08:00:00Z", NOW), ago("2027-01-01T00:00:00Z", NOW)) == ("30d", "0s")
    assert at("2026-04-01T08:00:00.000Z", NOW) == "1 Apr 2026 08:00"
    assert [percent(number) for number in (None, 0.0, 24.6, 100.0)] == ["–", "0", "24.6", "100"]
    assert [value(number) for number in (None, 0.00412, 12.0, 1234.0)] == ["–", "0.00412", "12", "1234"]
    assert [images(names) for names in ((), ("reg.io/a/shop:v1",), ("shop:v1", "proxy:2"))] == [
        "–",
        "shop:v1",
        "shop:v1 +1",
    ]
