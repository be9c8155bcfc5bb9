"""The log of the controller: one line for each event, in which what has the name or the look of a secret is hidden."""

import re
import sys
from collections.abc import Mapping, Set
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

REDACTED = "[redacted]"

_NAMES = r"cookie|credential|passw(?:or)?d|passphrase|secret|token|(?:api|private)[-_]?key"
_NAME = re.compile(f"{_NAMES}|authorization", re.IGNORECASE)
_FIRST_OF_PAIR = re.compile(rf"[\w.-]*(?:{_NAMES}|authorization)", re.IGNORECASE)
_VALUE = r"[^\s\"',;&]"
# Each puts what may stay before the secret into its only group.
_TEXTS = (
    re.compile(r"(\bauthorization[\"']?\s*[:=]\s*[\"']?(?:(?:basic|bearer)\s+)?)[^\s\"',;]+", re.IGNORECASE),
    re.compile(r"(\bbearer\s+)[\w.~+/=-]{16,}", re.IGNORECASE),
    re.compile(rf"((?:{_NAMES})=){_VALUE}+", re.IGNORECASE),
    re.compile(rf"((?:{_NAMES})[\"']?\s*[=:]\s*\")[^\"]+", re.IGNORECASE),
    re.compile(rf"((?:{_NAMES})[\"']?\s*[=:]\s*')[^']+", re.IGNORECASE),
    # Without quotes a colon is also what a sentence has: then only passwords, and what no word looks like.
    re.compile(rf"((?:passw(?:or)?d|passphrase)[\"']?\s*:\s*){_VALUE}+", re.IGNORECASE),
    re.compile(rf"((?:{_NAMES})[\"']?\s*:\s*)(?={_VALUE}*\d){_VALUE}{{6,}}", re.IGNORECASE),
    re.compile(rf"(--[\w-]*(?:{_NAMES})\s+)(?!-){_VALUE}{{6,}}", re.IGNORECASE),
    re.compile(r"(://[^\s/@:]*:)[^\s/@]+(?=@)"),
    re.compile(r"(://)[^\s/@:]+(?=@(?!sha256:))"),
    re.compile(r"()\beyJ[\w-]+\.[\w-]+\.[\w-]*"),
    re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END|\Z)", re.DOTALL),
)


def log_as(log_format: str) -> None:
    """Log to standard error from now on, as `json` or for a `console`; raises ValueError for anything else."""
    if log_format not in ("json", "console"):
        raise ValueError(f"--log-format={log_format} is not known: use json or console")
    renderer = structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            without_secrets,  # after the traceback has become text
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event with every value that has the name of a secret hidden, at any depth, and what looks like one in texts.

    Of texts those forms are known in which credentials are commonly written: headers, URLs, options, `name=value` and
    `name: value`, service account tokens, private keys. A secret that stands alone and looks like a word is not seen.
    What is neither a number nor a collection is shown as its text.
    """
    return {name: _shown(name, value) for name, value in event.items()}


def _shown(name: str, value: Any) -> Any:
    if _NAME.search(name):
        return REDACTED
    if isinstance(value, Mapping):
        return {str(key): _shown(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple | Set):
        return _listed([_shown("", each) for each in value])
    return value if value is None or isinstance(value, int | float) else _text(_said(value))


def _listed(values: list[Any]) -> list[Any]:
    """The values, of which a pair may be a name and what it stands for."""
    match values:
        case [str(name), _] if _FIRST_OF_PAIR.fullmatch(name):
            return [name, REDACTED]
    return values


def _said(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return value.decode(errors="replace")
    return value if isinstance(value, str) else str(value) or repr(value)


def _text(text: str) -> str:
    for secret in _TEXTS:
        text = secret.sub(rf"\g<1>{REDACTED}", text)
    return text
