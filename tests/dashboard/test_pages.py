"""The pages as they are answered; what a browser makes of them is in the other files of this folder."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from api import dashboard
from tests.api.cluster import a_cluster, an_app, caller, moving

STATIC = Path(dashboard.__file__).parent / "static"


@pytest.fixture
async def api() -> AsyncIterator[httpx2.AsyncClient]:
    hostile = moving(message="</script><script>alert(1)</script>")
    async with a_cluster() as server, an_app(server, hostile) as app, caller(app) as api:
        yield api


async def loaded(api: httpx2.AsyncClient, path: str) -> list[str]:
    """What a page loads by itself."""
    return re.findall(r'(?:src|href)="(/static/[^"]+)"', (await api.get(path)).text)


@pytest.mark.parametrize("path", ["/", "/rollouts/store/shop", "/rollouts/store/nothing"])
async def test_a_page_may_load_nothing_but_the_files_it_comes_with(api: httpx2.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    )
    assert not re.search(r"https?://|\sstyle=|\son\w+=", answer.text)


@pytest.mark.parametrize("path", ["/", "/rollouts/store/shop", "/rollouts/store/nothing"])
async def test_everything_that_a_page_loads_is_there_and_may_be_kept_for_ever(
    api: httpx2.AsyncClient, path: str
) -> None:
    answers = [await api.get(file) for file in await loaded(api, path)]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert {answer.headers["cache-control"] for answer in answers} == {"public, max-age=31536000, immutable"}


async def test_every_module_finds_what_it_imports(api: httpx2.AsyncClient) -> None:
    folder = (await loaded(api, "/"))[0].rpartition("/")[0]
    for file in STATIC.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', file.read_text()):
            assert (await api.get(f"{folder}/{name}")).headers["content-type"].startswith("text/javascript")


def test_what_pages_are_made_of_fits_a_screen() -> None:
    texts = [file for kind in ("*.js", "*.css", "*.html") for file in STATIC.parent.rglob(kind)]
    assert len(texts) > 10
    long = [file.name for file in texts for line in file.read_text(encoding="utf-8").splitlines() if len(line) > 120]
    assert long == []


async def test_the_page_of_a_rollout_comes_with_its_state_and_is_nobodys_markup(api: httpx2.AsyncClient) -> None:
    text = (await api.get("/rollouts/store/shop")).text
    found = re.search(r'<script type="application/json" id="view">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    assert json.loads(found[1]) == (await api.get("/api/v1/namespaces/store/rollouts/shop")).json()
    assert "<script>alert" not in text


async def test_a_rollout_that_is_not_there_is_said_so_on_a_page(api: httpx2.AsyncClient) -> None:
    answer = await api.get("/rollouts/store/nothing")
    assert answer.status_code == 404
    assert "There is no Rollout nothing in namespace store." in answer.text


async def test_other_files_are_not_served(api: httpx2.AsyncClient) -> None:
    folder = (await loaded(api, "/"))[0].rpartition("/")[0]
    answers = [await api.get(f"{folder}/{name}") for name in ("pages.py", "..%2fpages.py", "nothing.js")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


async def test_a_page_of_another_site_cannot_read_them_under_its_own_name(api: httpx2.AsyncClient) -> None:
    assert (await api.get("/", headers={"host": "evil.example.com"})).status_code == 403
