"""Binary replies that may be large: read as they arrive, or written to a path."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from anyio import to_thread

from openai_async._pipeline.answer import Answer
from openai_async._pipeline.pipeline import Pipeline
from openai_async._pipeline.request import Request
from openai_async._streams.body import ResponseBody
from openai_async._transport.exchange import DeadlineReached
from openai_async.errors import APIConnectionError, APIError, IdleTimeoutError, frameless
from openai_async.resources._rewritten import Rewriter, rewritten
from openai_async.types._uncopied import Uncopied
from openai_async.types.meta import Meta

if TYPE_CHECKING:
    from openai_async._streams.interface import Closable

_BLOCK: Final = 64 * 1024


class AsyncDownload(Uncopied):
    """The body of a reply, in chunks. It ends normally only if the server signaled its end.

    Iterating raises:
        APIConnectionError: the connection broke before the end.
        IdleTimeoutError, DeadlineExceededError: nothing came in time.
        ConcurrentReadError: another task is waiting for the next piece. That task goes on.

    Cancelling drops the connection.
    """

    def __init__(self, call: Request, answer: Answer) -> None:
        self._body = ResponseBody(call, answer)
        self.meta: Meta = answer.meta
        self._complete = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._complete:
            raise StopAsyncIteration
        body = self._body
        if body.closed:
            raise _closed_early()
        deadline, timeout_error = body.deadline_of(body.now(), body.timeout.idle, IdleTimeoutError)
        body.begin_reading()
        try:
            piece = await body.exchange.read(deadline)
        except DeadlineReached:
            body.close()
            message = body.timeout_message(timeout_error, "further byte")
            raise frameless(timeout_error(message, phase="body")) from None
        except APIError as error:
            error = _closed_early() if body.closed else error
            body.close()
            raise frameless(error) from error.__cause__
        except BaseException:
            body.close()
            raise
        finally:
            body.end_reading()
        if not piece:
            self._complete = True
            body.close()
            raise StopAsyncIteration
        return piece

    async def read(self) -> bytes:
        """Read the rest of the body into memory.

        Raises the errors of iterating. Cancelling drops the connection.
        """
        return b"".join([piece async for piece in self])

    async def write_to(self, path: str | os.PathLike[str]) -> int:
        """Write the rest of the body to a file; returns its size in bytes.

        The body is written to a temporary file next to the path, then moved, so that the path never holds half of it.

        Raises the errors of iterating, and OSError. Cancelling leaves no file.
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
                if waiting >= _BLOCK:  # a thread is worth its while
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
        """Close the download. Before the end, the connection is dropped, and a task that reads gets
        `APIConnectionError`.

        It never raises and never waits, so there is nothing to cancel.
        """
        self._body.close()

    def __del__(self) -> None:
        body = getattr(self, "_body", None)
        if body is not None:
            body.finalize(self)


def body_of(download: AsyncDownload) -> Closable:
    """What a download reads from, for the synchronous client: see `_streams.interface`."""
    return download._body


def _closed_early() -> APIConnectionError:
    return APIConnectionError("the download was closed before its end", phase="body")


class AsyncDownloadManager(Uncopied):
    """A download as a context manager: the request is sent on entry, the connection is released on exit."""

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
            answer = rewritten(answer, self._rewriter(self._call, answer))
        self._download = AsyncDownload(self._call, answer)
        return self._download

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._download is not None:
            await self._download.aclose()
