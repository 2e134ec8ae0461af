"""Pagination: lists of the API, by page or by item.

`await client.files.list()` returns a page. `async for file in client.files.list()` yields the items of all pages and
fetches the next page while the current one is processed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Generator, Iterator, Mapping
from typing import Any, Generic, Self, TypeVar, cast

import attrs

from openai_async import _concurrency
from openai_async._wire import codec, json
from openai_async.errors import ConcurrentReadError, DecodeError, InvalidParameterError
from openai_async.types._base import Value
from openai_async.types._plain import Plain
from openai_async.types._uncopied import Uncopied
from openai_async.types.meta import NO_META, Meta

T = TypeVar("T")
V = TypeVar("V", bound=Value)

#: Arguments of the call that gives the page after one with these items and this body, or None after the last page.
Following = Callable[[list[Any], Mapping[str, Any]], "dict[str, Any] | None"]


@attrs.define
class AsyncPage(Plain, Generic[T]):
    """One page of a list. Iterate over it for its items."""

    data: list[T]
    #: Whether the server says that there is more.
    has_more: bool = False
    #: Everything else that the page states.
    extra: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    meta: Meta = attrs.field(default=NO_META, kw_only=True, repr=False, eq=False)
    _next: Callable[[], Awaitable[AsyncPage[T]]] | None = attrs.field(default=None, kw_only=True, repr=False, eq=False)

    def __iter__(self) -> Iterator[T]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def _items(self) -> Iterator[tuple[str, Any]]:
        yield from {"object": "list", **self.extra, "data": self.data, "has_more": self.has_more}.items()

    def keys(self) -> Collection[str]:
        """The names of the fields. With them and `page[name]`, `dict(page)` has the complete page."""
        return dict(self._items()).keys()

    def __getitem__(self, name: str) -> Any:
        return dict(self._items())[name]

    def has_next_page(self) -> bool:
        """Whether there is a next page."""
        return self._next is not None

    async def next_page(self) -> AsyncPage[T]:
        """Fetch the next page.

        Raises:
            StopAsyncIteration: this is the last page; see `has_next_page`.
            APIError: see `openai_async.errors`.

        Cancelling drops the connection.
        """
        if self._next is None:
            raise StopAsyncIteration("this is the last page")
        return await self._next()


@attrs.frozen
class PageArguments:
    """The arguments of a page request, kept for the next one. The repr, which tracebacks may show, contains none of
    them.
    """

    params: dict[str, Any] = attrs.field(repr=False)
    #: Arguments that an earlier page named: who meets them again goes in a circle. The mark moves to the newest after
    #: 1, 2, 4, 8, ... pages (Brent's algorithm): one mark finds a circle of any length, within three turns of it.
    mark: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    #: Pages since the mark, and after how many it moves on.
    since: int = 0
    until: int = 1

    def further(self, params: Mapping[str, Any]) -> PageArguments:
        """The same arguments with the ones that a page names for its successor.

        Raises:
            DecodeError: the page repeats an earlier request.
        """
        if self.mark is not None and params.items() <= self.params.items():
            raise DecodeError("the list does not go on: the page after this one would be this one again")
        if params == self.mark:
            raise DecodeError("the list does not go on: the page after this one was given before")
        if self.mark is None or self.since == self.until:
            return PageArguments({**self.params, **params}, dict(params), 1, 2 * self.until)
        return PageArguments({**self.params, **params}, self.mark, self.since + 1, self.until)


class AsyncPaginator(Uncopied, Generic[T]):
    """A list that has not been requested yet: await it for its first page, or iterate over it for all items.

    Iterating raises the errors of a call (see `openai_async.errors`); cancelling drops the connection. Leaving an
    iteration early leaves at most the page that is being fetched ahead.
    """

    def __init__(
        self, fetch: Callable[[PageArguments], Awaitable[AsyncPage[T]]], page_arguments: PageArguments
    ) -> None:
        self._fetch = fetch
        self._page_arguments = page_arguments

    def __repr__(self) -> str:
        return "<AsyncPaginator: iterate it for all items>"

    def __await__(self) -> Generator[Any, Any, AsyncPage[T]]:
        return self._fetch(self._page_arguments).__await__()

    def __aiter__(self) -> AsyncIterator[T]:
        return _Items(self.pages())

    def pages(self) -> AsyncPages[T]:
        """Iterate over the pages."""
        return AsyncPages(self)

    async def collect(self, limit: int | None = None) -> list[T]:
        """Collect all items, or the first `limit` items, in a list.

        Raises the errors of iterating. Cancelling drops the connection.
        """
        if limit is not None and limit < 0:
            raise InvalidParameterError("limit", "must be 0 or more, or None")
        items: list[T] = []
        if limit == 0:
            return items
        pages = self.pages()
        try:
            async for page in pages:
                items += page.data
                if limit is not None and len(items) >= limit:
                    break
        finally:
            await pages.aclose()
        return items[:limit]


class AsyncPages(Uncopied, Generic[T]):
    """The pages of a list. The next page is fetched while the current one is processed. One task reads at a time."""

    def __init__(self, first: Awaitable[AsyncPage[T]]) -> None:
        self._first: Awaitable[AsyncPage[T]] | None = first
        self._reading = False
        self._ahead: _Ahead[T] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AsyncPage[T]:
        if self._reading:  # which has taken what this one would wait for
            raise ConcurrentReadError("another task is already waiting for the next page of this list")
        self._reading = True
        try:
            page = await self._next()
        finally:
            self._reading = False
        if page.has_next_page():
            self._ahead = _Ahead(page.next_page)
        return page

    async def _next(self) -> AsyncPage[T]:
        if self._first is not None:
            first, self._first = self._first, None
            return await first
        if self._ahead is not None:
            ahead, self._ahead = self._ahead, None
            return await ahead.get()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Cancel the page that is being fetched ahead, if any.

        Cancelling drops it, too.
        """
        if self._ahead is not None:
            await self._ahead.cancel()
            self._ahead = None

    def __del__(self) -> None:
        if (ahead := getattr(self, "_ahead", None)) is not None:
            ahead.drop()


class _Ahead(Generic[T]):
    """A page that is being fetched ahead."""

    def __init__(self, fetch: Callable[[], Awaitable[AsyncPage[T]]]) -> None:
        self._fetch = fetch
        self._jobs = _concurrency.Jobs()
        self._page: AsyncPage[T] | None = None
        self._error: BaseException | None = None
        self._jobs.start(self._run)

    async def _run(self) -> None:
        try:
            self._page = await self._fetch()
        except BaseException as error:
            if _concurrency.cancels(error):
                raise
            self._error = error

    async def get(self) -> AsyncPage[T]:
        try:
            await self._jobs.ended()
        except BaseException:
            await self.cancel()
            raise
        if self._error is not None:
            raise self._error
        assert self._page is not None
        return self._page

    async def cancel(self) -> None:
        await self._jobs.cancel()

    def drop(self) -> None:
        self._jobs.drop()


class _Items(Generic[T]):
    """The items of pages. Not a generator, because leaving one early would need a finalizer."""

    def __init__(self, pages: AsyncPages[T]) -> None:
        self._pages = pages
        self._items: Iterator[T] = iter(())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while True:
            for item in self._items:
                return item
            self._items = iter(await anext(self._pages))

    async def aclose(self) -> None:
        await self._pages.aclose()


# ---- how the page after this one is asked for


def after_last(items: list[Any], page: Mapping[str, Any]) -> dict[str, Any] | None:
    """The next page by `after=` the last item's ID, while the page has more."""
    if not page.get("has_more") or not items:
        return None
    last = page.get("last_id") or getattr(items[-1], "id", None)
    return {"after": last} if isinstance(last, str) else None


def after_token(items: list[Any], page: Mapping[str, Any]) -> dict[str, Any] | None:
    """The next page by its `page=` token; an empty page may have one."""
    token = page.get("next_page")
    return {"page": token} if isinstance(token, str) and token and page.get("has_more", True) else None


def after_next(items: list[Any], page: Mapping[str, Any]) -> dict[str, Any] | None:
    """The next page by `after=` the page's `next`."""
    token = page.get("next")
    return {"after": token} if isinstance(token, str) and token and page.get("has_more", True) else None


def after_any(items: list[Any], page: Mapping[str, Any]) -> dict[str, Any] | None:
    """The next page by whichever of these ways the page shows."""
    return after_token(items, page) or after_next(items, page) or after_last(items, page)


def no_more(items: list[Any], page: Mapping[str, Any]) -> dict[str, Any] | None:
    """No next page: there is one page only."""
    return None


def page_decoder(item: type[V]) -> Callable[[bytes], AsyncPage[V]]:
    """Return a decoder of pages whose items are of a class.

    Raises:
        DecodeError: it is not a list of the API, or an item is not of this class.
    """

    def decode(body: bytes) -> AsyncPage[V]:
        page: Any = json.loads(body)
        if isinstance(page, list):  # of servers that leave out what is around it
            page = {"data": page}  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(page, dict):
            raise DecodeError("the body is not a list of the API")
        rest = dict(cast("dict[str, Any]", page))
        data = rest.pop("data", None)
        if data is None and "data" in page:
            data = []
        if not isinstance(data, list):
            raise DecodeError("the body is not a list of the API: no array `data`")
        items = [codec.structure(item, value) for value in data]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return AsyncPage(items, bool(rest.get("has_more")), rest)

    return decode
