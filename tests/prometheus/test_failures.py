"""A real Prometheus on a bad day: gone, slow, locked, or asked nonsense; each is a state of its own and says why."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from analysis.checks import Query, Ratio, Subject, Threshold
from analysis.results import State
from analysis.sources import PrometheusSource
from analysis.sources.configuration import BasicAuth
from tests.faults.effects import UNAVAILABLE, CutBefore, CutWithin, Dribble, Effect, HalfOpen, too_many_requests
from tests.faults.proxy import fault_proxy
from tests.faults.rules import Match, Rule
from tests.prometheus.exporter import exporting
from tests.prometheus.server import INTERVAL, Server
from tests.prometheus.watching import Watch, watching

pytestmark = pytest.mark.e2e

CANARY = Subject(side="canary", revision="v2", namespace="shop", service="shop-canary")
GOOD, BAD = (f'requests_total{{service="shop-canary",code="{code}"}}' for code in (200, 500))
ERRORS = Ratio(
    name="errors",
    bad='requests_total{service="{{service}}",code="500"}',
    total='requests_total{service="{{service}}"}',
    rule=Threshold(ceiling=0.01),
)
# The password is "right".
USERS = {"basic_auth_users": {"controller": "$2b$04$Gd3K3tYa5hzuGGfI099Nbe3KQldGVLPfsGkw3WR2TotQbwHpCko0m"}}


def asking(expr: str) -> Query:
    return Query(name="queue", expr=expr, max=10)


def source(url: str, **changes: Any) -> PrometheusSource:
    return PrometheusSource(**{"name": "prometheus", "url": url, "interval": INTERVAL, **changes})


async def comes_to_say(watch: Watch, name: str, state: State, words: str) -> None:
    """Wait for a state and what it is explained with."""

    def so() -> bool:
        found = watch.result(name)
        return found.state is state and words in found.sentence

    await watch.until(so, f"{state}: {words}")


async def test_a_prometheus_that_goes_and_comes_back_is_down_and_then_nothing_is_missing(tmp_path: Path) -> None:
    async with exporting("proxy") as exporter:
        exporter.shows("proxy", GOOD, 1000)
        server = Server(tmp_path, jobs=[exporter.job])
        async with watching(source(server.url)) as watch:
            async with server.running():
                watch.subscribe(ERRORS, subjects=(CANARY,))
                await watch.comes_to("errors", "canary", (0, 0))
                exporter.shows("proxy", GOOD, 1200)
                await watch.comes_to("errors", "canary", (0, 200))
                assert watch.result("errors").state is State.PASS
            await comes_to_say(
                watch, "errors", State.PROVIDER_DOWN, "errors: the metric source is down: it cannot be reached"
            )
            exporter.shows("proxy", GOOD, 1500)
            exporter.shows("proxy", BAD, 1)
            async with server.running():
                await comes_to_say(watch, "errors", State.NO_DATA, "errors: no data: nothing new for more than")
                await watch.comes_to("errors", "canary", (1, 501))
                await watch.until(lambda: watch.result("errors").state is State.PASS, "well again")
                # Its absence is no gap between scrapes: three intervals are as short as before.
                assert watch.history("errors", "canary").interval < timedelta(seconds=2 * INTERVAL)
                exporter.forgets("proxy", GOOD, BAD)
                await watch.until(lambda: watch.result("errors").state is State.NO_DATA, "no data")
    assert watch.regressed() == []


async def test_a_question_that_prometheus_refuses_is_no_data_and_says_which_check_and_why(tmp_path: Path) -> None:
    server = Server(tmp_path)
    async with server.running(), watching(source(server.url)) as watch:
        for expr, why in (
            ("sum(rate(up[1m])", "it refuses the query: invalid parameter"),
            ('label_replace(vector(1), "a", "$1", "b", "(")', "it refuses the query: invalid regular expression"),
            ("vector(1) or label_replace(vector(2), 'a', 'b', '', '')", "the query answers 2 series"),
            ("vector(0) / vector(0)", "the query answers NaN, which is no number"),
            ("absent(vector(1))", "the query answers nothing"),
        ):
            watch.subscribe(asking(expr), subjects=(CANARY,))
            await comes_to_say(watch, "queue", State.NO_DATA, f"queue: no data: {why}")
        watch.subscribe(asking("vector(1)"), subjects=(CANARY,))
        await comes_to_say(watch, "queue", State.PASS, "queue: canary 1, allowed at most 10")
    assert State.PROVIDER_DOWN not in watch.states("queue")


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (HalfOpen(), "it did not answer within 0.4 s"),
        (Dribble(size=1, every=0.1), "it did not answer within 0.4 s"),
        (CutBefore(), "it cannot be reached"),
        (CutWithin(), "it broke off its answer"),
        (UNAVAILABLE, "it answers with HTTP status 503"),
        (too_many_requests(1), "it is asked too often (429)"),
    ],
    ids=["silent", "too slow", "cut", "cut off", "unavailable", "too many requests"],
)
async def test_a_prometheus_that_cannot_be_asked_is_down_until_it_can(
    tmp_path: Path, effect: Effect, words: str
) -> None:
    server = Server(tmp_path)
    async with (
        server.running(),
        fault_proxy(server.url) as proxy,
        watching(source(proxy.url, timeout=0.4)) as watch,
    ):
        watch.subscribe(asking("vector(1)"), subjects=(CANARY,))
        await comes_to_say(watch, "queue", State.PASS, "queue: canary 1")
        proxy.rules = (Rule(Match(), effect),)
        await comes_to_say(watch, "queue", State.PROVIDER_DOWN, f"queue: the metric source is down: {words}")
        proxy.rules = ()
        await comes_to_say(watch, "queue", State.PASS, "queue: canary 1")
    assert watch.regressed() == []


async def test_a_question_that_is_too_large_for_prometheus_is_refused_and_no_failure_of_its(tmp_path: Path) -> None:
    server = Server(tmp_path, options=("--query.max-samples=1",))
    async with server.running(), watching(source(server.url)) as watch:
        watch.subscribe(asking("max_over_time(vector(1)[10s:1s])"), subjects=(CANARY,))
        refused = "queue: no data: it refuses the query: query processing would load too many samples"
        await comes_to_say(watch, "queue", State.NO_DATA, refused)


async def test_wrong_credentials_are_a_source_that_is_down_until_their_file_is_right(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("wrong\n")
    server = Server(tmp_path / "server", web=USERS)
    auth = BasicAuth(username="controller", password_file=password)
    async with server.running(), watching(source(server.url, basic_auth=auth)) as watch:
        watch.subscribe(asking("vector(1)"), subjects=(CANARY,))
        down = "queue: the metric source is down: it refuses the credentials (401)"
        await comes_to_say(watch, "queue", State.PROVIDER_DOWN, down)
        password.write_text("right\n")
        await comes_to_say(watch, "queue", State.PASS, "queue: canary 1")


async def test_a_certificate_is_trusted_only_where_its_authority_is_configured(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    pem, key, ca = (tmp_path / name for name in ("cert.pem", "key.pem", "ca.pem"))
    certificate.cert_chain_pems[0].write_to_path(pem)
    certificate.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    server = Server(tmp_path / "server", web={"tls_server_config": {"cert_file": str(pem), "key_file": str(key)}})
    async with server.running():
        async with watching(source(server.url)) as watch:
            watch.subscribe(asking("vector(1)"), subjects=(CANARY,))
            down = "queue: the metric source is down: its certificate is not trusted"
            await comes_to_say(watch, "queue", State.PROVIDER_DOWN, down)
        async with watching(source(server.url, ca_file=ca)) as watch:
            watch.subscribe(asking("vector(1)"), subjects=(CANARY,))
            await comes_to_say(watch, "queue", State.PASS, "queue: canary 1")
