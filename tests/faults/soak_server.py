"""The server of the soak, for a process of its own: right answers, and now and then a fault; everything in a ledger.

    python -m tests.faults.soak_server RATE SHARE

It prints its port. To each line on its standard input it answers with one line of JSON, and forgets what it told:
`rows`, (number of the call, what was done) for each request since the last time, in order; `asked`, what was done how
often for those that asked for something; `accepted` and `open`, the connections that came, in all, and that it holds.
It ends with its input.

A request has its number in `x-call`, and the text of its answer says it again. In `x-ask` it may ask for an answer
that takes its time ("drip") or never ends ("silence", "hush", "pause"); such a request has no row. SHARE of the
requests meet a fault, one kind after the other. RATE, in requests per second, is the limit that answers state.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from openai_async.testing import json_reply, respond, sse, wire

#: What an answer says; the number of the call stands in for the mark.
MARK: Final = "@@@@@@@@"
PIECES: Final = ("call ", MARK, "!")
#: Seconds before the first byte of a slow answer, before a connection is closed late, between two pieces of a drip.
SLOW, LATE, DRIP = 0.1, 0.003, 0.002
FAULTS: Final = (
    "429",
    "500",
    "slow",
    "reset in head",
    "reset in body",
    "cut off",
    "truncated",
    "closed",
    "closed late",
    "garbage",
    "damaged",
)

_LEFT: Final = b"#####"
_USAGE: Final = {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}
_LIMITS: Final = {"x-ratelimit-remaining-requests": _LEFT.decode()}
_CALL, _ASK, _LENGTH = (
    re.compile(rb"\r\n" + name + rb": (\w+)", re.IGNORECASE) for name in (b"x-call", b"x-ask", b"content-length")
)


def _chunk(piece: str | None = None, **fields: Any) -> dict[str, Any]:
    delta = {} if piece is None else {"content": piece}
    finish = "stop" if piece is None else None
    return {"id": MARK, "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **fields}


COMPLETION: Final = {
    "id": MARK,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "".join(PIECES)}, "finish_reason": "stop"},
    ],
    "usage": _USAGE,
}
CHUNKS: Final = (*map(_chunk, PIECES), _chunk(usage=_USAGE))


def _refusal(status: int) -> bytes:
    return wire(json_reply({"error": {"message": "not now"}}, status, {"retry-after-ms": "20", **_LIMITS}))


def _answers(streamed: bool) -> dict[str, bytes]:
    """The bytes of each answer that can be told in advance."""
    whole = json.dumps(COMPLETION).encode()
    if streamed:
        damaged = sse([*CHUNKS[:2], '{"id": "', *CHUNKS[2:], "[DONE]"], headers=_LIMITS)
        return {
            "right": wire(sse([*CHUNKS, "[DONE]"], headers=_LIMITS)),
            "hush": wire(sse([], headers=_LIMITS)[:-1]),
            "truncated": wire(sse(CHUNKS[:2], headers=_LIMITS)),
            "truncated by its end": wire(sse(CHUNKS[:2], headers=_LIMITS, framing="close")),
            "damaged": wire(damaged),
        }
    return {
        "right": wire(json_reply(COMPLETION, headers=_LIMITS)),
        "truncated": wire(respond(200, whole[:-20], _LIMITS)),
        "truncated by its end": wire(respond(200, whole[:-20], _LIMITS, framing="close")),
        "damaged": wire(respond(200, b"<html>Bad gateway</html>", {"content-type": "text/html", **_LIMITS})),
    }


class Server:
    """What all connections share: the ledger, the chances, the limit."""

    def __init__(self, rate: float, share: float) -> None:
        self.open = self.accepted = 0
        self._rows: list[tuple[int, str]] = []
        self._asked: Counter[str] = Counter()
        self._share = share
        self._chance = random.Random(1)
        # Most streams in trouble are cut short, so that of the few of a short soak some are read to their end. The
        # other faults come in reverse: between streams and whole answers all of them have their turn.
        often = [fault for other in reversed(FAULTS) for fault in ("truncated", "truncated", other)]
        self._turns = {False: itertools.cycle(FAULTS), True: itertools.cycle(often)}
        self._rate = self._level = rate
        self._then = 0.0
        limit = f"\r\nx-ratelimit-limit-requests: {rate:.0f}\r\n".encode()
        self._answers = {
            streamed: {name: data.replace(b"\r\n", limit, 1) for name, data in _answers(streamed).items()}
            for streamed in (False, True)
        }
        self._refusals = {status: _refusal(status).replace(b"\r\n", limit, 1) for status in (429, 500)}

    def fate(self, call: int, ask: str, streamed: bool) -> str:
        """What a request gets, for the ledger."""
        fate = ask or "right"
        if ask in ("", "drip") and self._chance.random() < self._share:
            fate = self._chance.choice(FAULTS) if ask else next(self._turns[streamed])
        if ask:
            self._asked[fate] += 1
        else:
            self._rows.append((call, fate))
        return fate

    def answer(self, name: str, call: int, streamed: bool) -> bytes:
        now = asyncio.get_running_loop().time()
        self._level = min(self._rate, self._level + (now - self._then) * self._rate) - 1
        self._then = now
        data = self._refusals[int(name)] if name.isdigit() else self._answers[streamed][name]
        return data.replace(MARK.encode(), b"%08d" % call).replace(_LEFT, b"%05d" % max(0, self._level))

    def told(self) -> str:
        told = {"rows": self._rows, "asked": self._asked, "open": self.open, "accepted": self.accepted}
        self._rows, self._asked = [], Counter()
        return json.dumps(told)


class Connection(asyncio.Protocol):
    """One connection: a request at a time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._received = b""
        self._later: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._server.open += 1
        self._server.accepted += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.open -= 1
        self._stop_waiting()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if blank and length is not None and len(body) >= int(length[1]) and not self._transport.is_closing():
            self._received = b""
            self._stop_waiting()
            call, ask = _CALL.search(head), _ASK.search(head)
            assert call is not None
            self._serve(int(call[1]), ask[1].decode() if ask else "", b'"stream":true' in body)

    def _serve(self, call: int, ask: str, streamed: bool) -> None:
        fate = self._server.fate(call, ask, streamed)
        by_its_end = fate == "truncated" and call % 2 == 1
        told_in_advance = ("429", "500", "truncated", "damaged", "hush")
        name = "truncated by its end" if by_its_end else fate if fate in told_in_advance else "right"
        data = self._server.answer(name, call, streamed)
        body = data.index(b"\r\n\r\n") + 4
        write, close = self._transport.write, self._transport.close
        match fate:
            case "silence":
                pass
            case "pause":
                write(data[: (body + len(data)) // 2])
            case "slow":
                self._wait(SLOW, lambda: write(data))
            case "drip":
                self._drip(data, max(1, len(data) // 6))
            case "reset in head" | "reset in body":
                write(data[: 20 if fate == "reset in head" else (body + len(data)) // 2])
                linger = struct.pack("ii", 1, 0)
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self._transport.abort()
            case "cut off":
                write(data[: (body + len(data)) // 2])
                close()
            case "garbage":
                write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
                close()
            case _:
                write(data)
                if fate == "closed late":
                    self._wait(LATE, close)
                elif fate == "closed" or by_its_end:
                    close()

    def _drip(self, data: bytes, size: int) -> None:
        self._transport.write(data[:size])
        if len(data) > size:
            self._wait(DRIP, lambda: self._drip(data[size:], size))

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._later = asyncio.get_running_loop().call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None


class Ledger:
    """What a server in a process of its own says of itself, as seen from the test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self.base_url = f"http://127.0.0.1:{int(self._out.readline())}/v1"
        self.open = self.accepted = 0
        self.rows: defaultdict[int, list[str]] = defaultdict(list)
        self.fates: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()

    def look(self) -> None:
        """Take over what the server noted since the last look."""
        self._in.write("\n")
        self._in.flush()
        told = json.loads(self._out.readline())
        self.open, self.accepted = told["open"], told["accepted"]
        self.asked.update(told["asked"])
        for call, fate in told["rows"]:
            self.rows[call].append(fate)
            self.fates[fate] += 1


@contextmanager
def serving(rate: int, share: float) -> Iterator[Ledger]:
    """A server in a process of its own."""
    command = [sys.executable, "-m", "tests.faults.soak_server", str(rate), str(share)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Ledger(process)
        finally:
            process.kill()


async def main(rate: float, share: float) -> None:
    loop = asyncio.get_running_loop()
    server = Server(rate, share)
    over = asyncio.Event()

    def asked() -> None:
        lines = os.read(0, 4096)
        for _ in range(lines.count(b"\n")):
            print(server.told(), flush=True)
        if not lines:
            over.set()

    listening = await loop.create_server(lambda: Connection(server), "127.0.0.1", 0, backlog=512)
    print(listening.sockets[0].getsockname()[1], flush=True)
    loop.add_reader(0, asked)
    await over.wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), float(sys.argv[2])))
