"""Any object of the right shape is read without loss; any other is refused, without a word of it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from openai_async._wire import codec, json
from openai_async.errors import DecodeError
from openai_async.types._base import Value
from openai_async.types.chat import ChatCompletion, ChatCompletionChunk
from tests.properties.outcomes import outcome
from tests.properties.strategies import BODIES, as_read, json_values, objects
from tests.unit.test_codec import WHOLE

CANARY = "canary-4711"


def read(cls: type[Value], data: object) -> Value | None:
    """The value, or None for a refusal, which shows nothing of the data."""
    found = outcome(DecodeError, lambda: codec.structure(cls, data))
    if not isinstance(found, DecodeError):
        return found
    assert CANARY not in str(found)
    assert found.__cause__ is None
    assert found.path.startswith("$")
    return None


@pytest.mark.slow
@pytest.mark.parametrize("cls", BODIES)
@given(data=st.data())
@settings(max_examples=50)
def test_what_is_right_is_read_without_loss(cls: type[Value], data: st.DataObject) -> None:
    """Every field, known or not, is in `to_dict`; nulls of known fields are absent, defaults are filled in."""
    given_ = data.draw(objects(cls))
    before = copy.deepcopy(given_)
    value = codec.structure(cls, given_)
    assert given_ == before
    assert value.to_dict() == as_read(cls, before)
    again = codec.decode(cls, json.dumps(value.to_dict()))
    assert again == value
    assert pickle.loads(pickle.dumps(value)) == copy.copy(value) == copy.deepcopy(value) == value
    for name, part in value.extra.items():
        if not name.startswith("__") and not hasattr(cls, name):
            assert getattr(value, name) == part


@pytest.mark.parametrize("cls", BODIES)
@given(data=json_values)
def test_anything_is_a_value_or_refused(cls: type[Value], data: Any) -> None:
    """No JSON text makes decoding fail in another way."""
    value = read(cls, data)
    assert value is None or type(value) is cls


def places(part: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every part of a body."""
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    return [way, *(place for step, value in inner for place in places(value, (*way, step)))]


PLACES = [place for place in places(WHOLE) if place]
wrong = st.sampled_from([None, True, 0, 0.5, "", CANARY, [], {}, [CANARY], {CANARY: CANARY}, [[CANARY]], [None]])


@given(
    changes=st.lists(
        st.tuples(st.sampled_from(PLACES), st.sampled_from(["replace", "remove", "add"]), wrong), max_size=4
    )
)
def test_a_damaged_reply_is_a_value_or_refused(changes: list[tuple[tuple[Any, ...], str, Any]]) -> None:
    """Whatever is replaced, missing or new in a reply, what comes out is a whole value or `DecodeError`."""
    body: Any = copy.deepcopy(WHOLE)
    for place, change, part in changes:
        *way, last = place
        holder = body
        try:
            for step in way:
                holder = holder[step]
            if change == "replace":
                holder[last] = copy.deepcopy(part)  # a later change may reach into it
            elif change == "remove":
                del holder[last]
            else:
                holder[f"{last}_new"] = copy.deepcopy(part)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change has taken the place away
    body = json.loads(json.dumps(body))  # a list may have become an object: its keys are text
    for cls in (ChatCompletion, ChatCompletionChunk):
        value = read(cls, body)
        if value is not None:
            assert codec.structure(cls, json.loads(json.dumps(value.to_dict()))) == value
