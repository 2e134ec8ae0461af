"""What the package shows: its public names, what importing it costs, and what its documentation says."""

from __future__ import annotations

import ast
import enum
import importlib
import inspect
import pkgutil
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import openai_async
from openai_async import errors
from openai_async.batch import errors as batch_errors
from tests.moved import MOVED
from tests.public_api.loading import loaded_by

SHOP_WINDOWS = ("openai_async", "openai_async.batch", "openai_async.testing", "openai_async.emulator")


# ---- names


@pytest.mark.parametrize("window", SHOP_WINDOWS)
def test_every_public_name_resolves(window: str) -> None:
    """Whatever `__all__` promises is there, once."""
    module = importlib.import_module(window)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("window", ["openai_async", "openai_async.batch"])
def test_the_public_names_are_the_same_for_people_checkers_and_the_interpreter(window: str) -> None:
    """`__all__`, `dir()`, the imports that checkers read and the lazy table agree."""
    module = importlib.import_module(window)
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
    checked = {
        alias.name: (node.module, alias.asname)
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes: dict[str, str] = module._HOMES
    assert {name: (home, name) for name, home in homes.items()} == checked
    extra = {"__version__"} if window == "openai_async" else set[str]()
    assert {*module.__all__} == {*extra, *homes} == {*dir(module)}


def test_star_import_gives_exactly_the_public_names() -> None:
    """`from openai_async import *` is not a surprise."""
    namespace: dict[str, Any] = {}
    exec("from openai_async import *", namespace)
    assert namespace.keys() - {"__builtins__"} == {*openai_async.__all__}


@pytest.mark.parametrize("home", [errors, batch_errors])
def test_every_exception_is_public(home: types.ModuleType) -> None:
    """Whatever can be raised can be caught by its name at the top of the package."""
    defined = {name for name, cls in vars(home).items() if inspect.isclass(cls) and cls.__module__ == home.__name__}
    exported = {name for name, module in openai_async._HOMES.items() if module == home.__name__}
    assert defined == exported


def test_what_a_user_of_maps_and_batches_holds_is_public() -> None:
    """Progress, summaries, limits and totals can be named in a signature without knowing where they live."""
    wanted = {"show_progress", "Progress", "BatchProgress", "RemoteProgress", "RemotePart", "BatchSummary", "BadLine"}
    assert wanted | {"RemoteLimits", "RateLimit", "CostTotals", "ModelTotals"} <= {*openai_async.__all__}


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelt name fails as on any module."""
    with pytest.raises(AttributeError, match="'AsyncCleint'"):
        _ = openai_async.AsyncCleint


# ---- what importing costs


def fresh(code: str, *flags: str) -> str:
    """What a new interpreter writes when it runs `code`."""
    command = [sys.executable, *flags, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


HEAVY = {"httpx", "httpx2", "httpcore", "httpcore2", "h11", "tiktoken", "cattrs", "cattr", "trio", "pydantic"}


def test_importing_the_package_loads_next_to_nothing() -> None:
    """`import openai_async` costs some modules of the standard library and no library at all."""
    loaded = loaded_by("import openai_async")
    assert {name for name in loaded if name.startswith("openai_async")} == {"openai_async"}
    roots = {name.partition(".")[0] for name in loaded}
    assert not roots & (HEAVY | {"anyio", "attr", "attrs", "orjson", "asyncio", "ssl", "logging", "email"})
    assert len(loaded) < 40


def test_building_a_client_loads_no_http_library_and_no_resource() -> None:
    """A client is cheap until its first call."""
    loaded = loaded_by("import openai_async; openai_async.AsyncClient(api_key='k')")
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
    assert not {name for name in loaded if name.startswith("openai_async.resources")}
    assert "openai_async.client" in loaded
    assert len(loaded) < 250


@pytest.mark.slow
def test_building_a_synchronous_client_costs_little_more() -> None:
    """A `Client` loads what an `AsyncClient` does and its own few modules; its thread starts with the first call."""
    before = loaded_by("import openai_async; openai_async.AsyncClient(api_key='k')")
    script = "import openai_async; openai_async.Client(api_key='k'); import threading; threads = threading.enumerate()"
    loaded = loaded_by(f"{script}; assert len(threads) == 1, threads")
    ours = {name for name in loaded - before if name.startswith("openai_async")}
    assert {name for name in ours if not name.startswith("openai_async.sync")} == set()
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
    assert len(loaded) < 265


def test_catching_an_error_loads_no_client() -> None:
    """Code that only handles errors does not pay for the client."""
    loaded = loaded_by("from openai_async import RateLimitError")
    bare = {"openai_async", "openai_async.errors", "openai_async.types", "openai_async.types._frameless"}
    assert {name for name in loaded if name.startswith("openai_async")} == bare
    loaded = loaded_by("from openai_async import BatchError, RemoteWaitError")
    ours = {*bare, "openai_async.batch", "openai_async.batch.errors"}
    assert {name for name in loaded if name.startswith("openai_async")} == ours


def test_showing_progress_loads_no_client_and_no_terminal() -> None:
    """`show_progress` costs a few modules until it draws."""
    loaded = loaded_by("from openai_async import show_progress")
    assert not {"openai_async.client", "openai_async.batch", "rich", "tqdm"} & loaded


@pytest.mark.slow
def test_importing_warns_of_nothing() -> None:
    """With warnings as errors, the package and every module of it can be imported, each as the first one."""
    fresh("import openai_async", "-W", "error")
    names = [module.name for module in pkgutil.walk_packages(openai_async.__path__, "openai_async.")]
    assert len(names) > 30
    modules = [name for name in names if not name.endswith("__main__") and name not in MOVED]
    fresh(f"import importlib\nfor name in {modules}: importlib.import_module(name)", "-W", "error")


def rooms() -> dict[str, list[str]]:
    """The modules that can be imported, by the folder or file right below the package that they belong to."""
    found: dict[str, list[str]] = {}
    for module in pkgutil.walk_packages(openai_async.__path__, "openai_async."):
        if not module.name.endswith("__main__") and module.name not in MOVED:
            found.setdefault(module.name.split(".")[1], []).append(module.name)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("room", sorted(rooms()))
def test_every_module_can_be_imported_first(room: str) -> None:
    """No module works only because another one was imported before it."""
    script = f"""
import importlib, sys
for name in {rooms()[room]}:
    for loaded in [module for module in sys.modules if module.startswith("openai_async")]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""
    fresh(script)


# ---- what the documentation says


def public_classes_and_functions() -> Iterator[tuple[str, Any]]:
    """Everything a user can hold: the public names, what hangs on a client, and the types of replies."""
    seen: set[int] = set()
    modules = [importlib.import_module(window) for window in SHOP_WINDOWS]
    modules += _modules_below("openai_async.types") + _modules_below("openai_async.resources")
    modules += [found for found in _modules_below("openai_async.sync") if ".sync._" not in found.__name__]
    modules += _modules_below("openai_async.sync.resources")
    for module in modules:
        names: list[str] = getattr(module, "__all__", None) or [
            name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__
        ]
        for name in names:
            value = getattr(module, name)
            if name.startswith("_") or id(value) in seen or not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            seen.add(id(value))
            yield f"{value.__module__}.{name}", value


def _modules_below(package: str) -> list[types.ModuleType]:
    path = importlib.import_module(package).__path__
    names = [f"{package}.{found.name}" for found in pkgutil.iter_modules(path)]
    return [importlib.import_module(name) for name in names if name not in MOVED]


def public_methods(name: str, cls: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions and properties that a class introduces: what a base class has, the base class describes."""
    for attribute, value in vars(cls).items():
        if attribute.startswith("_") or any(hasattr(base, attribute) for base in cls.__mro__[1:]):
            continue
        if isinstance(value, (classmethod, staticmethod)):
            value = value.__func__
        function = value.fget if isinstance(value, property) else getattr(value, "func", value)
        if inspect.isfunction(function):
            yield f"{name}.{attribute}", function


def test_everything_public_is_documented() -> None:
    """Every public class, function, method and property has a docstring of its own."""
    found = dict(public_classes_and_functions())
    assert {"openai_async.client.AsyncClient", "openai_async.types.chat.ChatCompletion"} <= found.keys()
    silent = [name for name, value in found.items() if not _is_documented(value)]
    for name, value in found.items():
        if inspect.isclass(value) and not issubclass(value, enum.Enum):
            silent += [method for method, function in public_methods(name, value) if not function.__doc__]
    assert not silent


def _is_documented(value: Any) -> bool:
    text = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    return bool(text and text.strip()) and not text.startswith(f"{value.__name__}(")  # as a dataclass writes it


def test_asynchronous_methods_say_what_cancelling_does() -> None:
    """Whoever awaits something of ours can read what happens when the wait is cancelled."""
    asynchronous = [
        (path, function)
        for name, value in public_classes_and_functions()
        for path, function in (public_methods(name, value) if inspect.isclass(value) else [(name, value)])
        if inspect.iscoroutinefunction(function)
    ]
    assert len(asynchronous) > 5
    silent = [path for path, function in asynchronous if "ancel" not in (function.__doc__ or "")]
    assert not silent
