"""What a pass-through is made of: the object it stands for, and a client's hold on the portal.

A generated method is one line: the call of the asynchronous method, made and awaited on the loop. What comes back and
is asynchronous itself gets its face there, so that nothing that is open is ever without an owner.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from openai_async.client import AsyncClient
from openai_async.errors import ForeignLoopError
from openai_async.sync._bridge.iterators import Handoff, Held, Pump
from openai_async.sync._bridge.portal import Ended, Portal, claim
from openai_async.types._base import Value
from openai_async.types._plain import Plain
from openai_async.types._uncopied import Uncopied

if TYPE_CHECKING:
    from openai_async._streams.stream import AsyncStream

T = TypeVar("T")
S = TypeVar("S")
A = TypeVar("A")
C = TypeVar("C", bound=Value)
F = TypeVar("F")


class Lease:
    """A client's hold on the portal, shared by everything that comes from the client.

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
        """Close the connections, and give the portal back: the last one ends it."""
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
            portal.post(_Farewell(portal, self._root))


class _Farewell:
    """Closes the connections of a client that nobody has any more. Called on the loop."""

    def __init__(self, portal: Portal, root: AsyncClient) -> None:
        self._portal = portal
        self._root = root

    def __call__(self) -> None:
        self._portal.spawn(self._close())

    async def _close(self) -> None:
        try:
            await self._root.aclose()
        except Exception:
            pass  # nobody is left to hear of it
        finally:
            self._portal.release()


class Facade(Uncopied, Generic[A]):
    """Stands for an asynchronous object."""

    #: The class that it stands for.
    _twin: ClassVar[type]

    def __init__(self, lease: Lease, inner: A) -> None:
        self._lease = lease
        self._inner = inner

    def _call(self, function: Callable[[], Awaitable[T]], params: Mapping[str, object] | None = None) -> T:
        """The result of an asynchronous method. `params` are emptied, so that no frame still shows the prompt."""
        try:
            return self._lease.call(function)
        finally:
            if params is not None:
                cast("dict[str, object]", params).clear()

    def _call_for(
        self,
        face: type[Facade[Any]],
        function: Callable[[], Awaitable[object]],
        params: Mapping[str, object] | None = None,
    ) -> Any:
        """As `_call`, of a method whose result may be asynchronous itself, and gets this face then."""
        lease = self._lease

        async def faced() -> object:
            result = await function()
            return face(lease, result) if isinstance(result, face._twin) else result

        return self._call(faced, params)

    def _ask(self, function: Callable[[], T], params: Mapping[str, object] | None = None) -> T:
        """The result of a method that is not asynchronous, and yet belongs to the loop."""

        async def asked() -> T:
            return function()

        return self._call(asked, params)

    def _ask_for(
        self, face: Callable[[Lease, T], S], function: Callable[[], T], params: Mapping[str, object] | None = None
    ) -> S:
        """As `_ask`, of a method whose result gets a face."""
        return face(self._lease, self._ask(function, params))

    def _iterate(self, open_: Callable[[], AsyncIterator[T]]) -> Handoff[T]:
        """The items of an asynchronous iterator."""
        return Handoff(Pump(self._lease.portal, open_), self._lease)

    def __repr__(self) -> str:
        inner = getattr(self, "_inner", None)  # a traceback may show it half built
        return f"<{type(self).__name__} not built>" if inner is None else repr(inner).replace("<Async", "<", 1)


class PageFace(Plain, Facade[A], Generic[A]):
    """Stands for a page, which can be turned into what the page can."""

    def _items(self) -> Iterator[tuple[str, Any]]:
        return cast("Plain", self._inner)._items()

    def _shown(self) -> Iterator[tuple[str, object]]:
        return cast("Plain", self._inner)._shown()


class StepFace(Facade[A], Generic[A, T]):
    """Stands for an asynchronous iterator; each item is one call, and none is read ahead."""

    def _next(self) -> T:
        step: Callable[[], Awaitable[T]] = cast("Any", self._inner).__anext__
        return self._lease.call(step)

    def _next_for(self, face: type[Facade[Any]]) -> Any:
        return self._call_for(face, cast("Any", self._inner).__anext__)

    def _end(self) -> None:
        self._lease.call(cast("Any", self._inner).aclose)


class BatchFace(Facade[A], Generic[A, T]):
    """Stands for an asynchronous iterator whose items are handed over in batches. Dropping it closes it."""

    def __init__(self, lease: Lease, inner: A) -> None:
        super().__init__(lease, inner)
        self._handoff: Handoff[T] = self._iterate(lambda: cast("AsyncIterator[T]", inner))

    def _next(self) -> T:
        return next(self._handoff)

    def _end(self) -> None:
        self._handoff.close()

    def __del__(self) -> None:
        handoff = getattr(self, "_handoff", None)
        if handoff is None or handoff.over or not (handoff.unread or cast("Any", self._inner)._under_way()):
            return
        handoff.drop()  # first: a warning may be an error
        cast("Any", self._inner)._warn_of_leaving(self)


class OpenFace(Facade[A]):
    """Stands for what holds a connection: closed once, and by its finalizer at the latest."""

    def __init__(self, lease: Lease, inner: A) -> None:
        super().__init__(lease, inner)
        self._portal = lease.portal
        self._portal.open.add(cast("Any", inner))

    def _end(self) -> None:
        if not self._portal.forked and not cast("Any", self._inner)._closed:
            self._lease.call(cast("Any", self._inner).aclose)

    def _check(self) -> None:
        if self._portal.forked:
            raise ForeignLoopError("this stream belongs to the parent process; open another one in this one")

    def __del__(self) -> None:
        inner: Any = getattr(self, "_inner", None)
        if inner is None or inner._closed:
            return
        if self._portal.forked:
            inner._closed = True  # the connection is the parent's, which may be reading from it
            return
        text = f"{self!r} was never closed"
        self._portal.post(inner._close)  # first: a warning may be an error
        warnings.warn(text, ResourceWarning, source=self, stacklevel=1)


class DownloadFace(OpenFace[A], StepFace[A, T], Generic[A, T]):
    """Stands for a download."""

    def _next(self) -> T:
        self._check()
        return super()._next()


class StreamFace(OpenFace["AsyncStream[C, F]"], Generic[C, F]):
    """Stands for a stream. Chunks that arrive together are decoded together, on the loop; only waiting is a hop."""

    def __init__(self, lease: Lease, inner: AsyncStream[C, F]) -> None:
        super().__init__(lease, inner)
        self._lock = threading.Lock()

    def _next(self) -> C:
        self._check()
        inner = self._inner
        with self._lock:
            while (chunk := inner._take()) is None:
                self._lease.call(inner._arrive)
            return chunk

    def _texts(self) -> Iterator[str]:
        from openai_async._streams.text_pieces import text_of

        while True:
            try:
                text = text_of(self._next())
            except StopIteration:
                return
            if text:
                yield text


class ManagerFace(Facade[A]):
    """Stands for an asynchronous context manager."""

    _held: Held[Any] | None = None
    #: What was entered is kept: it ends with the block, and not when nobody looks at it.
    _entered: object = None

    def _enter(self, face: type[Facade[Any]]) -> Any:
        held: Held[Any] = Held(self._lease.portal, cast("Any", self._inner))
        try:
            self._entered = entered = self._call_for(face, held.enter)
        except Exception:
            raise
        except BaseException:  # Ctrl-C, and it may have been entered already
            self._lease.call(lambda: held.leave(None))
            raise
        self._held = held
        return entered

    def _leave(self, reason: BaseException | None) -> bool | None:
        held, self._held = self._held, None
        if held is None or held.portal.forked:
            return None
        suppressed = self._call(lambda: held.leave(reason))
        self._entered = None
        return suppressed

    def __del__(self) -> None:
        if self._held is not None:
            self._held.drop()
