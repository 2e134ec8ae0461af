"""The identifiers of a module, and the sentences of its public docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.architecture.source import Module

_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_SECTIONS: Final = re.compile(r"(Args|Attributes|Raises|Returns|Yields|Raises,[^:]*):\Z")
_END: Final = re.compile(r"(?<=[.!?])\)?\s+|(?<=:)\s*\n")
_CODE: Final = re.compile(r"``[^`]*``|`[^`]*`")


class Line(NamedTuple):
    """A text of a module and where it begins."""

    line: int
    text: str


def words(identifier: str) -> Iterator[str]:
    """The words of an identifier in the singular, in lower case: "noun", "table" of `NounsTable`."""
    for word in _WORD.findall(identifier):
        lower = word.lower()
        yield lower
        if lower.endswith("s"):
            yield lower[:-1]


def identifiers(module: Module) -> Iterator[Line]:
    """Every name that the module defines, takes, passes or reads, and the names of its file and directory."""
    for part in module.name.split("."):
        yield Line(1, part)
    for node in ast.walk(module.tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield Line(node.lineno, name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield Line(node.lineno, name)
            case ast.keyword(arg=str(name)):
                yield Line(node.lineno, name)
            case ast.alias(name=name, asname=asname):
                yield from (Line(node.lineno, part) for part in [*name.split("."), asname or ""])
            case _:
                pass


def docstrings(module: Module) -> Iterator[Line]:
    """The docstrings that an editor shows: of the module, and of what is reached through public names alone."""
    if any(part.startswith("_") and part != "__init__" for part in module.name.split(".")):
        return
    if (text := ast.get_docstring(module.tree)) is not None:
        yield Line(1, text)
    yield from _of_body(module.tree.body)


def _of_body(body: list[ast.stmt]) -> Iterator[Line]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if (text := ast.get_docstring(node)) is not None:
            yield Line(node.lineno, text)
        if isinstance(node, ast.ClassDef):
            yield from _of_body(node.body)


def sentences(docstring: str) -> Iterator[str]:
    """The sentences of a docstring. A piece of code counts as one word; examples and tables do not count."""
    for block in _blocks(docstring):
        for sentence in _END.split(block):
            if text := " ".join(_CODE.sub("code", sentence).split()):
                yield text


def _blocks(docstring: str) -> Iterator[str]:
    """Paragraphs, and each entry of a list or of a section ("name: text") on its own."""
    block: list[str] = []
    section = False
    for line in [*docstring.splitlines(), ""]:
        indent = len(line) - len(line.lstrip())
        text = line.strip()
        heading = _SECTIONS.match(text) is not None
        begins = not text or heading or (section and indent == 4) or text.startswith(("- ", "* "))
        if begins and block:
            yield "\n".join(block)
            block = []
        if heading:
            section = True
        elif text and indent == 0:
            section = False
        if (
            not text
            or heading
            or (indent and not section and not block)
            or text.startswith((">>>", "|", "...", "├", "│", "└"))
        ):
            continue
        block.append(text)
