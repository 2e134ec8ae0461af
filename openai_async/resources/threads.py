"""`client.beta.threads` and its messages: removed at OpenAI on 2026-08-26, see `assistants`.

A thread stands alone. Its messages are added at its end, and only their metadata may change.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal, Unpack, overload

from openai_async._streams.stream import AsyncStreamManager
from openai_async.resources._assistants import AssistantsResource
from openai_async.resources._pagination import AsyncPaginator
from openai_async.resources.runs import AsyncRuns, RunsResource, RunStream
from openai_async.types.assistants import AssistantDeleted, Message, Run, RunEvent, Thread
from openai_async.types.params.assistants import (
    MessageCreateParams,
    MessageListParams,
    MetadataParams,
    ThreadCreateParams,
    ThreadRunParams,
    ThreadUpdateParams,
)
from openai_async.types.params.options import RequestOptions


class AsyncThreads(RunsResource):
    """Threads of servers that have them (https://platform.openai.com/docs/api-reference/threads).

    Every method raises RemovedEndpointError on OpenAI's own API, InvalidParameterError for what cannot be sent (both
    before anything is sent), and APIError (see `openai_async.errors`).
    """

    _catalog_name = "beta.threads"

    @cached_property
    def messages(self) -> AsyncMessages:
        """The messages of a thread."""
        return AsyncMessages(self._pipeline)

    @cached_property
    def runs(self) -> AsyncRuns:
        """Assistants at work on a thread."""
        return AsyncRuns(self._pipeline)

    async def create(self, **params: Unpack[ThreadCreateParams]) -> Thread:
        """Make a thread, empty or with messages.

        Cancelling drops the connection; it may be made all the same.
        """
        return await self._call("create", Thread, params)

    async def retrieve(self, thread_id: str, **options: Unpack[RequestOptions]) -> Thread:
        """One thread by its id; NotFoundError if there is none.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._call("retrieve", Thread, options, thread_id=thread_id)

    async def update(self, thread_id: str, **params: Unpack[ThreadUpdateParams]) -> Thread:
        """Change a thread's metadata or resources.

        Cancelling drops the connection; it may be changed all the same.
        """
        return await self._call("update", Thread, params, thread_id=thread_id)

    async def delete(self, thread_id: str, **options: Unpack[RequestOptions]) -> AssistantDeleted:
        """Delete a thread with its messages and runs.

        Cancelling drops the connection; it may be deleted all the same.
        """
        return await self._call("delete", AssistantDeleted, options, thread_id=thread_id)

    @overload
    async def create_and_run(
        self, *, stream: Literal[False] | None = None, **params: Unpack[ThreadRunParams]
    ) -> Run: ...
    @overload
    async def create_and_run(self, *, stream: Literal[True], **params: Unpack[ThreadRunParams]) -> RunStream: ...
    @overload
    async def create_and_run(self, *, stream: bool | None, **params: Unpack[ThreadRunParams]) -> Run | RunStream: ...
    async def create_and_run(self, *, stream: bool | None = None, **params: Unpack[ThreadRunParams]) -> Run | RunStream:
        """Make a thread and run an assistant on it, see `runs.create`.

        Cancelling drops the connection; both may be made, and the run go on, all the same.
        """
        return await self._run("create_and_run", params, stream)

    def create_and_run_stream(self, **params: Unpack[ThreadRunParams]) -> AsyncStreamManager[RunEvent, Run]:
        """`create_and_run(stream=True)` as a context manager that closes the stream on leaving.

        The request is sent on entering.
        """
        return self._follow("create_and_run", params)


class AsyncMessages(AssistantsResource):
    """Messages of a thread (https://platform.openai.com/docs/api-reference/messages). Errors as `threads`."""

    __slots__ = ()
    _catalog_name = "beta.threads.messages"

    async def create(self, thread_id: str, **params: Unpack[MessageCreateParams]) -> Message:
        """Add a message at the end of a thread; refused by the server while a run is at work on it.

        Cancelling drops the connection; it may be added all the same.
        """
        return await self._call("create", Message, params, thread_id=thread_id)

    async def retrieve(self, message_id: str, *, thread_id: str, **options: Unpack[RequestOptions]) -> Message:
        """One message by its id; NotFoundError if there is none.

        Cancelling drops the connection; nothing is left behind.
        """
        place = {"thread_id": thread_id, "message_id": message_id}
        return await self._call("retrieve", Message, options, **place)

    async def update(self, message_id: str, *, thread_id: str, **params: Unpack[MetadataParams]) -> Message:
        """Change a message's metadata; nothing else of a message can be changed.

        Cancelling drops the connection; it may be changed all the same.
        """
        place = {"thread_id": thread_id, "message_id": message_id}
        return await self._call("update", Message, params, **place)

    def list(self, thread_id: str, **params: Unpack[MessageListParams]) -> AsyncPaginator[Message]:
        """The messages of a thread, page by page or one by one. Cancelling drops the connection."""
        return self._pages("list", Message, params, thread_id=thread_id)

    async def delete(self, message_id: str, *, thread_id: str, **options: Unpack[RequestOptions]) -> AssistantDeleted:
        """Delete a message.

        Cancelling drops the connection; it may be deleted all the same.
        """
        place = {"thread_id": thread_id, "message_id": message_id}
        return await self._call("delete", AssistantDeleted, options, **place)
