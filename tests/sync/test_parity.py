"""Everything public and asynchronous has a synchronous class: the same names, parameters, types and words.

The two sides are compared as they are when imported; the generator is not asked, but for the words of docstrings.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pytest

import openai_async
from openai_async import sync
from openai_async._codegen import sync_table
from openai_async._codegen.sync_module import translate
from openai_async.sync._bridge.proxies import Proxy
from tests.moved import MOVED

#: What stands in another place, or means something else, on the other side.
RENAMED = dict(sync_table.METHODS)
#: What is not asynchronous on either side.
PLAIN = ("__len__", "__iter__")


def sync_classes() -> dict[type, type]:
    """Each asynchronous class and its synchronous class."""
    found: dict[type, type] = {}
    for module in pkgutil.walk_packages(sync.__path__, "openai_async.sync."):
        for cls in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(cls) and issubclass(cls, Proxy) and "_async_class" in vars(cls):
                found[vars(cls)["_async_class"]] = cls
    return found


SYNC_CLASSES = sync_classes()
NAMES = {original.__name__: sync_class.__name__ for original, sync_class in SYNC_CLASSES.items()}


def function_of(value: Any) -> Any:
    """The function behind a method or a property; None for anything else."""
    if isinstance(value, property):
        return value.fget
    if isinstance(value, cached_property):
        return value.func
    return value if inspect.isfunction(value) else None


def public_of(cls: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that a class defines, dunders of iterating, awaiting and blocks included."""
    for name, value in vars(cls).items():
        if function_of(value) is not None and (not name.startswith("_") or name in RENAMED or name in PLAIN):
            yield name, value


MEMBERS = [(original, name) for original in SYNC_CLASSES for name, _ in public_of(original)]


def test_every_public_asynchronous_class_has_a_synchronous_class() -> None:
    """No class of the core is left out, wherever it stands."""
    wanted: set[str] = set()
    for module in pkgutil.walk_packages(openai_async.__path__, "openai_async."):
        if module.name.split(".")[1] in ("sync", "cli", "testing", "emulator", "_codegen"):
            continue
        if not module.name.endswith("__main__") and module.name not in MOVED:
            values = vars(importlib.import_module(module.name)).items()
            wanted |= {name for name, value in values if inspect.isclass(value) and re.match("Async[A-Z]", name)}
    assert {name for name in wanted if name not in ("AsyncIterator", "AsyncIterable", "AsyncGenerator")} == {*NAMES}
    assert {name.removeprefix("Async") for name in NAMES} == {*NAMES.values()}


def test_every_public_asynchronous_name_of_the_package_has_its_synchronous_name_there() -> None:
    """Who imports `AsyncStream` to name it in a signature finds `Stream` in the same place."""
    public = {name for name in openai_async.__all__ if re.match("Async[A-Z]", name)}
    assert {NAMES[name] for name in public} <= {*openai_async.__all__}
    for name in public:
        assert SYNC_CLASSES[getattr(openai_async, name)] is getattr(openai_async, NAMES[name])


@pytest.mark.parametrize("original", SYNC_CLASSES, ids=lambda cls: cls.__name__)
def test_a_synchronous_class_has_the_same_members_and_no_others(original: type) -> None:
    """Nothing is missing, nothing is added."""
    sync_class = SYNC_CLASSES[original]
    wanted = {RENAMED.get(name, name) for name, _ in public_of(original)}
    assert {name for name, _ in public_of(sync_class)} | ({*vars(sync_class)} & {*RENAMED.values()}) == wanted


def mapped(annotation: Any) -> str:
    """An annotation of the asynchronous side as the other side has it."""
    text = re.sub(r"(?<!httpx\.)\bAsync([A-Z])", r"\1", str(annotation))
    return re.sub(r"Generator\[Any, Any, (.*)\]$", r"\1", text)


@pytest.mark.parametrize(("original", "name"), MEMBERS, ids=[f"{cls.__name__}.{name}" for cls, name in MEMBERS])
def test_a_member_has_the_same_signature_and_says_the_same(original: type, name: str) -> None:
    """Parameters, their kinds, defaults and types; what it returns; its overloads; its docstring in other words."""
    before, after = vars(original)[name], vars(SYNC_CLASSES[original])[RENAMED.get(name, name)]
    assert type(before) is type(after)
    ours, theirs = function_of(before), function_of(after)
    assert not inspect.iscoroutinefunction(theirs)
    signature, sync_signature = inspect.signature(ours), inspect.signature(theirs)
    assert [*signature.parameters] == [*sync_signature.parameters]
    for one, other in zip(signature.parameters.values(), sync_signature.parameters.values(), strict=True):
        assert (one.kind, one.default) == (other.kind, other.default)
        stated, _ = sync_table.PARAMETERS.get(one.name, (None, None))
        if one.name != "self":
            assert other.annotation == (stated or mapped(one.annotation) if one.name != "api_key" else one.annotation)
    assert sync_signature.return_annotation == mapped(signature.return_annotation)
    assert overloads(original, name) == overloads(SYNC_CLASSES[original], RENAMED.get(name, name))
    if ours.__doc__:
        assert normal(theirs.__doc__) == normal(translate(inspect.cleandoc(ours.__doc__), 8, lambda row: None))


def normal(text: str | None) -> str:
    return " ".join((text or "").split())


def overloads(cls: type, name: str) -> list[str]:
    """The overloads of a method, as text, in the words of the synchronous side."""
    tree = ast.parse(inspect.getsource(importlib.import_module(cls.__module__)))
    (body,) = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls.__name__]
    found = [node for node in body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name]
    texts = [ast.unparse(node.args) + " -> " + ast.unparse(node.returns or node) for node in found]
    return [mapped(text) for text in texts] if len(texts) > 1 else []


def test_no_docstring_of_the_synchronous_side_speaks_of_the_other() -> None:
    """No await, no `async with`, no event loop."""
    for sync_class in SYNC_CLASSES.values():
        for name, value in [("", sync_class), *public_of(sync_class)]:
            text = (value if name == "" else function_of(value)).__doc__ or ""
            assert re.search(sync_table.FORBIDDEN, text) is None, f"{sync_class.__name__}.{name}: {text}"


def test_the_constructor_takes_the_same_arguments() -> None:
    """A `Client` is made as an `AsyncClient` is."""
    ours, theirs = inspect.signature(openai_async.AsyncClient), inspect.signature(openai_async.Client)
    assert ours.parameters == theirs.parameters
