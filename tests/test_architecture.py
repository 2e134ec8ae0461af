"""The rules of the house, read from the imports and names of the source: who may know whom, and what nobody may do.

Nothing is imported here. Imports count wherever they stand (at the top, inside a function, for the type checker),
unless a test says otherwise.
"""

from __future__ import annotations

import ast
import functools
import statistics
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "openai_async"

#: From the ground up. A module imports from lower floors, and from its own room; rooms of one floor are strangers.
FLOORS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("errors", "types", "_version"),),
    (("_wire",), ("_policy",)),
    (("_beside",), ("_runtime",), ("_line",), ("_spending",), ("_exclusion",)),
    (("_transport",), ("_limiter", "_accounts", "_permits", "_waiting")),
    (("_layers",),),
    (("_body", "_stream", "_text_pieces"), ("_map", "_window"), ("webhooks",)),
    (("resources",),),
    (("batch",), ("tools",), ("tuning",)),
    (("client", "azure", "_settings", "_nouns"), ("validation",)),
    (("sync",), ("integrations",)),
    (("cli",),),
)
FLOOR = {name: floor for floor, rooms in enumerate(FLOORS) for room in rooms for name in room}
ROOM = {name: room for rooms in FLOORS for room in rooms for name in room}

#: They stand beside the house, and see only its ground.
ANNEXES = ("emulator", "testing")
GROUND = ("errors", "types", "_wire")


class Import(NamedTuple):
    """One import: the module that says it, the module it names, and whether it runs when the first one is loaded."""

    source: str
    target: str
    line: int
    at_load: bool


# ---- reading the source


@functools.cache
def trees() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name."""
    found: dict[str, ast.Module] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text("utf-8"), str(path))
    return found


def is_package(module: str) -> bool:
    return (PACKAGE.parent / module.replace(".", "/") / "__init__.py").exists()


@functools.cache
def imports() -> tuple[Import, ...]:
    """Every import of the package, inside and outside of it."""
    return tuple(found for module, tree in trees().items() for found in _imports_of(module, tree.body, True))


def _imports_of(module: str, body: list[ast.stmt], at_load: bool) -> Iterator[Import]:
    for node in body:
        for name in _named_by(module, node):
            yield Import(module, name, node.lineno, at_load)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _imports_of(module, node.body, False)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _imports_of(module, node.body, "not" in ast.unparse(node.test) and at_load)
            yield from _imports_of(module, node.orelse, at_load)
        else:
            for field in ("body", "orelse", "finalbody"):
                yield from _imports_of(module, getattr(node, field, []), at_load)
            for part in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
                yield from _imports_of(module, part.body, at_load)


def _named_by(module: str, node: ast.stmt) -> list[str]:
    """The modules that one statement names, `import_module("...")` included."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = module.split(".") if is_package(module) else module.split(".")[:-1]
            base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
        submodules = [f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in trees()]
        return submodules + ([base] if len(submodules) < len(node.names) else [])
    if hasattr(node, "body"):
        return []  # its statements are read one by one
    return [
        call.args[0].value
        for call in calls(node)
        if name_of(call.func).rpartition(".")[2] in ("import_module", "__import__")
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    ]


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def name_of(expression: ast.expr) -> str:
    """`time.time` for that expression, an empty string for one that is not a dotted name."""
    if isinstance(expression, ast.Attribute):
        before = name_of(expression.value)
        return f"{before}.{expression.attr}" if before else ""
    return expression.id if isinstance(expression, ast.Name) else ""


def room_of(module: str) -> str:
    """`_wire` for `openai_async._wire.json`; an empty string for the package itself."""
    return module.split(".")[1] if "." in module else ""


def inside() -> Iterator[Import]:
    """Imports from one module of the package to another, without those of the lazy `__init__`."""
    return (found for found in imports() if found.target.split(".")[0] == "openai_async" and room_of(found.source))


def outside(*libraries: str) -> Iterator[Import]:
    """Imports of one of these libraries."""
    return (found for found in imports() if found.target.split(".")[0] in libraries)


def say(wrong: list[Import]) -> str:
    return "".join(f"\n{found.source}:{found.line} imports {found.target}" for found in wrong)


# ---- who may know whom


def test_imports_are_seen_wherever_they_stand() -> None:
    """The rules below cannot be passed by hiding an import."""
    source = """
import a
from . import errors, types
from .._wire.json import loads
if TYPE_CHECKING:
    import b
else:
    import c
try:
    import d
except ImportError:
    e = import_module("e")
class Thing:
    import f
    async def method(self):
        with open("x"):
            import g
"""
    found = _imports_of("openai_async.room.module", ast.parse(source).body, True)
    seen = [(each.target.removeprefix("openai_async."), each.at_load) for each in found]
    assert seen == [
        ("a", True),
        ("room", True),
        ("_wire.json", True),
        ("b", False),
        ("c", True),
        ("d", True),
        ("e", True),
        ("f", True),
        ("g", False),
    ]


def test_every_module_has_its_place() -> None:
    """A new room is put on a floor before anybody moves in."""
    rooms = {room_of(name) for name in trees()} - {""}
    assert rooms <= {*FLOOR, *ANNEXES, "_tools", "__main__"}
    assert {"errors", "types", "_wire", "_transport", "client"} <= rooms, "the tree was not read"


def test_modules_import_from_lower_floors_or_their_own_room() -> None:
    """Data flows one way: nobody imports from above, nor from the room next door."""
    wrong = [
        found
        for found in inside()
        if (source := room_of(found.source)) in FLOOR
        and room_of(found.target) not in ROOM[source]
        and FLOOR.get(room_of(found.target), len(FLOORS)) >= FLOOR[source]
        and not (FLOOR[source] > FLOOR["client"] and room_of(found.target) == "")  # users of the public names
        and not (source == "cli" and room_of(found.target) in ANNEXES)
    ]
    assert not wrong, say(wrong)


@pytest.mark.parametrize("annex", ANNEXES)
def test_the_annexes_see_only_the_ground_of_the_house(annex: str) -> None:
    """The emulator and the test tools work without the client they test."""
    wrong = [
        found for found in inside() if room_of(found.source) == annex and room_of(found.target) not in (*GROUND, annex)
    ]
    assert not wrong, say(wrong)


def test_no_modules_import_each_other_in_a_circle_when_loaded() -> None:
    """Any module can be the first one that is imported."""
    graph: dict[str, set[str]] = {name: set() for name in trees()}
    for found in imports():
        if found.at_load and found.target in graph:
            graph[found.source].add(found.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize(
    ("libraries", "places"),
    [
        (("httpx", "httpx2", "httpcore", "httpcore2", "h11", "httptools"), ("openai_async._transport",)),
        (("cattrs",), ("openai_async._wire.codec",)),
        (("tiktoken",), ("openai_async._policy",)),
    ],
)
def test_a_library_is_known_in_one_place(libraries: tuple[str, ...], places: tuple[str, ...]) -> None:
    """Exchanging a library means editing one room."""
    uses = list(outside(*libraries))
    wrong = [use for use in uses if not any(use.source == p or use.source.startswith(f"{p}.") for p in places)]
    assert not wrong, say(wrong)


def test_values_codecs_and_decisions_know_no_event_loop_no_clock_and_no_io() -> None:
    """Whatever decides is arithmetic, and can be tested as such."""
    banned = ("asyncio", "anyio", "trio", "sniffio", "time", "random", "socket", "ssl", "select", "selectors")
    rooms = ("errors", "types", "_wire", "_policy")
    wrong = [found for found in outside(*banned) if room_of(found.source) in rooms]
    assert not wrong, say(wrong)


def test_the_public_names_are_loaded_lazily() -> None:
    """`import openai_async` loads none of its own modules."""
    wrong = [
        found
        for found in imports()
        if found.source == "openai_async" and found.at_load and found.target.startswith("openai_async")
    ]
    assert not wrong, say(wrong)


# ---- what nobody does


def test_nothing_is_unpickled_evaluated_or_executed() -> None:
    """No bytes from outside ever become code."""
    wrong = list(outside("pickle", "marshal", "shelve", "dill", "cloudpickle", "diskcache", "yaml", "code"))
    assert not wrong, say(wrong)
    called = {
        f"{module}: {name_of(call.func)}"
        for module, tree in trees().items()
        for call in calls(tree)
        if name_of(call.func) in ("eval", "exec", "compile", "__import__")
    }
    assert not called


def test_the_wall_clock_is_read_for_dates_and_epoch_fields_of_the_api_only() -> None:
    """A clock that is set back, or forward, changes no wait and no limit."""
    clocks = ("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime")
    dates = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today")
    readers = {
        module
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and (name_of(node) in clocks or name_of(node).endswith(dates))
    } | {
        module
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time" and any(a.name == "time" for a in node.names)
    }
    allowed = {"openai_async._layers.send", "openai_async.resources.models", "openai_async.webhooks"}
    assert {name for name in readers if room_of(name) != "emulator"} <= allowed


def test_only_the_command_line_prints() -> None:
    """A library that prints ruins its user's output."""
    printers = {
        module
        for module, tree in trees().items()
        if any(name_of(call.func) in ("print", "pprint", "pprint.pprint") for call in calls(tree))
    }
    assert {name for name in printers if room_of(name) not in ("cli", "_tools")} == set()


def test_no_finalizer_awaits() -> None:
    """`__del__` runs where nobody can wait."""
    wrong = [
        module
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "__del__"
    ]
    assert not wrong


# ---- size and names


def lengths() -> dict[str, int]:
    """Lines of every module that was written by hand: generated ones say so in their first line."""
    texts = {path: path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    return {
        str(path.relative_to(PACKAGE)): text.count("\n")
        for path, text in texts.items()
        if "generated" not in text.partition("\n")[0].lower()
    }


def test_modules_are_short() -> None:
    """A module is read in one sitting: below 400 lines, and half of them below 200."""
    lines = lengths()
    assert {name: count for name, count in lines.items() if count >= 400} == {}
    assert statistics.median(count for count in lines.values() if count) < 200


def test_modules_have_names_of_things() -> None:
    """A module named after nothing collects everything."""
    words = {word for name in trees() for part in name.split(".") for word in part.split("_")}
    assert not words & {"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"}


def test_every_module_says_what_it_promises() -> None:
    """Each module begins with a docstring; only an empty `__init__` may do without."""
    silent = [name for name, tree in trees().items() if tree.body and ast.get_docstring(tree) is None]
    assert not silent
