"""Submit the parts of a remote run, one batch for each.

A part gets one batch, whatever happens between upload, create and their responses. The metadata of a batch holds the
checksum of its part, and before a batch is created, or created again, it is looked for. Nothing here waits for a batch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final, TypeVar

import anyio
import attrs

from openai_async import errors
from openai_async._wire import multipart
from openai_async.batch.errors import RemoteBatchError
from openai_async.batch.input.source import InputFile
from openai_async.batch.output.threads import Threads
from openai_async.batch.remote.input_files import Part, line_of, rows_of
from openai_async.batch.remote.service import Service
from openai_async.types.batches import Batch
from openai_async.types.files import FileObject
from openai_async.types.progress import RemotePart

T = TypeVar("T")
#: The pairs of metadata that are ours.
RUN: Final = "openai_async_run"
PART: Final = "part"
_SENDINGS = 3  # of one request that may or may not have been carried out, each after it was looked for
_LOOKS = 3  # for what it made, as the server may still be at it
#: Looks at a file that is being processed.
_LOOKS_AT_A_FILE = 20
#: States of an uploaded file. The first ones pass; a file in one of the second ones may be used.
_BEING_PROCESSED: Final = frozenset({"pending", "processing", "running", "queued", "importing"})
_USABLE: Final = frozenset({"", "processed", "uploaded", "completed", "succeeded", "ready", "active"})
#: What servers say of a file that they have not processed yet, or do not see yet.
_NOT_READY: Final = ("processed state", "not processed", "being processed", "not ready", "is pending", "no such file")
#: A look that failed like this may be made again.
RETRYABLE: Final = (
    errors.APIConnectionError,
    errors.InternalServerError,
    errors.RateLimitError,
    errors.InvalidResponseError,
)


@attrs.define(eq=False)
class Submission:
    """One part and its batch."""

    part: Part
    metadata: dict[str, str]
    #: Batches of this part that were there before and that brought nothing: they are not taken for a new one.
    spent: set[str] = attrs.field(factory=set[str])
    batch: Batch | None = None
    #: None of ours was under way for its model when it was handed in.
    alone: bool = False
    #: What it is while it is no batch.
    state: str = "waiting"

    @property
    def filename(self) -> str:
        return f"openai_async-{self.part.digest}.jsonl"

    @property
    def ended(self) -> bool:
        return self.batch is not None and self.batch.ended

    @property
    def under_way(self) -> bool:
        return self.batch is not None and not self.batch.ended

    def is_of(self, batch: Batch) -> bool:
        metadata = batch.metadata or {}
        # Not by number: other parts may have come to their end.
        return all(metadata.get(name) == value for name, value in self.metadata.items() if name != PART)

    def give_up_batch(self, state: str) -> None:
        """Drop its batch, which has no results; another one may be created."""
        assert self.batch is not None
        self.spent.add(self.batch.id)
        self.batch, self.state = None, state

    def progress(self) -> RemotePart:
        if self.batch is None:
            return RemotePart(self.state, len(self.part.rows))
        counts = self.batch.request_counts
        done, failed = (counts.completed + counts.failed, counts.failed) if counts else (0, 0)
        return RemotePart(str(self.batch.status), len(self.part.rows), done, failed, self.batch.id)


class Submitter:
    """Finds and creates the batches of submissions.

    Args:
        poll: seconds before the first look for what a request has created, and at most between two.
        report: called when the state of a submission has changed.
    """

    def __init__(
        self,
        source: InputFile,
        service: Service,
        threads: Threads,
        poll: tuple[float, float],
        report: Callable[[], None],
    ) -> None:
        self._source = source
        self._service = service
        self._threads = threads
        self._poll = poll
        self._report = report
        #: By name and size: only a file that is there to its end counts.
        self._files: dict[tuple[str | None, int | None], FileObject] | None = None

    async def find(self, submissions: Iterable[Submission]) -> None:
        """Find the batches that earlier runs have created."""
        by_digest = {submission.part.digest: submission for submission in submissions}
        for batch in await self._service.batches():
            submission = by_digest.get((batch.metadata or {}).get(RUN, ""))
            if submission is None or submission.batch is not None or not submission.is_of(batch):
                continue
            # One that has ended without an answer has cost nothing, and brings nothing: another one may do better.
            if batch.ended and batch.output_file_id is None:
                submission.spent.add(batch.id)
            else:
                submission.batch = batch

    async def submit(self, submission: Submission) -> None:
        """Upload the file of a submission, unless the server has it, and create its batch.

        Raises:
            APIError: a call failed. The batch may have been created, and is found by the next run.
        """
        if self._files is None:
            self._files = await self._known_files()
        submission.state = "uploading"
        self._report()
        file = self._file_of(submission) or await self._upload(submission)
        create = partial(self._service.create, file.id, f"/v1{submission.part.endpoint}", submission.metadata)
        pauses = iter(self._pauses(_LOOKS_AT_A_FILE))
        while submission.batch is None:
            await self._processed(file)
            try:
                submission.batch = await self._send_once(create, partial(self._new_batch, submission))
            except (errors.BadRequestError, errors.NotFoundError, errors.ConflictError) as error:
                pause = next(pauses, None)
                if pause is None or not _is_not_ready(error):
                    raise
                await anyio.sleep(pause)
        self._report()

    async def _processed(self, file: FileObject) -> None:
        """Wait until a file may be used, because some servers process it after the upload.

        Raises:
            RemoteBatchError: the server refused the file, or has not processed it in time.
        """
        for pause in self._pauses(_LOOKS_AT_A_FILE):
            if (file.status or "").lower() not in _BEING_PROCESSED:
                break
            await anyio.sleep(pause)
            file = await self._service.file(file.id)
        if (file.status or "").lower() not in _USABLE:
            why = f": {file.status_details}" if file.status_details else ""
            raise RemoteBatchError(
                f"the uploaded file {file.id} cannot be used, its status is {file.status!r}{why}",
                reason="failed",
                batch_id="",
            )

    def _file_of(self, submission: Submission) -> FileObject | None:
        """The complete file of a submission, if the server has it."""
        return (self._files or {}).get((submission.filename, submission.part.size))

    async def _known_files(self) -> dict[tuple[str | None, int | None], FileObject]:
        files = await self._service.files()
        return {
            (file.filename, file.bytes): file
            for file in files
            if (file.status or "").lower() in _USABLE | _BEING_PROCESSED
        }

    async def _upload(self, submission: Submission) -> FileObject:
        def form(checkpoint: Callable[[], object]) -> tuple[str, bytes]:
            lines = map(line_of, rows_of(submission.part, self._source, checkpoint))
            file = multipart.Part("file", lines, submission.filename, "application/jsonl")
            return multipart.encode([multipart.Part("purpose", b"batch"), file])

        async def look() -> FileObject | None:
            self._files = await self._known_files()
            return self._file_of(submission)

        content_type, body = await self._threads.run_long(form)

        file = await self._send_once(partial(self._service.upload, content_type, body), look)
        assert self._files is not None
        self._files[submission.filename, submission.part.size] = file
        return file

    async def _new_batch(self, submission: Submission) -> Batch | None:
        batches = await self._service.batches()
        return next((batch for batch in batches if submission.is_of(batch) and batch.id not in submission.spent), None)

    async def _send_once(self, send: Callable[[], Awaitable[T]], look: Callable[[], Awaitable[T | None]]) -> T:
        """Send a request that creates something. If its outcome is ambiguous, look for it before sending again."""
        sendings = 0
        while True:
            sendings += 1
            try:
                return await send()
            except errors.APIError as error:
                if error.outcome != "ambiguous":
                    raise
                failure = error
            looked = False
            for pause in self._pauses(_LOOKS):
                await anyio.sleep(pause)
                try:
                    if (result := await look()) is not None:
                        return result
                    looked = True
                except RETRYABLE:
                    looked = False
            if not looked or sendings == _SENDINGS:  # who has not looked does not send again
                raise failure

    def _pauses(self, count: int) -> Sequence[float]:
        first, longest = self._poll
        return [min(first * 2.0**number, longest) for number in range(count)]


def _is_not_ready(error: errors.APIStatusError) -> bool:
    """Whether a batch was refused because its input file is not processed yet.

    Azure has no code of its own for it: https://github.com/openai/openai-dotnet/issues/312.
    """
    text = error.message.lower()
    return any(words in text for words in _NOT_READY)
