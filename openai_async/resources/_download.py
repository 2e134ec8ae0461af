"""Replies that are no JSON and may be large: read as they arrive, or written to a path."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from anyio import to_thread

from openai_async._pipeline.pipeline import Pipeline
from openai_async._pipeline.request import Answer, Request
from openai_async._streams.body import OpenBody
from openai_async._transport.exchange import DeadlineReached
from openai_async.errors import APIConnectionError, APIError, IdleTimeoutError, frameless
from openai_async.resources._rewritten import Rewriter, rewrite
from openai_async.types._uncopied import Uncopied
from openai_async.types.meta import Meta

_WHOLE: Final = 64 * 1024


class AsyncDownload(OpenBody):
    """The body of a reply, piece by piece. It is at its end only if the server said so.

    Iterating raises:
        APIConnectionError: the connection broke before the end.
        IdleTimeoutError, DeadlineExceededError: nothing came in time.
        ConcurrentReadError: another task is waiting for the next piece. That task goes on.

    Cancelling drops the connection.
    """

    def __init__(self, call: Request, answer: Answer) -> None:
        super().__init__(call, answer)
        self.meta: Meta = answer.meta
        self._complete = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._complete:
            raise StopAsyncIteration
        if self._closed:
            raise _left()
        due, late = self._due(self._now(), self._timeout.idle, IdleTimeoutError)
        self._begin_reading()
        try:
            piece = await self._exchange.read(due)
        except DeadlineReached:
            self._close()
            raise frameless(late(self._why(late, "further byte"), phase="body")) from None
        except APIError as error:
            error = _left() if self._closed else error
            self._close()
            raise frameless(error) from error.__cause__
        except BaseException:
            self._close()
            raise
        finally:
            self._reading = False
        if not piece:
            self._complete = True
            self._close()
            raise StopAsyncIteration
        return piece

    async def read(self) -> bytes:
        """The rest of the body, whole.

        Raises what iterating raises. Cancelling drops the connection.
        """
        return b"".join([piece async for piece in self])

    async def write_to(self, path: str | os.PathLike[str]) -> int:
        """Write the rest of the body to a file; gives its size in bytes.

        It is written beside the path and moved there when it is whole, so that the path never holds half of it.

        Raises what iterating raises, and OSError. Cancelling leaves no file.
        """
        part = Path(f"{os.fspath(path)}.{secrets.token_hex(4)}.part")  # two may write to one path: the last one stays
        # Made and removed at once: a thread could still make it when who cancelled has gone.
        file = open(part, "xb")  # noqa: ASYNC230, SIM115
        size = waiting = 0
        gathered: list[bytes] = []
        try:
            async for piece in self:
                gathered.append(piece)
                waiting += len(piece)
                if waiting >= _WHOLE:  # a thread is worth its while
                    size += await to_thread.run_sync(file.write, b"".join(gathered))
                    gathered, waiting = [], 0
            size += await to_thread.run_sync(file.write, b"".join(gathered))
            file.close()
            part.replace(path)  # noqa: ASYNC240
        except BaseException:
            file.close()
            part.unlink(missing_ok=True)  # noqa: ASYNC240
            raise
        return size

    async def aclose(self) -> None:
        """Close it; before its end, the connection is dropped. A task that is reading gets `APIConnectionError`.

        Never raises and never waits: there is nothing to cancel.
        """
        self._close()


def _left() -> APIConnectionError:
    return APIConnectionError("the download was closed before its end", phase="body")


class AsyncDownloadManager(Uncopied):
    """`async with` form of a download: the request is sent on entering, the connection given back on leaving."""

    def __init__(
        self, pipeline: Pipeline, call: Request, rewriter: Callable[[Request, Answer], Rewriter] | None = None
    ) -> None:
        self._pipeline = pipeline
        self._call = call
        self._rewriter = rewriter  # where the server may answer in another form
        self._download: AsyncDownload | None = None

    async def __aenter__(self) -> AsyncDownload:
        answer = await self._pipeline.open(self._call)
        if self._rewriter is not None:
            rewrite(answer, self._rewriter(self._call, answer))
        self._download = AsyncDownload(self._call, answer)
        return self._download

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._download is not None:
            await self._download.aclose()
