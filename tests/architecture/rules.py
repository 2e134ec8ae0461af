"""The rules of the architecture. Each one reads the source and gives what breaks it.

What a module says alone is judged once per text; only circles are looked for in the whole graph.
"""

from __future__ import annotations

import ast
import functools
import statistics
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from tests.architecture.exceptions import EXCEPTIONS
from tests.architecture.floors import ANNEXES, FLOORS, GENERATED, GUARDED, MODULES, PACKAGE, PURE, Room
from tests.architecture.graph import circles, edges_within, graph_of
from tests.architecture.source import Module, Source, Use

_ROOM: Final[dict[str, Room]] = {name: room for rooms in (*FLOORS, ANNEXES) for room in rooms for name in room.members}
_FLOOR: Final[dict[str, int]] = {
    name: floor for floor, rooms in enumerate(FLOORS) for room in rooms for name in room.members
}
#: Their types are known in the transport alone.
_HTTP: Final = ("httpx", "httpx2", "httpcore", "httpcore2", "h11", "httptools")
_TRANSPORT: Final = "_transport"
#: What a finalizer may use beside PURE: none of these waits.
_FINAL: Final = frozenset({"os.close", "os.getpid"})
#: Calls that run an event loop, whatever they are called on.
_RUNS: Final = frozenset({"run_until_complete", "run_forever", "run_sync", "run_coroutine_threadsafe"})
#: A module is read in one sitting.
_LONGEST: Final = 400
_MEDIAN: Final = 150
#: Words that name nothing. A module called after them collects everything.
_EMPTY_WORDS: Final = frozenset({"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc"})


class Violation(NamedTuple):
    """What breaks a rule, and where."""

    rule: str
    module: str
    what: str
    line: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """The same for the same violation on another line."""
        return self.rule, self.module, self.what

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.what} [{self.rule}]"


#: What a rule gives: the module, what is wrong with it, and the line.
Found = Iterator[tuple[str, str, int]]
Rule = Callable[[Source], Found]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    """Register a rule under the name of its function."""
    RULES[function.__name__] = function
    return function


def each_module(function: Callable[[Module], Found]) -> Callable[[Module], Found]:
    """Register a rule that looks at one module at a time, and remember what it found in each."""

    @functools.cache
    def judged(module: Module) -> tuple[tuple[str, str, int], ...]:
        return tuple(function(module))

    RULES[function.__name__] = lambda source: (wrong for module in source.modules.values() for wrong in judged(module))
    return function


def broken(name: str, source: Source) -> list[Violation]:
    """What breaks a rule, each thing once."""
    found = [Violation(name, *wrong) for wrong in RULES[name](source)]
    return list({violation.key: violation for violation in reversed(found)}.values())[::-1]


# ---- who may know whom


@rule
def places(source: Source) -> Found:
    """Every room stands on a floor, and every name in the tables is that of a room."""
    there = {module.room for module in source.modules.values()}
    for name in sorted(there - _ROOM.keys()):
        yield f"{PACKAGE}.{name}", "stands on no floor: give it a room in tests/architecture/floors.py", 0
    for name in sorted(_ROOM.keys() - there):
        yield f"{PACKAGE}.{name}", "is in the tables, and nowhere else", 0


@rule
def floors(source: Source) -> Found:
    """A module imports from lower floors and from its own room."""
    for module in source.modules.values():
        if (room := _ROOM.get(module.room)) is None:
            continue
        for target, found in source.edges(module):
            above = source.modules[target].room
            lower = module.room in _FLOOR and _FLOOR.get(above, len(FLOORS)) < _FLOOR[module.room]
            if not (lower or above in room.members or above in room.also):
                yield module.name, f"imports {target}", found.line


@rule
def no_circles(source: Source) -> Found:
    """No module imports itself by way of others, neither when loaded, nor in a function, nor for its types."""
    graph = graph_of(source)
    for group in circles(graph):
        first, *others = sorted(group)
        yield first, f"is in a circle with {', '.join(others)}:\n{edges_within(group, graph)}", 0


@each_module
def outside(module: Module) -> Found:
    """A module uses from outside only what the tables allow to its room, or to it."""
    permitted = permissions(module)
    for found in module.imports:
        path = f"{found.module}.{found.name}" if found.name else found.module
        if not _is_ours(path) and not _leads_to(path, permitted):
            yield module.name, f"imports {path}", found.line
    for use in module.uses:
        if not _is_ours(use.path) and not _covered(use.path, permitted):
            yield module.name, f"uses {use.path}", use.line


def permissions(module: Module) -> frozenset[str]:
    """What a module may use from outside."""
    room = _ROOM.get(module.room)
    own = MODULES.get(module.name, PURE) | EXCEPTIONS.get(module.name, PURE)
    return own | PURE | (room.outside if room else PURE)


@each_module
def laziness(module: Module) -> Found:
    """`import openai_async` loads none of the package's modules."""
    for found in module.imports if module.name == PACKAGE else ():
        if found.when == "load" and _is_ours(found.module):
            yield module.name, f"loads {found.module}", found.line


# ---- what nobody does


@rule
def signatures(source: Source) -> Found:
    """No signature shows a type of an HTTP library: not by name, not in a string, not by an alias of the transport."""
    for module in source.modules.values():
        if module.room == _TRANSPORT:
            continue
        for use in module.uses:
            if use.annotates and (hidden := _http_type(use.path, source)):
                yield module.name, f"shows {hidden}", use.line


def _http_type(path: str, source: Source) -> str | None:
    """The type of an HTTP library that a dotted path stands for."""
    if path.partition(".")[0] in _HTTP:
        return path
    *parents, name = path.split(".")
    while parents and ".".join(parents) not in source.modules:
        name = parents.pop()
    if len(parents) < 2 or parents[1] != _TRANSPORT:
        return None
    meant = source.modules[".".join(parents)].meaning(name)
    return next((inner for inner in meant if inner.partition(".")[0] in _HTTP), None)


@each_module
def finalizers(module: Module) -> Found:
    """`__del__` runs where nobody can wait: it awaits nothing, runs no event loop, takes no lock, opens nothing."""
    for cls in module.nodes():
        if not isinstance(cls, ast.ClassDef):
            continue
        methods = {node.name: node for node in cls.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
        for method in _reached("__del__", methods):
            yield from _waits(module, method)


def _reached(name: str, methods: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]) -> Iterator[ast.stmt]:
    """A method, and those of its class that it calls on `self`."""
    todo, seen = [name], set[str]()
    while todo:
        if (name := todo.pop()) in seen or name not in methods:
            continue
        seen.add(name)
        yield methods[name]
        attributes = (node for node in ast.walk(methods[name]) if isinstance(node, ast.Attribute))
        todo += [node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "self"]


def _waits(module: Module, method: ast.stmt) -> Found:
    if isinstance(method, ast.AsyncFunctionDef):
        yield module.name, f"{method.name} awaits, for __del__", method.lineno
    for node in ast.walk(method):
        if isinstance(node, ast.Attribute) and node.attr in _RUNS:
            yield module.name, f"calls {node.attr} in __del__", node.lineno
    for use in _uses_in(module, method):
        if not _is_ours(use.path) and not _covered(use.path, PURE | _FINAL):
            yield module.name, f"uses {use.path} in __del__", use.line


def _uses_in(module: Module, node: ast.stmt) -> Iterator[Use]:
    end = node.end_lineno or node.lineno
    return (use for use in module.uses if node.lineno <= use.line <= end)


# ---- size and names


@each_module
def sizes(module: Module) -> Found:
    """A module written by hand is shorter than 400 lines. It is divided, not squeezed."""
    if not module.generated and (lines := module.text.count("\n")) >= _LONGEST:
        yield module.name, f"has {lines} lines", lines


@rule
def median(source: Source) -> Found:
    """Half of the modules written by hand are shorter than 150 lines."""
    lines = [module.text.count("\n") for module in source.modules.values() if module.text and not module.generated]
    if (middle := statistics.median(lines)) >= _MEDIAN:
        yield PACKAGE, f"has modules of {middle} lines in the median", 0


@each_module
def generated(module: Module) -> Found:
    """Generated modules stand in their rooms."""
    if module.generated and module.room not in GENERATED:
        yield module.name, "says that it was generated, and stands among what is written by hand", 1


@each_module
def names(module: Module) -> Found:
    """A module has the name of a thing."""
    words = {word for part in module.name.split(".") for word in part.split("_")}
    for word in sorted(words & _EMPTY_WORDS):
        yield module.name, f"is named {word!r}", 0


@each_module
def docstrings(module: Module) -> Found:
    """A module begins with a docstring; only an empty `__init__` may do without."""
    if module.tree.body and ast.get_docstring(module.tree) is None:
        yield module.name, "has no docstring", 1


#: The fields of a request, and the names that one is called by.
_REQUEST_FIELDS: Final = frozenset(
    [
        "method",
        "path",
        "decode",
        "timeout",
        "max_retries",
        "deadline",
        "body",
        "headers",
        "stream",
        "choices",
        "download",
        "rejected_media_types",
        "repeatable",
        "makes",
        "model",
        "scope",
        "size",
        "priority",
        "job",
        "on_send",
    ]
)
_REQUEST_NAMES: Final = frozenset({"request", "_request", "call", "_call"})


@each_module
def requests(module: Module) -> Found:
    """Nobody writes a request: it is built once, and a changed one is a copy."""
    if module.room not in {"_pipeline", "_streams", "_map", "resources", "batch", "client"}:
        return
    for node in module.nodes():
        match node:
            case ast.Attribute(
                value=ast.Name(name) | ast.Attribute(attr=name), attr=field, ctx=ast.Store() | ast.Del()
            ):
                if name in _REQUEST_NAMES and field in _REQUEST_FIELDS:
                    yield module.name, f"writes {name}.{field}", node.lineno
            case ast.Call(func=ast.Name("setattr"), args=[ast.Name(name) | ast.Attribute(attr=name), *_]):
                if name in _REQUEST_NAMES:
                    yield module.name, f"writes {name}", node.lineno


# ---- entries that nothing needs


def unused_permissions(source: Source) -> Iterator[str]:
    """What the tables allow and nobody uses."""
    for room in (room for rooms in (*FLOORS, ANNEXES) for room in rooms):
        inside = [module for module in source.modules.values() if module.room in room.members]
        for name in sorted(room.outside):
            if not any(_needs(module, name) for module in inside):
                yield f"{'/'.join(sorted(room.members))}: {name}"
    for where, entries in (*MODULES.items(), *EXCEPTIONS.items()):
        for name in sorted(entries):
            if where not in source.modules or not _needs(source.modules[where], name):
                yield f"{where}: {name}"


def _needs(module: Module, permission: str) -> bool:
    return any(_is_below(use.path, permission) for use in module.uses) or any(
        _is_below(found.module, permission) for found in module.imports
    )


def _covered(path: str, permitted: Iterable[str]) -> bool:
    """Whether a permission covers a path; that for a guarded name must name it."""
    guard = next((name for name in GUARDED if _is_below(path, name)), "")
    return any(_is_below(path, name) and (not guard or _is_below(name, guard)) for name in permitted)


def _leads_to(path: str, permitted: frozenset[str]) -> bool:
    """Whether importing a path gives something that is permitted."""
    return _covered(path, permitted) or any(_is_below(name, path) for name in permitted)


def _is_below(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}.")


def _is_ours(path: str) -> bool:
    return _is_below(path, PACKAGE)
