"""What the reader of the source sees, and what it does not take for what it is not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.architecture.graph import circles
from tests.architecture.source import Source, parsed


def test_imports_are_seen_wherever_they_stand() -> None:
    """No rule is passed by hiding an import."""
    source = """
import a
from . import b
from .._wire.json import loads
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import c
else:
    import d
if not TYPE_CHECKING:
    import e
try:
    import f
except ImportError:
    g = import_module("g")
from importlib import import_module
class Thing:
    import h
    async def method(self):
        with open("x"):
            import i
        return (lambda: __import__("j"))
match 1:
    case 1:
        import k
"""
    found = parsed("openai_async.room.module", source, False).imports
    assert [(each.module, each.name, each.when) for each in found if each.module not in ("typing", "importlib")] == [
        ("a", "", "load"),
        ("openai_async.room", "b", "load"),
        ("openai_async._wire.json", "loads", "load"),
        ("c", "", "typing"),
        ("d", "", "load"),
        ("e", "", "load"),
        ("f", "", "load"),
        ("g", "", "load"),
        ("h", "", "load"),
        ("i", "", "call"),
        ("j", "", "call"),
        ("k", "", "load"),
    ]


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("import os\nos.environ", ["os.environ"]),
        ("import os.path as p\np.join", ["os.path.join"]),
        ("import os.path\nos.path.join", ["os.path.join"]),
        ("from datetime import datetime as dt\ndt.now()", ["datetime.datetime.now"]),
        ("import time\nclock = time\nclock.time", ["time", "time.time"]),
        ("import os\ngetattr(os, 'environ')", ["os.environ"]),
        ("import os\ngetattr(os, name)", ["builtins.getattr", "os", "name"]),
        ("import time\ndef f(time): return time.sleep", []),
        ("import time\ndef f():\n    time = 1\n    return lambda: time.sleep", []),
        ("import time\ndef f():\n    global time\n    time.sleep\n    time = 1", ["time.sleep"]),
        ("import time\nclass C:\n    time = 1\n    def f(self): return time.sleep", ["time.sleep"]),
        ("def f(x=open): ...", ["builtins.open"]),
        ("def open(): ...\nopen()", []),
        ("class C:\n    def open(self): open(1)", ["builtins.open"]),
        ("x: 'a.B[\"c.D\"]'", ["a.B", "c.D"]),
        ("from typing import Literal\nx: Literal['a.b']", ["typing.Literal"]),
        ("x = 'a.b'", []),
        ("try: ...\nexcept A as open: open()", ["A"]),
    ],
)
def test_a_use_is_followed_to_what_it_names(text: str, used: list[str]) -> None:
    """Another name for a thing hides nothing; a parameter or variable of the same name is not the thing."""
    assert [use.path for use in parsed("module", text, False).uses] == used


def test_a_string_that_names_a_module_is_an_import_of_it() -> None:
    """A table of homes hides no import; the packages that a module is in are loaded before it anyway."""
    source = Source({})
    for name, text in {
        "openai_async.a": "",
        "openai_async.b.c": "T = {1: 'openai_async.a', 2: 'openai_async.b'}",
    }.items():
        source = source.changed(name, text)
    source = source.changed("openai_async.b", "")
    assert [target for target, _ in source.edges(source.modules["openai_async.b.c"])] == ["openai_async.a"]


def graph(text: str) -> Mapping[str, Mapping[str, object]]:
    """`a:bc` says that a imports b and c."""
    return {part[0]: dict.fromkeys(part[2:]) for part in text.split()}


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("a:b b:c c:", []),
        ("a:b b:a c:a", ["ab"]),
        ("a:b b:c c:ad d:e e:d f:ae", ["abc", "de"]),
        ("a:bc b:d c:d d:e e:", []),
        ("a:b b:c c:b d:a", ["bc"]),
    ],
)
def test_circles_are_the_sets_of_modules_that_reach_each_other(text: str, groups: list[str]) -> None:
    """A way back makes a circle; a diamond does not."""
    assert circles(graph(text)) == [frozenset(group) for group in groups]
