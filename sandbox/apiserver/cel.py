"""The rules of x-kubernetes-validations: compiled once, asked for every object."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.apiserver.cel_expressions import Node, compile_expression
from sandbox.apiserver.cel_functions import CelError
from sandbox.changes import Object

__all__ = ["CelError", "Rule", "compile_rules"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. A `transition` rule speaks of oldSelf and is asked only when there is one."""

    text: str
    test: Node
    message: str
    message_test: Node | None
    reason: str
    field_path: str
    transition: bool

    def holds(self, value: Any, old: Any) -> bool:
        """Whether `value` keeps the rule; raises CelError if that cannot be said."""
        result = self.test({"self": value, "oldSelf": old})
        if not isinstance(result, bool):
            raise CelError("the rule does not evaluate to a bool")
        return result

    def says(self, value: Any, old: Any) -> str:
        """Return the message for a `value` that breaks the rule."""
        if self.message_test is not None:
            return str(self.message_test({"self": value, "oldSelf": old}))
        return self.message or f"failed rule: {self.text}"


def compile_rules(sources: Iterable[Object]) -> tuple[Rule, ...]:
    """Compile the rules of one schema node; raises CelError."""
    return tuple(_rule(source) for source in sources)


def _rule(source: Object) -> Rule:
    text, message = source["rule"].strip(), source.get("messageExpression")
    return Rule(
        text=text,
        test=compile_expression(text),
        message=source.get("message", ""),
        message_test=compile_expression(message) if message else None,
        reason=source.get("reason", "FieldValueInvalid"),
        field_path=source.get("fieldPath", ""),
        transition=re.search(r"\boldSelf\b", text) is not None,
    )
