"""Embeddings: asked for in base64, read as floats, whatever the server makes of it."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from openai_async import AsyncClient, DecodeError, InvalidParameterError
from openai_async._wire import float32_base64
from openai_async.emulator import Emulator
from openai_async.testing import FaultServer, json_reply

NUMBERS = [0.5, -0.25, 1.0, 0.0]
PACKED = base64.b64encode(struct.pack("<4f", *NUMBERS)).decode()


def reply(embedding: Any) -> dict[str, Any]:
    item = {"object": "embedding", "index": 0, "embedding": embedding}
    usage = {"prompt_tokens": 2, "total_tokens": 2}
    return {"object": "list", "model": "m", "data": [item], "usage": usage}


async def asked(body: object, **params: Any) -> tuple[Any, dict[str, Any]]:
    """What a call gives, and what it sent."""
    with FaultServer([json_reply(body)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=0) as client:
            found = await client.embeddings.create(**{"model": "m", "input": "x", **params})
    return found, json.loads(server.requests[0].body)


@pytest.mark.parametrize("embedding", [PACKED, NUMBERS], ids=["base64", "floats"])
async def test_base64_is_asked_for_and_either_is_read(embedding: Any) -> None:
    """Without `encoding_format` base64 is asked for; a server that sends floats all the same is understood."""
    found, sent = await asked(reply(embedding))
    assert sent == {"model": "m", "input": "x", "encoding_format": "base64"}
    assert found.data[0].embedding == NUMBERS
    assert found.usage.prompt_tokens == 2
    assert [item.index for item in found] == [0]
    assert len(found) == 1


async def test_what_is_asked_for_explicitly_stays_as_it_is() -> None:
    """`encoding_format` given: base64 stays text, floats stay floats, and it is sent as it was given."""
    found, sent = await asked(reply(PACKED), encoding_format="base64")
    assert (found.data[0].embedding, sent["encoding_format"]) == (PACKED, "base64")
    found, sent = await asked(reply(NUMBERS), encoding_format="float", dimensions=4)
    assert (found.data[0].embedding, sent["encoding_format"], sent["dimensions"]) == (NUMBERS, "float", 4)


def test_vectors_are_little_endian_on_every_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """A big-endian machine swaps the bytes of what it read."""
    assert float32_base64.unpack(PACKED) == NUMBERS
    monkeypatch.setattr(float32_base64.sys, "byteorder", "big")
    swapped = base64.b64encode(struct.pack(">4f", *NUMBERS)).decode()
    assert float32_base64.unpack(swapped) == NUMBERS


@pytest.mark.parametrize(
    "embedding", ["AAAA", "####", PACKED[:-3], [0.5, "x"], [[0.5]], [0.5, None], 3, {"x": 1}], ids=repr
)
@pytest.mark.parametrize("encoding", [None, "float"])
async def test_what_is_no_vector_is_an_error(embedding: Any, encoding: str | None) -> None:
    """Damaged base64, half a float, something else in the list: never a quiet success."""
    if encoding is not None and isinstance(embedding, str):
        found, _ = await asked(reply(embedding), encoding_format=encoding)
        assert found.data[0].embedding == embedding  # as it came
    else:
        with pytest.raises(DecodeError):
            await asked(reply(embedding), encoding_format=encoding)


async def test_unknown_fields_are_kept() -> None:
    """Fields of tomorrow, in the reply and in each item; a missing usage is None."""
    body = reply(NUMBERS)
    del body["usage"]
    body["data"][0]["weight"] = 2
    found, _ = await asked({**body, "timings": 3})
    assert (found.usage, found.extra, found.data[0].extra) == (None, {"timings": 3}, {"weight": 2})


@pytest.mark.parametrize(
    "params", [{"input": ""}, {"input": []}, {"input": ()}, {"model": ""}, {"model": None, "input": []}]
)
async def test_what_cannot_be_embedded_is_refused_before_anything_is_sent(params: dict[str, Any]) -> None:
    """Nothing to embed, or nothing to do it with."""
    with FaultServer([json_reply(reply(NUMBERS))]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            with pytest.raises(InvalidParameterError):
                await client.embeddings.create(**{"model": "m", "input": "x", **params})
    assert not server.requests


async def test_all_forms_of_input_are_answered_in_order() -> None:
    """Texts and token arrays against a server that keeps its promises: unit float32_base64, usage, cost."""
    with Emulator().run() as server:
        prices = {"emulated-mini-2026-11-01": (1.0, 2.0)}
        async with AsyncClient(api_key="k", base_url=server.base_url, prices=prices) as client:
            for given, count in (("a b", 1), (["a b", "c"], 2), ([1, 2, 3], 1), ([[1], [2, 3]], 2)):
                found = await client.embeddings.create(model="emulated-mini", input=given, dimensions=64)  # type: ignore[arg-type]
                assert [item.index for item in found] == list(range(count))
                assert all(sum(x * x for x in item.embedding) == pytest.approx(1) for item in found)
                assert found.usage is not None
                assert found.cost == pytest.approx(found.usage.prompt_tokens * 1e-6)
