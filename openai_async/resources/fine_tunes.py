"""`client.fine_tunes`: the first fine-tuning API. OpenAI has removed it; other servers may have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Unpack, cast

from openai_async.resources import _polling
from openai_async.resources._base import Resource
from openai_async.resources._compound import KeptOptions
from openai_async.resources._job_events import AsyncJobEvents
from openai_async.resources._operation import Operation
from openai_async.resources._removed import refuse_on_openai
from openai_async.types.fine_tunes import (
    FineTune,
    FineTuneCreateParams,
    FineTuneEvent,
    FineTuneEventList,
    FineTuneList,
)
from openai_async.types.params.options import RequestOptions

_CREATE = Operation("POST", "/fine-tunes")
_LIST = Operation("GET", "/fine-tunes")
_RETRIEVE = Operation("GET", "/fine-tunes/{fine_tune_id}")
_CANCEL = Operation("POST", "/fine-tunes/{fine_tune_id}/cancel")
_EVENTS = Operation("GET", "/fine-tunes/{fine_tune_id}/events")

_REPLACEMENT: Final = "fine_tuning.jobs"


class AsyncFineTunes(Resource):
    """Endpoints of the first fine-tuning API. On OpenAI's own API every method raises RemovedEndpointError; nothing is
    sent.

    Every method raises APIError (see `openai_async.errors`). Delete a resulting model with `client.models.delete`.
    """

    __slots__ = ()

    async def create(self, **params: Unpack[FineTuneCreateParams]) -> FineTune:
        """Start a fine-tune. `params`: see `FineTuneCreateParams`.

        Raises:
            RemovedEndpointError: the base URL is OpenAI's own; nothing was sent.
            APIError: see `openai_async.errors`. It is not retried if the first attempt may have been carried out.

        Cancelling drops the connection; the fine-tune may have been started.
        """
        refuse_on_openai(self._pipeline, "fine_tunes.create", _REPLACEMENT)
        return await self._fetch(_CREATE, FineTune, cast("dict[str, Any]", params))

    async def list(self, **options: Unpack[RequestOptions]) -> FineTuneList:
        """List all fine-tunes. Raises RemovedEndpointError on OpenAI's own API. Cancelling drops the connection."""
        refuse_on_openai(self._pipeline, "fine_tunes.list", _REPLACEMENT)
        return await self._fetch(_LIST, FineTuneList, options)

    async def retrieve(self, fine_tune_id: str, **options: Unpack[RequestOptions]) -> FineTune:
        """Retrieve a fine-tune. Raises RemovedEndpointError on OpenAI's own API. Cancelling drops the connection."""
        refuse_on_openai(self._pipeline, "fine_tunes.retrieve", _REPLACEMENT)
        return await self._fetch(_RETRIEVE, FineTune, options, fine_tune_id=fine_tune_id)

    async def cancel(self, fine_tune_id: str, **options: Unpack[RequestOptions]) -> FineTune:
        """Cancel a fine-tune. Raises RemovedEndpointError on OpenAI's own API.

        Cancelling drops the connection; the fine-tune may still be stopped.
        """
        refuse_on_openai(self._pipeline, "fine_tunes.cancel", _REPLACEMENT)
        return await self._fetch(_CANCEL, FineTune, options, fine_tune_id=fine_tune_id)

    async def list_events(self, fine_tune_id: str, **options: Unpack[RequestOptions]) -> FineTuneEventList:
        """List the events so far. Raises RemovedEndpointError on OpenAI's own API. Cancelling drops the connection."""
        refuse_on_openai(self._pipeline, "fine_tunes.list_events", _REPLACEMENT)
        return await self._fetch(_EVENTS, FineTuneEventList, options, fine_tune_id=fine_tune_id)

    def events(
        self, fine_tune_id: str, *, poll_interval: float | None = None, **options: Unpack[RequestOptions]
    ) -> AsyncJobEvents[FineTuneEvent]:
        """Iterate over the events of a fine-tune, oldest first, until it has ended.

        Args:
            fine_tune_id: of the fine-tune.
            poll_interval: seconds between two polls. None polls every 0.5 seconds at first; while nothing happens, the
                interval grows to 10 seconds.
            options: call options of each poll.

        Raises RemovedEndpointError on OpenAI's own API. Iterating raises APIError (see `openai_async.errors`).
        Cancelling drops the connection; the fine-tune continues.
        """
        refuse_on_openai(self._pipeline, "fine_tunes.events", _REPLACEMENT)

        kept = KeptOptions(options)
        ask, ask_for_events = kept.calling(self.retrieve, fine_tune_id), kept.calling(self.list_events, fine_tune_id)

        async def ended() -> bool:
            return (await ask()).ended

        arguments = 0  # the list only grows, and its events have no ids

        async def new() -> Sequence[FineTuneEvent]:
            nonlocal arguments
            events = (await ask_for_events()).data[arguments:]
            arguments += len(events)
            return events

        return AsyncJobEvents(ended, new, poll_interval)

    async def wait(
        self,
        fine_tune_id: str,
        *,
        max_wait: float | None = None,
        poll_interval: float | None = None,
        on_poll: Callable[[FineTune], None] | None = None,
        **options: Unpack[RequestOptions],
    ) -> FineTune:
        """Wait until a fine-tune has ended; returns its final state, which may be "failed" or "cancelled".

        Args:
            fine_tune_id: of the fine-tune.
            max_wait: most seconds to wait in total; None for no bound.
            poll_interval: seconds between two polls. None follows the server's advice, or polls at growing intervals.
            on_poll: called with each state. An exception from it ends the wait.
            options: call options of each poll.

        Raises:
            RemovedEndpointError: the base URL is OpenAI's own; nothing was sent.
            WaitTimeoutError: it did not end in time. It continues on the server.
            APIError: see `openai_async.errors`.

        Cancelling ends the wait, not the fine-tune.
        """
        return await _polling.until(
            KeptOptions(options).calling(self.retrieve, fine_tune_id),
            _ended,
            what=f"fine-tune {fine_tune_id}",
            max_wait=max_wait,
            poll_interval=poll_interval,
            on_poll=on_poll,
        )


def _ended(state: FineTune) -> bool:
    return state.ended
