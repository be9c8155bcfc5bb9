"""Rules mean what they mean on a real API server."""

from typing import Any

import pytest

from sandbox.apiserver.cel import CelError, Rule, compile_rules


def a_rule(text: str, **more: Any) -> Rule:
    return compile_rules([{"rule": text, **more}])[0]


HOLDS: list[tuple[str, Any]] = [
    ("type(self) == int ? self >= 0 && self <= 100 : true", 100),
    ("type(self) == int ? self >= 0 && self <= 100 : true", "500"),
    ("type(self.a) == string && type(self.b) == map && type(self.c) == list", {"a": "", "b": {}, "c": []}),
    ("has(self.a) != has(self.b)", {"a": 1}),
    ("[has(self.a), has(self.b), has(self.c)].filter(x, x).size() == 1", {"b": 1}),
    ("[has(self.a), has(self.b)].exists_one(x, x)", {"a": 1}),
    ("self.all(x, x.n.matches('^[a-z]+$') && size(x.n) < 5)", [{"n": "abc"}]),
    ("self.map(x, x.n).all(n, self.filter(y, y.n == n).size() == 1)", [{"n": "a"}, {"n": "b"}]),
    ("self.map(x, x > 1, x * 2) == [4, 6]", [1, 2, 3]),
    ("has(self.__for__) && self.__for__ == '5m' && self.x__dash__y == 1", {"for": "5m", "x-y": 1}),
    ("duration(self) > duration('59s') && duration(self).getSeconds() == 60", "1m"),
    ("'a' in self && self['a'] == 1 && self.all(k, self[k] > 0)", {"a": 1}),
    ("self.exists(x, x == 'b') && 'a' in self", ["a", "b"]),
    ("self[0] - 1 == 0 && -self[0] < 0 && 7 / 2 == 3 && 7 % 2 == 1", [1]),
    ("self.startsWith('a') && self.endsWith('c') && self.contains('b') && size(self) == 3", "abc"),
    ("int(self) < 7 && double(self) == 5.0 && string(5) == self", "5"),
    ("self.w >= 0.5 && self.w == 5.0", {"w": 5}),
    ("self.split(',').size() == 2 && self.lowerAscii() == 'a,b'", "A,B"),
    ("self.a || self.b", {"b": True}),
    ("!has(self.a) || self.a.b == 1", {}),
    ("self.exists(x, x.w == 1)", [{}, {"w": 1}]),
    ("true != 1", 0),
]
FAILS: list[tuple[str, Any]] = [
    ("type(self) == int ? self >= 0 && self <= 100 : true", 101),
    ("has(self.a) != has(self.b)", {"a": 1, "b": 1}),
    ("self.all(x, x > 1)", [1, 2]),
    ("self.a && self.b", {"a": False}),
]
ERRORS: list[tuple[str, Any]] = [
    ("self.a == 1", {}),
    ("self < 'a'", 1),
    ("self[3] == 1", [1]),
    ("self.a && self.b", {"a": True}),
    ("self.all(x, x.w == 1)", [{}, {"w": 1}]),
    ("self / 0 == 1", 1),
    ("self", 1),
    ("!self", 1),
    ("duration(self) > duration('1s')", "soon"),
]
NONSENSE = ["self.a ==", "self.for == 1", "unheard(self)", "self.unheard()", "self.all(1, true)", "has(self)"]


@pytest.mark.parametrize(("text", "value"), HOLDS)
def test_a_rule_holds(text: str, value: Any) -> None:
    assert a_rule(text).holds(value, None) is True


@pytest.mark.parametrize(("text", "value"), FAILS)
def test_a_rule_does_not_hold(text: str, value: Any) -> None:
    assert a_rule(text).holds(value, None) is False


@pytest.mark.parametrize(("text", "value"), ERRORS)
def test_a_rule_without_a_value_is_an_error(text: str, value: Any) -> None:
    with pytest.raises(CelError):
        a_rule(text).holds(value, None)


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_refused_when_it_is_compiled(text: str) -> None:
    with pytest.raises(CelError, match="compilation failed"):
        a_rule(text)


def test_a_rule_about_the_old_value_is_a_transition_rule() -> None:
    rule = a_rule("self.a == oldSelf.a", message="is immutable")
    assert (rule.transition, rule.holds({"a": 1}, {"a": 1}), rule.holds({"a": 1}, {"a": 2})) == (True, True, False)
    assert rule.says({}, {}) == "is immutable"


def test_a_message_may_be_an_expression() -> None:
    rule = a_rule("self < 5", messageExpression="'got ' + string(self)")
    assert rule.says(7, None) == "got 7"


def test_a_rule_without_a_message_names_itself() -> None:
    assert a_rule("self < 5").says(7, None) == "failed rule: self < 5"
