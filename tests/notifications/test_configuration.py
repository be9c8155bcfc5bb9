from pathlib import Path

import pytest

from rollout.notifications.cloudevent import Mode
from rollout.notifications.configuration import (
    AppriseTarget,
    Notifications,
    NotificationsError,
    Target,
    WebhookTarget,
    load,
)
from rollout.notifications.notice import HAPPENING, Kind
from rollout.notifications.reference import Reference
from rollout.notifying import require
from tests.notifications.builders import SECRET
from tests.notifications.pages import PAGE, block


def loaded(folder: Path, text: str) -> Notifications:
    path = folder / "notifications.yaml"
    path.write_text(text)
    return load(path)


def test_a_file_is_read_with_its_defaults(tmp_path: Path) -> None:
    text = """
targets:
- {name: chat, on: [aborted, needsApproval], namespaces: [store-*], apprise: {urlFrom: {env: CHAT}}}
- {name: hook, webhook: {url: 'https://events.example/x', secretFrom: {file: /secret}, mode: binary}}
"""
    assert loaded(tmp_path, text) == Notifications(
        targets=(
            Target(
                name="chat",
                on=(Kind.ABORTED, Kind.NEEDS_APPROVAL),
                namespaces=("store-*",),
                rollouts=("*",),
                apprise=AppriseTarget(url_from=Reference(env="CHAT")),
            ),
            Target(
                name="hook",
                on=HAPPENING,
                webhook=WebhookTarget(
                    url="https://events.example/x", secret_from=Reference(file=Path("/secret")), mode=Mode.BINARY
                ),
            ),
        )
    )


def test_the_file_in_the_documentation_can_be_read(tmp_path: Path) -> None:
    assert [target.name for target in loaded(tmp_path, block("yaml")).targets] == [
        "team-chat",
        "on-call",
        "deployments",
    ]


CHAT = "{name: chat, apprise: {urlFrom: {env: CHAT}}}"
HOOK = "url: 'https://there/', secretFrom: {env: S}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not YAML (line 1)"),
        ("", "the file must hold `targets`, a list"),
        ("targets: []", "targets: has too few entries: add one"),
        ("{}", "targets: is missing: set it"),
        (f"target: [{CHAT}]", "targets: is missing: set it"),
        (f"targets: [{CHAT}]\nmore: 1", "more: there is no such field"),
        (f"targets: [{CHAT}, {CHAT}]", "targets: chat is there twice; names must differ"),
        ("targets: [{name: chat}]", "targets[0]: give apprise or webhook, exactly one of them"),
        (
            f"targets: [{{name: a, apprise: {{urlFrom: {{env: A}}}}, webhook: {{{HOOK}}}}}]",
            "targets[0]: give apprise or",
        ),
        (f"targets: [{CHAT}, {{name: A, webhook: {{{HOOK}}}}}]", "targets[1].name: a name has lower-case letters"),
        (
            "targets: [{name: a, on: [finished], apprise: {urlFrom: {env: A}}}]",
            "targets[0].on[0]: is not known: write one of started, ",
        ),
        ("targets: [{name: a, apprise: {urlFrom: {env: A, file: /a}}}]", "urlFrom: give file or env, exactly one"),
        ("targets: [{name: a, apprise: {urlFrom: {env: 'slack://sesame'}}}]", "urlFrom.env: has to match"),
        ("targets: [{name: a, apprise: 'slack://sesame/sesame'}]", "apprise: an address like this holds credentials"),
        ("targets: [{name: a, apprise: {url: 'slack://sesame'}}]", "apprise: an address like this holds credentials"),
        (
            "targets: [{name: a, webhook: {url: 'https://me:sesame@there/', secretFrom: {env: S}}}]",
            "webhook.url: an addr",
        ),
        (
            "targets: [{name: a, webhook: {url: 'https://there/?sesame', secretFrom: {env: S}}}]",
            "urlFrom: {file: PATH}",
        ),
        (
            "targets: [{name: a, webhook: {url: 'sesame', secretFrom: {env: S}}}]",
            "url: must be an address such as http",
        ),
        ("targets: [{name: a, webhook: {secretFrom: {env: S}}}]", "webhook: give url or urlFrom, exactly one of them"),
        (f"targets: [{{name: a, webhook: {{{HOOK}, urlFrom: {{env: A}}}}}}]", "webhook: give url or urlFrom"),
        ("targets: [{name: a, webhook: {url: 'https://there/'}}]", "webhook.secretFrom: is missing: set it"),
        (f"targets: [{{name: a, webhook: {{{HOOK}, secret: sesame}}}}]", "webhook.secret: there is no such field"),
        (f"dashboardUrl: 'https://a:sesame@there'\ntargets: [{CHAT}]", "dashboardUrl: an address like this"),
    ],
)
def test_a_mistake_is_named_by_its_field_with_the_remedy_and_without_a_secret(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(NotificationsError) as refusal:
        loaded(tmp_path, text)
    assert str(refusal.value).startswith(f"{tmp_path / 'notifications.yaml'}: ")
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "sesame" not in str(refusal.value)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("apprise: {urlFrom: {env: NOWHERE}}", "apprise.urlFrom: environment variable NOWHERE: is empty or not there"),
        (
            "apprise: {urlFrom: {file: /nowhere}}",
            "apprise.urlFrom: file /nowhere: cannot be read (No such file or directory)",
        ),
        ("apprise: {urlFrom: {env: ODD}}", "apprise.urlFrom: environment variable ODD: is no address that apprise"),
        ("webhook: {url: 'http://a', secretFrom: {env: ODD}}", "secretFrom: environment variable ODD: is too short"),
        (
            "webhook: {urlFrom: {env: ODD}, secretFrom: {env: GOOD}}",
            "webhook.urlFrom: environment variable ODD: must be",
        ),
    ],
)
def test_a_reference_to_nothing_that_can_be_used_is_named_without_showing_it(
    tmp_path: Path, target: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODD", "sesame")
    monkeypatch.setenv("GOOD", SECRET)
    good = "{name: a, webhook: {url: 'http://a', secretFrom: {env: GOOD}}}"
    read = loaded(tmp_path, f"targets: [{good}, {{name: b, {target}}}]")
    with pytest.raises(NotificationsError) as refusal:
        require(Path("file"), read)
    assert str(refusal.value).startswith("file: targets[1].")
    assert said in str(refusal.value)
    assert "sesame" not in str(refusal.value)


def test_the_page_names_every_field_and_every_notice() -> None:
    page = PAGE.read_text(encoding="utf-8")
    fields = {field.alias or "" for model in (Notifications, Target) for field in model.model_fields.values()}
    fields |= {f"webhook.{field.alias}" for field in WebhookTarget.model_fields.values()}
    assert [each for each in fields - {"targets", "apprise", "webhook"} if each not in page] == []
    assert [kind for kind in HAPPENING if f"| `{kind}` |" not in page] == []
