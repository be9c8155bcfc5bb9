"""CEL expressions as functions: parsed by celpy, evaluated on plain JSON values."""

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from celpy.celparser import CELParseError, CELParser

from sandbox.apiserver.cel_functions import FUNCTIONS, METHODS, TYPES, CelError, equal, no_overload

Scope = Mapping[str, Any]
Node = Callable[[Scope], Any]

_RESERVED = frozenset(
    {"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import"}
    | {"let", "loop", "package", "namespace", "return", "var", "void", "while"}
)
_ESCAPES = {"__dot__": ".", "__dash__": "-", "__slash__": "/", "__underscores__": "__"}
_ORDER: Mapping[str, Callable[[Any, Any], Any]] = {
    "relation_lt": operator.lt,
    "relation_le": operator.le,
    "relation_gt": operator.gt,
    "relation_ge": operator.ge,
}
_MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})


@lru_cache(maxsize=4096)
def compile_expression(text: str) -> Node:
    """Return the expression as a function of its variables; raises CelError."""
    try:
        tree = CELParser().parse(text)
    except CELParseError as error:
        raise CelError(f"compilation failed: {error}") from error
    return _node(tree)


def _node(tree: Any) -> Node:
    build = _BUILDERS.get(tree.data)
    if build is not None:
        return build(tree)
    if len(tree.children) == 1:
        return _node(tree.children[0])
    raise CelError(f"compilation failed: unsupported expression {tree.data}")


def _only(tree: Any, build: Callable[[Any], Node]) -> Node:
    return _node(tree.children[0]) if len(tree.children) == 1 else build(tree)


def _boolean(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return value
    raise no_overload(name, value)


def _conditional(tree: Any) -> Node:
    test, yes, no = map(_node, tree.children)
    return lambda scope: yes(scope) if _boolean(test(scope), "_?_:_") else no(scope)


def _logical(tree: Any, *, decisive: bool) -> Node:
    name = "_||_" if decisive else "_&&_"
    left, right = map(_node, tree.children)

    def evaluate(scope: Scope) -> bool:
        try:
            if _boolean(left(scope), name) is decisive:
                return decisive
        except CelError:
            # An error on one side is no error if the other side decides.
            if _boolean(right(scope), name) is decisive:
                return decisive
            raise
        return _boolean(right(scope), name)

    return evaluate


def _relation(tree: Any) -> Node:
    head, right = tree.children[0], _node(tree.children[1])
    left, kind = _node(head.children[0]), head.data
    if kind == "relation_eq":
        return lambda scope: equal(left(scope), right(scope))
    if kind == "relation_ne":
        return lambda scope: not equal(left(scope), right(scope))
    if kind == "relation_in":
        return lambda scope: _contains(right(scope), left(scope))
    compare = _ORDER[kind]
    return lambda scope: _apply(kind, compare, left(scope), right(scope))


def _contains(container: Any, item: Any) -> bool:
    if isinstance(container, dict):
        return item in container
    if isinstance(container, list):
        return any(equal(item, each) for each in container)
    raise no_overload("in", item, container)


def _apply(name: str, function: Callable[..., Any], *values: Any) -> Any:
    try:
        return function(*values)
    except (TypeError, AttributeError, ValueError) as error:
        raise no_overload(name, *values) from error
    except ZeroDivisionError as error:
        raise CelError("division by zero") from error


def _divide(left: Any, right: Any) -> Any:
    exact = isinstance(left, int) and isinstance(right, int)
    return int(left / right) if exact else left / right


_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "addition_add": operator.add,
    "addition_sub": operator.sub,
    "multiplication_mul": operator.mul,
    "multiplication_div": _divide,
    "multiplication_mod": operator.mod,
}


def _arithmetic(tree: Any) -> Node:
    head, right = tree.children[0], _node(tree.children[1])
    left, function = _node(head.children[0]), _ARITHMETIC[head.data]
    return lambda scope: _apply(head.data, function, left(scope), right(scope))


def _unary(tree: Any) -> Node:
    sign, inner = tree.children[0].data, _node(tree.children[1])
    if sign == "unary_not":
        return lambda scope: not _boolean(inner(scope), "!_")
    return lambda scope: _apply("-_", operator.neg, inner(scope))


def _field(token: Any) -> str:
    """Return the field a rule means: reserved words and signs are escaped in rules."""
    name = str(token)
    if name in _RESERVED:
        raise CelError(f"compilation failed: undefined field '{name}'")
    if name.startswith("__") and name.endswith("__") and name[2:-2] in _RESERVED:
        return name[2:-2]
    for escaped, meant in _ESCAPES.items():
        name = name.replace(escaped, meant)
    return name


def _select(value: Any, name: str) -> Any:
    if isinstance(value, dict) and name in value:
        return value[name]
    raise CelError(f"no such key: {name}")


def _member_dot(tree: Any) -> Node:
    inner, name = _node(tree.children[0]), _field(tree.children[1])
    return lambda scope: _select(inner(scope), name)


def _member_index(tree: Any) -> Node:
    inner, index = map(_node, tree.children)

    def evaluate(scope: Scope) -> Any:
        value, at = inner(scope), index(scope)
        if isinstance(value, dict):
            return _select(value, at)
        if not isinstance(value, list) or isinstance(at, bool) or not isinstance(at, int):
            raise no_overload("_[_]", value, at)
        if not 0 <= at < len(value):
            raise CelError(f"index out of bounds: {at}")
        return value[at]

    return evaluate


def _arguments(tree: Any) -> list[Any]:
    """Return the parse trees of a call's arguments."""
    return list(tree.children) if tree is not None else []


def _member_call(tree: Any) -> Node:
    inner, name = tree.children[0], str(tree.children[1])
    given = _arguments(tree.children[2] if len(tree.children) > 2 else None)
    if name in _MACROS:
        return _macro(name, _node(inner), given)
    if name not in METHODS:
        raise CelError(f"compilation failed: undeclared reference to '{name}'")
    function, nodes = METHODS[name], [_node(inner), *map(_node, given)]
    return lambda scope: _apply(name, function, *(node(scope) for node in nodes))


def _call(tree: Any) -> Node:
    name = str(tree.children[0])
    given = _arguments(tree.children[1] if len(tree.children) > 1 else None)
    if name == "has":
        return _has(given[0])
    if name not in FUNCTIONS:
        raise CelError(f"compilation failed: undeclared reference to '{name}'")
    function, nodes = FUNCTIONS[name], [_node(argument) for argument in given]
    return lambda scope: _apply(name, function, *(node(scope) for node in nodes))


def _innermost(tree: Any, wanted: str) -> Any:
    while tree.data != wanted:
        if len(tree.children) != 1 or not hasattr(tree.children[0], "data"):
            raise CelError("compilation failed: invalid argument to a macro")
        tree = tree.children[0]
    return tree


def _has(argument: Any) -> Node:
    selection = _innermost(argument, "member_dot")
    inner, name = _node(selection.children[0]), _field(selection.children[1])

    def evaluate(scope: Scope) -> bool:
        value = inner(scope)
        if not isinstance(value, dict):
            raise no_overload("has", value)
        return name in value

    return evaluate


def _items(value: Any) -> Iterable[Any]:
    """Return what a macro goes through: the items of a list, the keys of a map."""
    if isinstance(value, list | dict):
        return value
    raise no_overload("comprehension", value)


def _macro(name: str, inner: Node, given: list[Any]) -> Node:
    variable = str(_innermost(given[0], "ident").children[0])
    bodies = [_node(argument) for argument in given[1:]]

    def scopes(scope: Scope) -> Iterable[Scope]:
        return ({**scope, variable: item} for item in _items(inner(scope)))

    def matching(scope: Scope) -> list[Scope]:
        return [each for each in scopes(scope) if _boolean(bodies[0](each), name)]

    if name in ("all", "exists"):
        return lambda scope: _quantified(bodies[0], scopes(scope), decisive=name == "exists")
    if name == "exists_one":
        return lambda scope: len(matching(scope)) == 1
    if name == "filter":
        return lambda scope: [each[variable] for each in matching(scope)]
    if len(bodies) == 2:
        return lambda scope: [bodies[1](each) for each in matching(scope)]
    return lambda scope: [bodies[0](each) for each in scopes(scope)]


def _quantified(body: Node, scopes: Iterable[Scope], *, decisive: bool) -> bool:
    """Return `decisive` as soon as one scope says so; an error counts only if none does."""
    error = None
    for scope in scopes:
        try:
            if _boolean(body(scope), "quantifier") is decisive:
                return decisive
        except CelError as caught:
            error = error or caught
    if error:
        raise error
    return not decisive


def _identifier(tree: Any) -> Node:
    name = str(tree.children[0])
    if name in _RESERVED:
        raise CelError(f"compilation failed: reserved identifier '{name}'")

    def evaluate(scope: Scope) -> Any:
        if name in scope:
            return scope[name]
        if name in TYPES:
            return TYPES[name]
        raise CelError(f"undeclared reference to '{name}'")

    return evaluate


def _list(tree: Any) -> Node:
    nodes = [_node(each) for each in _arguments(tree.children[0] if tree.children else None)]
    return lambda scope: [node(scope) for node in nodes]


def _map(tree: Any) -> Node:
    nodes = [_node(each) for each in _arguments(tree.children[0] if tree.children else None)]
    pairs = tuple(zip(nodes[::2], nodes[1::2], strict=True))
    return lambda scope: {key(scope): value(scope) for key, value in pairs}


def _literal(tree: Any) -> Node:
    token = tree.children[0]
    value = _constant(token.type, str(token))
    return lambda _: value


def _constant(kind: str, text: str) -> Any:
    if kind == "BOOL_LIT":
        return text == "true"
    if kind == "NULL_LIT":
        return None
    if kind == "FLOAT_LIT":
        return float(text)
    if kind in ("INT_LIT", "UINT_LIT"):
        return int(text.rstrip("uU"), 0)
    return ast.literal_eval(text)


_BUILDERS: Mapping[str, Callable[[Any], Node]] = {
    "expr": lambda tree: _only(tree, _conditional),
    "conditionalor": lambda tree: _only(tree, lambda t: _logical(t, decisive=True)),
    "conditionaland": lambda tree: _only(tree, lambda t: _logical(t, decisive=False)),
    "relation": lambda tree: _only(tree, _relation),
    "addition": lambda tree: _only(tree, _arithmetic),
    "multiplication": lambda tree: _only(tree, _arithmetic),
    "unary": lambda tree: _only(tree, _unary),
    "member_dot": _member_dot,
    "member_dot_arg": _member_call,
    "member_index": _member_index,
    "ident_arg": _call,
    "ident": _identifier,
    "list_lit": _list,
    "map_lit": _map,
    "literal": _literal,
}
