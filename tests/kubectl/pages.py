"""The commands with kubectl and the objects that README.md, docs/ and examples/ show."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").glob("*.yaml"))}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`(kubectl\s[^`]+)`")
_OF_OTHERS = re.compile(r"^apiVersion: \S*(?:argoproj|fluxcd)\.io/", re.MULTILINE)  # kinds no cluster here has
_COMMENT = re.compile(r"\s+#.*")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A command, where it stands, and the output shown below it (None where none is shown)."""

    where: str
    command: str
    output: str | None = None


def _fences(page: Path) -> Iterator[tuple[str, str, str]]:
    text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        yield f"{page.relative_to(ROOT)}:{text[: match.start()].count(chr(10)) + 1}", match[1], match[2]


def commands() -> Iterator[Shown]:
    """Every command with kubectl in a block of the pages, in their text, and in the comments of the examples."""
    for page in PAGES:
        for where, language, block in _fences(page):
            yield from _of_block(where, language, block)
        yield from _of_text(str(page.relative_to(ROOT)), _FENCE.sub("", page.read_text(encoding="utf-8")))
    for name, text in EXAMPLES.items():
        comments = (line.partition("#")[2] for line in text.splitlines() if "#" in line)
        yield from _of_text(f"examples/{name}", "\n".join(comments))


def _of_block(where: str, language: str, block: str) -> Iterator[Shown]:
    if language == "console":
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield Shown(where=where, command=command, output=output)
        return
    for line in block.splitlines():
        if line.startswith("kubectl ") and language == "sh":
            yield Shown(where=where, command=_COMMENT.sub("", line))


def _of_text(where: str, text: str) -> Iterator[Shown]:
    for span in _SPAN.findall(text):
        yield Shown(where=where, command=" ".join(span.split()))


def _objects() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for where, language, block in _fences(page):
            if language == "yaml" and re.search(r"^kind: ", block, re.MULTILINE) and not _OF_OTHERS.search(block):
                yield where, block


OBJECTS = list(_objects())
