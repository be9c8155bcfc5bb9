"""Whom the controller notifies, read from a YAML file; every mistake is named by its field, no secret is ever shown."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from analysis.mistakes import NAME, dotted, mistake, unread
from rollout.notifications.cloudevent import Mode
from rollout.notifications.notice import HAPPENING, Kind, Notice
from rollout.notifications.reference import Reference

_CREDENTIALS = (
    "an address like this holds credentials: write it to a file of a mounted Secret and name that in "
    "urlFrom: {file: PATH}, or use urlFrom: {env: NAME}"
)


class NotificationsError(ValueError):
    """A file that cannot be used; the message names file, field and remedy."""


def web_address(value: str) -> str:
    """An http address, as it stands. Raises ValueError for anything else, without showing it."""
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address such as https://events.example/rollouts")
    return value


def _plain_address(value: str) -> str:
    parts = urlsplit(web_address(value))
    if parts.username or parts.password or parts.query:
        raise ValueError(_CREDENTIALS)
    return value


def _happening(value: object) -> object:
    if value not in HAPPENING:
        raise ValueError(f"is not known: write one of {', '.join(HAPPENING)}")
    return value


Name = Annotated[str, Field(pattern=NAME)]
Glob = Annotated[str, Field(min_length=1, max_length=100)]
PlainAddress = Annotated[str, AfterValidator(_plain_address)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class AppriseTarget(_Strict):
    """One of the services that apprise speaks to; its address is a secret."""

    url_from: Reference

    @model_validator(mode="before")
    @classmethod
    def _no_literal(cls, value: Any) -> Any:
        if isinstance(value, str) or (isinstance(value, dict) and "url" in value):
            raise ValueError(_CREDENTIALS)
        return value


class WebhookTarget(_Strict):
    """A receiver of CloudEvents over HTTP, signed."""

    url: PlainAddress | None = Field(default=None, repr=False)
    url_from: Reference | None = None
    secret_from: Reference
    mode: Mode = Mode.STRUCTURED

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.url is None) == (self.url_from is None):
            raise ValueError("give url or urlFrom, exactly one of them")
        return self


class Target(_Strict):
    """One receiver, and what it wants to be told."""

    name: Name
    on: tuple[Annotated[Kind, BeforeValidator(_happening)], ...] = Field(default=HAPPENING, min_length=1)
    namespaces: tuple[Glob, ...] = Field(default=("*",), min_length=1)
    rollouts: tuple[Glob, ...] = Field(default=("*",), min_length=1)
    apprise: AppriseTarget | None = None
    webhook: WebhookTarget | None = None

    @model_validator(mode="before")
    @classmethod
    def _on(cls, value: Any) -> Any:
        # YAML 1.1 reads the word `on` as true.
        return {"on" if key is True else key: each for key, each in value.items()} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.apprise is None) == (self.webhook is None):
            raise ValueError("give apprise or webhook, exactly one of them")
        return self

    def wants(self, notice: Notice) -> bool:
        """Whether this is for it."""
        return (
            notice.kind in self.on
            and any(fnmatchcase(notice.subject.namespace, each) for each in self.namespaces)
            and any(fnmatchcase(notice.subject.name, each) for each in self.rollouts)
        )


class Notifications(_Strict):
    """The whole file."""

    cluster: Name = "default"
    dashboard_url: PlainAddress | None = None
    targets: tuple[Target, ...] = Field(min_length=1, max_length=50)

    @model_validator(mode="after")
    def _differ(self) -> Self:
        names = [target.name for target in self.targets]
        twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if twice is not None:
            raise ValueError(f"targets: {twice} is there twice; names must differ")
        return self


def load(path: Path) -> Notifications:
    """What the file says. Raises NotificationsError; the secrets it refers to are not read yet."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise NotificationsError(f"{path}: cannot be read: {unread(error)}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise NotificationsError(f"{path}: is not YAML{f' (line {mark.line + 1})' if mark else ''}") from None
    if not isinstance(document, dict):
        raise NotificationsError(f"{path}: the file must hold `targets`, a list")
    try:
        return Notifications.model_validate(document)
    except ValidationError as error:
        raise NotificationsError(f"{path}: {_named(error)}") from None


def _named(error: ValidationError) -> str:
    place, said = mistake(error)
    return f"{dotted(place)}: {said}" if place else said
