"""The synchronous client is what the generator makes of the asynchronous one, byte for byte; what it cannot make it
refuses."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from openai_async._codegen import sync, sync_table
from openai_async._codegen.sync import COMMAND, PACKAGE, generate, stale
from openai_async._codegen.sync_source import Refused


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package's source, to be changed."""
    package = tmp_path / "openai_async"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "*.json", "*.tiktoken"))
    return package


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new), "utf-8")


def without_models(copy: Path) -> None:
    """Take `client.models` out of the client."""
    path = copy / "client.py"
    text = path.read_text("utf-8")
    start = text.index("    @cached_property\n    def models(")
    text = text[:start] + text[text.index("    def map(", start) :]
    path.write_text(text.replace("    from openai_async.resources.models import AsyncModels\n", ""), "utf-8")


def test_the_generated_modules_are_fresh() -> None:
    """Whoever changes a public signature or docstring runs one command."""
    assert not stale(), f"run: {COMMAND}"


def test_every_module_with_asynchronous_classes_has_a_synchronous_module() -> None:
    """What is added to the core later is found without a list."""
    made = {str(path) for path in generate()}
    assert {"sync/client.py", "sync/_stream.py", "sync/_map.py", "sync/batch.py", "sync/resources/chat.py"} <= made


@pytest.mark.parametrize("place", [0.0, 0.5, 1.0], ids=["first", "middle", "last"])
def test_a_changed_line_is_noticed(place: float, copy: Path) -> None:
    """A generated file that somebody has edited is not fresh, whichever line it was but the one that marks it."""
    names = set(generate())
    for name in names:
        lines = (copy / name).read_text("utf-8").splitlines(keepends=True)
        number = max(1, round(place * (len(lines) - 1)))
        lines[number] = lines[number].rstrip("\n") + "  #\n"
        (copy / name).write_text("".join(lines), "utf-8")
    assert stale(copy).keys() == names


def test_a_module_that_is_missing_is_noticed(copy: Path) -> None:
    """So is one that has not been written yet."""
    names = set(generate())
    for name in names:
        (copy / name).unlink()
    assert stale(copy).keys() == names


def test_what_no_longer_has_a_source_is_noticed(copy: Path) -> None:
    """A synchronous module goes with the module it was made from."""
    without_models(copy)
    (copy / "resources/models.py").unlink()
    assert stale(copy)[Path("sync/resources/models.py")] is None


def test_the_body_of_a_method_does_not_matter(copy: Path) -> None:
    """The core can be worked on without running the generator."""
    path = copy / "resources/chat.py"
    path.write_text(path.read_text("utf-8") + "\n\ndef added() -> None:\n    pass\n", "utf-8")
    assert not stale(copy)


def test_checking_writes_nothing_and_says_what_to_run() -> None:
    """`--check` is what CI runs."""
    done = subprocess.run(
        [sys.executable, "-m", sync.__name__, "--check"], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# ---- what is refused


REFUSALS = {
    "a type that is asynchronous": (
        "async def list(self, **options: Unpack[RequestOptions]) -> ModelList:",
        "async def list(self, lock: Semaphore, **options: Unpack[RequestOptions]) -> ModelList:",
        "Semaphore is asynchronous",
    ),
    "a decorator": (
        "    async def list(self",
        "    @cache\n    async def list(self",
        "the decorator cache has no rule",
    ),
    "positional-only parameters": (
        "async def retrieve(self, model: str, ",
        "async def retrieve(self, model: str, /, ",
        "positional-only parameters",
    ),
    "a missing annotation": ("async def retrieve(self, model: str, ", "async def retrieve(self, model, ", "missing"),
    "a docstring that awaits": ("Retrieve a model.", "Retrieve a model. Await it.", "lacks a row"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_what_has_no_rule_is_refused_with_its_place(what: str, copy: Path) -> None:
    """Nothing is guessed: the generator names file, line and reason, and writes nothing."""
    old, new, reason = REFUSALS[what]
    path = copy / "resources/models.py"
    change(path, "from typing import Unpack\n", "from typing import Unpack\n\nfrom anyio import Semaphore\n")
    change(path, old, new)
    with pytest.raises(Refused, match=r"openai_async/resources/models\.py:\d+: .*" + reason):
        generate(copy)


def test_a_class_with_asynchronous_methods_is_known_for_one(copy: Path) -> None:
    """Also one that is not called `Async...`: its definition is looked up."""
    (copy / "types/lock.py").write_text("class Lock:\n    async def acquire(self) -> None: ...\n", "utf-8")
    path = copy / "resources/models.py"
    change(
        path, "from typing import Unpack\n", "from typing import Unpack\n\nfrom openai_async.types.lock import Lock\n"
    )
    change(path, "async def retrieve(self, model: str, ", "async def retrieve(self, model: Lock, ")
    with pytest.raises(Refused, match="Lock is asynchronous"):
        generate(copy)


def test_a_class_that_would_hide_an_imported_name_is_refused(copy: Path) -> None:
    """`AsyncModel` beside the type `Model` needs another name."""
    change(copy / "resources/models.py", "class AsyncModels(Resource):", "class AsyncModel(Resource):")
    without_models(copy)
    with pytest.raises(Refused, match="would hide an imported name"):
        generate(copy)


@pytest.mark.parametrize("rows", ["TYPES", "METHODS", "PARAMETERS", "BASES", "BODIES"])
def test_a_row_that_nothing_uses_is_refused(rows: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table does not outlive its reasons."""
    monkeypatch.setitem(getattr(sync_table, rows), "nothing_is_called_this", ("a", "b"))
    with pytest.raises(Refused, match="nothing_is_called_this"):
        generate()


def test_words_that_no_docstring_says_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of docstrings."""
    monkeypatch.setattr(sync_table, "WORDS", (*sync_table.WORDS, ("nobody says this", "or that")))
    with pytest.raises(Refused, match="nobody says this"):
        generate()
