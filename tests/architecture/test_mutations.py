"""Each rule notices what it forbids: one line at a time is added to a copy of the package, and the rule must say so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.architecture import rules
from tests.architecture.floors import PACKAGE
from tests.architecture.source import ROOT, Source

_LONG = "\n" * 400


class Mutation(NamedTuple):
    """A piece of source, the module at whose end it is put, and the rule that forbids it there."""

    rule: str
    module: str
    text: str
    at_start: bool = False


def _io(*lines: str) -> Iterator[Mutation]:
    """Lines that do I/O, ask for the time or wait, in each of the rooms that only compute."""
    for module in ("errors", "types.chat", "_wire.sse", "_policy.retry"):
        for line in lines:
            yield Mutation("outside", module, line)


MUTATIONS: Final = (
    # Who may know whom.
    Mutation("floors", "_policy.retry", "from openai_async import client"),
    Mutation("floors", "_policy.retry", "import openai_async.client"),
    Mutation("floors", "_policy.retry", "from ..client import AsyncClient"),
    Mutation("floors", "_policy.retry", "class Later:\n    def method(self):\n        from openai_async import client"),
    Mutation("floors", "_policy.retry", "async def f():\n    with x:\n        import openai_async.client"),
    Mutation("floors", "_policy.retry", "if TYPE_CHECKING:\n    from openai_async.client import AsyncClient"),
    Mutation("floors", "_policy.retry", "from importlib import import_module as m\nm('openai_async.client')"),
    Mutation("floors", "_policy.retry", "def f(x):\n    return [__import__('openai_async.client') for _ in x]"),
    Mutation("floors", "_policy.retry", "_HOMES = {'AsyncClient': 'openai_async.client'}"),
    Mutation("floors", "_policy.retry", "import openai_async"),
    Mutation("floors", "_wire.json", "from openai_async._policy import tokens"),
    Mutation("floors", "emulator.models", "def f():\n    from openai_async import client"),
    Mutation("floors", "testing.clock", "from openai_async import _runtime"),
    Mutation("places", "_shelf", '"""A room without a floor."""'),
    Mutation("laziness", "", "from openai_async import errors"),
    # Circles: the module that is named imports the one at whose end it is named.
    Mutation("no_circles", "_wire.json", "from openai_async._wire import codec"),
    Mutation("no_circles", "_wire.json", "def later():\n    from . import codec"),
    Mutation("no_circles", "_wire.json", "def later():\n    return import_module('openai_async._wire.codec')"),
    Mutation("no_circles", "_wire.json", "if TYPE_CHECKING:\n    from openai_async._wire.codec import decoder"),
    Mutation("no_circles", "resources._multipart_form", "if TYPE_CHECKING:\n    import openai_async.resources.chat"),
    Mutation("no_circles", "resources._operation", "def later():\n    from openai_async.resources import _base"),
    # What only computes has no clock and no I/O.
    *_io(
        "def f():\n    open('x')",
        "import urllib.request",
        "import subprocess",
        "def f():\n    import threading",
        "import os\n\ndef f():\n    return os.environ['X']",
        "from os import environ as settings",
        "import os\nname = getattr(os, 'environ')",
        "import os\nos.system('true')",
        "import time\ntime.sleep(1)",
        "from time import monotonic",
        "import sys\nsys._getframe().f_globals",
        "from time import sleep as pause",
        "import sys\nsys.stdout.write('x')",
        "import sys as s\nout = s\nout.stdout",
        "from io import open as o",
        "from pathlib import PurePath",
        "import asyncio",
        "import random",
        "from importlib import import_module\nimport_module('socket')",
        "data = __spec__.loader.get_data(__file__)",
    ),
    # A library stays where it is known.
    Mutation("outside", "resources.chat", "import asyncio"),
    Mutation("outside", "resources.chat", "async def f():\n    from asyncio import sleep"),
    Mutation("outside", "resources.chat", "if TYPE_CHECKING:\n    from asyncio import AbstractEventLoop"),
    Mutation("outside", "_streams.stream", "import asyncio"),
    Mutation("outside", "client", "import httpx"),
    Mutation("outside", "_wire.json", "import cattrs"),
    Mutation("outside", "_policy.retry", "import tiktoken"),
    Mutation("signatures", "resources.chat", 'def f(client: "httpx.AsyncClient") -> None: ...'),
    Mutation("signatures", "resources.chat", 'def f() -> "dict[str, list[httpx.Response]]": ...'),
    Mutation("signatures", "resources.chat", 'class C:\n    async def f(self, *, x: dict[str, "httpx.URL"]): ...'),
    Mutation("signatures", "resources.chat", 'from typing import cast\nx = cast("httpx.Response", 1)'),
    Mutation("signatures", "client", 'class C:\n    transport: "httpcore.AsyncConnectionPool | None" = None'),
    Mutation(
        "signatures", "client", "from openai_async._transport.httpx_transport import httpx as h\ndef f(x: h.URL): ..."
    ),
    # Values that are complete when they are built.
    Mutation("requests", "_pipeline.send", "def f(request):\n    request.body = b''"),
    Mutation(
        "requests",
        "resources.chat",
        "class C:\n    def f(self):\n        self._request.timeout.x, self._call.scope = 1, ''",
    ),
    Mutation("requests", "batch.local.row_sender", "def f(call):\n    call.max_retries += 1"),
    Mutation("requests", "_streams.body", "def f(request):\n    setattr(request, 'stream', True)"),
    # The wall clock, waiting, printing.
    Mutation("outside", "resources.files", "from datetime import datetime as dt\nnow = dt.now()"),
    Mutation("outside", "_pipeline.retry", "from datetime import datetime as dt\nnow = dt.now()"),
    Mutation("outside", "client", "import datetime\nnow = lambda: datetime.datetime.utcnow()"),
    Mutation("outside", "client", "from datetime import date\ntoday = date.today"),
    Mutation("outside", "_pipeline.retry", "import time\nclock = time.time"),
    Mutation("outside", "_pipeline.retry", "from time import time as clock"),
    Mutation("outside", "batch.local.run", "import time as t\nt.sleep(1)"),
    Mutation("outside", "_transport.direct", "def f():\n    print('x')"),
    Mutation("outside", "progress.terminal", "import sys\nsys.stdout.write('x')"),
    # What nobody does.
    Mutation("outside", "batch.output.output_file", "import pickle"),
    Mutation("outside", "cli.chat", "def f():\n    from pickle import loads"),
    Mutation("outside", "cli.chat", "eval('1')"),
    Mutation("outside", "_codegen.sync", "run = exec"),
    Mutation("finalizers", "_limits.limiter", "class C:\n    def __del__(self):\n        asyncio.run(self.aclose())"),
    Mutation(
        "finalizers", "_limits.limiter", "class C:\n    def __del__(self):\n        self.runner.run_until_complete(1)"
    ),
    Mutation("finalizers", "_limits.limiter", "class C:\n    async def __del__(self): ..."),
    Mutation("finalizers", "_limits.limiter", "class C:\n    def __del__(self):\n        threading.Lock().acquire()"),
    Mutation(
        "finalizers",
        "_limits.limiter",
        "from asyncio import run as go\nclass C:\n    def __del__(self):\n        self.close()\n"
        "    def close(self):\n        go(self.aclose())",
    ),
    # Size and names.
    Mutation("sizes", "_version", f'"""What was generated elsewhere."""{_LONG}', at_start=True),
    Mutation("sizes", "_version", f'"""# Generated by nobody."""{_LONG}', at_start=True),
    Mutation("sizes", "_version", f"# generated by hand{_LONG}", at_start=True),
    Mutation("generated", "_version", f"# Generated by `python -m x`.{_LONG}", at_start=True),
    Mutation("names", "_wire.json_helpers", '"""What was left over."""'),
    Mutation("docstrings", "_wire.silent", "x = 1"),
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, which breaks no rule as it is."""
    copy = tmp_path_factory.mktemp("scratch") / PACKAGE
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    source = Source.read(copy)
    assert [violation for rule in rules.RULES for violation in rules.broken(rule, source)] == []
    return copy


def label(mutation: Mutation) -> str:
    """The rule, the module, and the last line of what is added."""
    return f"{mutation.rule}-{mutation.module}-{mutation.text.strip().splitlines()[-1].strip()}"


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=label)
def test_the_rule_notices(mutation: Mutation, scratch: Path) -> None:
    """What breaks a rule is found, and in no other module than the one that breaks it."""
    path = _path_of(mutation.module, scratch)
    before = path.read_text("utf-8") if path.exists() else None
    parts = ["" if before is None else before, mutation.text]
    path.write_text("\n".join(reversed(parts) if mutation.at_start else parts) + "\n", "utf-8")
    try:
        found = rules.broken(mutation.rule, Source.read(scratch))
    finally:
        path.unlink() if before is None else path.write_text(before, "utf-8")
    assert found
    name = f"{PACKAGE}.{mutation.module}".rstrip(".")
    assert all(name in f"{violation.module} {violation.what}" for violation in found), found


def _path_of(module: str, root: Path) -> Path:
    place = root.joinpath(*module.split(".")) if module else root
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def test_every_rule_is_tried() -> None:
    """A new rule comes with what breaks it; the median is that of all modules together."""
    assert {mutation.rule for mutation in MUTATIONS} | {"median"} == {*rules.RULES}


def test_many_modules_of_some_length_are_noticed() -> None:
    """Dividing the longest module does not help when most of the others grow."""
    source = Source({})
    for number in range(3):
        source = source.changed(f"{PACKAGE}.module{number}", '"""Some."""\n' + "\n" * 200)
    assert [violation.rule for violation in rules.broken("median", source)] == ["median"]


def test_a_permission_that_nobody_uses_is_noticed() -> None:
    """The tables do not keep what was once needed, whether by a room, by a module, or against the rules."""
    source = Source.read(ROOT)
    for module in ("_wire.codec", "webhooks", "_limits.exclusion"):
        source = source.changed(f"{PACKAGE}.{module}", '"""Nothing."""\n')
    assert [*rules.unused_permissions(source)] == [
        "_limits: threading",
        "openai_async._wire.codec: cattrs",
        "openai_async.webhooks: os.environ",
        "openai_async.webhooks: time.time",
        "openai_async._limits.exclusion: time.sleep",
    ]
