"""Lines of a remote batch's results: each stands for itself, and OUT can always be read again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from openai_async.batch.input.rows import Row
from openai_async.batch.output.output_lines import Kind, Outcome, parse
from openai_async.batch.remote.result_lines import find_row, outcome_of

ROW = Row(7, 0xABCDEF01, 0x12345678, "r7", "/chat/completions", {})
ROWS = {ROW.custom_id: ROW}


def read_line(line: bytes, rows: Mapping[str, Row]) -> Outcome | None:
    found = find_row(line, rows)
    return None if found is None else outcome_of(found, no_price)


def no_price(*_: object) -> None:
    return None


BODY = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1_780_000_000,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}
GOOD = {"status_code": 200, "request_id": "r", "body": BODY}
REFUSED = {"status_code": 400, "request_id": "", "body": {"error": {"message": "no", "code": "bad"}}}
EMPTY = dict.fromkeys(("id", "choices", "created", "model", "object", "usage"))


def line_of(**fields: Any) -> bytes:
    return json.dumps({"id": "batch_req_1", "custom_id": "r7", **fields}).encode()


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        pytest.param(line_of(response=GOOD, error=None), Kind.OK, id="as documented"),
        pytest.param(line_of(response=GOOD), Kind.OK, id="no error"),
        pytest.param(line_of(response=GOOD, error=""), Kind.OK, id="error empty text"),
        pytest.param(line_of(response=GOOD, error=[]), Kind.OK, id="error empty array"),
        pytest.param(line_of(response={**GOOD, "status_code": "200"}, error=None), Kind.OK, id="status as text"),
        pytest.param(line_of(response={"status_code": 200, "body": BODY}, error={}), Kind.OK, id="no request_id"),
        pytest.param(json.dumps({"custom_id": "r7", "response": GOOD}).encode(), Kind.OK, id="no id"),
        pytest.param(line_of(response=REFUSED, error=None), Kind.FAILED, id="refused"),
        pytest.param(line_of(response={**REFUSED, "status_code": "400"}), Kind.FAILED, id="refused, status as text"),
        pytest.param(line_of(response={"status_code": 404, "body": "no"}), Kind.FAILED, id="refused, body as text"),
        pytest.param(line_of(response={"status_code": 503, "body": None}, error=None), Kind.RETRYABLE, id="overloaded"),
        pytest.param(line_of(error={"code": "batch_expired", "message": "m"}), Kind.RETRYABLE, id="no response"),
        pytest.param(line_of(response=None, error="boom"), Kind.RETRYABLE, id="error as text"),
        pytest.param(line_of(response=None, error=None), Kind.RETRYABLE, id="both null"),
        pytest.param(line_of(), Kind.RETRYABLE, id="neither"),
        pytest.param(line_of(response=None, error={"message": "m"}), Kind.RETRYABLE, id="error without code"),
        pytest.param(line_of(response=None, error={"code": 17}), Kind.RETRYABLE, id="code as number"),
        pytest.param(line_of(response={}, error={"code": "e"}), Kind.RETRYABLE, id="response empty"),
        pytest.param(line_of(response="", error="e"), Kind.RETRYABLE, id="response as text"),
        pytest.param(
            line_of(response={"status_code": None, "body": None}, error={"code": "e"}), Kind.RETRYABLE, id="null"
        ),
        pytest.param(line_of(response={**GOOD, "status_code": 0}, error=None), Kind.RETRYABLE, id="status 0"),
        pytest.param(line_of(response={**GOOD, "status_code": 102}, error=None), Kind.RETRYABLE, id="status 1xx"),
        pytest.param(line_of(response={**GOOD, "status_code": 307}, error=None), Kind.RETRYABLE, id="status 3xx"),
        pytest.param(line_of(response={**GOOD, "status_code": 10**6}, error=None), Kind.RETRYABLE, id="status large"),
        pytest.param(line_of(response={**GOOD, "status_code": True}, error=None), Kind.RETRYABLE, id="status true"),
        pytest.param(line_of(response={"body": BODY}, error=None), Kind.RETRYABLE, id="no status"),
        pytest.param(line_of(response={**GOOD, "body": None}, error=None), Kind.RETRYABLE, id="body null"),
        pytest.param(line_of(response={**GOOD, "body": {}}, error=None), Kind.RETRYABLE, id="body empty"),
        pytest.param(line_of(response={**GOOD, "body": "<html>"}, error=None), Kind.RETRYABLE, id="body as text"),
        pytest.param(
            line_of(response={**GOOD, "body": {**EMPTY, "error": {"code": 429}}}), Kind.RETRYABLE, id="429 in 200"
        ),
        pytest.param(
            line_of(response={**GOOD, "body": {"error": {"code": 400, "message": "no"}}}), Kind.FAILED, id="400"
        ),
        pytest.param(
            line_of(response={**GOOD, "body": {"choices": [], "error": "x"}}), Kind.RETRYABLE, id="no choices"
        ),
        pytest.param(line_of(response=GOOD, error=None)[:-40], Kind.RETRYABLE, id="torn"),
        pytest.param(
            line_of(response=GOOD, error=None).replace(b"Hi.", b"\\ud83d"), Kind.OK, id="half of a surrogate pair"
        ),
        pytest.param(line_of(response=GOOD, error=None).replace(b" 15}", b" -Infinity}"), Kind.OK, id="-Infinity"),
    ],
)
def test_a_line_costs_at_most_its_own_row(line: bytes, kind: Kind) -> None:
    """A readable answer is kept; whatever else a line holds is its row's failure, retryable unless judged."""
    result = read_line(line, ROWS)
    assert result is not None
    assert result.kind is kind
    assert (result.failure is None) == (kind is Kind.OK)
    entry = parse(result.line)
    assert (entry.index, entry.digest, entry.kind) == (ROW.index, ROW.digest, kind)
    written = orjson.loads(result.line)
    assert written["custom_id"] == "r7"
    if kind is Kind.OK:
        assert written["response"]["body"]["id"] == "c1"


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"null", b'{"response":{}}', line_of(custom_id=None), line_of(custom_id="x")]
)
def test_a_line_that_names_no_row_is_none_of_ours(line: bytes) -> None:
    """A line without a usable custom_id is left for the caller to count."""
    assert read_line(line, ROWS) is None


def test_a_number_is_taken_for_the_id_that_it_was_written_as() -> None:
    """A server that turns a custom_id into a number still has its answer taken."""
    rows = {"17": Row(3, 1, 2, "17", "/chat/completions", {})}
    result = read_line(line_of(custom_id=17, response=GOOD, error=None), rows)
    assert result is not None
    assert parse(result.line).kind is Kind.OK


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    {"custom_id": st.just("r7")},
    optional={
        "id": st.text(max_size=8),
        "error": JSON | st.fixed_dictionaries({}, optional={"code": JSON, "message": JSON, "type": JSON}),
        "response": JSON
        | st.fixed_dictionaries(
            {}, optional={"status_code": JSON | st.sampled_from([0, 200, 400, 503]), "request_id": JSON, "body": JSON}
        ),
    },
)


@given(FIELDS, st.integers(0, 400))
def test_no_line_breaks_the_run_or_the_output(fields: dict[str, Any], cut: int) -> None:
    """Whatever a line holds and wherever it was torn, nothing is raised, and OUT's own reader takes the result."""
    line = json.dumps(fields).encode()
    for text in (line, line[: len(line) - min(cut, len(line))]):
        result = read_line(text, ROWS)
        if result is not None:
            entry = parse(result.line)
            assert entry.kind is result.kind
            assert result.line.count(b"\n") == 1
