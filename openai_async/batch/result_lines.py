"""One line of a remote batch's results: which row it is of, and how that row ended.

Servers write these lines in many forms. A line in the Batch API's own form is copied into OUT as it came, but for its
id. Every other line is judged, and written anew, so that OUT always holds JSON that its own reader accepts. Nothing in
here raises for what a server wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import attrs
import orjson

from openai_async import errors
from openai_async._wire import json, problems
from openai_async.batch.outputs import Kind, Outcome, failure, not_answered, parse, signed, success
from openai_async.batch.rows import Row
from openai_async.batch.sending import RowReply, reply_in
from openai_async.types.meta import Meta, ReplyHeaders

_LEADING_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*"[^"\\]*"')
_CUSTOM_ID = re.compile(rb'"custom_id"\s*:\s*("(?:[^"\\]|\\.)*")')


@attrs.frozen
class Result:
    """How the row of a line ended. `reply` is there for an answer, to be billed."""

    outcome: Outcome
    reply: RowReply | None = None


def read_line(line: bytes, rows: Mapping[str, Row]) -> Result | None:
    """Judge a line without its line break; None if it names none of these rows."""
    try:
        found, line = json.loads_and_text(line)
    except errors.DecodeError:
        row = rows.get(_quoted_id(line))
        return None if row is None else _unreadable(row, "the line is not JSON")
    if not isinstance(found, dict):
        return None
    fields = cast("dict[str, Any]", found)
    row = rows.get(_id_in(fields))
    return None if row is None else _judged(line, fields, row)


def _id_in(fields: Mapping[str, Any]) -> str:
    """The custom_id; some servers write a number that came as text."""
    custom_id = fields.get("custom_id")
    return str(custom_id) if isinstance(custom_id, (str, int)) else ""


def _quoted_id(line: bytes) -> str:
    """The custom_id of a line that is not JSON, where it can still be read."""
    match = _CUSTOM_ID.search(line)
    try:
        return str(orjson.loads(match[1])) if match is not None else ""
    except orjson.JSONDecodeError:
        return ""


def _judged(line: bytes, fields: dict[str, Any], row: Row) -> Result:
    stated: Any = fields.get("response")
    response = cast("dict[str, Any]", stated) if isinstance(stated, dict) else {}
    status = _status_in(response)
    if status is not None and 200 <= status < 300:
        return _success(line, fields, row, response, status)
    if (copied := _copied(line, fields, row)) is not None:
        kind = parse(copied).kind
        name, message = _name_and_message(fields)
        return Result(Outcome(row, kind, copied, failure=name, message=message))
    body: Any = response.get("body")
    error = problems.error_in(body) or fields.get("error") or body
    if status is not None and 400 <= status < 600:
        return Result(failure(row, problems.from_status(status, error, request_id=_request_id(response))))
    return Result(not_answered(row, *_code_and_message(error)))


def _success(line: bytes, fields: dict[str, Any], row: Row, response: dict[str, Any], status: int) -> Result:
    body: Any = response.get("body")
    try:
        reply = reply_in(row.path, body)
    except errors.DecodeError as error:
        if (refusal := problems.error_in(body)) is not None:  # an error object inside a 200
            return Result(failure(row, problems.from_event(refusal, request_id=None, secrets=())))
        return _unreadable(row, str(error))
    copied = _copied(line, fields, row)
    if copied is None:
        meta = Meta(status, ReplyHeaders([(b"x-request-id", _request_id(response).encode("latin-1", "ignore"))]))
        outcome = success(row, meta, orjson.dumps(body))
    else:
        outcome = Outcome(row, Kind.OK, copied)
    return Result(outcome, reply)


def _copied(line: bytes, fields: dict[str, Any], row: Row) -> bytes | None:
    """The line with our id, byte for byte where the id comes first; None if OUT could not hold it as it is."""
    if not {"id", "custom_id", "response", "error"} <= fields.keys() or fields["custom_id"] != row.custom_id:
        return None
    if not _LEADING_ID.match(line):
        return None
    rest = _LEADING_ID.sub(b"", line, count=1)
    try:
        copied = signed(row, rest, fields)
        parse(copied)
    except (ValueError, TypeError):
        return None
    return copied


def _unreadable(row: Row, why: str) -> Result:
    return Result(not_answered(row, "invalid_response", f"the result cannot be read: {why}"))


def _status_in(response: Mapping[str, Any]) -> int | None:
    status = response.get("status_code")
    if isinstance(status, str) and status.isdecimal() and len(status) == 3:
        return int(status)
    return status if isinstance(status, int) and not isinstance(status, bool) else None


def _request_id(response: Mapping[str, Any]) -> str:
    request_id = response.get("request_id")
    return request_id if isinstance(request_id, str) else ""


def _code_and_message(error: Any) -> tuple[str, str]:
    """What an `error` says, in any of its forms."""
    if isinstance(error, dict):
        fields = cast("dict[str, Any]", error)
        code = fields.get("code") or fields.get("type") or "no_answer"
        return str(code), problems.without_keys(str(fields.get("message") or "the server gave no reason"))
    if isinstance(error, str) and error:
        return "no_answer", problems.without_keys(error)
    return "no_answer", "the result holds neither an answer nor an error"


def _name_and_message(fields: Mapping[str, Any]) -> tuple[str, str]:
    """A name for a failure, for people to count, and what is said of it."""
    response = fields["response"]
    if response is None:
        return str(fields["error"]["code"]), _code_and_message(fields["error"])[1]
    code, message = _code_and_message(problems.error_in(response.get("body")))
    return (code if code != "no_answer" else f"status {response['status_code']}"), message
