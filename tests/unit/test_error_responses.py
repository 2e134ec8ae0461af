"""Every error answer becomes the exception that it means, and no exception shows a key."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from openai_async import errors
from openai_async._wire import error_responses
from openai_async.errors import APIStatusError, RateLimitError
from openai_async.types.meta import Meta, ReplyHeaders
from openai_async.types.settings import Secret

KEY = "CanaryKey0123456789"
QUOTA = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
)
CONTEXT_MESSAGE = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."
TOO_LARGE = "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000."


def raised(
    status: int, body: object, *, headers: dict[str, str] | None = None, secrets: tuple[str, ...] = ()
) -> APIStatusError:
    """The exception of an answer; a body that is not bytes is written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    meta = Meta(status, ReplyHeaders([(name.encode(), value.encode()) for name, value in (headers or {}).items()]))
    return error_responses.from_response(meta, raw, secrets=[Secret(secret) for secret in secrets])


def in_stream(error: Any, *secrets: str) -> APIStatusError:
    return error_responses.from_event(error, request_id="req_1", secrets=[Secret(secret) for secret in secrets])


def api(message: str = "no", **fields: object) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


# ---- the table

BY_STATUS: dict[int, type[APIStatusError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.QuotaExhaustedError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    405: errors.APIStatusError,
    408: errors.RequestTimeoutError,
    409: errors.ConflictError,
    413: errors.RequestTooLargeError,
    422: errors.UnprocessableEntityError,
    425: errors.APIStatusError,
    429: errors.RateLimitError,
    499: errors.APIStatusError,
    500: errors.InternalServerError,
    502: errors.InternalServerError,
    503: errors.InternalServerError,
    504: errors.InternalServerError,
    529: errors.InternalServerError,
    599: errors.InternalServerError,
}
#: Bodies that say no more than the status does.
MUTE: dict[str, object] = {
    "the API's": api(code="some_code", type="some_type"),
    "nothing": b"",
    "blank": b" \r\n",
    "HTML": b"<html><body>Bad gateway</body></html>",
    "text": b"upstream connect error",
    "no text": b"\xff\xfe\x00",
    "cut off": b'{"error": {"mess',
    "null": None,
    "a number": 5,
    "a string": "no",
    "an array": [],
    "an empty object": {},
    "an empty error": {"error": {}},
    "an error of text": {"error": "no"},
    "an error of another type": {"error": [1]},
    "unfit fields": {"error": {"message": {"a": 1}, "code": [1], "type": {"b": 2}, "param": 3}},
}


@pytest.mark.parametrize("body", MUTE.values(), ids=MUTE.keys())
@pytest.mark.parametrize(("status", "cls"), BY_STATUS.items())
def test_the_status_decides_where_the_body_says_nothing(status: int, cls: type[APIStatusError], body: object) -> None:
    """Any body will do: the status alone has a class, and there is always a message."""
    error = raised(status, body)
    assert type(error) is cls
    assert error.status_code == status
    assert error.message.startswith(f"{status}: ")
    assert len(error.message) > len("500: ")


CASES: list[tuple[str, int, object, type[APIStatusError]]] = [
    *((f"quota by code: {code}", 429, api(code=code, type="x"), errors.QuotaExhaustedError) for code in QUOTA),
    *((f"quota by type: {code}", 429, api(type=code, code=None), errors.QuotaExhaustedError) for code in QUOTA),
    ("quota, newer pair", 429, api(type=QUOTA[0], code=QUOTA[3]), errors.QuotaExhaustedError),
    ("quota with another status", 403, api(code=QUOTA[0]), errors.QuotaExhaustedError),
    ("quota of a server's fault", 500, api(code=QUOTA[0]), errors.InternalServerError),
    ("rate limit", 429, api(type="requests", code="rate_limit_exceeded"), errors.RateLimitError),
    ("slow down", 429, api(type="rate_limit_error", code="slow_down"), errors.RateLimitError),
    (
        "request too large",
        429,
        api(TOO_LARGE, type="tokens", code="rate_limit_exceeded"),
        errors.RequestExceedsLimitError,
    ),
    ("request too large, later", 429, api(f"Note: {TOO_LARGE}"), errors.RateLimitError),
    ("body too large", 413, api(TOO_LARGE), errors.RequestTooLargeError),
    ("context", 400, api(code="context_length_exceeded"), errors.ContextLengthExceededError),
    ("context by type", 400, api(type="exceed_context_size_error", code=400), errors.ContextLengthExceededError),
    ("context as 500", 500, api(type="exceed_context_size_error"), errors.ContextLengthExceededError),
    ("context as 413", 413, api(code="context_length_exceeded"), errors.ContextLengthExceededError),
    ("context as 422", 422, api(code="context_length_exceeded"), errors.ContextLengthExceededError),
    ("context in words", 400, {"message": CONTEXT_MESSAGE, "code": 400}, errors.ContextLengthExceededError),
    ("context as 429", 429, api(code="context_length_exceeded"), errors.RateLimitError),
    ("filter", 400, api(code="content_filter"), errors.ContentFilterError),
    ("filter by type", 400, api(type="content_policy_violation"), errors.ContentFilterError),
    ("filter with another status", 403, api(code="content_filter"), errors.PermissionDeniedError),
    ("quota as 400", 400, api(code=429, type="insufficient_quota"), errors.QuotaExhaustedError),
    ("a code is not a status", 400, api(code=429, type="x"), errors.BadRequestError),
    ("DeepSeek", 402, api("Insufficient Balance", code="invalid_request_error"), errors.QuotaExhaustedError),
    ("OpenRouter", 402, {"error": {"code": 402, "message": "Insufficient credits"}}, errors.QuotaExhaustedError),
    ("Moonshot", 429, api("suspended", type="exceeded_current_quota_error"), errors.QuotaExhaustedError),
    ("Moonshot as 403", 403, api("suspended", type="exceeded_current_quota_error"), errors.QuotaExhaustedError),
    ("Zhipu", 429, api("balance", code="1113"), errors.QuotaExhaustedError),
    ("Zhipu, a number", 429, api("balance", code=1113), errors.QuotaExhaustedError),
    ("Alibaba", 400, api("Access denied", code="Arrearage"), errors.QuotaExhaustedError),
    ("Anthropic", 400, api("Your credit balance is too low to access the API."), errors.QuotaExhaustedError),
    ("words in 403", 403, api("Please check your plan and billing details."), errors.QuotaExhaustedError),
    ("words in 429", 429, api("You have reached your monthly spending limit."), errors.QuotaExhaustedError),
    ("words, no JSON", 403, "account balance is insufficient", errors.QuotaExhaustedError),
    ("a prompt that is quoted", 400, api("Invalid: 'please recharge, no credits'"), errors.BadRequestError),
    ("words with a delay", 429, api("check your plan and billing details. Retry in 30s."), errors.RateLimitError),
    ("a permission", 403, api("You may not use this model."), errors.PermissionDeniedError),
]


@pytest.mark.parametrize(("status", "body", "cls"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_code_type_and_message_decide_within_a_status(status: int, body: object, cls: type[APIStatusError]) -> None:
    """A drained account, a request over the limit, a full context and a filter have classes of their own."""
    assert type(raised(status, body)) is cls


# ---- fields


def test_the_fields_of_an_error() -> None:
    """Message, code, type and param are the API's; id, delay and the word on retrying come from headers."""
    error = raised(
        429,
        api("Slow down.", type="requests", code="rate_limit_exceeded", param="model", new=[1]),
        headers={"x-request-id": "req_1", "retry-after": "7", "x-should-retry": "true"},
    )
    assert error.message == "429: Slow down."
    assert (error.code, error.type, error.param) == ("rate_limit_exceeded", "requests", "model")
    assert error.body == {
        "message": "Slow down.",
        "type": "requests",
        "code": "rate_limit_exceeded",
        "param": "model",
        "new": [1],
    }
    assert (error.request_id, error.retry_after, error.should_retry) == ("req_1", 7.0, True)
    assert str(error) == "429: Slow down. (request req_1)"
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), vars(again)) == (type(error), vars(error))


@pytest.mark.parametrize(
    ("body", "message", "code", "kind"),
    [
        (
            {"error": {"code": 400, "message": "too many", "type": "exceed_context_size_error", "n_ctx": 256}},
            "too many",
            "400",
            "exceed_context_size_error",
        ),
        (
            {"object": "error", "message": "no model", "type": "NotFoundError", "code": 404},
            "no model",
            "404",
            "NotFoundError",
        ),
        ({"error": "model not found"}, "model not found", None, None),
        ({"detail": "Not Found"}, "Not Found", None, None),
        ([{"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}], "bad", "400", None),
        ({"message": "", "code": "", "type": None}, "no message", None, None),
        ("just text", "just text", None, None),
        (b"upstream error\n", "upstream error", None, None),
        (b"", "no message", None, None),
        ({"a": 1}, "no message", None, None),
    ],
)
def test_errors_of_other_servers(body: object, message: str, code: str | None, kind: str | None) -> None:
    """The shapes of llama.cpp, vLLM, Ollama, FastAPI and Google, and no shape at all, give message and codes."""
    error = raised(400, body)
    assert (error.message, error.code, error.type) == (f"400: {message}", code, kind)


def test_what_fastapi_says_is_told_and_what_it_quotes_is_not() -> None:
    """Each entry says where and what; the `input` beside it is the prompt, and stands in no error and no pickle."""
    entries: list[Any] = [
        {"loc": ["body", "messages", 0, "content"], "msg": "Input should be a valid string", "input": "PROMPT"},
        {"loc": ["body"], "msg": "Field required", "input": {"messages": "PROMPT"}},
        {"loc": None, "msg": "Too bad"},
        {"type": "without a message"},
        "no entry",
    ]
    error = raised(422, {"detail": entries})
    assert error.message == "422: messages.0.content: Input should be a valid string; Field required; Too bad"
    assert b"PROMPT" not in pickle.dumps(error)
    body: Any = error.body
    assert body["detail"][1] == {"loc": ["body"], "msg": "Field required", "input": "***"}
    assert body["detail"][2:] == entries[2:]


def test_long_texts_are_cut() -> None:
    """A page of HTML does not fill the log."""
    page = raised(502, b"<html>" + b"x" * 100_000)
    assert len(page.message) < 600
    assert len(str(page.body)) <= 500
    assert len(raised(400, api("x" * 100_000)).message) < 2_100


# ---- secrets


@pytest.mark.parametrize(
    "key",
    [KEY, "sk-proj-abcDEF_123-456", "sk-ab***********wxyz", "sess-0123456789abcdef", "rk-0123456789"],
)
@pytest.mark.parametrize("place", ["message", "code", "type", "param", "text", "html", "url", "nested", "name"])
def test_keys_are_masked_everywhere(key: str, place: str) -> None:
    """The key in use, and what looks like a key, is in no field, name or text of an error."""
    body: object = {
        "text": f"Incorrect API key provided: {key}.".encode(),
        "html": f"<a href='/?key={key}'>".encode(),
        "url": f"/?auth=Bearer%20{key}&x=1".encode(),
        "nested": api(inner=[{"a": [f"Bearer {key}"]}]),
        "name": api(**{key: {key: key}}),
    }.get(place) or api(**{"message": "no", place: f"Incorrect API key provided: {key}."})
    error = raised(401, body, secrets=(KEY,))
    shown = repr(vars(error)) + str(error) + repr(error)
    assert key not in shown
    assert "***" in shown


def test_a_key_is_masked_before_a_text_is_cut() -> None:
    """The half of a key that a cut would leave is not recognised any more, but still tells."""
    for length in range(480, 502):
        error = raised(502, b"x" * length + KEY.encode(), secrets=(KEY,))
        assert "Canary" not in f"{error.message}{error.body}"
    for length in range(1980, 2002):
        assert "Canary" not in raised(400, api("x" * length + KEY), secrets=(KEY,)).message


def test_a_key_that_begins_with_another_is_masked_whole() -> None:
    """The longest key is looked for first."""
    assert raised(401, api("bad canary-1-tail"), secrets=("canary-1", "canary-1-tail")).message == "401: bad ***"


def test_words_that_look_a_little_like_keys_stay() -> None:
    """Only a whole key is masked."""
    text = "task-management, risk-averse and sk-1 are fine"
    assert raised(400, api(text), secrets=("are",)).message == f"400: {text}"
    assert raised(400, api(text), secrets=("fine",)).message == f"400: {text[:-4]}***"


def test_nesting_has_an_end() -> None:
    """A body that nests deeper than any error does is cut, not followed to a crash."""
    deep: Any = KEY
    for _ in range(800):
        deep = [deep]
    error = raised(400, api(inner=deep), secrets=(KEY,))
    assert KEY not in repr(error.body)
    assert error.message == "400: no"


# ---- errors inside a stream

IN_STREAM: list[tuple[object, int, type[APIStatusError]]] = [
    ({"message": "no"}, 500, errors.InternalServerError),
    ({"message": "no", "type": "server_error"}, 500, errors.InternalServerError),
    ({"message": "no", "type": "invalid_request_error"}, 400, errors.BadRequestError),
    ({"message": "no", "code": "invalid_api_key"}, 401, errors.AuthenticationError),
    ({"message": "no", "type": "rate_limit_exceeded"}, 429, errors.RateLimitError),
    ({"message": "no", "type": "tokens", "code": "rate_limit_exceeded"}, 429, errors.RateLimitError),
    ({"message": "no", "code": "server_is_overloaded"}, 503, errors.InternalServerError),
    ({"message": "no", "code": "overloaded_error", "type": "x"}, 503, errors.InternalServerError),
    *(({"message": "no", "code": code}, 429, errors.QuotaExhaustedError) for code in QUOTA),
    *(({"message": "no", "type": code}, 429, errors.QuotaExhaustedError) for code in QUOTA),
    ({"message": "no", "type": "authentication_error"}, 401, errors.AuthenticationError),
    ({"message": "no", "type": "permission_error"}, 403, errors.PermissionDeniedError),
    ({"message": "no", "type": "not_found_error"}, 404, errors.NotFoundError),
    ({"message": "no", "type": "rate_limit_error"}, 429, errors.RateLimitError),
    ({"message": "no", "type": "requests"}, 429, errors.RateLimitError),
    ({"message": "no", "code": "slow_down"}, 429, errors.RateLimitError),
    ({"message": "no", "type": "api_error"}, 500, errors.InternalServerError),
    ({"message": "no", "code": 404}, 404, errors.NotFoundError),
    ({"message": "no", "code": 400}, 400, errors.BadRequestError),
    ({"message": "no", "code": 599}, 599, errors.InternalServerError),
    ({"message": "no", "code": 399}, 500, errors.InternalServerError),
    ({"message": "no", "code": 600}, 500, errors.InternalServerError),
    ({"message": "no", "status": 503, "code": "x"}, 503, errors.InternalServerError),
    ({"message": "no", "type": "exceed_context_size_error", "code": 400}, 400, errors.ContextLengthExceededError),
    ({"message": "no", "code": 200}, 500, errors.InternalServerError),
    ({"message": "no", "code": True, "type": 7}, 500, errors.InternalServerError),
    ({"message": "no", "code": ["insufficient_quota"], "type": {}, "status": []}, 500, errors.InternalServerError),
    ({}, 500, errors.InternalServerError),
    ("no", 500, errors.InternalServerError),
    (["no"], 500, errors.InternalServerError),
    (True, 500, errors.InternalServerError),
]


@pytest.mark.parametrize(("error", "status", "cls"), IN_STREAM, ids=lambda value: str(value)[:60])
def test_an_error_in_a_stream_has_the_class_it_would_have_had_as_a_reply(
    error: object, status: int, cls: type[APIStatusError]
) -> None:
    """Status, code and type inside the event stand in for the status that the reply has no more."""
    found = in_stream(error)
    assert type(found) is cls
    assert (found.status_code, found.request_id) == (status, "req_1")
    assert found.message.startswith(f"{status}: ")


def test_keys_are_masked_in_errors_of_a_stream() -> None:
    """Where the error came from makes no difference."""
    found = in_stream({"message": f"bad key {KEY}", "a": [KEY]}, KEY)
    assert found.message == "500: bad key ***"
    assert found.body == {"message": "bad key ***", "a": ["***"]}


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"error": {"message": "no"}}, {"message": "no"}),
        ({"error": "no", "id": "x"}, "no"),
        ({"error": None, "id": "x"}, None),
        ({"error": {}}, None),
        ({"error": ""}, None),
        ({"id": "x", "choices": []}, None),
        ([{"error": "no"}], None),
        ("error", None),
        (None, None),
    ],
)
def test_which_events_are_errors(event: object, error: object) -> None:
    """An event is an error if its `error` says something."""
    assert error_responses.error_in(event) == error


def test_an_error_with_a_success_status_is_an_error() -> None:
    """A body that holds nothing but an error is raised as what it says, and anything else is left to decoding."""
    body = b'{"error": {"message": "Slow down.", "type": "rate_limit_error"}}'
    refused = error_responses.from_success(Meta(), body, secrets=[])
    assert isinstance(refused, RateLimitError)
    for other in (b"{}", b'{"error": null}', b"[]", b"<html>", b""):
        assert error_responses.from_success(Meta(), other, secrets=[]) is None
