"""Where the source does not keep the rules yet, and why. The list only shrinks: a test refuses a stale entry."""

from __future__ import annotations

from typing import Final

from tests.architecture.floors import PACKAGE, words

#: Module, what it uses from outside although its room must not, and the reason.
_BREAKS: Final = (
    ("types.files", "pathlib.Path", "`Binary.save` is public, and writes a file"),
    ("types.images", "pathlib.Path", "`save` of a picture is public, and writes a file"),
    ("_policy.prices", "__file__ builtins.__spec__", "reads the packaged table of prices instead of being given it"),
    (
        "_policy.tokens",
        "builtins.open hashlib.file_digest os.environ os.stat tempfile.gettempdir",
        "looks into tiktoken's cache: a vocabulary that is not there would be downloaded, on the loop",
    ),
    ("_limits.exclusion", "time.sleep", "a second thread lets the first one leave its section"),
    ("sync._bridge.green_threads", "time.sleep", "this `sleep` of gevent or eventlet lets others run"),
    ("progress.show", "sys.stderr", "draws progress, and stands in a room that must not print"),
    ("emulator.__main__", "sys.stderr sys.stdout", "is a command, and stands in a room that must not print"),
    ("testing._backend", "asyncio.current_task", "tells asyncio from trio, and must not import `_concurrency`"),
    ("testing.clock", "asyncio", "a virtual clock is an event loop of asyncio"),
    ("testing.faults", "asyncio.get_running_loop", "waits in a thread that the virtual clock can see"),
    ("testing.sweep", "asyncio", "cancels a task at each of its steps"),
)

EXCEPTIONS: Final[dict[str, frozenset[str]]] = {f"{PACKAGE}.{module}": words(names) for module, names, _ in _BREAKS}
