"""The base classes of the generated synchronous classes, and a client's handle of the portal.

A generated method is one line: it calls the asynchronous method on the loop and waits for the result. An asynchronous
result gets its proxy on the loop too, so that nothing that is open is ever without an owner.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar, cast

from openai_async.client import AsyncClient
from openai_async.sync._bridge.iterators import AsyncIteratorReader, EnteredContext, IteratorProxy
from openai_async.sync._bridge.portal import Ended, Portal, claim
from openai_async.types._plain import Plain
from openai_async.types._uncopied import Uncopied

T = TypeVar("T")
S = TypeVar("S")
A = TypeVar("A")


class PortalHandle:
    """A client's claim to the portal, shared by all proxies of the client.

    It is claimed by the first call, and released when the client is closed or all of them are gone.
    """

    def __init__(self, root: AsyncClient) -> None:
        self._root = root
        self._portal: Portal | None = None
        self._lock = threading.RLock()  # a signal handler may make a call in the midst of one

    @property
    def portal(self) -> Portal:
        """The portal of this process."""
        portal = self._portal
        return portal if portal is not None and not portal.ended else self._claim()

    def _claim(self) -> Portal:
        if self._portal is not None and self._portal.forked:
            self._lock = threading.RLock()  # a thread of the parent may have held it
        with self._lock:
            portal = self._portal
            if portal is None or portal.ended:
                portal = self._portal = claim()
            return portal

    def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """See `Portal.call`."""
        while True:
            try:
                return self.portal.call(function)
            except Ended:
                continue

    def release(self) -> None:
        """Close the connections and release the portal. The last release ends it."""
        portal = self._portal
        if portal is None or portal.forked:
            return
        self.call(self._root.aclose)
        with self._lock:
            portal, self._portal = self._portal, None
        if portal is not None:
            portal.release()
            portal.join()

    def __del__(self) -> None:
        portal = getattr(self, "_portal", None)
        if portal is not None:
            portal.post(_Finalizer(portal, self._root))


class _Finalizer:
    """Closes the connections of a client that was garbage-collected. Called on the loop."""

    def __init__(self, portal: Portal, root: AsyncClient) -> None:
        self._portal = portal
        self._root = root

    def __call__(self) -> None:
        self._portal.spawn(self._close())

    async def _close(self) -> None:
        try:
            await self._root.aclose()
        except Exception:
            pass  # no caller is left to get the error
        finally:
            self._portal.release()


class Proxy(Uncopied, Generic[A]):
    """A synchronous object in place of an asynchronous one."""

    #: The asynchronous class.
    _async_class: ClassVar[type]

    def __init__(self, handle: PortalHandle, inner: A) -> None:
        self._handle = handle
        self._inner = inner

    def _call(self, function: Callable[[], Awaitable[T]], params: Mapping[str, object] | None = None) -> T:
        """The result of an asynchronous method. Empties `params`, so that no frame still shows the prompt."""
        try:
            return self._handle.call(function)
        finally:
            if params is not None:
                cast("dict[str, object]", params).clear()

    def _call_proxied(
        self,
        proxy: type[Proxy[Any]],
        function: Callable[[], Awaitable[object]],
        params: Mapping[str, object] | None = None,
    ) -> Any:
        """The result of an asynchronous method, in this proxy if it is asynchronous itself."""
        handle = self._handle

        async def proxied() -> object:
            result = await function()
            return proxy(handle, result) if isinstance(result, proxy._async_class) else result

        return self._call(proxied, params)

    def _run_on_loop(self, function: Callable[[], T], params: Mapping[str, object] | None = None) -> T:
        """The result of a method that is not asynchronous and must be called on the loop."""

        async def run() -> T:
            return function()

        return self._call(run, params)

    def _run_proxied(
        self,
        proxy: Callable[[PortalHandle, T], S],
        function: Callable[[], T],
        params: Mapping[str, object] | None = None,
    ) -> S:
        """The result of such a method, in a proxy."""
        return proxy(self._handle, self._run_on_loop(function, params))

    def _iterate(self, open_: Callable[[], AsyncIterator[T]]) -> IteratorProxy[T]:
        """Iterate an asynchronous iterator."""
        return IteratorProxy(AsyncIteratorReader(self._handle.portal, open_), self._handle)

    def __repr__(self) -> str:
        inner = getattr(self, "_inner", None)  # a traceback may show it half built
        return f"<{type(self).__name__} not built>" if inner is None else repr(inner).replace("<Async", "<", 1)


class PageProxy(Plain, Proxy[A], Generic[A]):
    """A proxy of a page, with the same conversions to plain values."""

    def _items(self) -> Iterator[tuple[str, Any]]:
        return cast("Plain", self._inner)._items()

    def _shown(self) -> Iterator[tuple[str, object]]:
        return cast("Plain", self._inner)._shown()


class StepProxy(Proxy[A], Generic[A, T]):
    """A proxy of an asynchronous iterator. Each item is one call, and no item is read ahead."""

    def _next(self) -> T:
        step: Callable[[], Awaitable[T]] = cast("Any", self._inner).__anext__
        return self._handle.call(step)

    def _next_proxied(self, proxy: type[Proxy[Any]]) -> Any:
        return self._call_proxied(proxy, cast("Any", self._inner).__anext__)

    def _end(self) -> None:
        self._handle.call(cast("Any", self._inner).aclose)


class ContextProxy(Proxy[A]):
    """A proxy of an asynchronous context manager."""

    _context: EnteredContext[Any] | None = None
    #: Kept until the block ends, even if the caller keeps no reference.
    _entered: object = None

    def _enter(self, proxy: type[Proxy[Any]]) -> Any:
        context: EnteredContext[Any] = EnteredContext(self._handle.portal, cast("Any", self._inner))
        try:
            self._entered = entered = self._call_proxied(proxy, context.enter)
        except Exception:
            raise
        except BaseException:  # Ctrl-C, and it may have been entered already
            self._handle.call(lambda: context.leave(None))
            raise
        self._context = context
        return entered

    def _leave(self, reason: BaseException | None) -> bool | None:
        context, self._context = self._context, None
        if context is None or context.portal.forked:
            return None
        suppressed = self._call(lambda: context.leave(reason))
        self._entered = None
        return suppressed

    def __del__(self) -> None:
        if self._context is not None:
            self._context.drop()
