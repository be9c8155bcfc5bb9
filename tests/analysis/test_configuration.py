from pathlib import Path

import pytest

from analysis.sources import PodEndpoint, PrometheusSource, ScrapeSource, SourcesError, load

GOOD = """
sources:
- name: prom
  prometheus:
    url: https://prometheus.monitoring:9090/
    timeout: 2500ms
    interval: 1m30s
    tokenFile: /var/run/token
    headers: {X-Scope-OrgID: team}
    caFile: /etc/ca.pem
- name: proxy
  scrape: {urls: ["http://envoy:9901/stats/prometheus"], interval: 5}
- name: pods
  scrape: {pods: {port: 9090, path: /m}}
"""


def loaded(tmp_path: Path, text: str) -> object:
    path = tmp_path / "sources.yaml"
    path.write_text(text)
    return load(path)


def test_sources_are_read_in_their_order(tmp_path: Path):
    assert loaded(tmp_path, GOOD) == (
        PrometheusSource(
            name="prom",
            url="https://prometheus.monitoring:9090",
            timeout=2.5,
            interval=90,
            token_file=Path("/var/run/token"),
            headers={"X-Scope-OrgID": "team"},
            ca_file=Path("/etc/ca.pem"),
        ),
        ScrapeSource(name="proxy", urls=("http://envoy:9901/stats/prometheus",), interval=5),
        ScrapeSource(name="pods", pods=PodEndpoint(port=9090, path="/m")),
    )


def test_an_empty_list_is_no_mistake(tmp_path: Path):
    assert loaded(tmp_path, "sources: []") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not YAML (line 1)"),
        ("", "sources: the file must hold one field"),
        ("sources: {}", "sources: the file must hold one field"),
        ("sources: [1]", "sources[0]: must be a name and either `prometheus` or `scrape`"),
        ("sources: [{name: a}]", "sources[0]: must be a name and either `prometheus` or `scrape`"),
        ("sources: [{name: a, prometheus: {url: 'http://x'}, extra: 1}]", "sources[0]: must be a name"),
        ("sources: [{name: a, prometheus: 1}]", "sources[0].prometheus: must hold the source's fields"),
        ("sources: [{prometheus: {url: 'http://x'}}]", "sources[0].name: "),
        ("sources: [{name: A b, prometheus: {url: 'http://x'}}]", "sources[0].name: "),
        ("sources: [{name: a, prometheus: {}}]", "sources[0].prometheus.url: is missing: set it"),
        (
            "sources: [{name: a, prometheus: {url: 'me:secret@x'}}]",
            "sources[0].prometheus.url: must be an address such as",
        ),
        (
            "sources: [{name: a, prometheus: {url: 'http://me:secret@x'}}]",
            "sources[0].prometheus.url: must hold no user or password: a prometheus source has basicAuth for them",
        ),
        (
            "sources: [{name: a, prometheus: {url: 'http://x', headers: {authorization: secret}}}]",
            "sources[0].prometheus.headers.authorization: authorization is a credential: use tokenFile or",
        ),
        ("sources: [{name: a, prometheus: {url: 'http://x', intervall: 1}}]", "sources[0].prometheus.intervall: "),
        ("sources: [{name: a, prometheus: {url: 'http://x', timeout: soon}}]", "sources[0].prometheus.timeout: "),
        ("sources: [{name: a, prometheus: {url: 'http://x', timeout: 0s}}]", "sources[0].prometheus.timeout: "),
        (
            "sources: [{name: a, prometheus: {url: 'http://x', tokenFile: t, basicAuth: {username: u, passwordFile: p}}}]",  # noqa: E501 - one line of YAML
            "sources[0].prometheus: give tokenFile or basicAuth, not both",
        ),
        ("sources: [{name: a, scrape: {}}]", "sources[0].scrape: give urls or pods, exactly one of them"),
        (
            "sources: [{name: a, scrape: {urls: ['http://x', 'ftp://me:secret@x']}}]",
            "sources[0].scrape.urls[1]: must be",
        ),
        ("sources: [{name: a, scrape: {pods: {port: 0}}}]", "sources[0].scrape.pods.port: "),
        (
            "sources: [{name: a, scrape: {pods: {port: 1}}}, {name: a, scrape: {pods: {port: 1}}}]",
            "sources[1].name: a is there already; names must differ",
        ),
    ],
)
def test_a_mistake_is_named_by_its_field(tmp_path: Path, text: str, said: str):
    with pytest.raises(SourcesError) as refusal:
        loaded(tmp_path, text)
    assert f"sources.yaml: {said}" in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(SourcesError, match=r"nowhere\.yaml: cannot be read: No such file"):
        load(tmp_path / "nowhere.yaml")
