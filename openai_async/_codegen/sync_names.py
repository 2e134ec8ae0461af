"""Names and types of the core as a synchronous module has them: what it imports for them, and what is refused."""

from __future__ import annotations

import ast
import hashlib
from collections import defaultdict
from collections.abc import Mapping
from typing import TypeVar

from openai_async._codegen import sync_table as table
from openai_async._codegen.sync_source import Import, Source, Sources, dotted

T = TypeVar("T")


class Names:
    """The names of one synchronous module, with a hash of everything that was read for it."""

    def __init__(self, sources: Sources, source: Source, module: str) -> None:
        self._sources = sources
        self._source = source
        self._module = module
        #: Module -> names, as they are imported: at run time, and for type checkers only.
        self.runtime: defaultdict[str, set[str]] = defaultdict(set)
        self.checking: defaultdict[str, set[str]] = defaultdict(set)
        self.variables: set[str] = set()
        self.aliases: dict[str, str] = {}
        self._hash = hashlib.sha256()

    def read(self, text: str) -> None:
        """Note a piece of what the module is made from."""
        self._hash.update(text.encode())

    @property
    def digest(self) -> str:
        """SHA-256 of all that was read so far."""
        return self._hash.hexdigest()

    def type(self, node: ast.expr | None, location: ast.AST, *, keep: bool = False) -> str:
        """An annotation, as the synchronous module has it.

        `keep` leaves asynchronous types of the standard library as they are.
        """
        if node is None:
            raise self._source.refuse(location, "an annotation is missing")
        match node:
            case ast.Constant(value=None):
                return "None"
            case ast.Constant(value=str()):
                return '"' + str(node.value) + '"'
            case ast.Constant():
                return "..." if node.value is ... else repr(node.value)
            case ast.Name():
                return self.name(node.id, location, keep=keep)
            case ast.Attribute():
                self.name(ast.unparse(node).partition(".")[0], location)
                return ast.unparse(node)
            case ast.BinOp(op=ast.BitOr()):
                left, right = self.type(node.left, location, keep=keep), self.type(node.right, location, keep=keep)
                return f"{left} | {right}"
            case ast.List() | ast.Tuple():
                inner = ", ".join(self.type(each, location, keep=keep) for each in node.elts)
                return f"[{inner}]" if isinstance(node, ast.List) else inner
            case ast.Subscript():
                return f"{self.type(node.value, location, keep=keep)}[{self.type(node.slice, location, keep=keep)}]"
            case _:
                raise self._source.refuse(location, f"the annotation {ast.unparse(node)} has no rule")

    def name(self, name: str, location: ast.AST, *, keep: bool = False, source_side: bool = False) -> str:
        """A name of the source as the synchronous module calls it; also notes its import.

        `source_side` keeps the name of the core.
        """
        self.read(name)
        imported, home = self._source.imports.get(name), self._sources.home(name)
        if name in self._source.variables:
            self.variables.add(name)
            for part in ast.walk(self._source.variables[name].value):
                if isinstance(part, ast.Name) and part.id != "TypeVar":
                    self.name(part.id, location)
            return name
        if name in self._source.aliases:
            self.aliases[name] = self.type(self._source.aliases[name], location)
            return name
        if home is not None and not source_side:
            if home != self._module:
                self.add(Import(home, sync_name(name), imported is not None and imported.checking), sync_name(name))
            return sync_name(name)
        if name in self._source.classes:
            return self.add(Import(dotted(self._source.path), name, False), name)
        if imported is None:
            if name in table.HOMES:
                self.runtime[table.HOMES[name]].add(name)
            return name  # a builtin
        if (row := self.row(table.TYPES, name)) is not None and not keep:
            self.runtime[row[1]].add(row[0])
            return row[0]
        if not keep and not source_side and self._sources.is_asynchronous(imported):
            raise self._source.refuse(location, f"{name} is asynchronous, and sync_table does not know it")
        return self.add(imported, name)

    def add(self, imported: Import, name: str) -> str:
        """Import a name."""
        (self.checking if imported.checking else self.runtime)[imported.module].add(
            imported.name if imported.name in (name, "") else f"{imported.name} as {name}"
        )
        return name

    def row(self, rows: Mapping[str, T], name: str) -> T | None:
        """A row of the table, which is of use then."""
        value = rows.get(name)
        if value is not None:
            self._sources.use(name)
        return value


def sync_name(name: str) -> str:
    """`Client` for `AsyncClient`."""
    return name.removeprefix("Async")
