"""What the emulator answers to text completions, embeddings and moderations, and what it refuses."""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from openai_async.emulator import Emulator, Model, RateLimits

Body = dict[str, Any]

AUTH = {"authorization": "Bearer sk-test"}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    models = (Model("emulated-mini", context_window=10_000),)
    with Emulator(models=models).run() as server, httpx.Client(base_url=server.base_url, headers=AUTH) as client:
        yield client


def complete(client: httpx.Client, prompt: Any = "Say this is a test", **rest: Any) -> Body:
    reply = client.post("/completions", json={"model": "emulated-mini", "prompt": prompt, **rest})
    assert reply.status_code == 200, reply.text
    found: Body = reply.json()
    return found


def embed(client: httpx.Client, given: Any = "Hello!", **rest: Any) -> Body:
    reply = client.post("/embeddings", json={"model": "emulated-mini", "input": given, **rest})
    assert reply.status_code == 200, reply.text
    found: Body = reply.json()
    return found


def refusal(client: httpx.Client, path: str, **body: Any) -> Body:
    reply = client.post(path, json={"model": "emulated-mini", **body})
    assert reply.status_code == 400, reply.text
    error: Body = reply.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return error


# -- completions -------------------------------------------------------------------------------------------------


def test_the_same_request_gets_the_same_texts_and_another_one_others(client: httpx.Client) -> None:
    """Deterministic by prompt, index, seed; sixteen tokens unless told."""
    first, again = complete(client, n=3), complete(client, n=3)
    assert first["choices"] == again["choices"]
    assert first["id"] != again["id"]
    assert len({choice["text"] for choice in first["choices"]}) == 3
    assert {choice["finish_reason"] for choice in first["choices"]} == {"length"}
    assert first["usage"] == {"prompt_tokens": 5, "completion_tokens": 48, "total_tokens": 53}
    assert complete(client, seed=7)["choices"] != complete(client, seed=8)["choices"]
    assert complete(client, suffix=" end.")["usage"]["prompt_tokens"] > 5


def test_a_count_is_counted_on_up_to_a_stop(client: httpx.Client) -> None:
    """Echo puts the prompt first; the text ends before the stop string, which is not part of it."""
    prompt = "count number from 1 to 30: 1,2,3,4,5,"
    reply = complete(client, prompt, stop=["20", "20,", ",20"], echo=True, max_tokens=100)
    (choice,) = reply["choices"]
    assert choice["text"] == prompt + ",".join(map(str, range(6, 20)))
    assert choice["finish_reason"] == "stop"


def test_every_text_that_is_made_is_paid_for(client: httpx.Client) -> None:
    """`best_of` gives the n best; the tokens of all count."""
    reply = complete(client, ["a", "b"], n=1, best_of=3, max_tokens=4)
    assert [choice["index"] for choice in reply["choices"]] == [0, 1]
    assert reply["usage"]["completion_tokens"] == 2 * 3 * 4


def test_log_probabilities_stand_where_the_tokens_do(client: httpx.Client) -> None:
    """As many of each as tokens; the tokens join to the text; the first token of a prompt has no chance."""
    (choice,) = complete(client, echo=True, logprobs=3)["choices"]
    figures = choice["logprobs"]
    assert "".join(figures["tokens"]) == choice["text"]
    assert len({len(values) for values in figures.values()}) == 1
    assert figures["token_logprobs"][0] is figures["top_logprobs"][0] is None
    for token, chance, best, offset in list(zip(*(figures[name] for name in
            ("tokens", "token_logprobs", "top_logprobs", "text_offset")), strict=True))[1:]:  # fmt: skip
        assert choice["text"][offset:].startswith(token)
        assert best[token] == chance <= 0
        assert len(best) <= 3
    assert complete(client, logprobs=0)["choices"][0]["logprobs"]["top_logprobs"] is None


def test_token_arrays_are_prompts(client: httpx.Client) -> None:
    """The tokens of one prompt, or of several; the weight is their number."""
    one, two = complete(client, [1, 2, 3], echo=True), complete(client, [[1, 2, 3], [4]], echo=True)
    assert one["usage"]["prompt_tokens"] == 3
    assert two["usage"]["prompt_tokens"] == 4
    assert len(two["choices"]) == 2


def test_a_stream_takes_turns_and_ends_with_usage(client: httpx.Client) -> None:
    """Pieces of several texts interleave; usage comes last, when asked for; then `[DONE]`."""
    body = {"model": "emulated-mini", "prompt": "x", "n": 2, "stream": True, "stream_options": {"include_usage": True}}
    lines = [line.removeprefix("data: ") for line in client.post("/completions", json=body).text.split("\n\n") if line]
    *events, done = lines
    assert done == "[DONE]"
    chunks = [json.loads(event) for event in events]
    assert [chunk["choices"][0]["index"] for chunk in chunks[:4]] == [0, 1, 0, 1]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 32
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[-3:-1]] == ["length", "length"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": []}, "prompt"),
        ({"prompt": {"a": 1}}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt[1]"),
        ({"prompt": "x", "n": 2, "best_of": 1}, "best_of"),
        ({"prompt": "x", "best_of": 2, "stream": True}, "best_of"),
        ({"prompt": "x", "best_of": 21}, "best_of"),
        ({"prompt": "x", "logprobs": 6}, "logprobs"),
        ({"prompt": "x", "stop": list("abcde")}, "stop"),
        ({"prompt": "x", "echo": "yes"}, "echo"),
        ({"prompt": "x", "temperature": 3}, "temperature"),
        ({"prompt": "x", "stream_options": {}}, "stream_options"),
        ({"prompt": "a b " * 6000}, "messages"),
    ],
    ids=str,
)
def test_completions_refuse_what_the_api_refuses(client: httpx.Client, body: Body, param: str) -> None:
    """The API's own error shape, naming the parameter."""
    assert refusal(client, "/completions", **body)["param"] == param


def test_completions_take_their_share_of_the_limits() -> None:
    """The limit is charged a quarter of the characters, and all texts at their longest."""
    emulator = Emulator(limits=RateLimits(tokens_per_minute=10_000))
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=AUTH) as client:
        complete(client, ["x" * 40, "y" * 40], n=2, best_of=3, max_tokens=10)
        embed(client, ["x" * 40, [1, 2, 3]])
        charged = [entry.charged for entry in emulator.ledger.entries()]
        assert charged == [20 + 2 * 3 * 10, 10 + 3]
        reply = client.post("/completions", json={"model": "emulated-mini", "prompt": "x", "max_tokens": 9_990})
        assert reply.status_code == 429


# -- embeddings --------------------------------------------------------------------------------------------------


def test_embeddings_are_unit_vectors_the_same_each_time(client: httpx.Client) -> None:
    """Of length 1, of the wanted dimensions, and the same in both encodings."""
    for dimensions in (1, 8, 1536, 3072):
        plain = embed(client, ["a b c", "x"], dimensions=dimensions)
        packed = embed(client, ["a b c", "x"], dimensions=dimensions, encoding_format="base64")
        for one, other in zip(plain["data"], packed["data"], strict=True):
            numbers = struct.unpack(f"<{dimensions}f", base64.b64decode(other["embedding"]))
            assert list(numbers) == one["embedding"]
            assert math.hypot(*numbers) == pytest.approx(1, abs=1e-6)
    assert len(embed(client)["data"][0]["embedding"]) == 1536
    assert plain["usage"] == {"prompt_tokens": 4, "total_tokens": 4}


def test_texts_that_share_words_are_near_each_other(client: httpx.Client) -> None:
    """So that a search over the vectors finds something."""
    texts = ["the quiet river at night", "a quiet river by day", "stock prices fell"]
    one, near, far = (item["embedding"] for item in embed(client, texts)["data"])
    assert sum(map(float.__mul__, one, near)) > 0.3 > sum(map(float.__mul__, one, far))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": []}, "input"),
        ({"input": ["x"] * 2049}, "input"),
        ({"input": "x", "dimensions": 0}, "dimensions"),
        ({"input": "x", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a b " * 5000}, None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_embeddings_refuse_what_the_api_refuses(client: httpx.Client, body: Body, param: str | None) -> None:
    """The API's own error shape, naming the parameter."""
    assert refusal(client, "/embeddings", **body)["param"] == param


# -- moderations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "param"),
    [
        (None, "input"),
        ([], "input"),
        ({"a": 1}, "input"),
        ([{"type": "sound"}], "input[0].type"),
        (["a", 1], "input[0]"),
        ([{"type": "image_url", "image_url": {}}], "input[0].image_url.url"),
        ([{"type": "text"}], "input[0].text"),
    ],
    ids=str,
)
def test_moderations_refuse_what_the_api_refuses(client: httpx.Client, given: Any, param: str) -> None:
    """The API's own error shape, naming the parameter."""
    assert refusal(client, "/moderations", input=given)["param"] == param


def test_moderations_are_of_a_model_that_there_is(client: httpx.Client) -> None:
    """The latest unless told; an unknown one is a 404."""
    assert client.post("/moderations", json={"input": "x"}).json()["model"] == "omni-moderation-latest"
    reply = client.post("/moderations", json={"input": "x", "model": "unheard-of"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")
