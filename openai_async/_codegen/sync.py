"""Writes the synchronous client from the asynchronous one: python -m openai_async._codegen.sync [--check]

It reads the source (nothing is imported) and writes, for every public class `AsyncX` of the listed modules, a class `X`
of typed pass-throughs: the same signatures, overloads, defaults and docstrings, with the words of `sync_table`. What it
does not know - an asynchronous type, a docstring that still speaks of awaiting - it refuses, and says where. The output
is committed, in the formatter's own form, and depends on nothing but the source; the hash in its header is of what was
read. `--check` writes nothing, and fails if there is something to write.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from openai_async._codegen import sync_table as table
from openai_async._codegen.sync_module import Refused, SyncModule
from openai_async._codegen.sync_source import Source, Sources
from openai_async._standard_streams import open_closed

PACKAGE = Path(__file__).parents[1]
COMMAND = "python -m openai_async._codegen.sync"


def pairs(package: Path) -> Iterator[tuple[Path, Path]]:
    """The paths of each module with public asynchronous classes and of its synchronous module, below the package."""
    for pattern, target in table.MODULES:
        for path in sorted(package.glob(pattern)):
            if Source.defines_asynchronous(path):
                yield path.relative_to(package), Path("sync", target.replace("*", path.stem))


def generate(package: Path = PACKAGE) -> dict[Path, str]:
    """Every generated module by its path below the package.

    Raises:
        Refused: the source holds something that has no synchronous form, or the table a row that nothing uses.
    """
    sources = Sources(package, dict(pairs(package)))
    modules = {target: SyncModule(sources, source).text() for source, target in sources.targets.items()}
    if unused := sources.unused_rows():
        raise Refused(f"rows of sync_table that nothing uses: {', '.join(unused)}")
    return modules


def stale(package: Path = PACKAGE) -> dict[Path, str | None]:
    """What is to be written, and what to be removed (None)."""
    modules = generate(package)
    present = {path.relative_to(package) for path in (package / "sync").rglob("*.py") if _is_generated(path)}
    changes: dict[Path, str | None] = dict.fromkeys(present - modules.keys())
    changes |= {path: text for path, text in modules.items() if path not in present or _read(package / path) != text}
    return changes


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8")  # every byte counts, line ends too


def _is_generated(path: Path) -> bool:
    return _read(path).startswith("# Generated")


def main(arguments: list[str]) -> int:
    """Write, or check."""
    try:
        changes = stale()
    except Refused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 2
    for path, text in sorted(changes.items()):
        sys.stdout.write(f"openai_async/{path}: {'to be removed' if text is None else 'to be written'}\n")
        if "--check" in arguments:
            continue
        if text is None:
            (PACKAGE / path).unlink()
        else:
            (PACKAGE / path).write_text(text, "utf-8")
    if changes and "--check" in arguments:
        sys.stdout.write(f"run: {COMMAND}\n")
        return 1
    return 0


if __name__ == "__main__":
    open_closed()
    sys.exit(main(sys.argv[1:]))
