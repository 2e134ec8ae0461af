"""What a name stands for, by Python's rules of scope: an import, a builtin, or something of the module's own."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from typing import Final

_BUILTINS: Final = frozenset(dir(builtins))


class Scope:
    """The names that a module, class or function binds: to what was imported, or to something of its own (None).

    A name that nothing binds stands for itself: `__file__`, or a name that only a string mentions.
    """

    def __init__(self, outer: Scope | None, *, is_class: bool) -> None:
        self._outer = outer
        self._is_class = is_class
        self._names: dict[str, str | None] = {}

    def bind(self, body: Sequence[ast.stmt], package: str) -> None:
        """Bind what the statements bind. An import wins over other bindings of its name."""
        imported: dict[str, str] = {}
        aliases: list[tuple[str, ast.expr]] = []
        elsewhere: set[str] = set()
        for node in _own_nodes(body):
            if isinstance(node, ast.Import):
                imported |= {a.asname or a.name.partition(".")[0]: _bound(a) for a in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = dotted(node, package)
                imported |= {a.asname or a.name: f"{base}.{a.name}" for a in node.names}
            elif isinstance(node, (ast.Global, ast.Nonlocal)):
                elsewhere |= {*node.names}
            elif (alias := _alias(node)) is not None:
                aliases.append(alias)
            for name in _bindings(node):
                self._names.setdefault(name, None)
        for name in elsewhere:
            self._names.pop(name, None)
        self._names |= imported
        for name, value in aliases:
            if name not in imported and (path := self.path_of(value)) is not None:
                self._names[name] = path

    def bind_arguments(self, arguments: ast.arguments) -> None:
        """Bind the parameters of a function."""
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
        for argument in filter(None, every):
            self._names.setdefault(argument.arg, None)

    def path_of(self, node: ast.expr) -> str | None:
        """`time.time` for an expression that names it, `getattr(time, "time")` included."""
        if isinstance(node, ast.Name):
            return self._path_of_name(node.id)
        if isinstance(node, ast.Attribute):
            before = self.path_of(node.value)
            return None if before is None else f"{before}.{node.attr}"
        match node:
            case ast.Call(func=ast.Name("getattr" | "hasattr"), args=[value, ast.Constant(str(name)), *_]):
                before = self.path_of(value)
                return None if before is None else f"{before}.{name}"
            case _:
                return None

    def _path_of_name(self, name: str) -> str | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope._names and (scope is self or not scope._is_class):
                return scope._names[name]
            scope = scope._outer
        return f"builtins.{name}" if name in _BUILTINS else name


def dotted(node: ast.ImportFrom, package: str) -> str:
    """The module that a from-import names, made absolute."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])


def _bound(alias: ast.alias) -> str:
    return alias.name if alias.asname else alias.name.partition(".")[0]


def _alias(node: ast.AST) -> tuple[str, ast.expr] | None:
    """`name = some.dotted.path`."""
    match node:
        case ast.Assign(targets=[ast.Name(name)], value=value) | ast.AnnAssign(target=ast.Name(name), value=value):
            return None if value is None else (name, value)
        case _:
            return None


def _own_nodes(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    """Every node of a scope, without the insides of its functions and classes."""
    todo: list[ast.AST] = list(reversed(body))
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        todo.extend(reversed(list(ast.iter_child_nodes(node))))


def _bindings(node: ast.AST) -> Iterator[str]:
    """The names that a node binds, imports aside."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case _:
            pass
