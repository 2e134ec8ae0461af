"""What the generator reads: modules as syntax trees, and which names in them are asynchronous."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from openai_async._codegen import sync_table as table

TOP = "openai_async"


class Refused(Exception):
    """The source holds something that has no synchronous form; the message says where."""


class Import(NamedTuple):
    """A name that a module imports from another one."""

    module: str
    name: str  # empty for the module itself
    checking: bool  # for type checkers only


def dotted(path: Path) -> str:
    """`openai_async.batch.api` for `batch/api.py`."""
    return ".".join([TOP, *path.with_suffix("").parts])


class Source:
    """One module of the core."""

    def __init__(self, package: Path, path: Path) -> None:
        self.path = path
        self.text = (package / path).read_text("utf-8")
        self.lines = self.text.splitlines()
        self.tree = ast.parse(self.text, str(path))
        self.imports: dict[str, Import] = {}
        self.variables: dict[str, ast.Assign] = {}
        self.aliases: dict[str, ast.expr] = {}
        self.classes = {node.name: node for node in self.tree.body if isinstance(node, ast.ClassDef)}
        for node in self.tree.body:
            self._read(node, False)

    def _read(self, node: ast.stmt, checking: bool) -> None:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                self.imports[alias.asname or alias.name] = Import(node.module or "", alias.name, checking)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                self.imports[alias.asname or alias.name] = Import(alias.name, "", checking)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for each in node.body:
                self._read(each, True)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            if ast.unparse(node.value.func) == "TypeVar" and isinstance(node.targets[0], ast.Name):
                self.variables[node.targets[0].id] = node
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias" and node.value:
            self.aliases[ast.unparse(node.target)] = node.value

    @property
    def public(self) -> list[ast.ClassDef]:
        """The classes that get a synchronous class."""
        return [node for name, node in self.classes.items() if _is_asynchronous_name(name)]

    def segment(self, node: ast.AST) -> str:
        """The text of an expression, on one line."""
        return " ".join((ast.get_source_segment(self.text, node) or "").split())

    def refuse(self, node: ast.AST, why: str) -> Refused:
        return Refused(f"{TOP}/{self.path}:{getattr(node, 'lineno', 0)}: {why}")

    @staticmethod
    def defines_asynchronous(path: Path) -> bool:
        return re.search(r"^class Async[A-Z]", path.read_text("utf-8"), re.MULTILINE) is not None


class Sources:
    """All modules of one run, with the synchronous module of each, and the rows of the table that were used."""

    def __init__(self, package: Path, targets: Mapping[Path, Path]) -> None:
        self.targets = targets
        self._package = package
        self._used: set[str] = set()
        self.source = cache(self._load)
        self._homes = {node.name: path for path in targets for node in self.source(path).public}

    def _load(self, path: Path) -> Source:
        return Source(self._package, path)

    def home(self, name: str) -> str | None:
        """The synchronous module of a public asynchronous class; None if it is none."""
        path = self._homes.get(name)
        return None if path is None else dotted(self.targets[path])

    def definition(self, name: str) -> ast.ClassDef:
        """A public asynchronous class."""
        return self.source(self._homes[name]).classes[name]

    def use(self, row: str) -> None:
        """A row of the table is of use."""
        self._used.add(row)

    def unused_rows(self) -> list[str]:
        """Rows that nothing used."""
        names = [*table.TYPES, *table.METHODS, *table.PARAMETERS, *table.BASES, *table.CONSTRUCTED]
        names += [*table.PLAIN, *table.BODIES, *table.DOCSTRINGS, *(old for old, _ in table.WORDS)]
        return [name for name in names if name not in self._used]

    def is_asynchronous(self, imported: Import) -> bool:
        """Whether a name stands for something with asynchronous methods."""
        if imported.name.startswith("Async") or imported.name in ("Awaitable", "Coroutine"):
            return True
        if imported.module.split(".")[0] in ("anyio", "asyncio", "trio"):
            return True
        if imported.module.split(".")[0] != TOP:
            return False
        path = Path(*imported.module.split(".")[1:]).with_suffix(".py")
        if not (self._package / path).exists():
            return False
        source = self.source(path)
        if imported.name in source.imports:
            return self.is_asynchronous(source.imports[imported.name])
        cls = source.classes.get(imported.name)
        return cls is not None and any(isinstance(node, ast.AsyncFunctionDef) for node in cls.body)


def _is_asynchronous_name(name: str) -> bool:
    return re.match(r"Async[A-Z]", name) is not None
