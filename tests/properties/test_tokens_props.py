"""Counts, estimates and costs of anything: they agree with the emulator, keep their bounds, and do not fail."""

from __future__ import annotations

from typing import Any

import attrs
import tiktoken
from hypothesis import given, strategies as st

from openai_async._policy.estimates import (
    LEAST_SCALE,
    MOST_SCALE,
    Calibration,
    RequestSize,
    estimate_request,
    requested_tokens,
    size_of_request,
)
from openai_async._policy.prices import LongContext, Price, cost
from openai_async._policy.tokens import count_chat_tokens
from openai_async._policy.totals import CostTotals
from openai_async.emulator.chat.completions import _charge
from openai_async.emulator.chat.request import ChatRequest
from openai_async.types.chat import CompletionTokensDetails, CompletionUsage, PromptTokensDetails
from tests.properties.strategies import any_text, json_values

BYTES = tiktoken.Encoding(
    "bytes",
    pat_str=r"\S+|\s+",
    mergeable_ranks={bytes([value]): value for value in range(256)},
    special_tokens={"<|endoftext|>": 256},
)
text = st.text(max_size=60) | st.just("<|endoftext|>")
parts = st.lists(
    st.builds(lambda words: {"type": "text", "text": words}, text)
    | st.builds(lambda url: {"type": "image_url", "image_url": {"url": url}}, text),
    min_size=1,
    max_size=3,
)
plain_messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant"]), "content": text}, optional={"name": text}
    ),
    min_size=1,
    max_size=6,
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant"]), "content": text | parts}, optional={"name": text}
    ),
    min_size=1,
    max_size=6,
)
counts = st.integers(-10, 400_000)


@given(plain_messages)
def test_the_rule_holds_for_any_text(said: list[dict[str, Any]]) -> None:
    """With one token a byte, a count is the bytes of every string, 3 a message, 1 a name, and 3."""
    expected = 3 + sum(3 + sum(len(value.encode()) for value in one.values()) + ("name" in one) for one in said)
    found = count_chat_tokens(said, encoding=BYTES)
    assert (found.tokens, found.exact) == (expected, True)


@given(st.lists(st.dictionaries(st.text(max_size=8), json_values | any_text, max_size=4), max_size=4))
def test_counting_does_not_fail(said: list[dict[str, Any]]) -> None:
    """Whatever stands in a message, it has a count."""
    assert count_chat_tokens(said, encoding=BYTES).tokens >= 3 + 3 * len(said)
    assert count_chat_tokens(said, tools=said).exact is False


@given(
    messages,
    st.fixed_dictionaries({}, optional={"n": st.integers(1, 128), "stream": st.booleans()}),
    st.fixed_dictionaries({}, optional={"max_tokens": st.integers(1, 10**6)})
    | st.fixed_dictionaries({"max_completion_tokens": st.integers(1, 10**6)}),
)
def test_estimates_are_what_the_emulator_charges(
    said: list[dict[str, Any]], settings: dict[str, Any], bound: dict[str, Any]
) -> None:
    """For any conversation, to the token."""
    body = {"model": "m", "messages": said, **settings, **bound}
    assert estimate_request("/chat/completions", body) == _charge(ChatRequest.read(body), body)


@given(
    st.sampled_from(["/chat/completions", "/completions", "/embeddings", "/responses", "/files", ""]),
    st.dictionaries(
        st.sampled_from(["messages", "prompt", "input", "instructions", "tools", "n", "best_of", "max_tokens"]),
        json_values,
    ),
)
def test_estimating_does_not_fail(path: str, body: dict[str, Any]) -> None:
    """Whatever a body contains, its size is not negative, and the larger part is at most the sum."""
    size = size_of_request(path, body)
    assert size.prompt >= 0
    assert size.completion >= 0
    assert size.charge("max") <= size.charge("sum") == estimate_request(path, body)


@given(any_text)
def test_any_message_may_come_with_a_refusal(message: str) -> None:
    """Reading it gives a number or none."""
    for whole in (message, f"on tokens per min (TPM): {message} Requested {message}"):
        found = requested_tokens(whole)
        assert found is None or found >= 0


@given(st.lists(st.tuples(st.booleans(), counts, counts, counts, st.sampled_from(["sum", "max"])), max_size=30))
def test_a_scale_stays_within_its_bounds(told: list[tuple[bool, int, int, int, Any]]) -> None:
    """Whatever a server states, a scale is between 0.25 and 4."""
    calibration = Calibration()
    for by_words, prompt, completion, stated, policy in told:
        size = RequestSize(max(0, prompt), max(0, completion))
        if by_words:
            calibration.learn_requested("m", size, stated, policy)
        else:
            calibration.learn_usage("m", size, stated)
        assert LEAST_SCALE <= calibration.scale("m") <= MOST_SCALE


rates = st.floats(0, 1000)
prices = st.builds(Price, rates, rates, st.none() | rates, st.none() | rates, rates, rates)


@given(
    st.builds(
        CompletionUsage,
        counts,
        counts,
        counts,
        st.none() | st.builds(PromptTokensDetails, *[st.none() | counts] * 5),
        st.none() | st.builds(CompletionTokensDetails, *[st.none() | counts] * 5),
    ),
    prices,
    prices,
    st.integers(0, 400_000),
)
def test_no_token_is_charged_twice(usage: CompletionUsage, price: Price, longer: Price, above: int) -> None:
    """A cost lies between all tokens at the lowest and all at the highest of the rates that apply."""
    dollars = cost(usage, attrs.evolve(price, long_context=LongContext(above, longer)))
    assert dollars is not None
    used = longer if usage.prompt_tokens > above else price
    heard = [one for one in (used.input, used.cached_input, used.cache_write, used.audio_input) if one is not None]
    said = [one for one in (used.output, used.audio_output) if one is not None]
    prompt, completion = max(0, usage.prompt_tokens), max(0, usage.completion_tokens)
    least = (prompt * min(heard) + completion * min(said)) / 1e6
    most = (prompt * max(heard) + completion * max(said)) / 1e6
    assert least * (1 - 1e-9) <= dollars <= most * (1 + 1e-9)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 1000), st.booleans()), max_size=30))
def test_totals_do_not_depend_on_who_counted(calls: list[tuple[str, int | None, bool]]) -> None:
    """Two halves that are merged are the whole."""
    whole, left, right = CostTotals(), CostTotals(), CostTotals()
    for model, dollars, mine in calls:
        for totals in (whole, left if mine else right):
            totals.add(model, CompletionUsage(1, 2, 3), dollars)
    left.merge(right)
    assert left == whole
    assert whole.total.calls == len(calls)
    assert whole.total.unpriced == sum(dollars is None for _, dollars, _ in calls)
