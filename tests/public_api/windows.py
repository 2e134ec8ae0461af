"""What is pinned: one text for each window through which the package is seen."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from tests.architecture.source import Module, Source
from tests.public_api.definitions import Definitions, Found
from tests.public_api.describe import Describer

#: The texts, and the modules that each one describes. "X" is X alone, "X.*" is every public module below X, too.
WINDOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "openai_async": ("openai_async", "openai_async.errors", "openai_async.batch", "openai_async.webhooks"),
    "types": ("openai_async.types.*",),
    "resources": ("openai_async.resources.*",),
    "sync": ("openai_async.sync.*",),
    "emulator": ("openai_async.emulator",),
    "testing": ("openai_async.testing",),
}
#: The text of the private classes that public ones inherit from.
INHERITED: Final = "inherited"
#: Of these only the classes and aliases are public: whoever holds a client reaches nothing else.
_CLASSES_ONLY: Final = ("openai_async.resources", "openai_async.sync")


class Surface:
    """The public names of one state of the source."""

    def __init__(self, source: Source, windows: Mapping[str, tuple[str, ...]] = WINDOWS) -> None:
        self._definitions = Definitions(source)
        self._modules = {window: [*_modules(source, patterns)] for window, patterns in windows.items()}
        self._seen = {module.name for modules in self._modules.values() for module in modules}
        self._public = {
            (found.module.name, found.name)
            for modules in self._modules.values()
            for module in modules
            for _, found in self.names(module)
        }
        self._describer = Describer(self._definitions, self._is_public)

    def texts(self) -> dict[str, str]:
        """Every public name with its signature, by window; and what public classes inherit from private ones."""
        texts = {window: "".join(map(self._section, modules)) for window, modules in self._modules.items()}
        inherited = sorted(self._inherited(), key=lambda found: (found.name, found.module.name))
        lines = [line for found in inherited for line in self._describer.lines(found, found.name)]
        return {**texts, INHERITED: "".join(f"{line}\n" for line in ["", "# private bases of public classes", *lines])}

    def names(self, module: Module) -> Iterator[tuple[str, Found]]:
        """The public names of a module that the package defines."""
        for name in self._definitions.public(module):
            found = self._definitions.find(module.name, name)
            if found is not None and (not module.name.startswith(_CLASSES_ONLY) or _is_type(found)):
                yield name, found

    def public_names(self) -> Iterator[tuple[str, str]]:
        """Each public module with each of its public names."""
        for modules in self._modules.values():
            yield from ((module.name, name) for module in modules for name, _ in self.names(module))

    def _section(self, module: Module) -> str:
        lines: list[str] = []
        for name, found in self.names(module):
            if found.module is not module and found.module.name in self._seen:
                lines.append(f"{name} is {found.module.name}.{found.name}")
            else:
                lines += self._describer.lines(found, name)
        return "".join(f"{line}\n" for line in ["", f"# {module.name}", *lines]) if lines else ""

    def _inherited(self) -> list[Found]:
        todo = [*filter(None, (self._definitions.find(*home) for home in self._public))]
        known: dict[tuple[str, str], Found] = {}
        while todo:
            found = todo.pop()
            node = found.nodes[0]
            for base in node.bases if isinstance(node, ast.ClassDef) else ():
                inherited = self._definitions.resolve(found.module, base)
                if inherited is not None and not self._is_public(inherited):
                    known[inherited.module.name, inherited.name] = inherited
                    todo.append(inherited)
        return [*known.values()]

    def _is_public(self, found: Found) -> bool:
        return (found.module.name, found.name) in self._public


def _modules(source: Source, patterns: tuple[str, ...]) -> Iterator[Module]:
    for pattern in patterns:
        root = pattern.removesuffix(".*")
        for name, module in sorted(source.modules.items()):
            below = name.removeprefix(root).split(".")[1:]
            is_public = not any(part.startswith("_") for part in below)
            if name == root or (pattern != root and name.startswith(f"{root}.") and is_public):
                yield module


def _is_type(found: Found) -> bool:
    node = found.nodes[0]
    return isinstance(node, ast.ClassDef) or (isinstance(node, ast.AnnAssign) and "TypeAlias" in ast.dump(node))
