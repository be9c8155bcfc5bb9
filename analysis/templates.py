"""Templates of queries: `{{name}}` placeholders in label values, filled in so that a value is only ever that value.

Where a placeholder may stand, and what is put there:

- In the string of a matcher with `=` or `!=`, between double or single quotes: the value, escaped for that quote.
- In the string of a matcher with `=~` or `!~`: the value with every RE2 metacharacter escaped, in a group of its own
  (so that `{{service}}+` repeats the value, not its last letter), then escaped for the quote. `{{pods}}`, the exact
  names of the pods as alternatives, stands only here; with no pods it is an expression that matches nothing. So does
  `{{ingressCanary}}`, the label `canary` of ingress-nginx: `<namespace>-<service>-<port>` of a Service that is beside
  another one, whatever the port, and otherwise nothing, which is what that label has for the main one.
- Outside of strings: `{{args.NAME}}` only, and only where its value is one name, number or duration.

Everywhere else a placeholder is refused: in back-quoted strings (nothing can be escaped there), in quoted names and the
strings of functions, behind a backslash, in a character class and in `\\Q...\\E`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from analysis.checks import Subject

NOTHING = r"[^\s\S]"
"""A regular expression no text matches, in the syntax of RE2."""


@dataclass(frozen=True)
class Pattern:
    """A regular expression, put in as it is."""

    text: str


Value = str | tuple[str, ...] | Pattern

_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}", re.ASCII)
_BARE = re.compile(r"[A-Za-z_:][\w:]*|\d+(\.\d+)?([A-Za-z]\w*)?", re.ASCII)
_METACHARACTERS = re.compile(r"[\\.+*?()|\[\]{}^$]")
_KEYWORDS = re.compile(
    "and|or|unless|atan2|on|ignoring|group_left|group_right|by|without|bool|offset|inf|nan", re.IGNORECASE
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_NO_CLASS = re.compile(r"\\.|\[:\^?\w+:\]", re.DOTALL)
_OPEN_CLASS = re.compile(r"\[\^?\]?[^\]]*\Z")
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(?P<open>["'`].*)|(?P<comment>\#[^\n]*)
    |(?P<placeholder>\{\{.*?\}\})|(?P<operator>=~|!~|!=|==|=)|(?P<space>\s+)|(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)


class TemplateError(ValueError):
    """A template that cannot be filled in; the message says why and what would do."""


@dataclass(frozen=True)
class Text:
    """A piece of a query: what is outside of strings, or one quoted string and the operator before it."""

    text: str
    string: bool = False
    operator: str = ""


def variables(subject: Subject, args: tuple[tuple[str, str], ...] = ()) -> Mapping[str, Value]:
    """What a template may name for this side: without `service`, and what follows from it, where there is none.

    `suffix` is what the name of a Service beside another one has behind that one's: nothing for the other side.
    """
    named: dict[str, Value] = {"namespace": subject.namespace, "revision": subject.revision, "pods": subject.pods}
    if subject.service is not None:
        beside = f"{_literal(f'{subject.namespace}-{subject.service}')}-[0-9a-z-]+" if subject.beside else ""
        suffix = "-canary" if subject.beside else ""
        named |= {"service": subject.service, "suffix": suffix, "ingressCanary": Pattern(beside)}
    return named | {f"args.{name}": value for name, value in args}


def render(template: str, values: Mapping[str, Value]) -> str:
    """The query with every placeholder filled in; raises TemplateError."""
    return "".join(_string(piece, values) if piece.string else _bare(piece, values) for piece in _pieces(template))


def placeholders(template: str) -> frozenset[str]:
    """The names of all placeholders in the template."""
    return frozenset(_PLACEHOLDER.findall(template))


def quoted(value: str, *, quote: str = '"') -> str:
    """`value` as a PromQL string with its quotes."""
    return f"{quote}{_escaped(value, quote)}{quote}"


def _pieces(template: str) -> Iterator[Text]:
    operator = ""
    for token in _TOKEN.finditer(template):
        text, kind = token.group(), token.lastgroup
        if kind == "open":
            raise TemplateError(f"the quote {text[0]} at character {token.start() + 1} is never closed; close it")
        yield Text(text, kind == "string", operator)
        if kind not in ("space", "comment"):
            operator = text if kind == "operator" else ""


def _bare(piece: Text, values: Mapping[str, Value]) -> str:
    if "{{" not in piece.text or piece.text.startswith("#"):
        return piece.text
    name = _name(piece.text, values)
    value = values[name]
    if not name.startswith("args.") or not isinstance(value, str):
        raise TemplateError(f'{{{{{name}}}}} stands outside of a string; write it in a matcher: x="{{{{{name}}}}}"')
    if not _BARE.fullmatch(value) or _KEYWORDS.fullmatch(value):
        raise TemplateError(f"{{{{{name}}}}} is {value!r}; outside of a string only a name, number or duration may be")
    return value


def _name(text: str, values: Mapping[str, Value]) -> str:
    match = _PLACEHOLDER.fullmatch(text)
    if not match:
        raise TemplateError(f"{text} is not a placeholder: write {{{{name}}}}")
    name = match.group(1)
    if name not in values:
        known = ", ".join(f"{{{{{known}}}}}" for known in sorted(values))
        raise TemplateError(f"there is no {{{{{name}}}}} here; there are {known}")
    return name


def _string(piece: Text, values: Mapping[str, Value]) -> str:
    if "{{" not in piece.text:
        return piece.text
    _refuse_place(piece)
    quote, text = piece.text[0], piece.text
    regex = piece.operator in ("=~", "!~")
    filled, end = [], 0
    while (start := text.find("{{", end)) >= 0:
        close = text.find("}}", start)
        if close < 0:
            raise TemplateError(f"{{{{ in {text} is never closed; write {{{{name}}}}")
        _refuse_context(text[1:start], regex=regex)
        name = _name(text[start : close + 2], values)
        filled += [text[end:start], _escaped(_filling(name, values[name], regex=regex), quote)]
        end = close + 2
    return "".join([*filled, text[end:]])


def _refuse_place(piece: Text) -> None:
    if piece.text.startswith("`"):
        raise TemplateError(f"{piece.text}: nothing can be escaped in back quotes; put placeholders in double quotes")
    if not piece.operator or piece.operator == "==":
        raise TemplateError(f"{piece.text} is not the value of a label matcher; placeholders stand in those only")


def _refuse_context(before: str, *, regex: bool) -> None:
    """`before` is the string up to the placeholder, still escaped."""
    pattern = _unescaped(before)
    if _odd_backslashes(before) or (regex and _odd_backslashes(pattern)):
        raise TemplateError("a placeholder stands behind a backslash, which would change it; take that away")
    if not regex:
        return
    if pattern.rfind(r"\Q") > pattern.rfind(r"\E"):
        raise TemplateError(r"a placeholder stands behind \Q; values are escaped already, take it away")
    if _OPEN_CLASS.search(_NO_CLASS.sub("", pattern)):
        raise TemplateError("a placeholder stands in a character class [...], which matches single letters; use (...)")


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _meaning(found.group(1)), text)


def _meaning(escape: str) -> str:
    if escape[0] in "xuU":
        return chr(int(escape[1:], 16) % 0x110000) if len(escape) > 1 else escape
    return chr(int(escape, 8)) if escape.isdigit() else escape


def _odd_backslashes(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _filling(name: str, value: Value, *, regex: bool) -> str:
    if isinstance(value, str):
        return f"(?:{_literal(value)})" if regex else value
    if not regex:
        label = "canary" if isinstance(value, Pattern) else "pod"
        several = f'match it with =~, as in {label}=~"{{{{{name}}}}}"'
        raise TemplateError(f"{{{{{name}}}}} stands for several values: {several}")
    if isinstance(value, Pattern):
        return f"(?:{value.text})"
    return f"(?:{'|'.join(map(_literal, value))})" if value else NOTHING


def _literal(value: str) -> str:
    return _METACHARACTERS.sub(r"\\\g<0>", value)


def _escaped(value: str, quote: str) -> str:
    return "".join(_escape(character, quote) for character in value)


def _escape(character: str, quote: str) -> str:
    if character in (quote, "\\"):
        return "\\" + character
    if "\ud800" <= character <= "\udfff":
        raise TemplateError("a value holds half a surrogate pair, which is not text")
    return f"\\u{ord(character):04x}" if ord(character) < 32 or character == "\x7f" else character
