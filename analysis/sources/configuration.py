"""The metric sources of a controller, read from a YAML file; every mistake is named by its field."""

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from analysis.mistakes import NAME, dotted, mistake, unread

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_UNITS = (3600.0, 60.0, 1.0, 0.001)


class SourcesError(ValueError):
    """A source file that cannot be used; the message names file, field and remedy."""


def _seconds(value: object) -> object:
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        return value
    return sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS, strict=True) if part)


def _address(value: object) -> object:
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address such as http://prometheus.monitoring:9090")
    if parts.username or parts.password:
        raise ValueError("must hold no user or password: a prometheus source has basicAuth for them")
    return str(value).rstrip("/")


def _public_header(value: str) -> str:
    if value.lower() in ("authorization", "proxy-authorization", "cookie"):
        raise ValueError(f"{value} is a credential: use tokenFile or basicAuth, which read it from a file")
    return value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=3600)]
Name = Annotated[str, Field(pattern=NAME)]
Address = Annotated[str, BeforeValidator(_address)]
Header = Annotated[str, AfterValidator(_public_header)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class BasicAuth(_Strict):
    """A user and the file that holds the password."""

    username: str
    password_file: Path


class PrometheusSource(_Strict):
    """A Prometheus, or what speaks its query API. Credentials are read from their files at every question."""

    name: Name
    url: Address = Field(repr=False)
    timeout: Seconds = 5.0
    interval: Seconds = 15.0
    token_file: Path | None = None
    basic_auth: BasicAuth | None = None
    headers: dict[Header, SecretStr] = Field(default_factory=dict)
    ca_file: Path | None = None

    @property
    def files(self) -> dict[str, Path]:
        """What it reads at every question, by the name of the field."""
        password = self.basic_auth.password_file if self.basic_auth else None
        found = {"tokenFile": self.token_file, "basicAuth.passwordFile": password, "caFile": self.ca_file}
        return {field: path for field, path in found.items() if path is not None}

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.token_file and self.basic_auth:
            raise ValueError("give tokenFile or basicAuth, not both")
        return self


class PodEndpoint(_Strict):
    """Where the subject's own pods show their metrics."""

    port: int = Field(ge=1, le=65535)
    path: str = Field(default="/metrics", pattern="^/")


class ScrapeSource(_Strict):
    """Metrics read without a Prometheus: from fixed addresses (a proxy's) or from the subject's own pods."""

    name: Name
    urls: tuple[Address, ...] = Field(default=(), repr=False)
    pods: PodEndpoint | None = None
    timeout: Seconds = 3.0
    interval: Seconds = 5.0

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.urls) == bool(self.pods):
            raise ValueError("give urls or pods, exactly one of them")
        return self


SourceConfiguration = PrometheusSource | ScrapeSource

_KINDS: dict[str, type[PrometheusSource] | type[ScrapeSource]] = {
    "prometheus": PrometheusSource,
    "scrape": ScrapeSource,
}


def load(path: Path) -> tuple[SourceConfiguration, ...]:
    """The sources of a file, in its order; the first is the one for checks that name none. Raises SourcesError.

    The file holds `sources: [{name, prometheus: {...}} or {name, scrape: {...}}]`.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SourcesError(f"{path}: cannot be read: {unread(error)}") from None
    except yaml.YAMLError as error:
        raise SourcesError(f"{path}: is not YAML{_mark(error)}") from None
    try:
        return _sources(document)
    except SourcesError as error:
        raise SourcesError(f"{path}: {error}") from None


def _sources(document: object) -> tuple[SourceConfiguration, ...]:
    if not isinstance(document, dict) or set(document) != {"sources"} or not isinstance(document["sources"], list):
        raise SourcesError("sources: the file must hold one field, `sources`, a list")
    sources = tuple(_source(entry, f"sources[{place}]") for place, entry in enumerate(document["sources"]))
    names = [source.name for source in sources]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise SourcesError(f"sources[{place}].name: {name} is there already; names must differ")
    return sources


def _source(entry: object, field: str) -> SourceConfiguration:
    kinds = [kind for kind in _KINDS if isinstance(entry, dict) and kind in entry]
    if not isinstance(entry, dict) or len(kinds) != 1 or set(entry) - {"name", kinds[0]}:
        raise SourcesError(f"{field}: must be a name and either `prometheus` or `scrape`")
    body = entry[kinds[0]]
    if not isinstance(body, dict):
        raise SourcesError(f"{field}.{kinds[0]}: must hold the source's fields")
    try:
        return _KINDS[kinds[0]].model_validate({**body, "name": entry.get("name")})
    except ValidationError as error:
        raise SourcesError(_named(error, field, kinds[0])) from None


def _named(error: ValidationError, field: str, kind: str) -> str:
    place, said = mistake(error)
    prefix = field if place[:1] == ("name",) else f"{field}.{kind}"
    return f"{dotted((prefix, *place))}: {said}"


def _mark(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" (line {mark.line + 1})" if mark else ""
