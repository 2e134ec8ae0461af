"""Scripts for the fault server: an HTTP/1.1 exchange as data, down to the single byte.

A script is a sequence of frozen steps. The builders (`respond`, `json_reply`, `sse`) return plain tuples, so
a fault is made by slicing and adding: `sse(events)[:-1] + (Rst(),)` is a stream that dies before its last
chunk. `every_offset` turns one response into all of its truncations.

Nothing here opens a socket or looks at a clock; `faults.FaultServer` plays what is written here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, TypeAlias

_BLANK_LINE = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Send:
    """Hand these bytes to the kernel as they are. They may reach the client in any number of pieces."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """Send one frame of a `Transfer-Encoding: chunked` body.

    Raises `ValueError` for empty data: an empty frame ends the body, which is `LastChunk`.
    """

    data: bytes

    def __post_init__(self) -> None:
        if not self.data:
            raise ValueError("an empty chunk ends the body: write LastChunk()")


@dataclass(frozen=True, slots=True)
class LastChunk:
    """Send the empty frame that ends a chunked body."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Pause for `seconds` of real time, less if the client goes or the server stops."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Hold the connection open, silent, until the client goes or the server stops.

    On Linux nothing is read meanwhile, so a client that uploads feels the full socket. If it then leaves with
    bytes that found no room, it is not seen to leave: TCP tells nothing past a full window.
    """


@dataclass(frozen=True, slots=True)
class Mark:
    """Note that the script came this far: `FaultServer.wait_mark(name)` waits for it."""

    name: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A `Mark` that then holds the script until the test calls `FaultServer.open_gate(name)`."""

    name: str


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Wait for one full request: its head and its Content-Length or chunked body.

    Every script starts with one, written or not. Written first with `body=N` it stops after N bytes of the
    body (0: the head alone), so what follows happens during the upload. Later in a script it waits for the
    next request on the same connection: `(*respond(), ReadRequest(), Rst())` resets a connection when it is
    used again.
    """

    body: int | None = None


@dataclass(frozen=True, slots=True)
class Fin:
    """Close the sending side (under TLS with a close_notify); the connection closes when the script ends.

    `Fin()` last is an ordinary close; `Fin(), Stall()` stays half-closed until the client goes.
    """


@dataclass(frozen=True, slots=True)
class Rst:
    """Close with a TCP reset (SO_LINGER 0), which the client sees as `ConnectionResetError`.

    Under TLS Python's `ssl` may call it `SSLEOFError`. On Linux the reset waits until the client's kernel has
    every byte sent before it; elsewhere it may overtake bytes that did not fit the client's window.
    """


Step: TypeAlias = Send | Chunk | LastChunk | Sleep | Stall | Mark | Gate | ReadRequest | Fin | Rst
Script: TypeAlias = Sequence[Step]
Headers: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]]
Framing: TypeAlias = Literal["length", "chunked", "close"]


def step_bytes(step: Step) -> bytes:
    """The bytes this step puts on the wire; none for a step that only waits or closes."""
    match step:
        case Send(data):
            return data
        case Chunk(data):
            return b"%x\r\n%b\r\n" % (len(data), data)
        case LastChunk():
            return b"0\r\n\r\n"
        case _:
            return b""


def wire(script: Script) -> bytes:
    """All bytes the script sends, in order: what `every_offset` cuts."""
    return b"".join(map(step_bytes, script))


def respond(
    status: int = 200, body: bytes = b"", headers: Headers = (), *, framing: Framing = "length"
) -> tuple[Step, ...]:
    """A whole response.

    `framing` says how the client learns where the body ends: `"length"` (Content-Length), `"chunked"`, or
    `"close"` (the end of the connection). A header given in `headers` replaces the one the framing would
    write, so a response can lie about itself.
    """
    return _framed(status, headers, [body] if body else [], framing)


def json_reply(
    value: object, status: int = 200, headers: Headers = (), *, framing: Framing = "length"
) -> tuple[Step, ...]:
    """A whole JSON response; raises `TypeError` if `json.dumps` cannot write the value."""
    body = json.dumps(value).encode()
    return _framed(status, headers, [body], framing, content_type="application/json")


def sse(
    events: Iterable[bytes | str | Mapping[str, object] | Step],
    status: int = 200,
    headers: Headers = (),
    *,
    framing: Framing = "chunked",
) -> tuple[Step, ...]:
    """A stream of server-sent events, each its own `Chunk` (or `Send`, unless the framing is chunked).

    A dict becomes one `data:` line of JSON, a str the `data:` line or lines of that text (`"[DONE]"`), bytes
    go out as they are. A step stands where it is written: `sse([first, Gate("go"), second])`.
    """
    parts = [_event(event) for event in events]
    return _framed(status, headers, parts, framing, content_type="text/event-stream; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Cut:
    """A response ended after `offset` bytes: the script that delivers exactly those and then ends."""

    offset: int
    script: tuple[Step, ...]


def every_offset(response: bytes, *, end: Fin | Rst, start: int = 0, step: int = 1) -> Iterator[Cut]:
    """The response cut at `start`, `start + step`, ... and never whole; heads are cut as bodies are.

    `response` is wire bytes, head included: `wire(json_reply(...))`. Raises `ValueError` if `step` is below 1
    or `start` below 0, for a plan without cuts proves nothing.
    """
    if step < 1 or start < 0:
        raise ValueError(f"every_offset needs start >= 0 and step >= 1, not {start} and {step}")
    return (
        Cut(offset, (Send(response[:offset]), end) if offset else (end,))
        for offset in range(start, len(response), step)
    )


def self_delimited(script: Script) -> bool:
    """Whether the script's last response tells its own end, reaches it, and does not announce a close.

    Joins heads only and counts the rest, so a script of a gigabyte costs no memory.
    """
    head, counted, tail = b"", 0, b""
    for step in script:
        if isinstance(step, ReadRequest):
            head, counted, tail = b"", 0, b""
            continue
        data = step_bytes(step)
        tail = (tail + data[-7:])[-7:]
        if _BLANK_LINE in head:
            counted += len(data)
            continue
        head += data
        while _BLANK_LINE in head and re.match(rb"HTTP/1.1 1\d\d", head):  # interim: the real one follows
            head = head.partition(_BLANK_LINE)[2]
    fields, blank, early = head.lower().partition(_BLANK_LINE)
    if not blank or re.search(rb"\r\nconnection: *close", fields):
        return False
    if re.search(rb"\r\ntransfer-encoding:[^\r]*chunked", fields):
        return tail == b"\r\n0\r\n\r\n"
    length = re.search(rb"\r\ncontent-length: *(\d+)", fields)
    if length:
        return len(early) + counted >= int(length[1])
    return re.match(rb"http/1.1 (204|304)", fields) is not None


def _framed(
    status: int,
    headers: Headers,
    parts: Iterable[bytes | Step],
    framing: Framing,
    content_type: str | None = None,
) -> tuple[Step, ...]:
    parts = tuple(parts)
    defaults = {"content-type": content_type} if content_type else {}
    frame: type[Send | Chunk] = Send
    end: tuple[Step, ...] = ()
    match framing:
        case "length":
            defaults["content-length"] = str(sum(len(part) for part in parts if isinstance(part, bytes)))
        case "chunked":
            defaults["transfer-encoding"] = "chunked"
            frame, end = Chunk, (LastChunk(),)
        case "close":
            defaults["connection"] = "close"
            end = (Fin(),)
    body = (frame(part) if isinstance(part, bytes) else part for part in parts)
    return (Send(_head(status, headers, defaults)), *body, *end)


def _head(status: int, headers: Headers, defaults: Mapping[str, str]) -> bytes:
    fields = list(headers if isinstance(headers, Sequence) else headers.items())
    names = {name.lower() for name, _ in fields}
    fields += [(name, value) for name, value in defaults.items() if name not in names]
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unassigned"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _event(event: bytes | str | Mapping[str, object] | Step) -> bytes | Step:
    if isinstance(event, str):
        return "".join(f"data: {line}\n" for line in event.split("\n")).encode() + b"\n"
    if isinstance(event, Mapping):
        return b"data: " + json.dumps(event).encode() + b"\n\n"
    return event
