import base64

import pytest

from rollout.notifications.signing import keys, signed
from tests.notifications.pages import verify

BODY = b'{"test": 2432232314}'
KEY = b"plJ3nmyCDGBKInavdOK15jsl"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
AT = 1614265330
HEADERS = {"webhook-id": "msg", "webhook-timestamp": "1614265330"}


def test_the_signature_is_over_the_id_the_time_and_the_body() -> None:
    headers = signed(BODY, identity="8f1c/3/aborted", timestamp=AT, using=(KEY,))
    assert headers == {
        "webhook-id": "8f1c/3/aborted",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,YBn9vkng55XpzoRLncDuG+JTA4q55cug6hbRRle843g=",
    }


def test_the_verification_in_the_documentation_takes_what_is_signed() -> None:
    headers = signed(BODY, identity="msg", timestamp=AT, using=keys(SECRET))
    assert verify(headers, BODY, SECRET, AT + 60) is None


@pytest.mark.parametrize(
    ("change", "body", "secret", "now"),
    [
        ({}, BODY + b" ", SECRET, AT),
        ({"webhook-id": "other"}, BODY, SECRET, AT),
        ({"webhook-timestamp": str(AT + 1)}, BODY, SECRET, AT),
        ({"webhook-signature": "v1,c2VzYW1l"}, BODY, SECRET, AT),
        ({}, BODY, "whsec_" + base64.b64encode(b"x" * 24).decode(), AT),
        ({}, BODY, SECRET, AT + 301),
        ({}, BODY, SECRET, AT - 301),
    ],
)
def test_the_verification_in_the_documentation_refuses_what_was_changed_or_is_old(
    change: dict[str, str], body: bytes, secret: str, now: int
) -> None:
    headers = signed(BODY, identity="msg", timestamp=AT, using=keys(SECRET)) | change
    with pytest.raises(ValueError, match="webhook"):
        verify(headers, body, secret, now)


def test_while_a_secret_is_exchanged_both_the_old_and_the_new_one_prove_it() -> None:
    other = "a-secret-of-more-than-24-bytes"
    headers = signed(BODY, identity="msg", timestamp=AT, using=keys(f"{other}\n{SECRET}\n"))
    assert headers["webhook-signature"].count("v1,") == 2
    assert [verify(headers, BODY, each, AT) for each in (SECRET, other)] == [None, None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("short-sesame", "is too short: a secret needs at least 24 bytes"),
        (f"{SECRET}\nshort-sesame", "is too short"),
        ("whsec_sesame!", "starts with whsec_, so the rest must be base64"),
    ],
)
def test_a_secret_that_proves_nothing_is_refused_and_not_shown(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        keys(text)
    assert "sesame" not in str(refusal.value)
