"""A response cut at every byte is a typed error or the whole right value; never a shorter one.

Each sweep plays all truncations of one response, its head included, to one client, and sorts what came of them. `wrong`
must stay empty: no foreign exception, no truncated value, no partial text that the server did not send.
"""

from __future__ import annotations

import gzip
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest

from openai_async import AsyncClient
from openai_async.errors import APIError, StreamInterrupted
from openai_async.testing import (
    FaultServer,
    Fin,
    LastChunk,
    Request,
    Rst,
    Script,
    every_offset,
    json_reply,
    respond,
    sse,
    wire,
)

from .conftest import MakeClient
from .replies import CALL, CHUNKS, COMPLETION, EVENTS, PIECES, TEXT, chunk

FRAMINGS = ("length", "chunked", "close")
ENDS = (Fin(), Rst())
_READERS = 8

#: As short as a whole stream can be: every byte of it is a connection.
SHORT_EVENTS = ({"choices": [{"delta": {"content": "Hel"}}]}, {"choices": [{"delta": {"content": "lo!"}}]}, "[DONE]")

#: More of everything, for the long form: several choices, text of several bytes a character, a tool call.
LONG_PIECES = ("Grüße", " aus ", "東京", " \N{SNOWMAN}\N{GRINNING FACE}", " ", "and", " more") * 2
LONG_TEXT = "".join(LONG_PIECES)
_TOOL = {"tool_calls": [{"index": 0, "id": "t1", "function": {"name": "look", "arguments": '{"at": "rain"}'}}]}
LONG_EVENTS: tuple[Any, ...] = (
    *map(chunk, LONG_PIECES),
    {"id": "c1", "choices": [{"index": 1, "delta": _TOOL}]},
    chunk(finish_reason="stop"),
    {"id": "c1", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}},
    "[DONE]",
)
LONG_COMPLETION = {
    "id": "c1",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": LONG_TEXT}, "finish_reason": "stop"},
        {"index": 1, "message": {"role": "assistant", "content": None, **_TOOL}, "finish_reason": "tool_calls"},
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
}


class Sorted:
    """What came of the cuts: how many of each kind, and in full what must not be."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.wrong: list[str] = []

    def error(self, offset: int, error: APIError, delivered: str | None) -> None:
        self.kinds[type(error).__name__] += 1
        partial = None if error.partial is None else error.partial.text
        if partial != delivered:
            self.wrong.append(f"cut at {offset}: delivered {delivered!r}, but partial is {partial!r}")
        if not error.possibly_billed:
            self.wrong.append(f"cut at {offset}: the server may have worked, but {error!r} is not possibly_billed")

    def value(self, offset: int, value: object, right: object) -> None:
        self.kinds["value"] += 1
        if value != right:
            self.wrong.append(f"cut at {offset}: {value!r} passed for the whole reply")


async def sweep_cuts(
    cuts: Sequence[Script], make_client: MakeClient, ask: Callable[[AsyncClient, int, Sorted], Any]
) -> Sorted:
    """Ask once for every cut, some at a time."""
    found = Sorted()
    offsets = iter(range(len(cuts)))

    def choose(request: Request) -> Script:
        return cuts[int(request.header("x-cut") or "")]

    async def read(client: AsyncClient) -> None:
        for offset in offsets:
            try:
                await ask(client, offset, found)
            except Exception as error:
                found.wrong.append(f"cut at {offset}: {error!r}")

    with FaultServer(choose) as server:
        async with make_client(server.base_url) as client, anyio.create_task_group() as readers:
            for _ in range(_READERS):
                readers.start_soon(read, client)
    print(f"{len(cuts)} cuts, {len(found.wrong)} wrong: {dict(found.kinds)}")  # for `pytest -rP`
    assert found.wrong == []
    return found


def whole(right: Any) -> Callable[[AsyncClient, int, Sorted], Any]:
    """Ask for a whole reply, which must be `right`."""

    async def ask(client: AsyncClient, offset: int, found: Sorted) -> None:
        try:
            reply = await client.chat.completions.create(**CALL, extra_headers={"x-cut": str(offset)})
        except APIError as error:
            found.error(offset, error, delivered=None)
        else:
            found.value(offset, reply.to_dict()["choices"], right["choices"])

    return ask


def streamed(right: str) -> Callable[[AsyncClient, int, Sorted], Any]:
    """Ask for a stream, whose text must be `right`."""

    async def ask(client: AsyncClient, offset: int, found: Sorted) -> None:
        text: str | None = None
        try:
            async with client.chat.completions.stream(**CALL, extra_headers={"x-cut": str(offset)}) as stream:
                async for event in stream:
                    text = (text or "") + event.text
        except APIError as error:
            assert text is None or right.startswith(text)
            found.error(offset, error, delivered=text)
        else:
            found.value(offset, text, right)

    return ask


def all_cuts(response: Script, end: Fin | Rst) -> list[Script]:
    return [cut.script for cut in every_offset(wire(response), end=end)]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("end", ENDS, ids=["fin", "rst"])
async def test_a_cut_reply_is_never_a_value(framing: Any, end: Fin | Rst, make_client: MakeClient) -> None:
    """A whole reply that ends early, at any byte and in any framing, is an error of ours."""
    cuts = all_cuts(json_reply(COMPLETION, framing=framing), end)
    found = await sweep_cuts(cuts, make_client, whole(COMPLETION))
    assert found.kinds.total() == len(cuts)
    assert found.kinds["value"] == 0


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("end", ENDS, ids=["fin", "rst"])
async def test_a_cut_stream_never_passes_for_a_whole_one(framing: Any, end: Fin | Rst, make_client: MakeClient) -> None:
    """A stream that ends early is an error that holds exactly the text delivered; past [DONE] it is whole."""
    cuts = all_cuts(sse(SHORT_EVENTS, framing=framing), end)
    found = await sweep_cuts(cuts, make_client, streamed(TEXT))
    assert found.kinds.total() == len(cuts)
    assert found.kinds["value"] <= len(b"\r\n0\r\n\r\n")  # the framing behind the terminal event


async def test_a_cut_compressed_reply_is_never_a_value(make_client: MakeClient) -> None:
    """gzip that ends early is an error even where only its checksum is missing."""
    body = gzip.compress(wire(json_reply(COMPLETION)).partition(b"\r\n\r\n")[2], mtime=0)
    script = respond(body=body, headers={"content-encoding": "gzip"}, framing="close")
    found = await sweep_cuts(all_cuts(script, Fin()), make_client, whole(COMPLETION))
    assert found.kinds["value"] == 0


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_a_well_formed_body_without_the_terminal_event_is_interrupted(
    framing: Any, make_client: MakeClient
) -> None:
    """A server that stops after any event and ends the body properly is told from one that had finished.

    One that never sends [DONE] has finished when every choice has its reason and the body ended by its framing.
    """
    texts = list(itertools.accumulate(PIECES))
    with FaultServer([sse(CHUNKS[:count], framing=framing) for count in range(len(CHUNKS) + 1)]) as server:
        async with make_client(server.base_url) as client:
            for count in range(len(CHUNKS) + 1):
                if count == len(CHUNKS) and framing != "close":
                    async with client.chat.completions.stream(**CALL) as stream:
                        assert (await stream.final()).text == texts[-1]
                    continue
                with pytest.raises(StreamInterrupted) as caught:
                    async with client.chat.completions.stream(**CALL) as stream:
                        await stream.final()
                partial = caught.value.partial
                assert (partial and partial.text) == (texts[min(count, len(texts)) - 1] if count else None)
                assert caught.value.possibly_billed


async def test_trailers_and_chunk_extensions_do_not_hide_a_cut(make_client: MakeClient) -> None:
    """A chunked body is whole only at the end of its trailers, whatever extensions its chunks carry."""
    *start, last = sse(EVENTS)
    assert isinstance(last, LastChunk)
    body = wire(start).replace(b"\r\ndata: ", b";name=value\r\ndata: ", 2)
    response = body + b"0;last\r\nx-checksum: 1\r\n\r\n"
    cuts = [cut.script for cut in every_offset(response, end=Fin(), start=len(body) - 40)]
    found = await sweep_cuts(cuts, make_client, streamed(TEXT))
    assert found.kinds["value"] > 0


def _gzipped(script: Script, framing: Any) -> Script:
    head, _, body = wire(script).partition(b"\r\n\r\n")
    kind = "text/event-stream" if b"event-stream" in head else "application/json"
    headers = {"content-type": kind, "content-encoding": "gzip"}
    return respond(body=gzip.compress(body, mtime=0), headers=headers, framing=framing)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("end", ENDS, ids=["fin", "rst"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("form", ["whole", "stream"])
async def test_a_long_response_cut_anywhere(
    form: str,
    encoding: str,
    end: Fin | Rst,
    framing: Any,
    make_client: MakeClient,
) -> None:
    """The same for a larger response: text of several bytes a character, several choices, gzip."""
    plain: Any = "close" if encoding == "gzip" else framing
    if form == "whole":
        script, ask = json_reply(LONG_COMPLETION, framing=plain), whole(LONG_COMPLETION)
    else:
        script, ask = sse(LONG_EVENTS, framing=plain), streamed(LONG_TEXT)
    cuts = all_cuts(_gzipped(script, framing) if encoding == "gzip" else script, end)
    found = await sweep_cuts(cuts, make_client, ask)
    assert found.kinds.total() == len(cuts)
