"""The field types every resource shares, each with the schema that the CRD shows for it."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

DURATION_PATTERN = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
WEIGHT_PATTERN = r"^(100(\.0)?|[0-9]{1,2}(\.[0-9])?)$"
PERCENT_PATTERN = r"^(100(\.0{1,3})?|[0-9]{1,2}(\.[0-9]{1,3})?)$"
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
OBJECT_NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
LONGEST = timedelta(hours=99_999, minutes=59, seconds=59, milliseconds=999)

FROM_ZERO = "must be from 0 to 100: write the percentage without a sign"
ABOVE_ZERO = "must be above 0 and at most 100: write the smallest share that is still good, such as '0.01'"
BETWEEN = "must be above 0 and below 100: write a share that leaves room for a bad request, such as 99"
MARGIN = "must be above 0 and at most 100: write how many per cent more are still good, such as 20"
CHANCE = "must be above 0 and at most 50: write a chance in per cent, such as 1"

_ABOVE_ZERO_RULE = "type(self) == int ? self > 0 && self <= 100 : double(self) > 0.0"
_BETWEEN_RULE = "type(self) == int ? self > 0 && self < 100 : double(self) > 0.0 && double(self) < 100.0"
_CHANCE_RULE = "type(self) == int ? self > 0 && self <= 50 : double(self) > 0.0 && double(self) <= 50.0"
_UNIT_MS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


class Model(BaseModel):
    """A frozen value that is written in camelCase in YAML and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class StatusModel(Model):
    """A frozen value the controller writes; fields of a newer version are read past, not refused."""

    model_config = ConfigDict(extra="ignore")


def parse_duration(value: object) -> timedelta:
    """The duration behind `1h30m`, `15s` or `250ms` (the Gateway API's format); a `timedelta` passes as it is.

    Raises ValueError with the accepted format for anything else.
    """
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or len(value) > 24 or not re.fullmatch(DURATION_PATTERN, value):
        raise ValueError(
            f"{value!r} is not a duration; write hours, minutes, seconds or milliseconds, like 1h30m or 15s"
        )
    parts = re.findall(r"([0-9]+)(ms|h|m|s)", value)
    duration = timedelta(milliseconds=sum(int(number) * _UNIT_MS[unit] for number, unit in parts))
    if duration > LONGEST:
        raise ValueError(f"{value!r} is too long; write at most {format_duration(LONGEST)}")
    return duration


def format_duration(value: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as the same duration: `1h30m`, `15s`, `0s`."""
    rest, parts = round(value / timedelta(milliseconds=1)), []
    for unit, size in _UNIT_MS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _number(pattern: str, example: str) -> BeforeValidator:
    def parse(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str) or not re.fullmatch(pattern, str(value)):
            raise ValueError(
                f"{value!r} is not a percentage; write a number from 0 to 100 without a sign, like {example}"
            )
        return float(value)

    return BeforeValidator(parse)


def _above_zero(message: str) -> AfterValidator:
    def check(value: float) -> float:
        if value <= 0:
            raise ValueError(message)
        return value

    return AfterValidator(check)


def _below_all(value: float) -> float:
    if not 0 < value < 100:
        raise ValueError(BETWEEN)
    return value


def _at_most_half(value: float) -> float:
    if not 0 < value <= 50:  # a chance above one half proves nothing
        raise ValueError(CHANCE)
    return value


def _plain(value: float) -> int | str:
    return int(value) if value == int(value) else str(value)


def _percent_schema(pattern: str, rule: str, message: str) -> WithJsonSchema:
    # The maximal length keeps the CEL rule's estimated cost within the API server's budget.
    schema = {
        "x-kubernetes-int-or-string": True,
        "pattern": pattern,
        "maxLength": 5 if pattern == WEIGHT_PATTERN else 7,
    }
    return WithJsonSchema({**schema, "x-kubernetes-validations": [{"rule": rule, "message": message}]})


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "maxLength": 24}),
]
Weight = Annotated[
    float,
    _number(WEIGHT_PATTERN, "25 or '2.5'"),
    PlainSerializer(_plain),
    _percent_schema(WEIGHT_PATTERN, "type(self) == int ? self >= 0 && self <= 100 : true", FROM_ZERO),
]
Ceiling = Annotated[
    float,
    _number(PERCENT_PATTERN, "1 or '0.05'"),
    _above_zero(ABOVE_ZERO),
    PlainSerializer(_plain),
    _percent_schema(PERCENT_PATTERN, _ABOVE_ZERO_RULE, ABOVE_ZERO),
]
Margin = Annotated[
    float,
    _number(PERCENT_PATTERN, "20 or '2.5'"),
    _above_zero(MARGIN),
    PlainSerializer(_plain),
    _percent_schema(PERCENT_PATTERN, _ABOVE_ZERO_RULE, MARGIN),
]
Share = Annotated[
    float,
    _number(PERCENT_PATTERN, "99 or '99.9'"),
    AfterValidator(_below_all),
    PlainSerializer(_plain),
    _percent_schema(PERCENT_PATTERN, _BETWEEN_RULE, BETWEEN),
]
Chance = Annotated[
    float,
    _number(PERCENT_PATTERN, "1 or '0.5'"),
    AfterValidator(_at_most_half),
    PlainSerializer(_plain),
    _percent_schema(PERCENT_PATTERN, _CHANCE_RULE, CHANCE),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=NAME_PATTERN)]
Namespace = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=NAME_PATTERN)]
ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=OBJECT_NAME_PATTERN)]
Text = Annotated[str, StringConstraints(max_length=1024)]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Time = Annotated[
    str,
    StringConstraints(max_length=40),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40}),
]


def keyed(*keys: str) -> dict[str, Any]:
    """The schema of a list whose entries are told apart by these fields, so that several appliers can share it."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def atomic() -> dict[str, Any]:
    """The schema of a list that is owned as a whole, because the order of its entries is its meaning."""
    return {"x-kubernetes-list-type": "atomic"}


def rule(expression: str, message: str) -> dict[str, Any]:
    """One CEL rule of a schema, with the message that names the field and the remedy."""
    return {"rule": expression, "message": message}


def rules(*entries: dict[str, Any]) -> ConfigDict:
    """The model configuration that puts these CEL rules on a model's schema."""
    return ConfigDict(json_schema_extra={"x-kubernetes-validations": list(entries)})


__all__ = [
    "Ceiling",
    "Chance",
    "Duration",
    "Expression",
    "Field",
    "Margin",
    "Model",
    "Name",
    "Namespace",
    "ObjectName",
    "Share",
    "StatusModel",
    "Text",
    "Time",
    "Weight",
    "atomic",
    "format_duration",
    "keyed",
    "parse_duration",
    "rule",
    "rules",
]
