"""One Rollout, or many, as text for a terminal: the API's JSON in, rich renderables out; nothing is read or sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rollout.cli.words import ago, at, percent, share, state, times, value
from rollout.cli.words import images as image_names

View: TypeAlias = Mapping[str, Any]
"""A RolloutView as decoded JSON."""

STABLE, CANARY, HARM, ASK, CALM = "cyan", "magenta", "bold red", "yellow", "dim"
_BAR, _SMALL_BAR, _LABEL = 44, 10, 11
_STEPS_WIDTH, _CUT_WIDTH = 88, 24  # the second is what telling how many were left out takes
_QUIET_SHOWN = 10
_LONGEST_NAME = 20
_STATE_STYLES = {"pass": "green", "regress": HARM, "noData": ASK, "providerDown": ASK}
_BANDS = {"needs you": ASK, "moving": "bold", "quiet": CALM}


def render_rollout(view: View, now: datetime) -> RenderableType:
    """One Rollout, the sentence first; times in the zone of `now`. Fits 100 columns, the sentence itself may wrap."""
    parts: list[RenderableType] = [_title(view), Text(view["message"]), Text("")]
    if _going_on(view):
        parts += [_traffic(view), _steps(view), Text("")]
    if view["checks"]:
        parts += [*_checks(view["checks"]), Text("")]
    parts += _revisions(view)
    parts += _run(view, now)
    parts += [_asked(command, now) for command in view["commands"]]
    return Group(*parts)


def render_list(views: Sequence[View], now: datetime, *, wide: bool = False) -> RenderableType:
    """Many Rollouts, what needs a person first; many quiet ones are only counted, unless `wide`."""
    if not views:
        return Text("No Rollouts.")
    several = len({view["namespace"] for view in views}) > 1 or wide
    table = _list_table(several=several, wide=wide)
    for band, style in _BANDS.items():
        members = [view for view in views if view["band"] == band]
        if not members:
            continue
        table.add_row(Text(f"{band} {len(members)}", style=style))
        if band == "quiet" and len(members) > _QUIET_SHOWN and not wide:
            table.add_row(Text("  -o wide lists them", style=CALM))
            continue
        for view in members:
            table.add_row(*_row(view, now, several=several, wide=wide))
    return table


def bar(weight: float, *, width: int) -> Text:
    """The stable share, then the canary's; each that is not nothing has one cell at least, and a texture of its own."""
    cells = round(width * weight / 100)
    cells = min(max(cells, 1 if weight > 0 else 0), width if weight >= 100 else width - 1)
    return Text.assemble(("█" * (width - cells), STABLE), ("▨" * cells, CANARY))


def _going_on(view: View) -> bool:
    return view["run"] is not None and view["run"]["stage"] != "Done"


def _title(view: View) -> Text:
    style = _BANDS[view["band"]] if view["band"] == "needs you" else CALM
    return _line((view["name"], "bold"), f"  {view['namespace']}  ", (view["phase"] or "New", style))


def _traffic(view: View) -> Text:
    traffic = view["traffic"] or {"desired": 0, "routed": None, "observed": None}
    known = [word for word in ("desired", "routed", "observed") if word != "observed" or traffic[word] is not None]
    numbers = [f"{word} {percent(traffic[word])}" for word in known]
    weight = traffic["desired"] if traffic["routed"] is None else traffic["routed"]
    return _line(_label("traffic"), bar(weight, width=_BAR), "   ", " · ".join(numbers), " %")


def _steps(view: View) -> Text:
    dots = _dots(view)
    first, last = 0, len(dots)
    room = _STEPS_WIDTH if _width(dots) <= _STEPS_WIDTH else _STEPS_WIDTH - _CUT_WIDTH
    current = next((index for index, (_, style) in enumerate(dots) if style == CANARY), 0)
    while last - first > 1 and _width(dots[first:last]) > room:
        first, last = (first + 1, last) if current - first > last - 1 - current else (first, last - 1)
    line = _line(_label("steps"), (f"{first} before ── " if first else "", CALM))
    for index, (label, style) in enumerate(dots[first:last]):
        line.append(" ── " if index else "", CALM).append(label, style)
    return line.append(f" ── {len(dots) - last} more" if last < len(dots) else "", CALM)


def _width(dots: Sequence[tuple[str, str]]) -> int:
    return sum(len(label) + 4 for label, _ in dots) - 4


def _dots(view: View) -> list[tuple[str, str]]:
    """A dot and a label for each step, and for the bake; the one that is going on has the canary's style."""
    labels = [_step_label(step) for step in view["steps"]]
    if not labels and view["step"]:
        labels = [str(number + 1) for number in range(view["step"]["count"])]
    if view["bake"]:
        labels.append(f"bake {view['bake']}")
    stage, current = view["run"]["stage"], _current(view)
    mark = ("✗", HARM) if stage == "Aborting" else ("◉", CANARY)
    signs = [
        ("●", "") if index < current else mark if index == current else ("○", CALM) for index in range(len(labels))
    ]
    return [(f"{sign}{label}", style) for label, (sign, style) in zip(labels, signs, strict=True)]


def _step_label(step: View) -> str:
    waits = [word for word in ("evidence", "approval") if step.get(word)]
    return percent(step["weight"]) + (f" ({', '.join(waits)})" if waits else "")


def _current(view: View) -> int:
    """The index of the step that is going on; after the last of them comes the bake."""
    steps = len(view["steps"]) or (view["step"]["count"] if view["step"] else 0)
    later = {"Initial": -1, "Switching": steps - 1, "Baking": steps, "Finishing": steps + 1}
    index: int = view["step"]["index"] if view["step"] else 0
    return later.get(view["run"]["stage"], index)


def _checks(checks: Sequence[View]) -> list[RenderableType]:
    """One line for each check, the columns aligned, and below it what is behind a comparison."""
    head = tuple(Text(title, CALM) for title in (" checks", "", "stable", "canary", ""))
    rows = [_verdict(check) for check in checks]
    widths = [max(cell.cell_len for cell in column) for column in list(zip(head, *rows, strict=True))[:-1]]
    widths[0] = min(max(widths[0], _LABEL - 2), _LONGEST_NAME)
    parts: list[RenderableType] = [_aligned(head, widths)]
    for check, row in zip(checks, rows, strict=True):
        parts += [_aligned(row, widths), *_numbers(check)]
    return parts


def _verdict(check: View) -> tuple[Text, ...]:
    unit = check.get("unit")
    return (
        Text(f" {check['name']}"),
        Text(state(check["state"]), _STATE_STYLES.get(check["state"], "")),
        Text(value(check["stable"], unit), STABLE),
        Text(value(check["canary"], unit), CANARY),
        Text(check["message"].removeprefix(f"{check['name']}: ")),
    )


def _aligned(cells: Sequence[Text], widths: Sequence[int]) -> Table:
    table = _grid()
    for index, width in enumerate(widths):
        justify: Literal["left", "right"] = "left" if index < 2 else "right"
        table.add_column("", no_wrap=True, overflow="ellipsis", width=width, justify=justify)
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    table.show_header = False
    table.add_row(*cells)
    return table


def _numbers(check: View) -> list[RenderableType]:
    """The counts of both sides and how they compare, then what follows from that; nothing where nothing is compared."""
    sides = (("canary", "requests", "bad"), ("stable", "stableRequests", "stableBad"))
    counts = [f"{side} {share(check.get(bad), check.get(of))}" for side, of, bad in sides if check.get(of) is not None]
    lines = ([*counts, *times(check.get("ratio"), check.get("ratioLow"), check.get("ratioHigh"))], _meaning(check))
    return [_line(_label(""), (" · ".join(parts), CALM)) for parts in lines if parts]


def _meaning(check: View) -> list[str]:
    told = (
        f"{check['likelihood']} by chance" if check.get("likelihood") else None,
        "proved not worse" if check.get("proven") else None,
        f"finds {value(check['detectable'])} times and more" if check.get("detectable") else None,
        check.get("outlook"),
    )
    return [part for part in told if part]


def _revisions(view: View) -> list[RenderableType]:
    roles = [(role, view["revisions"][role], style) for role, style in (("stable", STABLE), ("canary", CANARY))]
    return [_revision(role, revision, style) for role, revision, style in roles if revision is not None]


def _revision(role: str, revision: View, style: str) -> Text:
    pods = f"{revision['ready']}/{revision['replicas']} ready"
    return _line(_label(role), (revision["name"], style), f"  {image_names(revision['images'])}  {pods}")


def _run(view: View, now: datetime) -> list[RenderableType]:
    run = view["run"]
    if run is None:
        return []
    replaces = f" replaces {run['stable']}" if run["stable"] else ""
    word, when = (run["outcome"], run["endedAt"]) if run["outcome"] else ("started", run["startedAt"])
    times = f"{word} {at(when, now)}, {ago(when, now)} ago" if when else word
    return [_line(_label(f"run {run['number']}"), f"{run['revision']}{replaces} · {times}")]


def _asked(command: View, now: datetime) -> Text:
    who = f" by {command['by']}" if command.get("by") else ""
    when = f" at {at(command['at'], now)}" if command.get("at") else ""
    why = f": {command['reason']}" if command.get("reason") else ""
    return _line(_label("asked"), (command["verb"], ASK), f"{who}{when}{why}")


def _list_table(*, several: bool, wide: bool) -> Table:
    table = _grid()
    names = ["name", *(["namespace"] if several else []), "traffic", "steps", *(["stable", "canary"] if wide else [])]
    for name in names:
        width = {"name": 12, "traffic": 17}.get(name)
        limit = 20 if name in {"name", "namespace"} else None
        table.add_column(Text(name, CALM), no_wrap=True, overflow="ellipsis", min_width=width, max_width=limit)
    table.add_column(Text("what is happening", CALM), no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(Text("for", CALM), no_wrap=True, justify="right")
    return table


def _row(view: View, now: datetime, *, several: bool, wide: bool) -> list[Text]:
    run, revisions = view["run"], view["revisions"]
    since = (run["endedAt"] or run["startedAt"]) if run else view["created"]
    share = Text.assemble(bar(view["weight"], width=_SMALL_BAR), f" {percent(view['weight']):>4} %")
    names = [Text((revisions[role] or {}).get("name", "")) for role in ("stable", "canary")]
    return [
        Text(f"  {view['name']}"),
        *([Text(view["namespace"])] if several else []),
        share if _going_on(view) else Text(""),
        _progress(view),
        *(names if wide else []),
        Text(view["message"]),
        Text(ago(since, now) if since else ""),
    ]


def _progress(view: View) -> Text:
    """A dot for each step, or a fraction where there are too many."""
    step = view["step"]
    if not step or not _going_on(view):
        return Text("")
    if step["count"] > 8:
        return Text(step["progress"])
    current = _current(view)
    signs = ("●" if index < current else "◉" if index == current else "○" for index in range(step["count"]))
    return Text("".join(signs))


def _grid() -> Table:
    return Table(box=None, expand=True, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)


def _label(text: str) -> tuple[str, str]:
    return (f" {text}".ljust(_LABEL), CALM)


def _line(*parts: str | Text | tuple[str, str]) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")
