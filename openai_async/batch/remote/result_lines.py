"""Parse the lines of a remote batch's results: the row of a line, and its outcome.

Servers write these lines in many forms. A line in the Batch API's own format is copied into OUT with another id. Every
other line is written again, so that OUT always holds JSON that its own parser accepts. Nothing here raises for what a
server wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

import attrs
import orjson

from openai_async import errors
from openai_async._wire import error_responses, json
from openai_async.batch.input.rows import Row
from openai_async.batch.local.row_sender import Bill, billed, facts_in, reply_in
from openai_async.batch.output.output_lines import Kind, Outcome, failure, not_answered, parse, signed, success
from openai_async.batch.spent import NOTHING, Spent
from openai_async.types.meta import Meta, ReplyHeaders

_LEADING_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*"[^"\\]*"')
#: The tier of service that prices know batches by.
_TIER: Final = "batch"
_CUSTOM_ID = re.compile(rb'"custom_id"\s*:\s*("(?:[^"\\]|\\.)*")')


@attrs.frozen
class ResultLine:
    """A line of results and its row. `fields` are its values; None if it is not JSON."""

    row: Row
    line: bytes
    fields: dict[str, Any] | None


def find_row(line: bytes, rows: Mapping[str, Row]) -> ResultLine | None:
    """Look up the row of a line, which has no line break; None if it names none of these rows."""
    fields: dict[str, Any] | None = None
    try:
        value, line = json.loads_and_normalize(line)
    except errors.DecodeError:
        custom_id = _quoted_id(line)
    else:
        if not isinstance(value, dict):
            return None
        fields = cast("dict[str, Any]", value)
        custom_id = _id_in(fields)
    row = rows.get(custom_id)
    return None if row is None else ResultLine(row, line, fields)


def outcome_of(result: ResultLine, bill: Bill) -> Outcome:
    """The outcome of a line's row. The usage in the line is billed."""
    fields, row = result.fields, result.row
    if fields is None:
        return _unreadable(row, "the line is not JSON")
    value: Any = fields.get("response")
    response = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    status = _status_in(response)
    if status is not None and 200 <= status < 300:
        return _success(result, fields, response, status, bill)
    if (copied := _copy_of(result, fields, NOTHING)) is not None:
        kind = parse(copied).kind
        name, message = _name_and_message(fields)
        return Outcome(row, kind, copied, failure=name, message=message)
    body: Any = response.get("body")
    error = error_responses.error_in(body) or fields.get("error") or body
    if status is not None and 400 <= status < 600:
        return failure(row, error_responses.from_status(status, error, request_id=_request_id(response)))
    return not_answered(row, *_code_and_message(error))


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


def _success(result: ResultLine, fields: dict[str, Any], response: dict[str, Any], status: int, bill: Bill) -> Outcome:
    row, body = result.row, response.get("body")
    try:
        reply = reply_in(row.path, body)
    except errors.DecodeError as error:
        facts = facts_in(body)
        spent = Spent(unanswered=1) if facts.usage is None else billed(facts, row, bill, _TIER)
        if (refusal := error_responses.error_in(body)) is not None:  # an error object inside a 200
            return failure(row, error_responses.from_event(refusal, request_id=None, secrets=()), spent)
        return _unreadable(row, str(error), spent)
    spent = billed(reply, row, bill, _TIER)
    if (copied := _copy_of(result, fields, spent)) is not None:
        return Outcome(row, Kind.OK, copied, spent)
    meta = Meta(status, ReplyHeaders([(b"x-request-id", _request_id(response).encode("latin-1", "ignore"))]))
    return success(row, meta, orjson.dumps(body), spent)


def _copy_of(result: ResultLine, fields: dict[str, Any], spent: Spent) -> bytes | None:
    """The line with our id, byte for byte where the id comes first; None if OUT could not hold it as it is."""
    if not {"id", "custom_id", "response", "error"} <= fields.keys() or fields["custom_id"] != result.row.custom_id:
        return None
    if not _LEADING_ID.match(result.line):
        return None
    rest = _LEADING_ID.sub(b"", result.line, count=1)
    try:
        copied = signed(result.row, rest, fields, spent)
        parse(copied)
    except (ValueError, TypeError):
        return None
    return copied


def _unreadable(row: Row, why: str, spent: Spent | None = None) -> Outcome:
    spent = Spent(unanswered=1) if spent is None else spent
    return not_answered(row, "invalid_response", f"the result cannot be read: {why}", spent)


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
        return str(code), error_responses.mask_keys(str(fields.get("message") or "the server gave no reason"))
    if isinstance(error, str) and error:
        return "no_answer", error_responses.mask_keys(error)
    return "no_answer", "the result holds neither an answer nor an error"


def _name_and_message(fields: Mapping[str, Any]) -> tuple[str, str]:
    """A name for a failure, for people to count, and what is said of it."""
    response = fields["response"]
    if response is None:
        return str(fields["error"]["code"]), _code_and_message(fields["error"])[1]
    code, message = _code_and_message(error_responses.error_in(response.get("body")))
    return (code if code != "no_answer" else f"status {response['status_code']}"), message
