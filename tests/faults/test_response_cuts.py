"""A streamed response cut at every byte is a typed error with exactly what had come, or the whole response."""

from __future__ import annotations

from typing import Any

import pytest

from openai_async import AsyncClient
from openai_async.errors import APIError
from openai_async.testing import Fin, Rst, sse

from .conftest import MakeClient
from .test_byte_cuts import ENDS, Sorted, all_cuts, sweep_cuts

_BEGUN: dict[str, Any] = {"id": "r", "status": "in_progress", "output": []}
_PLACE: dict[str, int] = {"output_index": 0, "content_index": 0}
_MESSAGE: dict[str, Any] = {"type": "message", "content": [{"type": "output_text", "text": "Grüße 東京"}]}
#: As short as a stream of all kinds can be: every byte of it is a connection.
EVENTS: tuple[dict[str, Any], ...] = (
    {"type": "response.created", "response": _BEGUN},
    {"type": "response.output_text.delta", "delta": "Grüße", **_PLACE},
    {"type": "response.output_text.delta", "delta": " 東京", **_PLACE},
    {"type": "response.completed", "response": {**_BEGUN, "status": "completed", "output": [_MESSAGE]}},
)
TEXT = "Grüße 東京"


async def ask(client: AsyncClient, offset: int, found: Sorted) -> None:
    """Read one cut, and note what came of it."""
    delivered: list[str] = []
    try:
        async with client.responses.stream(model="m", input="x", extra_headers={"x-cut": str(offset)}) as stream:
            async for event in stream:
                delivered.append(event.piece)  # noqa: PERF401 (what came before an error counts)
            whole = await stream.final()
    except APIError as error:
        found.kinds[type(error).__name__] += 1
        partial: Any = error.partial
        if (None if partial is None else partial.output_text) != ("".join(delivered) if delivered else None):
            found.wrong.append(f"cut at {offset}: delivered {delivered}, but partial is {partial!r}")
        if partial is not None and partial.status != "in_progress":
            found.wrong.append(f"cut at {offset}: partial passes for {partial.status}")
    else:
        found.value(offset, (whole.status, whole.output_text, "".join(delivered)), ("completed", TEXT, TEXT))


@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("end", ENDS, ids=["fin", "rst"])
async def test_a_cut_stream_never_passes_for_a_whole_one(framing: Any, end: Fin | Rst, make_client: MakeClient) -> None:
    """Before the end of the terminal event it is an error that holds exactly the text delivered."""
    cuts = all_cuts(sse(EVENTS, framing=framing), end)
    found = await sweep_cuts(cuts, make_client, ask)
    assert found.kinds.total() == len(cuts)
    assert found.kinds["value"] <= len(b"\r\n0\r\n\r\n")  # the framing behind the terminal event
