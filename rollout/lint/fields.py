"""Fields that the schema refuses, each in one sentence with its remedy."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from analysis.mistakes import dotted
from rollout.lint.problems import Path, Problem
from rollout.lint.source import Document
from rollout.models.base import NAME_PATTERN, OBJECT_NAME_PATTERN
from rollout.models.schema import Schema, structural

_NAMES = {
    NAME_PATTERN: "a name has lower-case letters, digits and '-' only, and begins and ends with a letter or digit",
    OBJECT_NAME_PATTERN: "a name has lower-case letters, digits, '-' and '.' only,"
    " and begins and ends with a letter or digit",
}


def suggestion(word: str, known: Iterable[str], *, otherwise: str) -> str:
    """`did you mean ...?` where one of `known` looks like `word`, and `otherwise` where none does."""
    spelt = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), spelt, n=1)
    return f"did you mean {spelt[close[0]]}?" if close else otherwise


def check(document: Document, model: type[BaseModel], path: Path) -> Iterator[Problem]:
    """What the schema of `model` has against the value at `path`, which has to be there."""
    value = document.value[path[0]]
    schema = schema_of(model)
    yield from _untyped(document, schema, value, path)
    try:
        model.model_validate_json(json.dumps(value), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        for entry in error.errors(include_url=False):
            if not _echo(entry):
                yield _problem(document, schema, entry, path)


@cache
def schema_of(model: type[BaseModel]) -> Schema:
    """The model's structural schema, made once."""
    return structural(model)


def _untyped(document: Document, schema: Schema, value: Any, path: Path) -> Iterator[Problem]:
    """Values that YAML made of what was written, and that the API server does not take: nothing, and decimals."""
    if value is None:
        yield document.problem(path, f"{dotted(path)} has no value: set it, or remove the field", key=True)
    elif isinstance(value, float) and schema.get("x-kubernetes-int-or-string"):
        yield document.problem(path, f"{dotted(path)}: a number with decimals has to be in quotes: write '{value:g}'")
    elif isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if name in value:
                yield from _untyped(document, child, value[name], (*path, name))
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _untyped(document, schema["items"], item, (*path, index))


def _echo(entry: ErrorDetails) -> bool:
    """Whether the error only follows from another: nothing was written, or wrong entries were not counted."""
    return entry["input"] is None or (
        entry["type"] == "too_short" and len(entry["input"]) >= entry["ctx"]["min_length"]
    )


def _problem(document: Document, schema: Schema, entry: ErrorDetails, base: Path) -> Problem:
    path = (*base, *entry["loc"])
    if entry["type"] == "extra_forbidden":
        return document.problem(path, _unknown(schema, entry["loc"], path), key=True)
    says = _SENTENCES.get(entry["type"], _as_it_says)
    return document.problem(path, f"{dotted(path)}{says(entry)}")


def _unknown(schema: Schema, loc: Path, path: Path) -> str:
    node = schema
    for part in loc[:-1]:
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
    known = list(node.get("properties", {}))
    listed = f"remove it; there are {', '.join(known)}" if known else "remove it; there is nothing to set here"
    return f"{dotted(path)} is not a field: {suggestion(str(loc[-1]), known, otherwise=listed)}"


def _as_it_says(entry: ErrorDetails) -> str:
    return f": {entry['msg'].removeprefix('Value error, ')}"


def _expected(entry: ErrorDetails) -> str:
    known = [each.strip(" '") for each in str(entry["ctx"]["expected"]).replace(" or ", ", ").split(",")]
    listed = f"write {' or '.join(known)}"
    given = entry["input"]
    return f": {given!r} is not known: {suggestion(str(given), known, otherwise=listed)}"


def _pattern(entry: ErrorDetails) -> str:
    pattern = entry["ctx"]["pattern"]
    return f": {entry['input']!r} does not fit: {_NAMES.get(pattern, f'it has to match {pattern}')}"


def _text(entry: ErrorDetails) -> str:
    given = entry["input"]
    remedy = "write one value" if isinstance(given, dict | list) else f"put {json.dumps(given)} in quotes"
    if isinstance(given, bool):
        remedy = f"put the word in quotes, since YAML makes {json.dumps(given)} of it"
    return f" has to be text: {remedy}"


def _count(entry: ErrorDetails) -> str:
    return f" has {entry['ctx']['actual_length']} entries: at most {entry['ctx']['max_length']} are allowed"


_Sentence = Callable[[ErrorDetails], str]
_SENTENCES: Mapping[str, _Sentence] = {
    "missing": lambda _: " is missing: set it",
    "string_type": _text,
    "int_type": lambda entry: f" has to be a whole number, not {json.dumps(entry['input'])}: write one like 3",
    "float_type": lambda entry: f" has to be a number, not {json.dumps(entry['input'])}: write one like 0.5",
    "bool_type": lambda entry: f" has to be true or false, not {json.dumps(entry['input'])}",
    "tuple_type": lambda _: " has to be a list: begin each entry with '- '",
    "model_type": lambda _: " has to be an object: write its fields below it, indented",
    "dict_type": lambda _: " has to be an object: write its fields below it, indented",
    "enum": _expected,
    "literal_error": _expected,
    "string_pattern_mismatch": _pattern,
    "string_too_long": lambda entry: f" is too long: shorten it to {entry['ctx']['max_length']} characters",
    "string_too_short": lambda _: " is empty: set it",
    "too_long": _count,
    "too_short": lambda entry: f" has too few entries: add at least {entry['ctx']['min_length']}",
    "greater_than_equal": lambda entry: f" is {entry['input']}: the least is {entry['ctx']['ge']:g}",
    "less_than_equal": lambda entry: f" is {entry['input']}: the most is {entry['ctx']['le']:g}",
}
