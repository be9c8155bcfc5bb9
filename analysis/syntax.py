"""What is wrong with a PromQL text, said with its place and a remedy."""

import re

import promql_parser as promql

# What the parser says of a query that is grammatical and still wrong: there is no single place to point at.
_MEANING = ("expected ", "unknown function", "illegal regex", "vector selector must", "wrong number")
_WORD = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`|[\w:.]+|[=!<>]=|[=!]~|\S", re.DOTALL)
# Whatever could follow a good beginning; where none of them makes it a query, the beginning is not good.
_ENDINGS = ("", " x", "x", "x[1s]", "[1s]", "1s", '="x"', 'x="x"', '"x"', ":1s", " 1", "(x)", "(x)(x)", "x)(x", ")(x")
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_REMEDIES = (
    ("unknown function", "check its name, or ask a recording rule for its value"),
    ("illegal regex", "write it in RE2 syntax: no look-around, no back-references"),
    ("vector selector must", "name the metric"),
    ("unterminated", "close the string"),
    ("unclosed", "close it"),
    ("unknown escape sequence", r"in a string a backslash is written \\"),
    ("got vector", "a function over time needs a range, as in x[5m]"),
)


def problem(expr: str) -> str | None:
    """What the parser has against the text; None where it has nothing."""
    message = _refusal(expr)
    if message is None:
        return None
    if not expr.strip():
        return "the expression is empty; write a query"
    remedy = next((remedy for part, remedy in _REMEDIES if part in message), "correct it there")
    return f"{message}{_place(expr, message)}; {remedy}"


def _place(expr: str, message: str) -> str:
    if message.startswith(_MEANING) and not message.endswith("expected duration"):
        name = re.search(r"'([\w:]+)'", message)
        at = expr.find(name.group(1)) if name else -1
        return f" at character {at + 1}" if at >= 0 else ""
    beginning = 0
    for word in _WORD.finditer(expr):
        if not _may_go_on(expr[: word.end()]):
            return f" at character {word.start() + 1}, {word.group()!r}"
        beginning = word.end()
    return f" at character {beginning + 1}, the end"


def _may_go_on(beginning: str) -> bool:
    closers = _closers(beginning)
    return any(_grammatical(f"{beginning}{ending}{closers}") for ending in _ENDINGS)


def _grammatical(expr: str) -> bool:
    message = _refusal(expr)
    return message is None or message.startswith(_MEANING)


def _closers(text: str) -> str:
    left = []
    for word in _WORD.findall(text):
        if word in _CLOSERS:
            left.append(_CLOSERS[word])
        elif left and word == left[-1]:
            left.pop()
    return "".join(reversed(left))


def _refusal(expr: str) -> str | None:
    try:
        promql.parse(expr)
    except ValueError as error:
        return str(error)
    return None
