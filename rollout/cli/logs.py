"""The log of the controller: one line for each event, and no secret in any of them."""

import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

REDACTED = "[redacted]"

_NAMES = r"cookie|credential|passw(?:or)?d|passphrase|secret|token|(?:api|private)[-_]?key"
_NAME = re.compile(f"{_NAMES}|authorization", re.IGNORECASE)
# Each puts what may stay before the secret into its only group.
_TEXTS = (
    re.compile(r"(\bauthorization[\"']?\s*[:=]\s*[\"']?(?:(?:basic|bearer)\s+)?)[^\s\"',;]+", re.IGNORECASE),
    re.compile(r"(\bbearer\s+)[\w.~+/=-]{16,}", re.IGNORECASE),
    re.compile(rf"((?:{_NAMES})=)[^\s\"',;&]+", re.IGNORECASE),
    re.compile(rf"((?:{_NAMES})[\"']?\s*[=:]\s*\")[^\"]+", re.IGNORECASE),
    re.compile(rf"((?:{_NAMES})[\"']?\s*[=:]\s*')[^']+", re.IGNORECASE),
    re.compile(r"(://[^\s/@:]*:)[^\s/@]+(?=@)"),
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
    """The event with every value whose name or look is that of a secret redacted, at any depth."""
    return {name: _shown(name, value) for name, value in event.items()}


def _shown(name: str, value: Any) -> Any:
    if _NAME.search(name):
        return REDACTED
    if isinstance(value, Mapping):
        return {str(key): _shown(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_shown("", each) for each in value]
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    for secret in _TEXTS:
        text = secret.sub(rf"\g<1>{REDACTED}", text)
    return text
