"""Write and parse the lines of OUT, in the format of the Batch API.

    {"id": "batch_req_000000012_9f86d081_5e884898_27_0.00012_2c26b46b", "custom_id": "...",
     "response": {"status_code": 200, "request_id": "req_...", "body": {...}}, "error": null}

This package makes the id. It has five parts:

- the number of the row in IN, from 0;
- a CRC-32 of the request;
- a CRC-32 of the record in IN;
- the tokens and US dollars that the row has cost in all runs so far (see `spent`);
- a CRC-32 of the line.

So OUT alone says which rows are finished, what they cost, whether it belongs to this IN, and whether a line is damaged.
The checksum of a line covers its values in a canonical form: another program may change spaces, escapes or order. The
body of a reply is in its line as the server sent it, byte for byte.
"""

from __future__ import annotations

import enum
import re
import zlib
from collections.abc import Mapping
from typing import Any, Final

import attrs
import orjson

from openai_async import errors
from openai_async.batch.input.rows import Row
from openai_async.batch.spent import NOTHING, SPENT, Spent, of_old_line
from openai_async.types.meta import Meta

PREFIX = b'{"id":"batch_req_'
_ID = re.compile(rf"(batch_req_([0-9]{{9,15}})_([0-9a-f]{{8}})_([0-9a-f]{{8}})(?:_{SPENT})?)_([0-9a-f]{{8}})\Z")
#: Of version 0.1, whose checksums were made in another way, and none of the line.
_OLD_ID = re.compile(r"batch_req_([0-9]{9,15})_[0-9a-f]{8}\Z")
#: A checksum that was not made as it is now: it fits every row.
UNKNOWN: Final = 0
#: Failures that are the key's, the server's or the network's, and not the row's: another run may do better.
_RETRYABLE_STATUS = frozenset({401, 402, 403, 408, 409, 425, 429})
#: Codes of failures without an answer that another run would not cure.
_FINAL_CODES = frozenset({"ambiguous", "invalid_parameter", "response_too_large"})


class Kind(enum.IntEnum):
    """The state of a row in OUT. Fits a byte."""

    NONE = 0
    OK = 1
    #: It would fail again as it is.
    FAILED = 2
    #: It failed for a reason that may pass: the next run sends it again.
    RETRYABLE = 3


@attrs.frozen
class Entry:
    """One line of OUT, without its body."""

    index: int
    digest: int
    source_digest: int
    kind: Kind
    #: On the row, in all runs so far.
    spent: Spent = NOTHING


@attrs.frozen
class Outcome:
    """How a row ended: its line for OUT, and what is counted of it."""

    row: Row = attrs.field(repr=False)
    kind: Kind
    line: bytes = attrs.field(repr=False)
    #: In this run.
    spent: Spent = NOTHING
    #: Name of the failure; None for a success.
    failure: str | None = None
    #: What the server, or this library, says of the failure; without keys and prompts.
    message: str = attrs.field(default="", repr=False)
    #: What it failed of, if that was a call.
    error: Exception | None = attrs.field(default=None, repr=False)


def success(row: Row, meta: Meta, body: bytes, spent: Spent = NOTHING) -> Outcome:
    """The outcome of a row that was answered. `body` is JSON; it is put on one line without another change."""
    # A raw line break can only stand between the tokens of valid JSON, never inside a string.
    body = body.strip().replace(b"\n", b" ").replace(b"\r", b" ")
    response = b'{"status_code":%d,"request_id":%b,"body":%b}' % (meta.status, _text(meta.request_id), body)
    return Outcome(row, Kind.OK, _line(row, response, b"null", spent), spent)


def failure(row: Row, error: Exception, spent: Spent = NOTHING) -> Outcome:
    """The outcome of a row that failed, with the server's answer if there is one, else with an error of ours.

    Of an error that is not of this package only the class is told, because its text may hold anything.
    """
    if not isinstance(error, errors.OpenAIError):
        spent += Spent(unanswered=1)  # nobody knows how far the call had come
        line = _no_answer(row, "client_error", f"the call raised {type(error).__name__}", spent)
        name = type(error).__name__
        return Outcome(row, Kind.RETRYABLE, line, spent, failure=name, error=errors.frameless(error))
    judges = not isinstance(error, errors.QuotaExhaustedError) or _kind_of_status(error.status_code) is Kind.RETRYABLE
    if isinstance(error, errors.APIStatusError) and judges:
        body: Any = error.body if isinstance(error.body, dict) else _error_body(error)  # pyright: ignore
        response = {"status_code": error.status_code, "request_id": error.request_id or "", "body": {"error": body}}
        line = _line(row, orjson.dumps(response), b"null", spent)
        kind = _kind_of_status(error.status_code)
    else:
        code = _code_of(error)
        line, kind = _no_answer(row, code, str(error), spent), _kind_of_code(code)
    return Outcome(row, kind, line, spent, failure=type(error).__name__, message=str(error), error=error)


def ambiguous(row: Row) -> Outcome:
    """The outcome of a row that an earlier run sent, that has no answer, and that is not sent again."""
    message = "sent by a run that was killed before the answer came; not sent again"
    line = _no_answer(row, "ambiguous", message, NOTHING)
    return Outcome(row, Kind.FAILED, line, failure="Ambiguous", message=message)


def not_answered(row: Row, code: str, message: str, spent: Spent = NOTHING) -> Outcome:
    """The outcome of a row without a readable answer. The reason has the format of the Batch API."""
    line = _no_answer(row, code, message, spent)
    return Outcome(row, _kind_of_code(code), line, spent, failure=code, message=message)


def _no_answer(row: Row, code: str, message: str, spent: Spent) -> bytes:
    return _line(row, b"null", orjson.dumps({"code": code, "message": message}), spent)


def _line(row: Row, response: bytes, error: bytes, spent: Spent) -> bytes:
    rest = b',"custom_id":%b,"response":%b,"error":%b}' % (orjson.dumps(row.custom_id), response, error)
    return signed(row, rest, orjson.loads(b'{"id":""' + rest), spent)


def signed(row: Row, rest: bytes, fields: dict[str, Any], spent: Spent) -> bytes:
    """A line of OUT: our id, with the checksum of the line, before the `rest` of it. `fields` are its values.

    `spent`: on the row in this run; what earlier ones have spent on it is added.
    """
    stem = "batch_req_%09d_%08x_%08x_%s" % (row.index, row.digest, row.source_digest, row.spent + spent)  # noqa: UP031
    return b'{"id":"%b_%08x"%b\n' % (stem.encode(), _checksum(stem, fields), rest)


def _checksum(stem: str, fields: dict[str, Any]) -> int:
    """CRC-32 of the values of a line, with an id that lacks this checksum.

    Raises:
        TypeError: a value has no canonical form.
    """
    return zlib.crc32(orjson.dumps({**fields, "id": stem}, option=orjson.OPT_SORT_KEYS))


def _text(value: str | None) -> bytes:
    return orjson.dumps(value or "")


def _error_body(error: errors.APIStatusError) -> dict[str, Any]:
    return {"message": error.message, "type": error.type, "param": error.param, "code": error.code}


def _code_of(error: errors.OpenAIError) -> str:
    match error:
        case errors.APITimeoutError():
            return "request_timeout"  # the Batch API's own word
        case errors.APIConnectionError():
            return "connection_error"
        case errors.ResponseTooLargeError():
            return "response_too_large"
        case errors.UnexpectedRedirectError():
            return "unexpected_redirect"
        case errors.InvalidParameterError():
            return "invalid_parameter"
        case errors.QuotaExhaustedError():  # under a status that would judge the row
            return "insufficient_quota"
        case _:
            return "invalid_response"


def _kind_of_status(status: int) -> Kind:
    if 200 <= status < 300:
        return Kind.OK
    # Only a 4xx judges the request. A status of 0, 1xx or 3xx says nothing of it.
    return Kind.FAILED if 400 <= status < 500 and status not in _RETRYABLE_STATUS else Kind.RETRYABLE


def _kind_of_code(code: object) -> Kind:
    return Kind.FAILED if code in _FINAL_CODES else Kind.RETRYABLE


def _kind_in(fields: Mapping[str, Any]) -> Kind:
    response = fields["response"]
    return _kind_of_code(fields["error"]["code"]) if response is None else _kind_of_status(int(response["status_code"]))


def parse(line: bytes) -> Entry:
    """Read one line of OUT.

    Raises:
        ValueError: it is not JSON (`orjson.JSONDecodeError`), not a line of a batch, or its checksum is wrong.
    """
    fields: Any = orjson.loads(line)
    try:
        if (old := _OLD_ID.match(fields["id"])) is not None:
            return Entry(int(old[1]), UNKNOWN, UNKNOWN, _kind_in(fields), of_old_line(fields))
        match = _ID.match(fields["id"])
        if match is None or not isinstance(fields["custom_id"], str):
            raise ValueError("not a line of a batch")
        stem, index, digest, source_digest, spent, checksum = match.groups()
        if _checksum(stem, fields) != int(checksum, 16):
            raise ValueError("damaged: its checksum is wrong")
        kind = _kind_in(fields)
    except (KeyError, TypeError):
        raise ValueError("not a line of a batch") from None
    total = of_old_line(fields) if spent is None else Spent.read(spent)
    return Entry(int(index), int(digest, 16), int(source_digest, 16), kind, total)
