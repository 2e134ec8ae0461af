"""Text completions as a client sees them: what is sent, what comes back whole, and what a stream folds to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from openai_async import NULL, AsyncClient, InvalidParameterError, StreamInterrupted
from openai_async.emulator import Emulator
from openai_async.testing import FaultServer, json_reply, sse
from openai_async.types.completions import Completion

WHOLE = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": []}


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with Emulator().run() as server:
        yield server.base_url


@pytest.fixture
def client(base_url: str) -> AsyncClient:
    return AsyncClient(api_key="k", base_url=base_url, prices={"emulated-mini-2026-11-01": (1.0, 2.0)})


def piece(text: str, index: int = 0, **rest: Any) -> dict[str, Any]:
    return {**WHOLE, "choices": [{"text": text, "index": index, "logprobs": None, "finish_reason": None, **rest}]}


async def test_every_parameter_reaches_the_wire_as_it_was_given() -> None:
    """Nulls that are meant, token arrays and parameters of tomorrow go out; None leaves a parameter out."""
    params: dict[str, Any] = {
        "model": "m",
        "prompt": [[1, 2], [3]],
        "suffix": NULL,
        "max_tokens": 5,
        "n": 2,
        "best_of": 3,
        "echo": True,
        "logprobs": 0,
        "stop": ["a", "b"],
        "logit_bias": {"50256": -100},
        "user": None,
        "of_tomorrow": {"x": 1},
    }
    with FaultServer([json_reply(WHOLE)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            await client.completions.create(**params)
    (request,) = server.requests
    assert request.target == "/v1/completions"
    sent = json.loads(request.body)
    assert sent == {**{name: value for name, value in params.items() if name != "user"}, "suffix": None}


async def test_usage_and_cost_are_known(client: AsyncClient) -> None:
    """The usage of a text completion is priced and counted like that of a chat."""
    reply = await client.completions.create(model="emulated-mini", prompt="Say this is a test", max_tokens=7)
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (5, 7, 12)
    assert reply.cost == pytest.approx(5e-6 + 14e-6)


async def test_several_prompts_give_n_texts_each_by_index(client: AsyncClient) -> None:
    """Two prompts and n=2 give four choices: the first two are the first prompt's."""
    reply = await client.completions.create(
        model="emulated-mini", prompt=["1,2,", "8,9,"], n=2, echo=True, max_tokens=4
    )
    assert [choice.index for choice in reply.choices] == [0, 1, 2, 3]
    assert [choice.text[:4] for choice in reply.choices] == ["1,2,", "1,2,", "8,9,", "8,9,"]
    assert reply.text == "1,2,3,4,"


@pytest.mark.parametrize("prompt", ["count: 1,2,", ["a b", "c d"], [5, 6, 7], [[5], [6, 7]]])
async def test_a_stream_folds_to_the_whole_reply(client: AsyncClient, prompt: Any) -> None:
    """Choices that take turns, echoed prompts, log probabilities and usage equal those of the whole reply."""
    params: dict[str, Any] = {
        "model": "emulated-mini", "prompt": prompt, "n": 2, "echo": True, "logprobs": 3, "max_tokens": 9
    }  # fmt: skip
    whole = await client.completions.create(**params)
    async with client.completions.stream(**params) as stream:
        pieces = [chunk async for chunk in stream]
        folded = await stream.final()
    assert folded.choices == whole.choices
    assert folded.usage == whole.usage
    assert folded.cost == whole.cost
    assert folded.cost is not None
    assert len({chunk.id for chunk in pieces}) == 1
    assert "".join(chunk.text for chunk in pieces) == whole.text


async def test_create_streams_like_chat(client: AsyncClient) -> None:
    """`create(stream=True)` gives the stream itself, `text` the pieces of the first choice alone."""
    stream = await client.completions.create(model="emulated-mini", prompt="1,2,", n=2, max_tokens=6, stream=True)
    async with stream:
        assert "".join([text async for text in stream.text]) == "3,4,5,"
    assert stream.partial is not None
    assert len(stream.partial.choices) == 2


async def test_a_stream_without_its_end_is_an_error_with_what_arrived() -> None:
    """No `[DONE]`: the text so far is in `partial`, asked for midway it is not changed by what follows."""
    with FaultServer([sse([piece("one"), piece(" two")])]) as server:
        async with (
            AsyncClient(api_key="k", base_url=server.base_url) as client,
            client.completions.stream(model="m", prompt="x") as stream,
        ):
            await anext(stream)
            before = stream.partial
            with pytest.raises(StreamInterrupted) as caught:
                await stream.final()
    assert before is not None
    assert (before.text, caught.value.partial.text) == ("one", "one two")


async def test_odd_servers_are_understood() -> None:
    """Null choices, figures in the form of chat, unknown fields and reasons: nothing fails, nothing is lost."""
    figures = {"content": [{"token": "a", "logprob": -1.0}]}
    events = [
        {**WHOLE, "choices": None, "timings": {"n": 1}},
        piece("a", logprobs=figures, tokens_evaluated=3),
        piece("b", logprobs=figures, finish_reason="because"),
        {**WHOLE, "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "seconds": 0.5}},
        "[DONE]",
    ]
    with FaultServer([sse(events)]) as server:
        async with (
            AsyncClient(api_key="k", base_url=server.base_url) as client,
            client.completions.stream(model="m", prompt="x") as stream,
        ):
            reply = await stream.final()
    (choice,) = reply.choices
    assert (choice.text, choice.finish_reason, choice.extra) == ("ab", "because", {"tokens_evaluated": 3})
    assert choice.logprobs is not None
    assert choice.logprobs.to_dict() == {"content": figures["content"] * 2}
    assert reply.extra == {"timings": {"n": 1}}
    assert reply.usage is not None
    assert reply.usage.extra == {"seconds": 0.5}


async def test_what_cannot_be_a_model_is_refused_before_anything_is_sent(client: AsyncClient) -> None:
    """An empty name, or a number; a server with one model may be asked without any."""
    for model in ("", 3):
        with pytest.raises(InvalidParameterError, match="model"):
            await client.completions.create(model=model, prompt="x")  # type: ignore[arg-type]
    with FaultServer([json_reply(WHOLE)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as own:
            assert isinstance(await own.completions.create(prompt="x"), Completion)  # type: ignore[call-arg]
