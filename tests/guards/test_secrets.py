import json
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from rollout.cli.logs import REDACTED, log_as, without_secrets

SECRET = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzaG9wIn0.c2lnbmF0dXJl"  # the look of a service account's token
WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=24, max_size=60)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave the log to the other tests as it was."""
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_reaches_the_log_by_its_name_its_look_or_a_traceback(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log_as(form)
    log = structlog.get_logger()
    log.info("connected", token=SECRET, regarding={"name": "shop", "headers": [{"Authorization": "Basic c2VjcmV0"}]})
    log.warning(f"refused http://me:{SECRET}@prometheus:9090/api", error=f"Bearer {SECRET}")
    try:
        raise RuntimeError(f"request with Authorization: Bearer {SECRET} failed, password={SECRET}")
    except RuntimeError:
        log.exception("reconcile failed")
    said = capsys.readouterr().err
    assert [secret for secret in (SECRET, "c2VjcmV0") if secret in said] == []
    assert [word for word in ("shop", "prometheus:9090", "reconcile failed", "RuntimeError") if word not in said] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer sesame", f"Authorization: Bearer {REDACTED}"),
        ('{"Authorization": "Basic dTpw", "Accept": "*"}', f'{{"Authorization": "Basic {REDACTED}", "Accept": "*"}}'),
        ("http://me:pass@there/x", f"http://me:{REDACTED}@there/x"),
        ("GET /x?token=abc&limit=5", f"GET /x?token={REDACTED}&limit=5"),
        ("{'password': 'p w', 'a': 1}", f"{{'password': '{REDACTED}', 'a': 1}}"),
        ("a -----BEGIN RSA PRIVATE KEY-----\nMII\n", f"a -----BEGIN RSA PRIVATE KEY-----{REDACTED}"),
        ("password: hunter2", f"password: {REDACTED}"),
        ("{password: hunter, a: 1}", f"{{password: {REDACTED}, a: 1}}"),
        ("{'token': 0123456789}", f"{{'token': {REDACTED}"),
        ("access_token: f81d4fae, and more", f"access_token: {REDACTED}, and more"),
        ("kubectl --token abcdef get pods", f"kubectl --token {REDACTED} get pods"),
        ("https://sesame@there/x", f"https://{REDACTED}@there/x"),
        ('secrets "shop" is forbidden', 'secrets "shop" is forbidden'),
        ("spec.volumes[0].secret: Required value", "spec.volumes[0].secret: Required value"),
        ("the token: it was refused with 401", "the token: it was refused with 401"),
        ("give --token or --token-file FILE", "give --token or --token-file FILE"),
        ("docker-pullable://shop@sha256:0123", "docker-pullable://shop@sha256:0123"),
        ("the Bearer token is missing", "the Bearer token is missing"),
        ("image registry:5000/shop@sha256:0123", "image registry:5000/shop@sha256:0123"),
        ("http://shop.example:8080/a@b", "http://shop.example:8080/a@b"),
    ],
)
def test_a_text_loses_its_secrets_and_nothing_else(text: str, shown: str) -> None:
    assert without_secrets(None, "info", {"event": text}) == {"event": shown}


class Answer:
    def __str__(self) -> str:
        return "token=sesame"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (ValueError("password: hunter2"), f"password: {REDACTED}"),
        (ValueError(), "ValueError()"),
        (b"token=sesame", f"token={REDACTED}"),
        (Answer(), f"token={REDACTED}"),
        (frozenset({"token=sesame"}), [f"token={REDACTED}"]),
        ((ValueError("token=sesame"),), [f"token={REDACTED}"]),
        (("token", "zzz"), ["token", REDACTED]),
        ([(b"Authorization", b"zzz"), ("Accept", "*")], [["Authorization", REDACTED], ["Accept", "*"]]),
        (("secrets", "pods"), ["secrets", "pods"]),
        (("token", "cookie", "shop"), ["token", "cookie", "shop"]),
        ((1, 2.5, True, None), [1, 2.5, True, None]),
    ],
)
def test_what_is_no_text_hides_its_secrets_as_well(value: object, shown: object) -> None:
    assert without_secrets(None, "info", {"event": "x", "value": value}) == {"event": "x", "value": shown}


@given(WORDS, st.sampled_from(["token", "accessToken", "PASSWORD", "client_secret", "api-key", "Authorization"]))
def test_a_value_with_the_name_of_a_secret_is_never_shown(value: str, name: str) -> None:
    event = {"event": "x", name: value, "inside": {name: value, "list": [{name: [value]}]}}
    assert value not in json.dumps(without_secrets(None, "info", event))
