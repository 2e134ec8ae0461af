"""`client.batch`: run files of requests, directly or through the Batch API."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol, TypeVar, Unpack

from openai_async._policy.spending import Spending
from openai_async.batch.input.request_builder import InputFormat, RequestBuilder
from openai_async.batch.input.source import InputFile
from openai_async.batch.local.row_sender import Sender
from openai_async.batch.local.run import Ambiguous, Bounds, Run, Stop
from openai_async.batch.output.output_file import Journal
from openai_async.batch.output.threads import Threads, sheltered
from openai_async.batch.remote.input_files import RemoteLimits
from openai_async.batch.remote.run import RemoteRun, RemoteSettings
from openai_async.batch.remote.service import Service
from openai_async.batch.report import BatchSummary
from openai_async.errors import InvalidParameterError, frameless
from openai_async.resources._base import Resource
from openai_async.resources._compound import moved_out
from openai_async.types.params.options import RequestOptions
from openai_async.types.progress import BatchProgress, RemoteProgress


class AsyncBatch(Resource):
    """Send files of requests, and write files of answers."""

    __slots__ = ()

    async def run(
        self,
        in_path: str | os.PathLike[str],
        out_path: str | os.PathLike[str],
        *,
        endpoint: str = "/v1/chat/completions",
        model: str | None = None,
        params: Mapping[str, Any] | None = None,
        prompt_column: str | None = None,
        prompt_template: str | None = None,
        id_column: str | None = None,
        system: str | None = None,
        input_format: InputFormat | None = None,
        max_in_flight: int | None = None,
        ordered: bool = True,
        retry_failed: bool = False,
        ambiguous: Ambiguous = "resend",
        give_up_after: int | None = 1_000,
        max_total_tokens: int | None = None,
        max_cost: float | None = None,
        bounds: Bounds = "this_run",
        stop: Stop | None = None,
        on_progress: Callable[[BatchProgress], object] | None = None,
        **options: Unpack[RequestOptions],
    ) -> BatchSummary:
        """Send every request of a file, and write every answer to another file.

        To resume after any end, call it again with the same files. Rows that are in OUT are not sent again, unless
        they failed for a retryable reason (a rate limit, a server error, no connection). Bad lines are reported, and
        the rest runs.

        Args:
            in_path: JSON lines as the Batch API takes them (custom_id, method, url, body), bodies alone, or JSON lines
                or CSV with columns that a prompt is made of. The first line tells which, or `input_format`.
            out_path: one line a row, as the Batch API writes them; created with mode 0600. Beside it, while rows are in
                flight, stands OUT.journal.
            endpoint: of rows that name none.
            model, params: parameters of every body; a row's own win.
            prompt_column: column whose text is the prompt.
            prompt_template: prompt with columns in it, as in "Translate into French: {text}".
            id_column: column with the custom_id of each row; by default "custom_id", where there is one.
            system: system message of chats that are made from a column or a template.
            input_format: "requests", "bodies", "jsonl" or "csv" (the last two with a column or a template).
            max_in_flight: most rows in flight; by default the client's `max_concurrency`, at most 1,000.
            ordered: put OUT in the order of the input when all is done, and drop lines of failures that were made good.
            retry_failed: also send rows again whose failure is final, such as a 400, perhaps with another model or
                parameter. Rows that were answered keep their answers, and must stand in IN as they did.
            ambiguous: rows that an earlier run had sent when it was killed, and that may have been paid for: "resend"
                them, or "skip" them, which writes them down as failed.
            give_up_after: so many rows in a row that fail for no reason of theirs halt the run; None for never. The
                first 20 rows are probes: if all of them end with the same error, and it does not pass by itself, the
                run is halted. No more than these are in flight until one of them has succeeded.
            max_total_tokens, max_cost: start no further row once so many tokens, or US dollars, are spent. Rows in
                flight count as the mean, and so do calls that may have been charged without an answer, or by estimate.
                `stopped` of the summary says which bound it was. A price that is not known stops a run with `max_cost`.
            bounds: what these two bound: "this_run", so that each run may spend as much again, or "all_runs" of one OUT
                together, those that were killed included.
            stop: an event; when it is set, rows in flight are finished and written, and the run ends.
            on_progress: called on the event loop after each commit to the disk, a few times a second, and every second
                while nothing is committed, such as `show_progress()`.
            options: options of each call, such as `timeout=` or `max_retries=`. Rows stand in line as "batch", behind
                other calls of the client, unless `priority=` says otherwise.

        Raises:
            InvalidParameterError, BatchInputError, BatchMismatchError, BatchLockedError: nothing was sent.
            BatchOutputError: OUT cannot be written (any more); what is in it stays.
            BatchHaltedError: no further row can succeed: the key is refused, the account is drained, the server gone.

        Cancelling drops the rows in flight and commits every answer that has arrived. The next run counts and lists the
        dropped ones as ambiguous.
        """
        try:
            builder = RequestBuilder.of(
                endpoint=endpoint,
                model=model,
                params=params,
                prompt_template=prompt_template,
                prompt_column=prompt_column,
                id_column=id_column,
                system=system,
                input_format=input_format,
            )
            sender = Sender(self._pipeline, moved_out(options))
        except InvalidParameterError as error:
            raise frameless(error) from None
        finally:
            del params, prompt_template, system, options  # no frame of a traceback shows them
        window = self._window(max_in_flight)
        spending = Spending(max_total_tokens, max_cost)
        _check(ambiguous, bounds, give_up_after)

        async def run() -> BatchSummary:
            threads = Threads()
            async with (
                _closed(threads, partial(InputFile.open, os.fspath(in_path), builder)) as source,
                _closed(threads, partial(Journal.open, os.fspath(out_path), source.identity())) as journal,
            ):
                return await Run(
                    source,
                    journal,
                    sender,
                    threads,
                    window=window,
                    ordered=ordered,
                    retry_failed=retry_failed,
                    ambiguous=ambiguous,
                    give_up_after=give_up_after,
                    spending=spending,
                    bounds=bounds,
                    stop=stop,
                    on_progress=on_progress,
                ).run()

        return await sheltered(run)

    async def remote(
        self,
        in_path: str | os.PathLike[str],
        out_path: str | os.PathLike[str],
        *,
        endpoint: str = "/v1/chat/completions",
        model: str | None = None,
        params: Mapping[str, Any] | None = None,
        prompt_column: str | None = None,
        prompt_template: str | None = None,
        id_column: str | None = None,
        system: str | None = None,
        input_format: InputFormat | None = None,
        retry_failed: bool = False,
        metadata: Mapping[str, str] | None = None,
        poll: tuple[float, float] = (2.0, 60.0),
        max_wait: float | None = None,
        limits: RemoteLimits | None = None,
        on_progress: Callable[[RemoteProgress], object] | None = None,
        **options: Unpack[RequestOptions],
    ) -> BatchSummary:
        """Run a file of requests through the Batch API, at its price, within its 24 hours.

        IN is divided into batches of one model and endpoint each, within the API's limits. OUT is written once, in the
        order of IN, when all of them have ended. A batch that does not fit the account's limit of enqueued tokens is
        submitted again later. To resume after any end, call it again: as long as IN and OUT are unchanged, it finds
        its batches, and creates none twice. Rows that are in OUT are not sent again, unless they failed for a
        retryable reason. `run` and `remote` may take turns on one OUT.

        Args:
            in_path, out_path: as for `run`. IN is locked as long as the run lasts.
            endpoint, model, params, prompt_column, prompt_template, id_column, system, input_format, retry_failed: as
                for `run`.
            metadata: up to 14 pairs that each batch gets. The same rows with other metadata are another run.
            poll: seconds between two looks at the batches, at first and at most; it doubles in between.
            max_wait: seconds from the call, after which waiting ends; 0 submits, looks once, and leaves.
            limits: rows, bytes and estimated tokens of one batch; by default OpenAI's 50,000 rows and 200 MB. One batch
                is held in memory while it is uploaded, and its results while they are written.
            on_progress: called on the event loop after each look, such as `show_progress()`.
            options: options of each call, such as `timeout=`, which also bounds an upload.

        Raises:
            InvalidParameterError, BatchInputError, BatchMismatchError, BatchLockedError: nothing was sent.
            BatchOutputError: OUT cannot be written; the results are still at the server.
            RemoteBatchError: a batch failed, expired or was cancelled. What all batches have answered is in OUT; the
                same run again sends the rest.
            RemoteWaitError: `max_wait` is over, and batches go on.
            APIError: a call failed; batches that were created go on.

        Cancelling ends the waiting, not the batches: they go on, and the same run again finds and collects them.
        """
        try:
            builder = RequestBuilder.of(
                endpoint=endpoint,
                model=model,
                params=params,
                prompt_template=prompt_template,
                prompt_column=prompt_column,
                id_column=id_column,
                system=system,
                input_format=input_format,
            )
            service = Service(self._pipeline, moved_out(options))
        except InvalidParameterError as error:
            raise frameless(error) from None
        finally:
            del params, prompt_template, system, options  # no frame of a traceback shows them
        settings = RemoteSettings(
            metadata=dict(metadata or {}),
            poll=poll,
            max_wait=max_wait,
            limits=limits or RemoteLimits(),
            retry_failed=retry_failed,
            on_progress=on_progress,
        )

        async def run() -> BatchSummary:
            threads = Threads()
            async with (
                _closed(threads, partial(InputFile.open, os.fspath(in_path), builder)) as source,
                _closed(threads, partial(Journal.open, os.fspath(out_path), source.identity())) as journal,
            ):
                source.lock()
                return await RemoteRun(source, journal, service, threads, settings).run()

        return await sheltered(run)

    def _window(self, max_in_flight: int | None) -> int:
        if max_in_flight is None:
            return min(1000, self._pipeline.limiter.limit or 1000)
        if isinstance(max_in_flight, bool) or not isinstance(max_in_flight, int) or max_in_flight < 1:  # pyright: ignore
            raise InvalidParameterError("max_in_flight", "must be a positive integer")
        return max_in_flight


class _File(Protocol):
    def close(self) -> None: ...


F = TypeVar("F", bound=_File)


@asynccontextmanager
async def _closed(threads: Threads, open_it: Callable[[], F]) -> AsyncGenerator[F, None]:
    """Open a file in a thread, and close it in a thread in every case."""
    file = await threads.run(open_it)
    try:
        yield file
    finally:
        await threads.run(file.close)


def _check(ambiguous: str, bounds: str, give_up_after: object) -> None:
    if ambiguous not in ("resend", "skip"):
        raise InvalidParameterError("ambiguous", "must be 'resend' or 'skip'")
    if bounds not in ("this_run", "all_runs"):
        raise InvalidParameterError("bounds", "must be 'this_run' or 'all_runs'")
    if give_up_after is not None and (
        isinstance(give_up_after, bool) or not isinstance(give_up_after, int) or give_up_after < 1
    ):
        raise InvalidParameterError("give_up_after", "must be a positive integer, or None for never")
