"""YAML with the place of every value, read as `kubectl` reads it."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from analysis.mistakes import dotted
from rollout.lint.problems import Path, Problem, Severity

_DEEPEST = 60
_MOST_VALUES = 200_000
_MERGE = "tag:yaml.org,2002:merge"


class Place(NamedTuple):
    """A line and a column, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, kw_only=True)
class Document:
    """One document of a file: its value as JSON, and where its fields are."""

    file: str
    value: Any
    places: Mapping[Path, Place]
    keys: Mapping[Path, Place]

    def problem(self, path: Path, message: str, *, severity: Severity = Severity.ERROR, key: bool = False) -> Problem:
        """A problem with the field at `path`; shown at its key, at its value, or where it would have to be."""
        place = next((p for p in self._candidates(path, key=key) if p), Place(1, 1))
        return Problem(self.file, *place, dotted(path), message, severity)

    def _candidates(self, path: Path, *, key: bool) -> tuple[Place | None, ...]:
        nearest = next((path[:end] for end in range(len(path), -1, -1) if path[:end] in self.places), ())
        first, second = (self.keys, self.places) if key or nearest != path else (self.places, self.keys)
        return first.get(nearest), second.get(nearest)


class _Loader(yaml.SafeLoader):
    """Times, `1:30` and `=` are plain text, as they are for `kubectl`."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in ("timestamp", "value", "int")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"^[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"),
    list("-+0123456789"),
)


class UnreadableError(ValueError):
    """A value that JSON or the API server could not hold; raised with its place."""

    def __init__(self, message: str, mark: yaml.Mark | None) -> None:
        super().__init__(message)
        self.place = _place(mark)


def read(text: str, file: str) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """The documents up to the first that is not YAML, and what is wrong with the text itself."""
    documents, problems = [], []
    try:
        for reader in _readers(text, file):
            documents.append(Document(file=file, value=reader.root, places=reader.places, keys=reader.keys))
            problems += reader.problems
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        problems.append(Problem(file, *place, "", f"{error.reason}: remove the character", Severity.ERROR))
    except (yaml.YAMLError, UnreadableError, RecursionError) as error:
        problems.append(_unreadable(error, file))
    return tuple(documents), tuple(problems)


def _readers(text: str, file: str) -> Iterator["_Reader"]:
    loader = _Loader(text)
    while loader.check_node():
        reader, node = _Reader(loader, file), loader.get_node()
        reader.root = reader.value(node, ()) if node else None
        yield reader


@dataclass
class _Reader:
    loader: _Loader
    file: str
    places: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    root: Any = None

    def value(self, node: yaml.Node, path: Path) -> Any:
        if len(path) > _DEEPEST or len(self.places) > _MOST_VALUES:
            raise UnreadableError(
                "the document is nested too deep or too large to be one of ours: split it", node.start_mark
            )
        self.places[path] = _place(node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        self._refuse_duplicates(node, path)
        self.loader.flatten_mapping(node)
        mapping = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            mapping[key] = self.value(value_node, (*path, key))
            self.keys[*path, key] = _place(key_node.start_mark)
            if isinstance(value_node, yaml.CollectionNode):
                self.places[*path, key] = self.keys[*path, key]
        return mapping

    def _refuse_duplicates(self, node: yaml.MappingNode, path: Path) -> None:
        seen: dict[str, Place] = {}
        for key_node, _ in node.value:
            key, place = self._key(key_node), _place(key_node.start_mark)
            if key in seen and key_node.tag != _MERGE:
                name = dotted((*path, key))
                message = f"{name} is set twice, first on line {seen[key].line}: remove one"
                self.problems.append(Problem(self.file, *place, name, message, Severity.ERROR))
            seen.setdefault(key, place)

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise UnreadableError("a key has to be text: quote it if it begins with [ or {", node.start_mark)
        return str(node.value)

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            value = self.loader.construct_object(node)
        except ValueError:
            raise UnreadableError(f"{node.value!r} is not what its tag says: remove the tag", node.start_mark) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise UnreadableError(f"{node.value} is not a number that JSON has: write a finite one", node.start_mark)
        return value if isinstance(value, str | int | float | bool | None) else str(node.value)


def _place(mark: yaml.Mark | None) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _unreadable(error: Exception, file: str) -> Problem:
    if isinstance(error, UnreadableError):
        return Problem(file, *error.place, "", str(error), Severity.ERROR)
    if isinstance(error, yaml.MarkedYAMLError):
        message = f"this is not YAML: {error.problem}; check indentation, quotes and brackets here and just above"
        return Problem(file, *_place(error.problem_mark), "", message, Severity.ERROR)
    return Problem(file, 1, 1, "", f"this is not YAML: {error}", Severity.ERROR)
