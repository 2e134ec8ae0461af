"""Any error body becomes an exception that holds no key."""

from __future__ import annotations

import json
import pickle
from typing import Any

from hypothesis import given, strategies as st

from openai_async._policy import retry
from openai_async._wire import error_responses
from openai_async.errors import APIStatusError
from openai_async.types.meta import Meta, ReplyHeaders
from openai_async.types.settings import Secret
from tests.properties.strategies import json_values, text

KEY = "CanaryKey0123456789"
TOKEN = "sk-proj-Canary0123456789"

leaves = json_values | st.sampled_from(
    [KEY, f"bad key: {KEY}.", TOKEN, f"<b>{TOKEN}</b>", "insufficient_quota", 429, "429"]
)
fields = st.dictionaries(
    st.sampled_from(["message", "type", "code", "param", "status", "detail", KEY]), leaves, max_size=5
)
shapes: st.SearchStrategy[Any] = (
    fields
    | leaves
    | st.builds(lambda error, beside: {**beside, "error": error}, fields | leaves, fields)
    | st.lists(st.builds(lambda error: {"error": error}, fields), max_size=2)
)
bodies = (
    shapes.map(lambda shape: json.dumps(shape).encode())
    | st.binary()
    | st.builds(lambda a, b: (a + KEY + b + " " + TOKEN).encode(), text, text)
)


def check(error: APIStatusError) -> None:
    shown = f"{error!r}{error}{vars(error)!r}"
    assert KEY not in shown
    assert TOKEN not in shown
    assert error.message.startswith(f"{error.status_code}: ")
    assert 400 <= error.status_code <= 599
    for part in (error.code, error.type, error.param):
        assert part is None or isinstance(part, str)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))
    assert retry.may_retry(error, repeatable=True) in (True, False)


@given(
    status=st.integers(400, 599),
    body=bodies,
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "x-should-retry", "x-request-id"]), st.text("019-truefals."), max_size=3
    ),
)
def test_any_answer_has_its_exception(status: int, body: bytes, headers: dict[str, str]) -> None:
    """Whatever a server puts into an error, it is an exception of its status, whose fields are plain and masked."""
    meta = Meta(status, ReplyHeaders([(name.encode(), value.encode()) for name, value in headers.items()]))
    error = error_responses.from_response(meta, body, secrets=[Secret(KEY)])
    check(error)
    assert error.status_code == status


@given(error=shapes)
def test_any_event_has_its_exception(error: Any) -> None:
    """An error inside a stream may be any JSON; it has the status that it implies."""
    check(error_responses.from_event(error, request_id=None, secrets=[Secret(KEY)]))
    error_responses.error_in(error)
