"""Where a name of the package is defined, followed through imports, and which names of a module are public."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tests.architecture.source import Module, Source

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign | ast.AnnAssign


class Found(NamedTuple):
    """A name and what defines it: several nodes are the overloads of a function."""

    module: Module
    name: str
    nodes: tuple[Definition, ...]


class Definitions:
    """The definitions at the top of each module."""

    def __init__(self, source: Source) -> None:
        self.source: Final = source

    def find(self, module: str, name: str) -> Found | None:
        """What a name of a module stands for, wherever it is defined; None for what the package does not define."""
        if (home := self.source.modules.get(module)) is None:
            return None
        if nodes := [node for node in statements(home.tree.body) if name in _defined(node)]:
            return Found(home, name, tuple(nodes))
        path = home.scope.path_of(ast.Name(name, ast.Load())) or ""
        before, _, last = path.rpartition(".")
        return self.find(before, last) if before else None

    def resolve(self, module: Module, expression: ast.expr) -> Found | None:
        """What an expression in a module names."""
        if isinstance(expression, ast.Subscript):
            return self.resolve(module, expression.value)
        path = module.scope.path_of(expression)
        if path is not None:
            before, _, last = path.rpartition(".")
            return self.find(before, last)
        return self.find(module.name, expression.id) if isinstance(expression, ast.Name) else None

    def public(self, module: Module) -> list[str]:
        """The names in `__all__`; without it those that do not begin with an underscore, and are not just imported."""
        listed = next((node for node in statements(module.tree.body) if "__all__" in _defined(node)), None)
        if listed is not None and isinstance(listed, (ast.Assign, ast.AnnAssign)) and listed.value is not None:
            return sorted(ast.literal_eval(listed.value))
        names = {name for node in statements(module.tree.body) for name in _defined(node)}
        names |= {
            alias.name
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.asname == alias.name
        }
        return sorted(name for name in names if not name.startswith("_"))


def statements(body: Sequence[ast.stmt]) -> Iterator[Definition]:
    """The definitions of a module or class, those under a condition included."""
    for node in body:
        if isinstance(node, Definition):
            yield node
        elif isinstance(node, (ast.If, ast.Try)):
            yield from statements(node.body)
            yield from statements(node.orelse)


def _defined(node: Definition) -> Iterator[str]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        yield node.name
        return
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    yield from (target.id for target in targets if isinstance(target, ast.Name))
