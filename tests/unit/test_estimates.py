"""Estimates of what a request is charged, and what is learned from the server's own words."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from openai_async._policy.estimates import (
    LEAST_SCALE,
    MOST_SCALE,
    Calibration,
    RequestSize,
    estimate_request,
    requested_tokens,
    size_of_request,
)
from openai_async.emulator import Emulator, Model, RateLimits
from openai_async.types.chat import ChatCompletionMessage
from openai_async.types.responses import ResponseContent, ResponseItem

CHAT = "/chat/completions"
HELLO = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Hello!"},
]  # 44 signs


@pytest.mark.parametrize(
    "body",
    [
        {"messages": HELLO},
        {"messages": HELLO, "max_tokens": 500},
        {"messages": HELLO, "max_completion_tokens": 7, "n": 5},
        {"messages": [{"role": "user", "content": "字" * 1001, "name": "ann"}]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "what is it?"}]},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:," + "A" * 5000}}]},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "42"},
            ],
            "max_tokens": 100,
        },
        {"messages": HELLO, "tools": [{"type": "function", "function": {"name": "f", "description": "look " * 99}}]},
        {"messages": HELLO, "functions": [{"name": "f", "description": "look " * 99}]},
    ],
)
def test_an_estimate_is_what_the_emulator_charges(body: dict[str, Any]) -> None:
    """A quarter of the characters and n times the maximum, to the token."""
    emulator = Emulator(models=[Model("m", context_window=10**6)], limits=RateLimits(tokens_per_minute=10**6))
    with emulator.run() as server, httpx.Client(base_url=server.base_url, trust_env=False) as client:
        reply = client.post("chat/completions", json={"model": "m", **body}, headers={"authorization": "Bearer sk-x"})
        assert reply.status_code == 200
        assert [entry.charged for entry in emulator.ledger.entries()] == [estimate_request(CHAT, body)]


@pytest.mark.parametrize(
    "body",
    [
        {"input": "Grüße aus 東京"},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello!"}]}], "max_output_tokens": 50},
        {"input": "Hello!", "instructions": "Be brief.", "tools": [{"type": "function", "name": "look"}]},
    ],
)
def test_a_response_is_charged_what_the_emulator_charges(body: dict[str, Any]) -> None:
    """The same arithmetic on both sides, as for chats: input, instructions and tools, and the bound of the output."""
    emulator = Emulator(models=[Model("m")], limits=RateLimits(tokens_per_minute=10**6))
    with emulator.run() as server, httpx.Client(base_url=server.base_url, trust_env=False) as client:
        reply = client.post("responses", json={"model": "m", **body}, headers={"authorization": "Bearer sk-x"})
        assert reply.status_code == 200
        assert [entry.charged for entry in emulator.ledger.entries()] == [estimate_request("/responses", body)]


@pytest.mark.parametrize(
    ("path", "body", "prompt", "completion"),
    [
        (CHAT, {"messages": HELLO}, 11, 16),
        ("chat/completions", {"messages": HELLO}, 11, 16),
        ("/v1/chat/completions?api-version=1", {"messages": HELLO, "max_tokens": 9}, 11, 9),
        ("/openai/deployments/x/chat/completions", {"messages": HELLO, "n": 3}, 11, 48),
        (CHAT, {"messages": [ChatCompletionMessage("user", "Hello!")]}, 3, 16),
        (CHAT, {"messages": tuple(HELLO), "tools": [{"type": "function", "function": {"name": "f" * 32}}]}, 21, 16),
        ("/completions", {"prompt": "Hello!"}, 2, 16),
        ("/completions", {"prompt": ["Hello!", "Hello!"], "max_tokens": 100, "n": 2}, 3, 400),
        ("/completions", {"prompt": "Hello!", "n": 1, "best_of": 4, "max_tokens": 10}, 2, 40),
        ("/completions", {"prompt": [1, 2, 3], "max_tokens": 10}, 3, 10),
        ("/completions", {"prompt": [[1, 2, 3], [4]], "max_tokens": 10}, 4, 20),
        ("/embeddings", {"input": "Hello!"}, 2, 0),
        ("/embeddings", {"input": ["Hello!", "Hello!"], "max_tokens": 10}, 3, 0),
        ("/embeddings", {"input": [[1] * 100, [2] * 50]}, 150, 0),
        ("/responses", {"input": "Hello!", "instructions": "Be brief."}, 4, 16),
        ("/responses", {"input": [{"role": "user", "content": "Hello!"}], "max_output_tokens": 50}, 3, 50),
        ("/responses", {"input": [{"type": "input_image", "image_url": "data:" + "A" * 4000}]}, 3, 16),
        ("/responses", {"input": [ResponseItem("message", content=[ResponseContent("input_text", "Hello!")])]}, 6, 16),
        ("/responses", {"input": [{"type": "function_call_output", "output": "x" * 79}], "tools": ["y" * 40]}, 35, 16),
        ("/responses", {"input": [{"type": "image_generation_call", "result": "A" * 4000}]}, 6, 16),
        ("/responses", {"previous_response_id": "resp_1", "conversation": None, "max_output_tokens": 20}, 0, 20),
        ("/responses/compact", {"input": "Hello!", "instructions": "Be brief.", "model": "m"}, 4, 0),
        ("/responses/input_tokens", {"input": "Hello!"}, 2, 0),
        ("/moderations", {"input": "Hello!"}, 2, 0),
        ("/models", {}, 0, 0),
    ],
)
def test_each_kind_of_request(path: str, body: dict[str, Any], prompt: int, completion: int) -> None:
    """Texts count by characters, arrays of token ids as they are, and every reply at its maximum."""
    assert size_of_request(path, body) == RequestSize(prompt, completion)


def test_how_the_parts_make_up_a_charge() -> None:
    """Their sum, or the larger of them; the scale is the prompt's."""
    body = {"messages": HELLO, "max_tokens": 40, "n": 2}
    assert estimate_request(CHAT, body) == 11 + 80
    assert estimate_request(CHAT, body, policy="max") == 80
    assert estimate_request(CHAT, body, n=1) == 11 + 40
    assert estimate_request(CHAT, body, scale=2.5) == 28 + 80
    assert estimate_request(CHAT, body, n=1, policy="max", scale=4.0) == 44


@pytest.mark.parametrize("bound", [None, 0, -5, "100", 1.5, [], {}])
def test_a_bound_that_is_none_is_guessed(bound: Any) -> None:
    """Whether a parameter is valid is the server's to say; a nonsense bound is no bound."""
    assert estimate_request(CHAT, {"messages": HELLO, "max_tokens": bound, "n": bound}) == 11 + 16


def test_a_body_that_contains_itself_ends() -> None:
    """Nesting is read to a bounded depth."""
    around: list[Any] = ["Hello!"]
    around.append(around)
    assert estimate_request("/embeddings", {"input": around}) > 0


# ---- what the server says


@pytest.mark.parametrize(
    ("message", "requested"),
    [
        (
            "Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 200000, Used 200000, "
            "Requested 5770. Please try again in 1.731s.",
            5770,
        ),
        ("Request too large for m in organization o on tokens per min (TPM): Limit 30000, Requested 46245.", 46245),
        ("429: Rate limit reached ... on tokens per day (TPD): Limit 500,000, Used 1, Requested: 46,245", 46245),
        ("Rate limit reached for `l` on tokens per minute (TPM): Limit 6000, Used 5500, Requested ~1200.", None),
        ("Rate limit reached for `l` on tokens per minute (TPM): Limit 6000, Used 5500, Requested 1200.", 1200),
        ("Rate limit reached for m on requests per min (RPM): Limit 500, Used 500, Requested 1. Try again", None),
        ("Slow down: traffic grew too fast.", None),
        ("on tokens per min, Requested ,,,", None),
        ("", None),
        ("tokens per min" * 100_000, None),
        (" " * 4_000 + "on tokens per min (TPM): Limit 30000, Requested 46245.", None),
        ("tokens per min " + "x" * 200 + " Requested 5", None),
    ],
)
def test_the_charge_that_a_refusal_states(message: str, requested: int | None) -> None:
    """Only the tokens of a limit on tokens count, and only where they are stated."""
    assert requested_tokens(message) == requested


def test_the_emulator_s_refusals_are_understood() -> None:
    """What is read from its words is what it would have charged."""
    body = {"messages": HELLO, "max_tokens": 900}
    emulator = Emulator(models=[Model("m")], limits=RateLimits(tokens_per_minute=500))
    with emulator.run() as server, httpx.Client(base_url=server.base_url, trust_env=False) as client:
        reply = client.post("chat/completions", json={"model": "m", **body}, headers={"authorization": "Bearer sk-x"})
    assert reply.status_code == 429
    assert requested_tokens(reply.json()["error"]["message"]) == estimate_request(CHAT, body)


def test_a_scale_is_learned_from_the_server_s_words() -> None:
    """It starts at 1, approaches the server's ratio of prompts, and is kept for each scope."""
    calibration = Calibration()
    assert calibration.scale("m") == 1.0
    size = RequestSize(1_000, 200)
    for _ in range(3):
        calibration.learn_requested("m", size, 1_700)
    assert calibration.scale("m") == pytest.approx(1.5, rel=0.02)
    assert size.charge(scale=calibration.scale("m")) == pytest.approx(1_700, rel=0.01)
    assert calibration.scale("other") == 1.0
    for _ in range(60):
        calibration.learn_requested("m", size, 900)
    assert calibration.scale("m") == pytest.approx(0.7, rel=0.01)


def test_a_charge_by_the_larger_part_says_something_of_long_prompts_only() -> None:
    """Where the completion made up the charge, the prompt stays unknown."""
    calibration = Calibration()
    calibration.learn_requested("m", RequestSize(100, 5_000), 5_000, "max")
    calibration.learn_requested("m", RequestSize(0, 5_000), 6_000)
    assert calibration.scale("m") == 1.0
    calibration.learn_requested("m", RequestSize(10_000, 5_000), 20_000, "max")
    assert calibration.scale("m") == pytest.approx(2.0, rel=0.02)


def test_usage_is_a_hint_until_the_server_states_a_charge() -> None:
    """Usage counts where nothing better is known; afterwards it changes nothing."""
    calibration = Calibration()
    size = RequestSize(1_000, 100)
    for _ in range(5):
        calibration.learn_usage("m", size, 3_000)
    assert calibration.scale("m") == pytest.approx(3.0, rel=0.05)
    calibration.learn_requested("m", size, 1_100)
    told = calibration.scale("m")
    assert told == pytest.approx(1.0)
    calibration.learn_usage("m", size, 3_000)
    assert calibration.scale("m") == told


def test_small_requests_tell_little() -> None:
    """A tiny prompt, whose overhead weighs most, does not turn the scale."""
    calibration = Calibration()
    calibration.learn_usage("m", RequestSize(2, 0), 9)
    assert calibration.scale("m") < 1.2


@pytest.mark.parametrize(("actual", "bound"), [(10**15, MOST_SCALE), (-(10**15), LEAST_SCALE)])
def test_nonsense_moves_a_scale_to_its_bounds_and_not_for_ever(actual: int, bound: float) -> None:
    """One absurd statement is cut to the bounds, so that honest ones outweigh it soon."""
    calibration = Calibration()
    size = RequestSize(1_000, 100)
    calibration.learn_requested("m", size, actual)
    assert LEAST_SCALE <= calibration.scale("m") <= MOST_SCALE
    assert calibration.scale("m") == pytest.approx(bound, rel=0.25)
    for _ in range(40):
        calibration.learn_requested("m", size, 1_100)
    assert calibration.scale("m") == pytest.approx(1.0, rel=0.05)
