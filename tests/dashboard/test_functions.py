"""The functions that the pages are made of, called in the browser one by one."""

from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.dashboard.browser import Call, caller, tab
from tests.dashboard.pages import pages


async def each(call: Call, file: str, name: str, cases: dict[Any, Any]) -> dict[Any, Any]:
    """What a function of one argument makes of each case."""
    return {case: await call(file, name, case) for case in cases}


async def test_ages_are_told_in_the_unit_that_people_would_use(call: Call) -> None:
    cases = {-5: "0 s", 0: "0 s", 12_400: "12 s", 99_000: "99 s", 240_000: "4 min", 10_800_000: "3 h"}
    cases |= {172_800_000: "2 d"}
    assert await each(call, "text.js", "span", cases) == cases


async def test_numbers_have_three_digits_and_large_ones_are_whole(call: Call) -> None:
    cases = {None: "–", 0: "0", 0.4123: "0.412", 12.34: "12.3", 999.4: "999", 123456.7: "123,457"}
    assert await each(call, "text.js", "number", cases) == cases
    assert await call("text.js", "number", 0.5, "%") == "0.5 %"


async def test_times_in_sentences_are_told_in_the_readers_zone_as_it_is_on_their_day(browser: Browser) -> None:
    summer, winter = "2026-07-01T12:00:10.000Z", datetime(2026, 12, 1, 9, tzinfo=UTC)
    cases = {
        ("Back at 12:00:00 UTC: errors", summer): "Back at 1 Jul 14:00:00: errors",
        ("At 5 % until 12:00:00 UTC, then 10 %.", None): "At 5 % until 13:00:00, then 10 %.",
        ("At 5 % until 23:30:00 UTC.", None): "At 5 % until 2 Dec 00:30:00.",
        ("At 5 % until 2 Dec 12:00:00 UTC.", None): "At 5 % until 2 Dec 13:00:00.",
        ("Paused since 30 Nov 23:30:00 UTC at 5 %.", None): "Paused since 00:30:00 at 5 %.",
        ("Warm from 30 Jun 23:00:00 UTC to 12:00:00 UTC.", summer): "Warm from 1 Jul 01:00:00 to 1 Jul 14:00:00.",
        ("By 1 Jan 12:00:00 UTC.", None): "By 1 Jan 13:00:00.",
        ("Sent 60 12:00:00 UTC.", None): "Sent 60 13:00:00.",
    }
    async with pages() as served, tab(browser, served.url, timezone_id="Europe/Berlin") as page:
        await page.goto("/")
        call = caller(page)
        assert {case: await call("text.js", "local", *case, winter) for case in cases} == cases


async def test_a_time_without_a_year_is_of_the_nearest_one(browser: Browser) -> None:
    async with pages() as served, tab(browser, served.url, timezone_id="America/Caracas") as page:
        await page.goto("/")
        call = caller(page)
        # that zone was changed by half an hour between these two
        assert await call("text.js", "local", "31 Dec 12:00:00 UTC", "2016-01-01T00:00:00.000Z") == "31 Dec 07:30:00"
        assert await call("text.js", "local", "1 Jan 12:00:00 UTC", "2016-12-31T00:00:00.000Z") == "1 Jan 08:00:00"


async def test_shares_are_told_in_per_cent(call: Call) -> None:
    cases = {None: "–", 0: "0 %", 25: "25 %", 24.64: "24.6 %"}
    assert await each(call, "text.js", "percent", cases) == cases


async def test_a_revision_is_called_by_the_end_of_its_image(call: Call) -> None:
    image = {"name": "7c9f1", "images": ["registry.example.com:5000/shop/web:v1"]}
    assert await call("text.js", "called", image) == "web:v1"
    assert await call("text.js", "called", {"name": "7c9f1", "images": []}) == "7c9f1"


async def test_frames_are_read_as_they_come_and_what_is_not_whole_yet_is_kept(call: Call) -> None:
    text = "retry: 2000\n\nevent: rollout\ndata: {}\n\n: keep-alive\n\nevent: del"
    assert await call("stream.js", "parse", text) == [[{"event": "rollout", "data": "{}"}], "event: del"]


async def test_an_axis_ends_at_a_round_number(call: Call) -> None:
    cases = {0: 1, 0.0041: 0.005, 0.1: 0.1, 1: 1, 1.2: 2, 4.9: 5, 6.1: 10, 230: 500}
    assert await each(call, "chart.js", "ceilingOf", cases) == cases


async def test_the_extent_of_more_numbers_than_a_call_takes_arguments_is_found(call: Call) -> None:
    assert await call("chart.js", "extent", [*range(-200_000, 200_000)]) == [-200_000, 199_999]
    assert await call("chart.js", "extent", [2, 3], 0, 0) == [0, 3]


async def test_evidence_rises_towards_its_bar_and_not_above(call: Call) -> None:
    cases = {0.2: 0, 1: 0, 10: 0.5, 100: 1, 100_000: 1}
    found = {case: await call("chart.js", "towards", case, 100) for case in cases}
    assert found == pytest.approx(cases)


async def test_labels_do_not_cover_each_other(call: Call) -> None:
    assert await call("chart.js", "apart", [50, 52, 100]) == [50, 64, 100]
    assert await call("chart.js", "apart", [128, 129]) == [116, 130]
    assert await call("chart.js", "apart", []) == []


async def test_the_moment_under_the_pointer_is_one_of_the_run(call: Call) -> None:
    assert await call("chart.js", "momentAt", 44, [0, 1000], 248) == 0
    assert await call("chart.js", "momentAt", 94, [0, 1000], 248) == 500
    assert await call("chart.js", "momentAt", 20, [0, 1000], 248) is None


async def test_what_a_chart_says_at_a_moment(call: Call) -> None:
    points = [{"at": "2026-05-01T13:41:00.000Z", "stable": 0.5, "canary": 0.4, "evidence": 1.2}]
    line = {"name": "errors", "unit": "%", "bar": 100, "points": points}
    at = 1777642860000  # 13:41:00
    told = await call("chart.js", "readout", line, at)
    assert told.endswith("13:41:00: stable 0.5 %, canary 0.4 %, evidence 1.2 of 100")
    assert await call("chart.js", "readout", line, at - 1) == ""


async def test_steps_are_done_going_on_or_to_come(call: Call) -> None:
    steps = [{"name": "five"}, {"name": "half"}, {"name": "full"}]
    moving = {"steps": steps, "run": {"stage": "Stepping"}, "step": {"index": 1}}
    back = {"steps": steps, "run": {"stage": "Done", "outcome": "aborted", "stable": "r1"}, "step": None}
    found = [await call("parts.js", "stateOf", moving, index) for index in range(3)]
    assert found == ["done", "now", "to-come"]
    found = [await call("parts.js", "stateOf", back, index, ["five", "half"]) for index in range(3)]
    assert found == ["done", "taken-back", "to-come"]
    first = {"steps": steps, "run": {"stage": "Done", "outcome": "promoted", "stable": None}, "step": None}
    assert [await call("parts.js", "stateOf", first, index) for index in range(3)] == ["to-come"] * 3


async def test_while_a_version_is_taken_back_its_age_is_counted_from_then(call: Call) -> None:
    run = {"stage": "Aborting", "outcome": "aborted", "startedAt": "a", "since": "b", "endedAt": None}
    assert await call("parts.js", "since", {"run": run, "created": "c"}) == "b"
    assert await call("parts.js", "since", {"run": {**run, "endedAt": "d"}, "created": "c"}) == "d"
