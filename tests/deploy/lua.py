"""Argo CD's scripts, run as Argo CD runs them: Lua 5.1 with the basic functions and `table`, and nothing else."""

from typing import Any

import yaml
from lupa import lua51

from tests.backends import ROOT
from tests.deploy.overlays import Manifest

ARGOCD = ROOT / "deploy" / "argocd"
ACTIONS = yaml.safe_load((ARGOCD / "actions.yaml").read_text())
_MISSING = ("string", "math", "io", "os", "debug", "coroutine", "package", "require", "dofile", "loadfile", "python")


def run(script: str, obj: Manifest) -> Any:
    """What a script returns for an object."""
    lua = lua51.LuaRuntime(unpack_returned_tuples=True, register_eval=False, register_builtins=False)
    for name in _MISSING:
        lua.execute(f"{name} = nil")
    lua.globals()["obj"] = lua.table_from(obj, recursive=True)
    return _plain(lua.execute(script))


def health(obj: Manifest, file: str = "health.lua") -> dict[str, str]:
    """Status and message of an object's health."""
    found = run((ARGOCD / file).read_text(), obj)
    assert set(found) == {"status", "message"}
    return dict(found)


def possible(obj: Manifest) -> set[str]:
    """The actions whose button can be pressed."""
    return {name for name, action in run(ACTIONS["discovery.lua"], obj).items() if not action["disabled"]}


def changed(obj: Manifest, action: str) -> Manifest:
    """An object as an action leaves it."""
    (script,) = (each["action.lua"] for each in ACTIONS["definitions"] if each["name"] == action)
    return dict(run(script, obj))


def _plain(value: Any) -> Any:
    """Tables as dictionaries and lists."""
    if lua51.lua_type(value) != "table":
        return value
    keys = list(value.keys())
    if keys and keys == list(range(1, len(keys) + 1)):
        return [_plain(value[key]) for key in keys]
    return {key: _plain(value[key]) for key in keys}
