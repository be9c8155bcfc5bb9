"""What the charts of a page are drawn from, for as long as it is open and whatever the browser's clock says."""

import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from rollout.models.rollout import format_time
from tests.api.cluster import NOW, moving
from tests.dashboard.browser import Call, tab
from tests.dashboard.pages import judged, pages

SHOP = "/rollouts/store/shop"
CANARY = "[data-check=errors] path.line.canary"
MINUTES = timedelta(minutes=1)
# A day in one step, with other numbers every second.
A_DAY = """async (start) => {
    const folder = document.querySelector("link[rel=stylesheet]").href.replace(/[^/]+$/, "");
    const [series, checks] = await Promise.all(["series.js", "checks.js"].map((file) => import(folder + file)));
    const view = JSON.parse(document.querySelector("#view").textContent);
    for (let second = 1; second <= 86_400; second += 1) {
        for (const check of view.checks) check.canary = 0.4 + (second % 7) / 100;
        series.takeView(view, new Date(start + second * 1000).toISOString());
    }
    checks.drawChecks(view);
    return series.lineOf("errors").points.map((each) => (Date.parse(each.at) - start) / 1000);
}"""


def heard(canary: float | None, *, weight: int = 5) -> dict[str, Any]:
    """What a page is told of a release."""
    check = {"name": "errors", "stable": 0.5, "canary": canary, "evidence": 1.5}
    return {"run": {"number": 4, "stage": "Stepping"}, "traffic": {"desired": weight}, "checks": [check]}


def series(now: datetime, *points: tuple[datetime, float]) -> dict[str, Any]:
    """What the server says of the same release."""
    told = [{"at": format_time(at), "stable": 0.5, "canary": canary, "evidence": 1.5} for at, canary in points]
    line = {"name": "errors", "unit": "%", "bar": 100, "ceiling": None, "points": told}
    return {"run": 4, "startedAt": None, "now": format_time(now), "weights": [], "checks": [line]}


async def drawn(call: Call) -> list[tuple[str, float]]:
    """The time of day and the canary's value of each point of the line."""
    line = await call("series.js", "lineOf", "errors")
    return [(each["at"][11:19], each["canary"]) for each in line["points"]]


async def places(page: Page) -> list[float]:
    """How far to the right the points of the canary's line are, in the order they are drawn."""
    path = await page.locator(CANARY).get_attribute("d")
    return [float(x) for x in re.findall(r"[ML]([-\d.]+) ", path or "")]


async def test_a_page_that_was_open_for_a_day_draws_as_many_points_as_the_server_keeps(browser: Browser) -> None:
    async with pages(moving(analysis=[judged()])) as served, tab(browser, served.url) as page:
        await page.goto(SHOP)
        await expect(page.locator("[data-runs] .empty")).to_be_visible()  # and the series was read with the runs
        seconds = await page.evaluate(A_DAY, NOW.timestamp() * 1000)
        assert 100 < len(seconds) <= 240
        assert seconds[0] == pytest.approx(0, abs=2)
        assert seconds[-100:] == [*range(86_301, 86_401)]
        assert len(await places(page)) == len(seconds)


async def test_what_the_server_kept_and_what_the_page_saw_before_are_thinned_together(call: Call) -> None:
    await call("series.js", "takeSeries", series(NOW))
    for second in range(240):
        await call("series.js", "takeView", heard(second), format_time(NOW + timedelta(seconds=second)))
    later = NOW + 10 * MINUTES
    await call("series.js", "takeSeries", series(later, *((later + timedelta(seconds=n), n) for n in range(240))))
    points = await drawn(call)
    assert len(points) <= 240
    assert points[0] == ("13:46:00", 0)
    assert points[-1] == ("13:59:59", 239)


@pytest.mark.parametrize("off", [-3 * MINUTES, 3 * MINUTES], ids=["behind", "ahead"])
async def test_a_browser_whose_clock_is_wrong_draws_on_the_servers_time(browser: Browser, off: timedelta) -> None:
    async with pages(moving(analysis=[judged()])) as served, tab(browser, served.url) as page:
        await page.clock.install(time=NOW + off)
        await page.goto(SHOP)
        await expect(page.locator("[data-desired]")).to_have_text("5 %")
        await expect(page.locator("[data-runs] .empty")).to_be_visible()
        for version in range(2, 6):
            await page.clock.fast_forward(2000)
            served.put(moving(version=version, analysis=[judged(canary=f"0.{version}")]))
            await expect(page.locator("[data-check=errors] [data-side=canary] b")).to_have_text(f"0.{version} %")
        found = await places(page)
        times = await page.locator(".times text").all_text_contents()
    assert found == sorted(found)
    gaps = [later - earlier for earlier, later in pairwise(found[-5:])]
    assert gaps == pytest.approx([sum(gaps) / 4] * 4, rel=0.5)
    assert times[0].endswith(("13:45:59", "13:46:00"))
    assert times[-1].endswith(("13:46:08", "13:46:09", "13:46:10"))


async def test_what_was_heard_before_the_servers_time_was_known_is_moved_to_where_it_belongs(call: Call) -> None:
    await call("series.js", "takeView", heard(0.4))
    await call("series.js", "takeSeries", series(NOW))
    await call("series.js", "takeView", heard(0.6))
    assert [value for _, value in await drawn(call)] == [0.4, 0.6]
    assert all(at.startswith(("13:45:5", "13:46:0")) for at, _ in await drawn(call))


async def test_the_foot_of_a_chart_with_negative_values_is_labelled_with_the_least(browser: Browser) -> None:
    margin = judged(name="margin", unit=None, stable="-3", canary="-1")
    async with pages(moving(analysis=[margin])) as served, tab(browser, served.url) as page:
        await page.goto(SHOP)
        served.put(moving(version=2, analysis=[margin | {"canary": "-2"}]))
        drawing = page.locator("[data-check=margin] svg")
        labels = drawing.locator("text.label[text-anchor=end]")
        await expect(labels).to_have_text(["0", "-5"])
        foot = float(await labels.last.get_attribute("y") or 0)
        dots = [float(await dot.get_attribute("cy") or 0) for dot in await drawing.locator("circle").all()]
    assert max(dots) < foot
