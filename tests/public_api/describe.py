"""The signature of a public name as lines of text: what a caller can rely on, and nothing of how it is done."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Final

from tests.architecture.floors import words
from tests.architecture.source import Module
from tests.public_api.definitions import Definitions, Found, statements

#: Special methods that users reach by syntax or by calling. Others, such as `__repr__`, promise no more than any class.
_SPECIAL: Final = words(
    """
    __init__ __call__ __await__ __enter__ __exit__ __aenter__ __aexit__ __iter__ __next__ __aiter__ __anext__
    __len__ __contains__ __getitem__ __bool__ __int__ __float__ __bytes__ __fspath__
    """
)
_WIDTH: Final = 118


class Describer:
    """Writes the lines of a definition."""

    def __init__(self, definitions: Definitions, is_public: Callable[[Found], bool]) -> None:
        self._definitions = definitions
        self._is_public = is_public

    def lines(self, found: Found, name: str) -> Iterator[str]:
        """The lines of what a public name stands for."""
        for node in found.nodes:
            if isinstance(node, ast.ClassDef):
                yield from self._class(found.module, node, name)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield from self._function(found.module, node)
            else:
                yield from self._value(found.module, node, name)

    # ---- classes

    def _class(self, module: Module, node: ast.ClassDef, name: str) -> Iterator[str]:
        bases = [ast.unparse(part) for part in (*node.bases, *node.keywords)]
        decorated = "".join(f"@{ast.unparse(each)} " for each in node.decorator_list)
        yield from wrapped(f"{decorated}class {name}", bases, ":") if bases else [f"{decorated}class {name}:"]
        members = [*self._fields(module, node), *sorted(self._attributes(node)), *self._methods(module, node)]
        yield from (f"    {line}" for line in members)

    def _fields(self, module: Module, node: ast.ClassDef) -> Iterator[str]:
        """In their order, which is that of the arguments where a class has an `__init__` made from them."""
        for each in statements(node.body):
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                if not each.target.id.startswith("_"):
                    yield f"{each.target.id}: {ast.unparse(each.annotation)}{self._default(module, each.value)}"
            elif isinstance(each, ast.Assign):
                for target in each.targets:
                    if isinstance(target, ast.Name) and not target.id.startswith("_"):
                        yield f"{target.id} = {ast.unparse(each.value)}"

    def _attributes(self, node: ast.ClassDef) -> Iterator[str]:
        """What `__init__` sets, and no field declares."""
        declared = {ast.unparse(each.target) for each in statements(node.body) if isinstance(each, ast.AnnAssign)}
        for function in statements(node.body):
            if not isinstance(function, ast.FunctionDef) or function.name != "__init__":
                continue
            for each in ast.walk(function):
                if isinstance(each, ast.AnnAssign) and (name := _of_self(each.target)) and name not in declared:
                    yield f"self.{name}: {ast.unparse(each.annotation)}"
                elif isinstance(each, ast.Assign):
                    names = [name for target in each.targets if (name := _of_self(target)) and name not in declared]
                    yield from (f"self.{name}" for name in names)

    def _methods(self, module: Module, node: ast.ClassDef) -> Iterator[str]:
        found = [each for each in statements(node.body) if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
        for each in sorted(found, key=lambda each: each.name):
            if self._is_shown(module, each):
                yield from self._function(module, each)
        for inner in statements(node.body):
            if isinstance(inner, ast.ClassDef) and not inner.name.startswith("_"):
                yield from self._class(module, inner, inner.name)

    def _is_shown(self, module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        """Whether users call a method. An `__init__` that takes what they cannot have is for this package alone."""
        if node.name != "__init__":
            return node.name in _SPECIAL or not node.name.startswith("_")
        names = [name for name in ast.walk(node.args) if isinstance(name, ast.Name)]
        taken = filter(None, (self._definitions.resolve(module, name) for name in names))
        return all(self._is_public(found) for found in taken if isinstance(found.nodes[0], ast.ClassDef))

    # ---- functions

    def _function(self, module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
        decorated = "".join(f"@{ast.unparse(each)} " for each in node.decorator_list)
        word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
        returned = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
        yield from wrapped(f"{decorated}{word} {node.name}", [*self._parameters(module, node.args)], returned)

    def _parameters(self, module: Module, arguments: ast.arguments) -> Iterator[str]:
        given = [*arguments.posonlyargs, *arguments.args]
        defaults = [*[None] * (len(given) - len(arguments.defaults)), *arguments.defaults]
        for number, (argument, default) in enumerate(zip(given, defaults, strict=True), 1):
            yield f"{_annotated(argument)}{self._default(module, default)}"
            if number == len(arguments.posonlyargs):
                yield "/"
        if arguments.vararg is not None:
            yield f"*{_annotated(arguments.vararg)}"
        elif arguments.kwonlyargs:
            yield "*"
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            yield f"{_annotated(argument)}{self._default(module, default)}"
        if arguments.kwarg is not None:
            yield f"**{_annotated(arguments.kwarg)}"

    # ---- values

    def _value(self, module: Module, node: ast.Assign | ast.AnnAssign, name: str) -> Iterator[str]:
        annotation = f": {ast.unparse(node.annotation)}" if isinstance(node, ast.AnnAssign) else ""
        match node.value:
            case ast.Subscript(value=generic, slice=ast.Tuple(elts=parts)):
                head, brackets = f"{name}{annotation} = {ast.unparse(generic)}", "[]"
            case ast.Tuple(elts=parts):
                head, brackets = f"{name}{annotation} = ", "()"
            case value:
                yield f"{name}{annotation}{self._default(module, value)}"
                return
        yield from wrapped(head, [ast.unparse(part) for part in parts], "", brackets)

    def _default(self, module: Module, value: ast.expr | None) -> str:
        """` = 3`, for a constant that is 3, too. Of a field of attrs only what concerns a caller."""
        if value is None:
            return ""
        match value:
            case ast.Call(func=ast.Name("field") | ast.Attribute(attr="field")):
                told = {each.arg: each.value for each in value.keywords}
                shown = [f"{name}={ast.unparse(told[name])}" for name in ("factory", "init", "kw_only") if name in told]
                marks = f"  ({', '.join(shown)})" if shown else ""
                return f"{self._default(module, told.get('default'))}{marks}"
            case _:
                return f" = {ast.unparse(self._constant(module, value))}"

    def _constant(self, module: Module, value: ast.expr) -> ast.expr:
        """The literal that a name stands for, where it stands for one."""
        found = self._definitions.resolve(module, value) if isinstance(value, (ast.Name, ast.Attribute)) else None
        if found is None or not isinstance(found.nodes[0], (ast.Assign, ast.AnnAssign)) or not found.nodes[0].value:
            return value
        literal = self._constant(found.module, found.nodes[0].value)
        try:
            ast.literal_eval(literal)
        except ValueError:
            return value
        return literal


def wrapped(head: str, parts: list[str], tail: str, brackets: str = "()") -> Iterator[str]:
    """`head(parts)tail` on one line, or, if that is too long, with each part on a line of its own."""
    whole = f"{head}{brackets[0]}{', '.join(parts)}{brackets[1]}{tail}"
    if len(whole) <= _WIDTH:
        yield whole
        return
    yield f"{head}{brackets[0]}"
    yield from (f"    {part}," for part in parts)
    yield f"{brackets[1]}{tail}"


def _annotated(argument: ast.arg) -> str:
    return argument.arg if argument.annotation is None else f"{argument.arg}: {ast.unparse(argument.annotation)}"


def _of_self(target: ast.expr) -> str:
    """`name` for `self.name`, if that is public."""
    match target:
        case ast.Attribute(value=ast.Name("self"), attr=name) if not name.startswith("_"):
            return name
        case _:
            return ""
