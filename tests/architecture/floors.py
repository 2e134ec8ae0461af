"""The tables of the architecture: which room stands on which floor, and what it may import from outside the package.

To move a room, or to let it import something, edit these tables. The rules that read them are in `rules`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

PACKAGE: Final = "openai_async"


class Room(NamedTuple):
    """Files and folders right below the package that belong together, and may import each other."""

    members: frozenset[str]
    #: Dotted names from outside, beside PURE. A name covers what is below it, but for the GUARDED ones.
    outside: frozenset[str]
    #: Rooms that it may import although they are not on a lower floor.
    also: frozenset[str]


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def room(members: str, outside: str = "", also: str = "") -> Room:
    """A room, each part written as words."""
    return Room(words(members), words(outside), words(also))


#: Any module may use these: they compute, and neither wait, read, write nor ask for the time.
PURE: Final = words(
    """
    __future__ abc array attrs base64 binascii bisect builtins collections contextlib copy dataclasses datetime decimal
    enum errno functools hashlib hmac html ipaddress itertools json math operator orjson re string struct
    textwrap types typing unicodedata urllib.parse warnings zlib
    inspect.cleandoc inspect.isawaitable inspect.isclass inspect.iscoroutinefunction inspect.isgenerator
    inspect.signature
    email.utils.parsedate_to_datetime io.BytesIO io.StringIO uuid.UUID
    os.PathLike os.fspath os.name os.pathsep os.strerror
    os.path.basename os.path.dirname os.path.join os.path.splitext
    sys.byteorder sys.float_info sys.platform sys.version_info
    """
)

#: A permission for one of these must name it: a shorter one does not cover it.
GUARDED: Final = words(
    """
    __file__ builtins.__loader__ builtins.__spec__
    builtins.__import__ builtins.breakpoint builtins.compile builtins.eval builtins.exec builtins.globals
    builtins.input builtins.open builtins.print
    datetime.date.today datetime.datetime.now datetime.datetime.today datetime.datetime.utcnow
    hashlib.file_digest io.open os.environ os.environb os.fork os.getenv os.kill os.popen os.posix_spawn os.system
    sys.stderr sys.stdin sys.stdout
    time.asctime time.ctime time.gmtime time.localtime time.sleep time.strftime time.time time.time_ns
    """
)

#: From the ground up. A module imports from lower floors and from its own room; rooms of one floor are strangers.
FLOORS: Final[tuple[tuple[Room, ...], ...]] = (
    (
        room("errors types _version", "sys.modules"),
        room("_standard_streams", "builtins.open os sys.stderr sys.stdin sys.stdout"),
    ),
    (
        room("_wire"),
        room("_policy"),
        room("_concurrency", "anyio asyncio contextvars.copy_context os.getpid sys.modules time.monotonic trio"),
    ),
    (
        room(
            "_limits",
            """
            anyio.Event contextvars.ContextVar logging os.register_at_fork random.random threading weakref.WeakSet
            weakref.ref
            """,
        ),
        room(
            "_transport",
            """
            anyio asyncio certifi httpcore httptools httpx importlib.import_module os.path.isdir resource.getrlimit
            resource.RLIMIT_NOFILE resource.RLIM_INFINITY select socket ssl threading.RLock
            """,
        ),
    ),
    (
        room(
            "_pipeline",
            "anyio importlib.import_module logging os.register_at_fork random.random threading.RLock weakref.WeakSet",
        ),
    ),
    (
        room("_streams", "os.getpid"),
        room("_map", "anyio"),
        room("webhooks"),
    ),
    (
        room(
            "resources",
            """
            anyio builtins.open importlib.resources.files io.TextIOBase os.SEEK_END pathlib secrets.token_hex
            socket.SOCK_STREAM
            """,
        ),
    ),
    (
        room(
            "batch",
            "anyio builtins.globals builtins.open csv fcntl importlib.import_module os shutil.copyfileobj stat",
        ),
    ),
    (room("client azure _config _client_resources _client_statistics"), room("validation", "builtins.open")),
    (
        room(
            "sync",
            """
            __file__ anyio asyncio atexit contextvars os pathlib.Path sys._getframe sys.modules threading
            time.monotonic weakref.WeakSet
            """,
        ),
        room(
            "progress",
            "importlib.util.find_spec ipywidgets rich sys.modules threading.Lock time.monotonic tqdm weakref.finalize",
        ),
    ),
    (room("integrations", "warnings"),),
    (room("openai_async", "builtins.globals importlib.import_module"),),
    (
        room(
            "cli __main__",
            """
            anyio asyncio click importlib.import_module io.TextIOWrapper os os.environ pathlib resource
            rich shutil.get_terminal_size signal subprocess sys sys.stderr sys.stdin sys.stdout tempfile threading.Event
            time.monotonic time.strftime uvloop
            """,
            also="emulator",
        ),
    ),
    (
        room(
            "_codegen",
            "__file__ ast genai_prices importlib.import_module importlib.metadata pathlib sys sys.stderr sys.stdout",
        ),
    ),
)

#: They stand beside the house, and see only what `also` names.
ANNEXES: Final[tuple[Room, ...]] = (
    room(
        "emulator",
        """
        anyio argparse asyncio codecs csv difflib importlib.resources.files logging os.read python_multipart random
        signal socket starlette sys.exit tempfile threading time time.gmtime time.strftime time.time uuid uvicorn
        weakref.finalize
        """,
        also="errors types _wire _standard_streams",
    ),
    room(
        "testing",
        """
        anyio concurrent.futures fcntl gc http.HTTPStatus os.fstat os.listdir pathlib select selectors socket ssl stat
        termios threading time.monotonic
        """,
        also="errors types _wire",
    ),
)

#: What one module may use beyond its room, and nobody else in it.
MODULES: Final[dict[str, frozenset[str]]] = {
    module: words(names)
    for module, names in {
        "openai_async._wire.codec": "cattrs",
        "openai_async._wire.multipart": "secrets.token_hex",
        "openai_async._policy.tokens": "tiktoken",
        "openai_async._pipeline.send": "time.time",
        "openai_async._config": "os.environ pathlib.Path",
        "openai_async.azure": "os.environ",
        "openai_async.webhooks": "os.environ time.time",
        "openai_async._transport.proxies": "os.environ urllib.request",
        "openai_async._transport.tls": "os.environ",
        "openai_async.resources.models": "datetime.datetime.now",
        "openai_async.types._pydantic": "importlib.import_module pydantic_core",
    }.items()
}

#: Where generated modules stand.
GENERATED: Final = frozenset({"sync"})
