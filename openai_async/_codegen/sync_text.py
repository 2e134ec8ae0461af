"""Python text in the one form that the formatter would give it: imports, signatures, calls, docstrings."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

WIDTH: Final = 120


class Lambda(NamedTuple):
    """The argument `lambda: function(arguments)`; without arguments given, `lambda: function`."""

    function: str
    arguments: Sequence[str] | None

    @property
    def line(self) -> str:
        return f"lambda: {self.function}" + ("" if self.arguments is None else f"({', '.join(self.arguments)})")


def imports(names: Mapping[str, set[str]], indent: str = "") -> list[str]:
    """`from module import names`, or `import module` where the only name is empty; sorted as isort does."""
    lines: list[str] = []
    section = None
    for module in sorted(names, key=lambda name: (_section(name), names[name] != {""}, name.lower())):
        if section is not None and section != _section(module):
            lines.append("")
        section = _section(module)
        lines += _import(module, sorted(names[module], key=_order), indent)
    return lines


def _import(module: str, names: list[str], indent: str) -> list[str]:
    line = f"{indent}import {module}" if names == [""] else f"{indent}from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{indent}from {module} import (", *(f"{indent}    {name}," for name in names), f"{indent})"]


def _section(module: str) -> int:
    return 0 if module == "__future__" else 2 if module.startswith("openai_async") else 1


def _order(name: str) -> tuple[int, str]:
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[:1].isupper() else 2
    return kind, name.lower()


def signature(name: str, parameters: Sequence[str], returns: str, indent: str, end: str = "") -> list[str]:
    """`def name(parameters) -> returns:`. A parameter may bring a comment behind "  #"."""
    head, tail = f"{indent}def {name}(", f") -> {returns}:{end}"
    plain = ", ".join(parameters)
    if "  #" not in plain:
        if len(head + plain + tail) <= WIDTH:
            return [head + plain + tail]
        if len(plain) + len(indent) + 4 <= WIDTH:
            return [head, f"{indent}    {plain}", indent + tail]
    lines = [text.partition("  #") for text in parameters]
    return [
        head,
        *(f"{indent}    {text},{mark}{note}" for text, mark, note in lines),
        indent + tail,
    ]


def call(prefix: str, arguments: Sequence[str | Lambda], indent: str) -> list[str]:
    """A statement that ends with a call: `prefix(arguments)`, over as many lines as it takes."""
    texts = [argument.line if isinstance(argument, Lambda) else argument for argument in arguments]
    line = f"{indent}{prefix}({', '.join(texts)})"
    if len(line) <= WIDTH:
        return [line]
    inner = f"{indent}    "
    if len(inner) + len(", ".join(texts)) <= WIDTH:
        return [f"{indent}{prefix}(", inner + ", ".join(texts), f"{indent})"]
    lines = [f"{indent}{prefix}("]
    for argument in arguments:
        lines += _argument(argument, inner)
    return [*lines, f"{indent})"]


def _argument(argument: str | Lambda, indent: str) -> list[str]:
    if isinstance(argument, str):
        return [f"{indent}{argument},"]
    if len(line := f"{indent}{argument.line},") <= WIDTH or argument.arguments is None:
        return [line]
    inner = ", ".join(argument.arguments)
    head = f"{indent}lambda: {argument.function}("
    if len(indent) + 4 + len(inner) <= WIDTH:
        return [head, f"{indent}    {inner}", f"{indent}),"]
    return [head, *(f"{indent}    {text}," for text in argument.arguments), f"{indent}),"]


def deletion(names: Iterable[str], indent: str) -> list[str]:
    """`del` of many names, a line's worth at a time."""
    joined = textwrap.wrap(", ".join(names), WIDTH - len(indent) - 4, break_long_words=False)
    return [f"{indent}del {line.rstrip(',')}" for line in joined]


def docstring(text: str, indent: str) -> list[str]:
    """A docstring, quoted and indented."""
    first, *rest = text.strip().split("\n")
    lines = [f'{indent}"""{first}', *(f"{indent}{line}".rstrip() for line in rest)]
    if rest:
        return [*lines, f'{indent}"""']
    return [f'{lines[0]}"""'] if len(lines[0]) + 3 <= WIDTH else [lines[0], f'{indent}"""']


def reworded(text: str, old: str, new: str, indent: int) -> str | None:
    """A cleaned docstring with other words, its paragraphs filled again; None if it does not say the old ones."""
    pattern = re.compile(r"\s+".join(map(re.escape, old.split())))
    paragraphs, is_changed = _paragraphs(text), False
    for index, paragraph in enumerate(paragraphs):
        changed, count = pattern.subn(new, paragraph)
        if count:
            is_changed = True
            paragraphs[index] = _filled(changed, WIDTH - indent - (3 if index == 0 else 0))
    return "\n".join(paragraphs) if is_changed else None


def _paragraphs(text: str) -> list[str]:
    """Whatever is filled together: lines up to an empty one, or an item (`name: text`) with its deeper lines."""
    paragraphs: list[str] = []
    for line in text.split("\n"):
        if paragraphs and line.strip() and paragraphs[-1].strip():
            before = _depth(paragraphs[-1].split("\n")[0])
            if (_depth(line) > before or _depth(line) == before == 0) and not paragraphs[-1].endswith(":"):
                paragraphs[-1] += f"\n{line}"
                continue
        paragraphs.append(line)
    return paragraphs


def _filled(paragraph: str, width: int) -> str:
    first, *rest = paragraph.split("\n")
    depth = _depth(first)
    deeper = _depth(rest[0]) if rest else depth + (4 if depth else 0)
    return textwrap.fill(
        " ".join(paragraph.split()),
        width,
        initial_indent=" " * depth,
        subsequent_indent=" " * deeper,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
