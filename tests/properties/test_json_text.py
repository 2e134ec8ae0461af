"""JSON in and out is total: a value, or one error of ours that shows nothing."""

from __future__ import annotations

import json as stdlib
import math
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from openai_async import NULL
from openai_async._wire import json
from openai_async.errors import DecodeError, InvalidParameterError
from tests.properties.outcomes import outcome
from tests.properties.strategies import any_text, json_values, text

CANARY = "canary-4711"

#: Parameters as programs build them, with parts that JSON cannot carry.
unfit = st.sampled_from(
    [{CANARY}, frozenset({CANARY}), CANARY.encode(), object(), 1j, 2**64, -(2**64), CANARY + "\ud800", {(1, CANARY): 1}]
)
arguments: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.just(NULL) | unfit,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(any_text | st.integers() | st.booleans(), inner, max_size=4)
        | st.lists(inner, max_size=3).map(iter)
    ),
    max_leaves=10,
)


@given(data=st.binary() | any_text.map(lambda some: some.encode("utf-8", "surrogatepass")))
@example(data=b'{"' + CANARY.encode())
@example(data=b"[" * 10_000)
@example(data=b"1" * 5_000)
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    """Nothing but `DecodeError` comes out, and it holds no word of the text."""
    found = outcome(DecodeError, lambda: json.loads(data))
    if isinstance(found, DecodeError):
        assert CANARY not in str(found)
        assert len(str(found)) < 120
        assert found.__cause__ is None


@given(value=json_values, spaces=st.sampled_from([None, 1]))
def test_json_is_read_as_the_standard_library_reads_it(value: Any, spaces: int | None) -> None:
    """Whatever a server may say in JSON is read to the same values, laid out or not."""
    written = stdlib.dumps(value, indent=spaces)
    assert json.loads(written.encode()) == stdlib.loads(written) == value


@given(value=json_values, cut=st.integers(0, 200))
def test_a_cut_body_is_refused(value: Any, cut: int) -> None:
    """A prefix of an object is never an object: a body that was cut off is not a quiet success."""
    body = stdlib.dumps({"a": value}).encode()
    cut = min(cut, len(body) - 1)
    assert isinstance(outcome(DecodeError, lambda: json.loads(body[:cut])), DecodeError)


@given(params=st.dictionaries(text, json_values, max_size=4))
def test_parameters_are_written_as_they_are(params: dict[str, Any]) -> None:
    """What JSON can say is written so that any reader gets the same values."""
    assert stdlib.loads(json.dumps(params)) == params


@given(params=st.dictionaries(any_text, arguments, max_size=4))
def test_any_parameters_are_written_or_refused(params: dict[str, Any]) -> None:
    """Nothing but `InvalidParameterError` comes out; it can be printed, and shows no value."""
    found = outcome(InvalidParameterError, lambda: stdlib.loads(json.dumps(params)))
    if isinstance(found, InvalidParameterError):
        assert str(found).encode("utf-8")
        assert found.field
        assert found.__cause__ is None


@given(path=st.lists(st.integers(0, 3) | st.sampled_from(["a", "b", "role"]), min_size=1, max_size=12), value=unfit)
def test_the_part_at_fault_is_named(path: list[int | str], value: Any) -> None:
    """Wherever it is, the path leads to it, and its value stays out of sight."""
    holder = value
    named = ""
    for step in reversed(path):
        holder = [0] * step + [holder, "b"] if isinstance(step, int) else {"z": 1, step: holder}
        named = (f"[{step}]" if isinstance(step, int) else f".{step}") + named
    with pytest.raises(InvalidParameterError) as caught:
        json.dumps({"start": holder, "end": 1})
    assert caught.value.field == f"start{named}"
    assert CANARY not in str(caught.value)


@given(params=st.dictionaries(text, st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats() | text, max_size=4))
def test_no_parameter_is_written_as_another_number(params: dict[str, Any]) -> None:
    """NaN and infinity are refused, and nothing else is."""
    found = outcome(InvalidParameterError, lambda: stdlib.loads(json.dumps(params)))
    odd = any(not math.isfinite(value) for value in params.values() if isinstance(value, float))
    assert isinstance(found, InvalidParameterError) if odd else found == params
