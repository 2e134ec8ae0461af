"""`client.beta.threads` and their messages. OpenAI removed them on 2026-08-26; see `assistants`.

A thread belongs to no assistant. Messages are appended, and only their metadata can change.
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
    """Thread endpoints of servers that have them (https://platform.openai.com/docs/api-reference/threads).

    Every method raises RemovedEndpointError on OpenAI's own API, InvalidParameterError for invalid parameters (both
    before anything is sent), and APIError (see `openai_async.errors`).
    """

    _catalog_name = "beta.threads"

    @cached_property
    def messages(self) -> AsyncMessages:
        """Message endpoints of a thread."""
        return AsyncMessages(self._pipeline)

    @cached_property
    def runs(self) -> AsyncRuns:
        """Run endpoints of a thread."""
        return AsyncRuns(self._pipeline)

    async def create(self, **params: Unpack[ThreadCreateParams]) -> Thread:
        """Create a thread, empty or with messages.

        Cancelling drops the connection; it may still be created.
        """
        return await self._call("create", Thread, params)

    async def retrieve(self, thread_id: str, **options: Unpack[RequestOptions]) -> Thread:
        """Retrieve a thread. Raises NotFoundError if it does not exist.

        Cancelling drops the connection; nothing is left behind.
        """
        return await self._call("retrieve", Thread, options, thread_id=thread_id)

    async def update(self, thread_id: str, **params: Unpack[ThreadUpdateParams]) -> Thread:
        """Update the metadata or the tool resources of a thread.

        Cancelling drops the connection; it may still be changed.
        """
        return await self._call("update", Thread, params, thread_id=thread_id)

    async def delete(self, thread_id: str, **options: Unpack[RequestOptions]) -> AssistantDeleted:
        """Delete a thread with its messages and runs.

        Cancelling drops the connection; it may still be deleted.
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
        """Create a thread and run an assistant on it; see `runs.create`.

        Cancelling drops the connection; both may still be created, and the run may continue.
        """
        return await self._run("create_and_run", params, stream)

    def create_and_run_stream(self, **params: Unpack[ThreadRunParams]) -> AsyncStreamManager[RunEvent, Run]:
        """Open `create_and_run(stream=True)` as a context manager that closes the stream on exit.

        The request is sent on entry.
        """
        return self._follow("create_and_run", params)


class AsyncMessages(AssistantsResource):
    """Message endpoints of a thread (https://platform.openai.com/docs/api-reference/messages). Errors as for
    `threads`.
    """

    __slots__ = ()
    _catalog_name = "beta.threads.messages"

    async def create(self, thread_id: str, **params: Unpack[MessageCreateParams]) -> Message:
        """Add a message to a thread. The server refuses it while a run is active on the thread.

        Cancelling drops the connection; it may still be added.
        """
        return await self._call("create", Message, params, thread_id=thread_id)

    async def retrieve(self, message_id: str, *, thread_id: str, **options: Unpack[RequestOptions]) -> Message:
        """Retrieve a message. Raises NotFoundError if it does not exist.

        Cancelling drops the connection; nothing is left behind.
        """
        path_params = {"thread_id": thread_id, "message_id": message_id}
        return await self._call("retrieve", Message, options, **path_params)

    async def update(self, message_id: str, *, thread_id: str, **params: Unpack[MetadataParams]) -> Message:
        """Update the metadata of a message. Nothing else of it can change.

        Cancelling drops the connection; it may still be changed.
        """
        path_params = {"thread_id": thread_id, "message_id": message_id}
        return await self._call("update", Message, params, **path_params)

    def list(self, thread_id: str, **params: Unpack[MessageListParams]) -> AsyncPaginator[Message]:
        """List the messages of a thread, by page or by item. Cancelling drops the connection."""
        return self._pages("list", Message, params, thread_id=thread_id)

    async def delete(self, message_id: str, *, thread_id: str, **options: Unpack[RequestOptions]) -> AssistantDeleted:
        """Delete a message.

        Cancelling drops the connection; it may still be deleted.
        """
        path_params = {"thread_id": thread_id, "message_id": message_id}
        return await self._call("delete", AssistantDeleted, options, **path_params)
