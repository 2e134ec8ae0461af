"""The input check of a batch: the lines of a file that are valid requests, and the errors of the others.

A file is read line by line and not kept: only the offsets of its rows stay. One bad line fails the batch, as it does
with the API. Up to a hundred errors are listed. The check only pauses to let other calls run.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Any

import anyio.lowlevel
import orjson
from attrs import define, field

from openai_async.emulator.error_responses import ErrorResponse, invalid
from openai_async.emulator.fields import Fields, JSONObject, is_list, is_object

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend
    from openai_async.emulator.batches.store import Batch
    from openai_async.emulator.files.store import StoredFile

__all__ = ["BatchInput", "Breath", "read_input"]

_NAMED = 100  # errors that are listed
_MOST_INPUTS = 50_000  # of a batch of embeddings (`POST /batches` of the API's description)
_SHARE = 0.002  # seconds of the event loop that a batch takes at a time


class Breath:
    """Yields to the server's other calls when a batch has blocked them for a while."""

    def __init__(self) -> None:
        self._since = anyio.current_time()

    async def take(self) -> None:
        """Yield to the event loop, if it is due. Cancelling takes effect here."""
        if anyio.current_time() - self._since >= _SHARE:
            await anyio.lowlevel.checkpoint()
            self._since = anyio.current_time()


@define
class BatchInput:
    """The result of the check: the offsets of the rows in bytes, the model, the estimated tokens, the errors."""

    file: StoredFile | None = None
    offsets: array[int] = field(factory=lambda: array("Q"))
    model: str | None = None
    tokens: int = 0
    inputs: int = 0
    errors: list[JSONObject] = field(factory=list[JSONObject])

    def refuse(self, error_response: ErrorResponse, line: int | None = None) -> None:
        """Add an error of one line (counted from 1) or of the whole file."""
        self.errors.append(
            {
                "code": error_response.code,
                "message": error_response.message,
                "param": error_response.param,
                "line": line,
            }
        )


async def read_input(emulator: Backend, batch: Batch) -> BatchInput:
    """Find and check the file of a batch, while the batch is `validating`."""
    batch_input = BatchInput()
    try:
        batch_input.file = _of_a_batch(emulator, batch.input_file_id)
        await _read_lines(emulator, batch, batch_input.file, batch_input)
        if not batch_input.errors:
            _check_queue(emulator, batch_input)
    except ErrorResponse as error_response:
        batch_input.refuse(error_response)
    return batch_input


def _of_a_batch(emulator: Backend, id: str) -> StoredFile:
    file = emulator.files.get(id)
    if file is None:
        where = f"organization {emulator.organization} does not have access to it"
        raise invalid(f"Cannot find file {id}, or {where}.", param="file_id", code="invalid_request")
    if file.purpose != "batch":
        words = f"Invalid purpose of file {id}: expected 'batch', but got '{file.purpose}'."
        raise invalid(words, param="file_id", code="invalid_request")
    return file


async def _read_lines(emulator: Backend, batch: Batch, file: StoredFile, batch_input: BatchInput) -> None:
    breath, most, ids = Breath(), emulator.batch_limits.requests, set[str]()
    offset = number = 0
    while offset < file.size and len(batch_input.errors) < _NAMED and batch.status == "validating":
        line = file.line_at(offset)
        number += 1
        if number > most:
            raise invalid(f"The batch has too many tasks: at most {most} are allowed.", code="too_many_tasks")
        try:
            body = _check_row(line, batch, ids)
            _check_model(batch_input, _check_body(emulator, body, batch.path))
            _check_inputs(batch_input, body, batch.path)
        except ErrorResponse as error_response:
            batch_input.refuse(error_response, number)
        batch_input.offsets.append(offset)
        batch_input.tokens += math.ceil(len(line) / 4)
        offset += len(line)
        await breath.take()


def _check_row(line: bytes, batch: Batch, ids: set[str]) -> Fields:
    """Check one line and return its body. Adds its custom_id to `ids`."""
    try:
        row: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise invalid("This line is not parseable as valid JSON.", code="invalid_json_line") from None
    if not is_object(row):
        raise invalid("This line is not a JSON object.", code="invalid_json_line")
    fields = Fields(row)
    for name in ("custom_id", "method", "url", "body"):
        fields.required(name)
    custom_id = fields.text("custom_id") or ""
    if custom_id in ids:
        raise invalid(
            f"The custom_id '{custom_id}' for this request is a duplicate of another request. The custom_id "
            "parameter must be unique for each request in a batch.",
            param="custom_id",
            code="duplicate_custom_id",
        )
    ids.add(custom_id)
    if fields.text("method") != "POST":
        raise invalid("The method of this request must be POST.", param="method", code="invalid_method")
    if batch.path_of(fields.text("url") or "") != batch.path:
        raise invalid(
            "The URL provided for this request does not match the batch endpoint.", param="url", code="invalid_url"
        )
    return fields.fields("body") or fields


def _check_body(emulator: Backend, body: Fields, endpoint: str) -> str:
    """Check what the API checks of a body before it runs. Any other error is that of the row alone."""
    model = body.text("model")
    if not model:
        raise invalid("Model parameter is required.", param="body.model", code="invalid_request")
    try:
        emulator.catalog.find(model)
    except ErrorResponse:
        words = f"The provided model '{model}' is not supported by the Batch API."
        raise invalid(words, param="body.model", code="model_not_found") from None
    if endpoint == "/v1/chat/completions" and body.get("messages") is None:
        raise invalid("Messages parameter is required.", param="body.messages", code="invalid_request")
    if body.get("stream"):
        words = "Chat Completions: Streaming is not supported in the Batch API."
        raise invalid(words, param="body.stream", code="streaming_unsupported")
    return model


def _check_model(batch_input: BatchInput, model: str) -> None:
    if batch_input.model is None:
        batch_input.model = model
    elif model != batch_input.model:
        raise invalid(
            f"The model '{model}' for this request does not match the rest of the batch. Each batch must contain "
            "requests for a single model.",
            param="body.model",
            code="mismatched_model",
        )


def _check_inputs(batch_input: BatchInput, body: Fields, endpoint: str) -> None:
    """Check the number of texts, which the API bounds for embeddings. A list of numbers is one text."""
    if endpoint != "/v1/embeddings":
        return
    value: Any = body.get("input")
    values: list[Any] = value if is_list(value) else []
    batch_input.inputs += 1 if not is_list(value) or (values and isinstance(values[0], int)) else len(values)
    if batch_input.inputs > _MOST_INPUTS:
        raise invalid(f"The batch has more than {_MOST_INPUTS} embedding inputs.", code="too_many_tasks")


def _check_queue(emulator: Backend, batch_input: BatchInput) -> None:
    limit = emulator.batch_limits.enqueued_tokens
    if limit is None or batch_input.model is None:
        return
    snapshot = emulator.catalog.find(batch_input.model).snapshot
    if emulator.batches.enqueued(snapshot) + batch_input.tokens > limit:
        raise invalid(
            f"Enqueued token limit reached for {batch_input.model} in organization {emulator.organization}. Limit: "
            f"{limit:,} enqueued tokens. Please try again once some in_progress batches have been completed.",
            code="token_limit_exceeded",
        )
