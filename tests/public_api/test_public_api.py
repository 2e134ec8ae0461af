"""The public names stay as they are pinned, and the pin notices what a user would."""

from __future__ import annotations

import importlib

import pytest

from tests.architecture.source import ROOT, Source
from tests.public_api import loading
from tests.public_api.pinned import LOADING, NAMES, difference
from tests.public_api.windows import INHERITED, Surface

_RENEW = "If this is meant: python -m tests.public_api"


@pytest.fixture(scope="module")
def surface() -> Surface:
    """The public names as they are."""
    return Surface(Source.read(ROOT))


@pytest.fixture(scope="module")
def texts(surface: Surface) -> dict[str, str]:
    """What should be pinned."""
    return surface.texts()


@pytest.mark.parametrize("name", NAMES)
def test_public_names_are_as_pinned(name: str, texts: dict[str, str]) -> None:
    """No name, parameter, default or annotation that a user can rely on changes unseen."""
    changed = difference(name, texts[name])
    assert not changed, f"{changed}\n\n{_RENEW}"


@pytest.mark.slow
def test_what_imports_load_is_as_pinned() -> None:
    """No program starts slower because a module was imported that it did not need."""
    changed = difference(LOADING, loading.text())
    assert not changed, f"{changed}\n\n{_RENEW}"


def test_every_public_name_can_be_imported(surface: Surface) -> None:
    """What the source shows is there when it runs, under the module that is documented."""
    names = [*surface.public_names()]
    assert ("openai_async.types.chat", "ChatCompletion") in names
    assert ("openai_async.sync.resources.chat", "Completions") in names
    missing = [f"{module}.{name}" for module, name in names if not hasattr(importlib.import_module(module), name)]
    assert missing == []


# ---- what is noticed

PUBLIC = """
from __future__ import annotations
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypedDict, overload
import attrs
from package._private import Base, MOST

Mode: TypeAlias = Literal["a", "b"]
_HIDDEN: Final = 1
LEAST: Final = 1

def free(text: str, /, other: int = MOST, *rest: bytes, flag: bool = False, **more: object) -> None: ...

class Client(Base):
    kind: str = "client"
    _inner: int = 0

    def __init__(self, *, key: str | None = None, retries: int = LEAST) -> None:
        self.key: str | None = key
        self.retries = retries
        self._secret = key

    @property
    def model(self) -> str: ...

    @overload
    async def create(self, *, stream: Literal[True]) -> int: ...
    @overload
    async def create(self, *, stream: Literal[False] = False) -> str: ...
    async def create(self, *, stream: bool = False) -> int | str:
        return 1

    async def __aenter__(self) -> Client: ...
    def _later(self) -> None: ...

@attrs.frozen
class Limit:
    requests: int
    tokens: int | None = attrs.field(default=None, repr=False)
    names: list[str] = attrs.field(factory=list, kw_only=True)

class Params(TypedDict, total=False):
    model: str
    n: int | None

if TYPE_CHECKING:
    from package._private import Elsewhere as Elsewhere
"""

PRIVATE = """
from typing import Final
MOST: Final = 3
_SIZE = 5

class Base:
    def inherited(self, size: int = _SIZE) -> int: ...

class Elsewhere:
    def method(self) -> None: ...
"""


def described(public: str, private: str = PRIVATE) -> dict[str, str]:
    """The texts of a package of two modules."""
    source = Source({}).changed("package.public", public).changed("package._private", private)
    return Surface(source, {"public": ("package.public",)}).texts()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # A name is gone, or has another one.
        ("class Limit:", "class _Limit:"),
        ("class Params(", "class Parameters("),
        ("def free(", "def _free("),
        ("async def create(self, *, stream: bool", "async def _create(self, *, stream: bool"),
        ("def model(", "def name("),
        ("self.retries = retries", "self._retries = retries"),
        ("    requests: int\n", ""),
        ("    n: int | None\n", ""),
        ("Elsewhere as Elsewhere", "Elsewhere"),
        ("__aenter__", "_aenter"),
        ("Mode: TypeAlias", "Mood: TypeAlias"),
        # A parameter is renamed, removed, moved, added, or is given in another way.
        ("text: str, /", "words: str, /"),
        ("other: int = MOST, *rest", "another: int = MOST, *rest"),
        (", flag: bool = False", ""),
        ("text: str, /, other: int = MOST", "other: int = MOST, text: str = '', /"),
        ("key: str | None = None, retries: int = LEAST", "retries: int = LEAST, key: str | None = None"),
        ("*, key:", "key:"),
        ("text: str, /,", "text: str,"),
        ("*rest: bytes,", "*,"),
        (", **more: object", ""),
        (
            "    requests: int\n    tokens: int | None = attrs.field(default=None, repr=False)",
            "    tokens: int\n    requests: int",
        ),
        # A default is another one, or there is none.
        ("flag: bool = False", "flag: bool = True"),
        ("flag: bool = False", "flag: bool"),
        ("LEAST: Final = 1", "LEAST: Final = 2"),
        ("field(default=None, repr=False)", "field(default=0, repr=False)"),
        ("field(default=None, repr=False)", "field(repr=False)"),
        (", kw_only=True", ""),
        ('kind: str = "client"', 'kind: str = "server"'),
        # An annotation is another one.
        ("text: str, /", "text: bytes, /"),
        ("**more: object) -> None", "**more: object) -> int"),
        ("def model(self) -> str", "def model(self) -> bytes"),
        ("n: int | None", "n: int"),
        ("total=False", "total=True"),
        ('Literal["a", "b"]', 'Literal["a"]'),
        ("self.key: str | None", "self.key: str"),
        ("stream: Literal[True]", "stream: bool"),
        # It is another kind of thing.
        ("    @property\n", ""),
        ("async def create(self, *, stream: bool", "def create(self, *, stream: bool"),
        ("@attrs.frozen\n", "@attrs.frozen(kw_only=True)\n"),
        ("class Client(Base)", "class Client"),
    ],
)
def test_a_change_that_a_user_meets_is_noticed(before: str, after: str) -> None:
    """Each of these can break somebody's program."""
    assert before in PUBLIC
    assert described(PUBLIC.replace(before, after, 1)) != described(PUBLIC)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("MOST: Final = 3", "MOST: Final = 4"),
        ("_SIZE = 5", "_SIZE = 6"),
        ("def inherited(", "def _inherited("),
        ("def method(", "def _method("),
    ],
)
def test_a_change_in_a_private_module_is_noticed_where_it_shows(before: str, after: str) -> None:
    """What a public class inherits, and the constant behind a default, may stand anywhere."""
    assert before in PRIVATE
    assert described(PUBLIC, PRIVATE.replace(before, after, 1)) != described(PUBLIC)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("_HIDDEN: Final = 1", "_HIDDEN: Final = 2"),
        ("        self._secret = key\n", ""),
        ("    def _later(self) -> None: ...\n", ""),
        ("        return 1\n", "        return 2\n"),
        ("repr=False", "repr=True"),
        ("class Client(Base):\n", 'class Client(Base):\n    """Described."""\n'),
    ],
)
def test_what_no_user_meets_is_free_to_change(before: str, after: str) -> None:
    """Bodies, private names and docstrings are not pinned."""
    assert before in PUBLIC
    assert described(PUBLIC.replace(before, after, 1)) == described(PUBLIC)


def test_a_module_that_moves_leaves_its_names_pinned() -> None:
    """A re-export says where the name is described now; without it the name is gone."""
    moved = Source({}).changed("package.types.new", "class Value:\n    id: str\n")
    windows = {"types": ("package.types.*",)}
    kept = moved.changed("package.types.old", "from package.types.new import Value as Value\n")
    assert "Value is package.types.new.Value\n" in Surface(kept, windows).texts()["types"]
    gone = moved.changed("package.types.old", "from package.types.new import Value\n")
    assert "Value is" not in Surface(gone, windows).texts()["types"]


def test_a_private_home_does_not_show() -> None:
    """A private module may be moved without a difference, but for the names of private bases."""
    first = Source({}).changed("package", "__all__ = ['Value']\nfrom package._a import Value\n")
    second = Source({}).changed("package", "__all__ = ['Value']\nfrom package._b import Value\n")
    text = "class Value:\n    id: str\n"
    windows = {"package": ("package",)}
    texts = [
        Surface(source.changed(home, text), windows).texts()
        for source, home in ((first, "package._a"), (second, "package._b"))
    ]
    assert texts[0] == texts[1]
    assert "class Value:\n    id: str\n" in texts[0]["package"]
    assert texts[0][INHERITED].splitlines() == ["", "# private bases of public classes"]
