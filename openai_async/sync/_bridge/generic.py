"""The generic resources for threads: the same names, arguments and replies, without `await`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from openai_async._streams.stream import AsyncStream
from openai_async.resources._generic import CatalogResource, GenericResource, Method, below
from openai_async.resources._pagination import AsyncPaginator
from openai_async.sync._bridge.proxies import PortalHandle, Proxy
from openai_async.sync._stream import Stream
from openai_async.sync.resources._pagination import Paginator
from openai_async.types._uncopied import Uncopied

A = TypeVar("A", bound=CatalogResource)


def proxy_of(handle: PortalHandle, name: str, value: Any) -> Any:
    """The proxy of a generic resource or of one of its methods.

    Raises:
        AttributeError: it is neither, and so not for threads.
    """
    if isinstance(value, GenericResource):
        return GenericResourceProxy(handle, value)
    if isinstance(value, Method):
        return OperationProxy(handle, value)
    raise AttributeError(f"a synchronous client has no {name!r}")


class CatalogProxy(Proxy[A], Generic[A]):
    """A proxy of a resource with methods of its own and those of the table of operations."""

    if not TYPE_CHECKING:  # a checker knows what a class has, and flags a misspelling

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return proxy_of(self._handle, name, getattr(self._inner, name))

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *below(self._inner._catalog_name)})


class GenericResourceProxy(CatalogProxy[GenericResource]):
    """A generic resource: its methods, and the resources below it."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class OperationProxy(Uncopied):
    """A proxy of one operation, to be called."""

    def __init__(self, handle: PortalHandle, inner: Method) -> None:
        self._handle = handle
        self._inner = inner

    def __call__(self, *path_params: object, **params: Any) -> Any:
        """Make the call. Returns the reply, a stream with `stream=True`, or a paginator of a list."""
        try:
            result = self._inner(*path_params, **params)
        finally:
            params.clear()  # no frame of a traceback shows them
        if isinstance(result, AsyncPaginator):
            listing: AsyncPaginator[Any] = result  # pyright: ignore[reportUnknownVariableType]
            return Paginator(self._handle, listing)

        async def proxied() -> Any:
            reply = await result
            # There, so that nothing that is open is ever without an owner.
            return Stream(self._handle, reply) if isinstance(reply, AsyncStream) else reply  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

        return self._handle.call(proxied)

    def __repr__(self) -> str:
        return repr(self._inner)
