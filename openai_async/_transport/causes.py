"""The causes of an error. HTTP libraries wrap a system error several times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

LIBRARIES: Final = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "h11", "h2", "anyio", "trio"})


def is_of_a_library(error: BaseException) -> bool:
    """Whether an HTTP library, or a library beneath it, defines the error's class."""
    return any(cls.__module__.partition(".")[0] in LIBRARIES for cls in type(error).__mro__)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error itself, then its causes, from the outermost in. Of an exception group, its last error."""
    link: BaseException | None = error
    seen = set[int]()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        inner: tuple[BaseException, ...] = getattr(link, "exceptions", ())
        # The pool of httpcore suppresses the context of what it passes on.
        context = link.__context__ if is_of_a_library(link) or not link.__suppress_context__ else None
        link = inner[-1] if inner else link.__cause__ or context
