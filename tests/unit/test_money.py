"""What calls cost and use, whatever words a server has for it: one reading, and unknown stays unknown."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given, strategies as st

from openai_async import AsyncClient, CostTotals, ModelTotals, StreamInterrupted
from openai_async._policy import base64_runs as runs
from openai_async._policy.base64_runs import text_length
from openai_async._policy.estimates import size_of_request
from openai_async._policy.prices import Prices
from openai_async._wire.codec import structure
from openai_async._wire.usage import usage_of
from openai_async.testing import FaultServer, Step, json_reply, respond
from openai_async.types.responses import ResponseUsage
from openai_async.types.usage import CompletionUsage

ASK: Any = [{"role": "user", "content": "x"}]


def chat(**fields: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    choice = {"index": 0, "message": {"role": "assistant", "content": "y" * 40}, "finish_reason": "stop"}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    } | fields


def connect(server: FaultServer, **settings: Any) -> AsyncClient:
    return AsyncClient(**{"api_key": "sk-test", "base_url": server.base_url, "max_retries": 0} | settings)


# ---- one reading of usage


def counted(prompt: int, completion: int, total: int | None = None, **more: Any) -> dict[str, Any]:
    whole = {} if total is None else {"total_tokens": total}
    return {"prompt_tokens": prompt, "completion_tokens": completion, **whole, **more}


REASONING = {"completion_tokens_details": {"reasoning_tokens": 320}}
CACHED = {"prompt_tokens_details": {"cached_tokens": 90}}


@pytest.mark.parametrize(
    ("usage", "prompt", "completion", "total", "cached"),
    [
        # as the API counts
        (counted(10, 5, 15), 10, 5, 15, 0),
        # reasoning is a part of the completion, or stands beside it: the total tells
        (counted(12, 400, 412, **REASONING), 12, 400, 412, 0),
        (counted(12, 2, 334, **REASONING), 12, 322, 334, 0),
        (counted(12, 2, 334, reasoning_tokens=320), 12, 322, 334, 0),
        # more of it than of the whole, without a total; and what only the total shows
        (counted(12, 2, **REASONING), 12, 322, 334, 0),
        (counted(12, 2, 334), 12, 322, 334, 0),
        # cached tokens by their several names, in the prompt or beside it
        (counted(100, 1, 101, **CACHED), 100, 1, 101, 90),
        (counted(100, 1, 101, cache_read_input_tokens=90), 100, 1, 101, 90),
        (counted(100, 1, 101, prompt_cache_hit_tokens=90, prompt_cache_miss_tokens=10), 100, 1, 101, 90),
        (counted(100, 1, 101, cached_tokens=90), 100, 1, 101, 90),
        (counted(10, 1, 101, cache_read_input_tokens=90), 100, 1, 101, 90),
        (counted(10, 1, 131, cached_tokens=90, reasoning_tokens=30), 100, 31, 131, 90),
        # no total, one of 0, or less than the sum
        (counted(10, 5), 10, 5, 15, 0),
        (counted(10, 5, 0), 10, 5, 15, 0),
        (counted(10, 5, 7), 10, 5, 15, 0),
        # what is no count
        (counted(10, 5, 15, cached_tokens="many", reasoning_tokens=None), 10, 5, 15, 0),
    ],
)
def test_usage_is_read_in_one_way(usage: dict[str, Any], prompt: int, completion: int, total: int, cached: int) -> None:
    """Whatever the numbers of a server include, the reading has what the API would state."""
    words = {"prompt": "input", "completion": "output"}
    as_response = {
        name.replace("prompt", words["prompt"]).replace("completion", words["completion"])
        if name.endswith(("_tokens", "_details")) and "cache" not in name
        else name: value
        for name, value in usage.items()
    }
    for read in (
        structure(CompletionUsage, usage).as_completion_usage(),
        structure(ResponseUsage, as_response).as_completion_usage(),
        usage_of({"usage": usage}),
        usage_of({"usage": as_response}),
    ):
        assert read is not None
        assert (read.prompt_tokens, read.completion_tokens, read.total_tokens) == (prompt, completion, total)
        details = read.prompt_tokens_details
        assert (details.cached_tokens or 0 if details else 0) == cached
        assert read.as_completion_usage() == read  # reading it again changes nothing


counts = st.integers(0, 10**6)


@given(counts, counts, counts, counts, st.booleans())
def test_no_token_of_a_total_is_lost(prompt: int, completion: int, reasoning: int, cached: int, beside: bool) -> None:
    """Prompt and completion always make up the total, and hold their parts."""
    usage = CompletionUsage(prompt, completion, prompt + completion + (reasoning if beside else 0))
    usage.extra = {"reasoning_tokens": reasoning, "cached_tokens": min(cached, prompt)}
    read = usage.as_completion_usage()
    assert read.prompt_tokens + read.completion_tokens == read.total_tokens >= usage.total_tokens
    assert read.completion_tokens >= reasoning
    assert not beside or read.completion_tokens in (completion + reasoning, completion)
    assert read.completion_tokens_details is None or read.completion_tokens_details.reasoning_tokens == reasoning


# ---- bounds


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({}, 10),
        ({"usage": {"prompt_tokens": 10, "completion_tokens": 5}}, 10),
        ({"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 0}}, 10),
        ({"usage": None}, 30),
        ({"usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}}, 30),
        ({"usage": {}}, 30),
    ],
)
async def test_a_bound_on_tokens_holds_without_a_total(fields: dict[str, Any], most: int) -> None:
    """What the server does not count is estimated, and progress says how much of it is."""
    with FaultServer([json_reply(chat(**fields))]) as server:
        async with connect(server, max_concurrency=4) as client:
            asks = [{"messages": ASK}] * 200
            async with client.map(client.chat.completions.create, asks, model="m", max_total_tokens=150) as results:
                done = [result async for result in results]
            progress = results.progress
    assert len(done) <= most + 4
    assert progress.tokens >= 150
    assert (progress.tokens_estimated > 0) == (most == 30)


# ---- which price


@pytest.mark.parametrize("named", ["/models/llama-3.gguf", "", None, "gpt-4.1", "local"])
async def test_the_stated_price_of_what_was_asked_for_holds(named: str | None) -> None:
    """Whatever the reply names, whole and streamed, the caller's price of the model in the request is known."""
    chunk = {"id": "c", "choices": [], "model": named, "usage": chat()["usage"]}
    with FaultServer([json_reply(chat(model=named))]) as server:
        async with connect(server, prices={"local": (1.0, 2.0)}) as client:
            reply = await client.chat.completions.create(model="local", messages=ASK)
            thing = await client.post("/chat/completions", body={"model": "local", "messages": ASK})
            assert reply.cost == thing.cost == pytest.approx(20e-6)
            assert client.costs.models[named or "local"].calls == 2
    with FaultServer([event_stream(chunk)]) as server:
        async with (
            connect(server, prices={"local": (1.0, 2.0)}) as client,
            client.chat.completions.stream(model="local", messages=ASK) as stream,
        ):
            assert (await stream.final()).cost == pytest.approx(20e-6)


def event_stream(*chunks: dict[str, Any], end: bytes = b"data: [DONE]\n\n") -> list[Step]:
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + end
    return respond(200, body, {"content-type": "text/event-stream"})


def test_which_of_several_prices_holds() -> None:
    """What the reply names comes first, then what was asked for, by their own names before any beginning."""
    prices = Prices({"asked": 1.0, "told": 2.0, "*": 3.0, "ft:asked*": 4.0})
    found = {
        ("told", "asked"): 2.0,
        ("told-2026-01-01", "asked"): 2.0,
        ("path", "asked"): 1.0,
        ("", "asked"): 1.0,
        ("path", "other"): 3.0,
        ("gpt-4.1", "asked"): 1.0,
        ("ft:asked:x", "other"): 4.0,
    }
    for (told, asked), price in found.items():
        known = prices.of(told, asked=asked)
        assert known is not None
        assert known.input == price, (told, asked)
    packaged = Prices()
    assert packaged.of("", asked="gpt-4.1") == packaged.of("gpt-4.1")
    assert packaged.of("/models/x.gguf", asked="gpt-4.1") is None  # it says that it is another one


# ---- unknown is not free


async def test_calls_without_usage_are_counted_as_unpriced() -> None:
    """A reply without usage, or a stream that ends early, has cost something: it is counted as unknown."""
    broken = event_stream({"id": "c", "choices": [{"delta": {"content": "x"}}]}, end=b"")
    scripts = [json_reply(chat(usage=None, model=None)), json_reply(chat()), respond(200, b"sound"), broken]
    with FaultServer(scripts) as server:
        async with connect(server, prices={"m": 1.0}) as client:
            assert (await client.chat.completions.create(model="m", messages=ASK)).cost is None
            await client.chat.completions.create(model="m", messages=ASK)
            await client.audio.speech.create(model="m", voice="alloy", input="x")
            with pytest.raises(StreamInterrupted):
                async with client.chat.completions.stream(model="m", messages=ASK) as stream:
                    await stream.final()
            totals = client.costs.models["m"]
    assert (totals.calls, totals.unpriced, totals.cost) == (4, 3, pytest.approx(15e-6))
    assert totals.spent == ">= $0.0000"
    assert "cost='>= $0.0000'" in repr(totals)
    assert "&gt;= $0.0000" in client.costs._repr_html_()


async def test_what_is_free_or_read_again_is_not_counted() -> None:
    """Only work that is paid for by tokens is a call of the totals."""
    with FaultServer([json_reply({"id": "f", "object": "file", "data": [], "results": []})]) as server:
        async with connect(server) as client:
            await client.files.retrieve("f")
            await client.models.list()
            await client.moderations.create(input="x")
            await client.post("/assistants", body={})
            assert client.costs.models == {}


def test_an_unknown_cost_is_shown_as_unknown() -> None:
    """A total of calls that have no known cost is None, and no 0."""
    totals = CostTotals()
    assert totals.total.cost == 0.0
    for _ in range(162):
        totals.add("m", CompletionUsage(1, 2, 3), None)
    assert totals.total.cost is None
    assert totals.models["m"].cost is None
    assert "cost='unknown'" in repr(totals)
    assert "0.0" not in repr(totals)
    assert totals.to_dict()["models"]["m"]["cost"] is None
    totals.add("n", None, 0.5)
    assert (totals.total.cost, totals.total.spent) == (0.5, ">= $0.5000")
    both = ModelTotals()
    both.add(totals.total)
    assert both == totals.total


async def test_a_response_in_the_background_is_billed_once() -> None:
    """By whichever call sees its end first: waiting twice, reading it again or cancelling adds nothing."""
    whole = {
        "id": "resp_1",
        "model": "m",
        "created_at": 1,
        "background": True,
        "status": "completed",
        "output": [],
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
    }
    queued = whole | {"status": "queued", "usage": None}
    for polls_first in (True, False):
        scripts = [json_reply(queued), json_reply(queued), *[json_reply(whole)] * 6]
        with FaultServer(scripts) as server:
            async with connect(server, prices={"m": 1.0}) as client:
                await client.responses.create(model="m", input="x", background=True)
                assert client.costs.total.calls == 0  # nothing is known yet, and it will be
                if polls_first:
                    while not (await client.responses.retrieve("resp_1")).ended:
                        pass
                for _ in range(2):
                    assert (await client.responses.wait("resp_1", poll_interval=0.001)).cost == pytest.approx(15e-6)
                await client.responses.retrieve("resp_1")
                await client.responses.cancel("resp_1")
                assert (client.costs.total.calls, client.costs.total.cost) == (1, pytest.approx(15e-6))
    with FaultServer([json_reply(whole)]) as server:
        async with connect(server, prices={"m": 1.0}) as client:
            await client.responses.retrieve("resp_1")  # made by somebody else, who has paid for it
            assert client.costs.total.calls == 0
            await client.responses.wait("resp_1")
            assert client.costs.total.calls == 1


# ---- base64 is no text

BLOB = base64.b64encode(random.Random(1).randbytes(60_000)).decode()
WRAPPED = base64.encodebytes(random.Random(2).randbytes(60_000)).decode()


@pytest.mark.parametrize(
    "blob",
    [BLOB, BLOB.replace("+", "-").replace("/", "_"), WRAPPED, WRAPPED.replace("\n", "\\n"), "A" * 80_000],
    ids=["standard", "url", "wrapped", "wrapped in JSON", "zeros"],
)
def test_base64_is_not_counted_as_text(blob: str) -> None:
    """By what it looks like: in any field, in an address, in the midst of a text, and in what tools answer."""
    places: list[Any] = [
        {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "data:video/mp4;base64," + blob}}]},
        {"role": "user", "content": [{"type": "audio_url", "audio_url": {"url": "data:audio/wav;base64," + blob}}]},
        {"role": "user", "content": [{"type": "input_video", "input_video": {"data": blob, "format": "mp4"}}]},
        {"role": "user", "content": [{"type": "document", "source": {"type": "base64", "data": blob}}]},
        {"role": "user", "content": [{"type": "input_file", "file_data": blob}]},
        {"role": "tool", "content": '{"screenshot": "' + blob + '", "ok": true}'},
        {"role": "user", "content": f"Look: ![](data:image/png;base64,{blob}) and tell."},
        {"role": "user", "content": "Look at this. " * 100 + blob + " What is it? " * 100},
        {"type": "computer_call_output", "output": {"image": blob}},
    ]
    for message in places:
        assert size_of_request("/chat/completions", {"messages": [message]}).prompt < 1_000, message["content"][:60]


@pytest.mark.parametrize(
    "text",
    [
        "word " * 20_000,
        "x" * 40_000,
        "가나다라" * 10_000,
        "\n".join(f"Name{n}" for n in range(10_000)),
        "https://example.com/a/b?c=d&e=f " * 2_000,
        "def f(x):\n    return {'A1': x}\n" * 2_000,
        "deadbeef" * 5_000,
    ],
)
def test_text_is_counted_as_text(text: str) -> None:
    """Long texts keep their length, those without spaces, lists of names, and code."""
    assert text_length(text) == len(text)


@given(st.lists(st.sampled_from([BLOB[:700], BLOB[:5_000], "some words, ", "x" * 600, "\n", "가"]), max_size=20))
def test_no_more_than_the_runs_are_left_out(pieces: list[str]) -> None:
    """The length is never negative, and never below that of the characters outside of the alphabet."""
    text = "".join(pieces)
    outside = sum(character in " ,가" for character in text)
    assert outside <= text_length(text) <= len(text)


def test_looking_for_base64_takes_linear_time() -> None:
    """The pattern is asked at most once for each sample, and once for each run: counted, and not timed."""
    calls = 0

    class Counting:
        def __init__(self, pattern: Any) -> None:
            self._pattern = pattern

        def match(self, *place: Any) -> Any:
            nonlocal calls
            calls += 1
            return self._pattern.match(*place)

    original = runs._WHOLE
    runs._WHOLE = Counting(original)  # type: ignore[misc, assignment]
    try:
        for text in ("x" * 1_000_000, ("x" * 127 + " ") * 8_000, ("x" * 600 + " ") * 1_700, BLOB * 12):
            calls = 0
            text_length(text)
            assert calls <= len(text) // runs._STEP + 2
    finally:
        runs._WHOLE = original  # type: ignore[misc]
