"""Releases through an Ingress with canary annotations, under load through a real Envoy that obeys them."""

from pathlib import Path
from typing import Any

import pytest

from tests.controller.harness import BY_INGRESS, an_ingress
from tests.prometheus.test_release import a_rollout, release, released

pytestmark = pytest.mark.e2e


def by_ingress() -> dict[str, Any]:
    made = a_rollout()
    made["spec"]["traffic"] = BY_INGRESS
    return made


async def test_a_release_an_abort_and_a_third_version_in_the_middle_lose_no_request(tmp_path: Path) -> None:
    async with released(tmp_path, by_ingress(), an_ingress()) as (made, traffic):
        declared = made.get("ingresses")
        await release(made, "v2")
        await made.healthy("v2")
        await release(made, "v3")  # answers 5 % of its requests with an error
        await made.phase("Aborted")
        await release(made, "v4")
        await made.until(lambda: len(traffic.of("v4")) > 20, "requests of v4")
        await release(made, "v2")  # what serves already: v4 is taken back
        await made.healthy("v2")
        assert (made.get("ingresses"), made.beside()) == (declared, None)
    lost = [each for each in traffic.requests if not each.version]
    assert lost == []
    assert {each.version for each in traffic.requests} == {"v1", "v2", "v3", "v4"}  # and none without an answer
    assert [each.code for each in traffic.requests if each.version != "v3" and each.code != 200] == []
    assert len(traffic.of("v3")) < 0.5 * len(traffic.requests)
