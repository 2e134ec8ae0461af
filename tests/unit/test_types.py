"""The bases of everything the API says, and the settings that calls share."""

from __future__ import annotations

import copy
import datetime
import importlib
import pickle
import pkgutil
import traceback
from typing import Any

import pytest
from rich.pretty import pretty_repr

from openai_async import NULL, Attempt, Timeout, types
from openai_async.errors import InvalidParameterError
from openai_async.types._base import EMPTY, Reply, Value
from openai_async.types.api_object import APIObject
from openai_async.types.chat import ChatCompletion, ChatCompletionMessage, Choice, FunctionCall, ToolCall
from openai_async.types.meta import NO_META, Bucket, Meta, RateLimits
from openai_async.types.models import Model, ModelList
from openai_async.types.settings import Secret
from tests.moved import MOVED

# ---- values


def test_the_empty_mapping_is_empty_and_one() -> None:
    """Values without unknown fields share one mapping, also after pickling and copying."""
    assert dict(EMPTY) == {}
    assert EMPTY == {}
    assert len(EMPTY) == 0
    assert repr(EMPTY) == "{}"
    assert "a" not in EMPTY
    assert EMPTY.get("a") is None
    with pytest.raises(KeyError):
        EMPTY["a"]
    for same in (pickle.loads(pickle.dumps(EMPTY)), copy.copy(EMPTY), copy.deepcopy(EMPTY)):
        assert same is EMPTY


def test_values_are_compared_by_content() -> None:
    """Equal fields and equal unknown fields make equal values; how the unknown ones are stored does not count."""
    assert FunctionCall(name="f") == FunctionCall(name="f", extra={})
    assert FunctionCall(name="f") != FunctionCall(name="f", extra={"x": 1})
    assert FunctionCall(name="f") != FunctionCall(name="g")


def test_what_travels_beside_a_reply_does_not_count_in_comparisons() -> None:
    """Two replies of the same content are equal although they came at different times."""
    assert Reply(meta=Meta(headers={"x-request-id": "a"})) == Reply(meta=Meta(headers={"x-request-id": "b"}))


def test_a_reply_shows_what_came_beside_it() -> None:
    """Request id, rate limits, server time and attempts are attributes of every reply."""
    limits = RateLimits(requests=Bucket(limit=5.0))
    attempt = Attempt(1, "completed", 200, None, 0.5)
    headers = {"x-request-id": "r", "openai-processing-ms": "3", "x-ratelimit-limit-requests": "5"}
    reply = Model("m", meta=Meta(headers=headers, attempts=(attempt,)))
    assert (reply.request_id, reply.rate_limits, reply.processing_ms, reply.attempts) == ("r", limits, 3.0, (attempt,))
    assert Model("m").meta is NO_META


def test_a_value_is_written_without_what_is_absent() -> None:
    """`to_dict` gives what the API takes back: nothing that was not there, and no `extra` or `meta`."""
    message = ChatCompletionMessage(tool_calls=[ToolCall(function=FunctionCall(name="f"))], extra={"r": None, "s": [1]})
    assert message.to_dict() == {
        "role": "assistant",
        "tool_calls": [{"function": {"name": "f"}}],
        "r": None,
        "s": [1],
    }
    assert Model("m", meta=Meta(headers={"x-request-id": "a"})).to_dict() == {"id": "m", "object": "model"}


def test_a_half_built_value_raises_no_more_than_attribute_error() -> None:
    """Copying and pickling probe values that have no fields yet."""
    value = ToolCall.__new__(ToolCall)
    with pytest.raises(AttributeError):
        value.anything  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError):
        value.__deepcopy__  # type: ignore[attr-defined]  # noqa: B018


def test_the_text_of_a_reply() -> None:
    """`text` is the first choice's content, and empty rather than None."""
    assert ChatCompletion("x", [Choice(ChatCompletionMessage(content="Hi"))]).text == "Hi"
    assert ChatCompletion("x", [Choice(ChatCompletionMessage())]).text == ""
    assert ChatCompletion("x", []).text == ""


@pytest.mark.parametrize(
    ("stated", "day"), [(None, None), ("", None), ("soon", None), ("2026-08-01", datetime.date(2026, 8, 1))]
)
def test_the_day_a_model_is_switched_off(stated: str | None, day: datetime.date | None) -> None:
    """A date is a date; anything else is none."""
    assert Model("m", shutdown_date=stated).shuts_down_on() == day


def test_a_list_of_models_is_iterated() -> None:
    """The list gives its models."""
    models = ModelList([Model("a"), Model("b")])
    assert [model.id for model in models] == ["a", "b"]
    assert len(models) == 2


# ---- settings


def test_the_explicit_null_is_one_value() -> None:
    """`NULL` is recognised by identity, also after pickling and copying."""
    assert repr(NULL) == "NULL"
    for same in (pickle.loads(pickle.dumps(NULL)), copy.copy(NULL), copy.deepcopy(NULL)):
        assert same is NULL


def test_one_number_bounds_every_phase() -> None:
    """Connecting is bounded by 10 seconds all the same; None bounds nothing; a Timeout stays as it is."""
    assert Timeout.of(30) == Timeout(attempt=30, connect=10.0, first_token=30, idle=30)
    assert Timeout.of(0.5) == Timeout(attempt=0.5, connect=0.5, first_token=0.5, idle=0.5)
    assert Timeout.of(None) == Timeout(attempt=None, connect=None, first_token=None, idle=None)
    given = Timeout(idle=1.0)
    assert Timeout.of(given) is given


@pytest.mark.parametrize("value", [0, -1, -0.5, float("nan"), True, False, "5", b"5", [], -float("inf")])
@pytest.mark.parametrize("phase", ["attempt", "connect", "first_token", "idle"])
def test_a_timeout_is_a_positive_number(value: Any, phase: str) -> None:
    """Zero, negative numbers, nan, booleans and text are refused, naming the phase."""
    with pytest.raises(InvalidParameterError) as caught:
        Timeout(**{phase: value})
    assert caught.value.field == f"timeout.{phase}"
    with pytest.raises(InvalidParameterError) as caught:
        Timeout.of(value)
    assert caught.value.field == "timeout"


def test_a_secret_is_shown_nowhere() -> None:
    """No repr, text, format, traceback with local variables, pickle or copy holds a secret; asking for it does."""
    secret = Secret("canary-4711")
    assert secret.reveal() == "canary-4711"
    assert repr(secret) == str(secret) == f"{secret}" == "Secret('***')"
    for through in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled") as caught:
            through(secret)  # type: ignore[operator]
        shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert "canary" not in "".join(shown.format())


def test_secrets_are_compared_by_content() -> None:
    """Equal secrets are one key of a mapping."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_a_repr_shows_what_is_there() -> None:
    """Absent fields are left out, in terminals with rich, too; falsy ones are there."""
    message = ChatCompletionMessage(content="", annotations=[])
    assert repr(message) == "ChatCompletionMessage(role='assistant', content='', annotations=[])"
    assert pretty_repr(message) == repr(message)
    value = APIObject(extra={"a": 1, "b": "secret"})
    assert (repr(value), pretty_repr(value)) == ("APIObject(a, b)", "APIObject('a', 'b')")


def test_every_value_is_shown_that_way() -> None:
    """A class that forgets `repr=False` would have one of its own."""
    for module in pkgutil.iter_modules(types.__path__):
        if (name := f"{types.__name__}.{module.name}") not in MOVED:
            importlib.import_module(name)
    todo = [Value]
    while todo:
        todo += (cls := todo.pop()).__subclasses__()
        assert cls is APIObject or cls.__repr__ is Value.__repr__, cls
