"""What the servers of these tests say: one small reply, whole and streamed, and the pieces to damage it with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openai_async.testing import Fin, LastChunk, Request, Script, Send, json_reply, respond, sse

#: Parameters of every call.
CALL: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
PIECES = ("He", "llo", "!")
TEXT = "".join(PIECES)
COMPLETION: dict[str, Any] = {
    "id": "c1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
}


def chunk(piece: str | None = None, **choice: Any) -> dict[str, Any]:
    """One event of a streamed reply."""
    return {"id": "c1", "choices": [{"index": 0, "delta": {} if piece is None else {"content": piece}, **choice}]}


CHUNKS = (*map(chunk, PIECES), chunk(finish_reason="stop"))
#: A whole stream: text, finish reason, terminal event.
EVENTS: tuple[dict[str, Any] | str, ...] = (*CHUNKS, "[DONE]")


def ok() -> Script:
    """The right reply."""
    return json_reply(COMPLETION)


def ok_as_asked(request: Request) -> Script:
    """The right reply, streamed if the request says so."""
    return sse(EVENTS) if request.json().get("stream") else ok()


def error_reply(status: int, headers: dict[str, str] | None = None, **fields: Any) -> Script:
    """An error answer as the API words it."""
    return json_reply({"error": {"message": "no", **fields}}, status, headers or {})


def raw_stream(body: bytes | Iterable[bytes], headers: dict[str, str] | None = None) -> Script:
    """A stream of exactly these bytes, ended by the end of the connection."""
    parts = [body] if isinstance(body, bytes) else body
    head, *_ = respond(headers={"content-type": "text/event-stream", **(headers or {})}, framing="close")
    return (head, *map(Send, parts), Fin())


def without_end(script: Script) -> Script:
    """A chunked response without the frame that ends its body."""
    assert isinstance(script[-1], LastChunk)
    return script[:-1]
