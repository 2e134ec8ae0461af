"""`client.beta.threads.runs` and their steps. OpenAI removed them on 2026-08-26; see `assistants`.

A run works on the server. Wait for it, or follow its stream. Both end when the run needs tool outputs: `tool_calls`
lists the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, Literal, TypeAlias, Unpack, cast, overload

from openai_async._pipeline.request import Request
from openai_async._streams.reader import StreamReader
from openai_async._streams.stream import AsyncStream, AsyncStreamManager
from openai_async._wire.accumulators.runs import RunAccumulator, decode_event
from openai_async.resources._assistants import AssistantsResource
from openai_async.resources._base import prepare
from openai_async.resources._compound import KeptOptions
from openai_async.resources._pagination import AsyncPaginator
from openai_async.resources._polling import until
from openai_async.types.assistants import RUN_GOES_ON, Run, RunEvent, RunStep
from openai_async.types.params.assistants import (
    ListParams,
    MetadataParams,
    RunCreateParams,
    StepListParams,
    StepParams,
    ToolOutputsParams,
)
from openai_async.types.params.options import RequestOptions

RunStream: TypeAlias = AsyncStream[RunEvent, Run]


class RunsResource(AssistantsResource):
    """A resource whose methods start or continue runs."""

    __slots__ = ()

    async def _run(
        self, method: str, params: Mapping[str, object], stream: bool | None, **path_params: str
    ) -> Run | RunStream:
        """Return the run as it begins, or its stream."""
        if not stream:
            cast("dict[str, Any]", params)["stream"] = stream
            return await self._call(method, Run, params, **path_params)
        return await self._open(self._streamed(method, params, path_params))

    def _follow(
        self, method: str, params: Mapping[str, object], **path_params: str
    ) -> AsyncStreamManager[RunEvent, Run]:
        """Return the stream of a run as a context manager."""
        return AsyncStreamManager(partial(self._open, self._streamed(method, params, path_params)))

    def _streamed(self, method: str, params: Mapping[str, object], path_params: Mapping[str, str]) -> Request:
        arguments = cast("dict[str, Any]", params)
        operation = self._operation(method, arguments)
        arguments["stream"] = True
        return prepare(
            self._pipeline, operation, partial(decode_event, None), arguments, path_params=path_params, stream=True
        )

    async def _open(self, call: Request) -> RunStream:
        answer = await self._pipeline.open(call)
        limit = self._pipeline.defaults.max_event_bytes
        reader = StreamReader(call, answer, call.decode, RunAccumulator(), limit, decode_named=decode_event)
        return AsyncStream(reader)


class AsyncRuns(RunsResource):
    """Run endpoints: assistants on threads (https://platform.openai.com/docs/api-reference/runs).

    Every method raises RemovedEndpointError on OpenAI's own API, InvalidParameterError for invalid parameters (both
    before anything is sent), and APIError (see `openai_async.errors`).
    """

    _catalog_name = "beta.threads.runs"

    @cached_property
    def steps(self) -> AsyncSteps:
        """Run step endpoints."""
        return AsyncSteps(self._pipeline)

    @overload
    async def create(
        self, thread_id: str, *, stream: Literal[False] | None = None, **params: Unpack[RunCreateParams]
    ) -> Run: ...
    @overload
    async def create(
        self, thread_id: str, *, stream: Literal[True], **params: Unpack[RunCreateParams]
    ) -> RunStream: ...
    @overload
    async def create(
        self, thread_id: str, *, stream: bool | None, **params: Unpack[RunCreateParams]
    ) -> Run | RunStream: ...
    async def create(
        self, thread_id: str, *, stream: bool | None = None, **params: Unpack[RunCreateParams]
    ) -> Run | RunStream:
        """Run an assistant on a thread.

        Args:
            thread_id: ID of the thread.
            stream: True returns a stream of the run's events, which the caller iterates and closes. `stream()` closes
                itself.
            params: API parameters and call options; see `RunCreateParams`.

        Cancelling drops the connection; the run may still continue, see `cancel`.
        """
        return await self._run("create", params, stream, thread_id=thread_id)

    def stream(self, thread_id: str, **params: Unpack[RunCreateParams]) -> AsyncStreamManager[RunEvent, Run]:
        """Open `create(stream=True)` as a context manager that closes the stream on exit.

        `text` of the stream yields the text of messages; `final()` returns the final run. The request is sent on entry.
        """
        return self._follow("create", params, thread_id=thread_id)

    async def retrieve(self, run_id: str, *, thread_id: str, **options: Unpack[RequestOptions]) -> Run:
        """Retrieve a run. Raises NotFoundError if it does not exist.

        Cancelling drops the connection; nothing is left behind.
        """
        path_params = {"thread_id": thread_id, "run_id": run_id}
        return await self._call("retrieve", Run, options, **path_params)

    async def update(self, run_id: str, *, thread_id: str, **params: Unpack[MetadataParams]) -> Run:
        """Update the metadata of a run.

        Cancelling drops the connection; it may still be changed.
        """
        path_params = {"thread_id": thread_id, "run_id": run_id}
        return await self._call("update", Run, params, **path_params)

    def list(self, thread_id: str, **params: Unpack[ListParams]) -> AsyncPaginator[Run]:
        """List the runs of a thread, by page or by item. Cancelling drops the connection."""
        return self._pages("list", Run, params, thread_id=thread_id)

    async def cancel(self, run_id: str, *, thread_id: str, **options: Unpack[RequestOptions]) -> Run:
        """Cancel a run: its status is "cancelling", and soon "cancelled".

        Cancelling drops the connection; the run may still be cancelled.
        """
        path_params = {"thread_id": thread_id, "run_id": run_id}
        return await self._call("cancel", Run, options, **path_params)

    @overload
    async def submit_tool_outputs(
        self, run_id: str, *, thread_id: str, stream: Literal[False] | None = None, **params: Unpack[ToolOutputsParams]
    ) -> Run: ...
    @overload
    async def submit_tool_outputs(
        self, run_id: str, *, thread_id: str, stream: Literal[True], **params: Unpack[ToolOutputsParams]
    ) -> RunStream: ...
    @overload
    async def submit_tool_outputs(
        self, run_id: str, *, thread_id: str, stream: bool | None, **params: Unpack[ToolOutputsParams]
    ) -> Run | RunStream: ...
    async def submit_tool_outputs(
        self, run_id: str, *, thread_id: str, stream: bool | None = None, **params: Unpack[ToolOutputsParams]
    ) -> Run | RunStream:
        """Submit the outputs of all tool calls of a run that waits for them; the run continues.

        Args:
            run_id: ID of the run, in the state "requires_action".
            thread_id: ID of the thread.
            stream: as for `create`.
            params: `tool_outputs`, one for each of the run's `tool_calls`, and the call's options.

        Cancelling drops the connection; the run may still continue.
        """
        path_params = {"thread_id": thread_id, "run_id": run_id}
        return await self._run("submit_tool_outputs", params, stream, **path_params)

    def submit_tool_outputs_stream(
        self, run_id: str, *, thread_id: str, **params: Unpack[ToolOutputsParams]
    ) -> AsyncStreamManager[RunEvent, Run]:
        """Open `submit_tool_outputs(stream=True)` as a context manager that closes the stream on exit.

        The request is sent on entry.
        """
        path_params = {"thread_id": thread_id, "run_id": run_id}
        return self._follow("submit_tool_outputs", params, **path_params)

    async def wait(
        self,
        run_id: str,
        *,
        thread_id: str,
        max_wait: float | None = None,
        poll_interval: float | None = None,
        on_poll: Callable[[Run], None] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Run:
        """Wait until a run has ended, or needs the outputs of tools ("requires_action").

        Args:
            run_id: ID of the run.
            thread_id: ID of the thread.
            max_wait: most seconds to wait in total; None for no bound.
            poll_interval: seconds between two polls. None follows the server's advice, or polls at growing intervals.
            on_poll: called with each state. An exception from it ends the wait.
            options: call options of each poll.

        Raises:
            WaitTimeoutError: it did not end in time; `last` is its last known state.
            NotFoundError: there is no such run.

        Cancelling ends the wait, not the run.
        """
        return await until(
            KeptOptions(options).calling(self.retrieve, run_id, thread_id=thread_id),
            lambda run: run.status not in RUN_GOES_ON,
            what=f"run {run_id}",
            max_wait=max_wait,
            poll_interval=poll_interval,
            on_poll=on_poll,
        )


class AsyncSteps(AssistantsResource):
    """Run step endpoints (https://platform.openai.com/docs/api-reference/run-steps). Errors as for `runs`."""

    __slots__ = ()
    _catalog_name = "beta.threads.runs.steps"

    async def retrieve(self, step_id: str, *, thread_id: str, run_id: str, **params: Unpack[StepParams]) -> RunStep:
        """Retrieve a step. Raises NotFoundError if it does not exist.

        Cancelling drops the connection; nothing is left behind.
        """
        path_params = {"thread_id": thread_id, "run_id": run_id, "step_id": step_id}
        return await self._call("retrieve", RunStep, params, **path_params)

    def list(self, run_id: str, *, thread_id: str, **params: Unpack[StepListParams]) -> AsyncPaginator[RunStep]:
        """List the steps of a run, by page or by item. Cancelling drops the connection."""
        return self._pages("list", RunStep, params, thread_id=thread_id, run_id=run_id)
