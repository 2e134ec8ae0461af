"""A server that only writes bytes made beforehand: what a client costs, without what a model costs.

The `model` of a request chooses the answer: `call` is one chat.completion; the names in `PACES` are streams
of the same text, in more or fewer chunks, with `[DONE]` behind them. Sizes, headers and framing (chunked, one
HTTP chunk per event) are those of the real API; there is no compression, and TLS only on demand. It parses two
fields of a request and checks nothing, so that it costs less than any client that calls it.

Run as a process (`running()` does), it prints its port, answers every line on its stdin with the seconds of CPU
it has used, and leaves when its stdin closes. Given a path, it speaks TLS, and leaves the certificate of its
authority there.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TEXT = "It depends on what the caller waits for: a socket, a lock, or the answer of another machine. " * 8
USAGE = {
    "prompt_tokens": 61,
    "completion_tokens": 197,
    "total_tokens": 258,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
TOTAL_TOKENS = 258


@dataclass(frozen=True)
class Pace:
    """How a stream is written."""

    chunks: int  # of JSON: the role, the pieces of text, the finish reason, the usage
    per_write: int  # events
    gap: float  # seconds between two writes
    phases: int  # streams begin at so many different points of the gap


PACES = {
    "burst": Pace(200, per_write=50, gap=0.001, phases=20),
    "spaced": Pace(200, per_write=1, gap=0.010, phases=20),
    "slow": Pace(20, per_write=1, gap=0.500, phases=4_000),
}

_STAMP = {
    "id": "chatcmpl-CnyR5tq2mVw8sXfK0hZb7LdPeJ4uA",
    "created": 1764000000,
    "model": "gpt-5-mini-2025-08-07",
    "service_tier": "default",
    "system_fingerprint": "fp_560af6e559",
}
# Limits so high that a client which heeds them never waits for them here.
_HEAD = """\
HTTP/1.1 200 OK
Date: Mon, 24 Nov 2025 16:00:00 GMT
Content-Type: {content_type}
Transfer-Encoding: chunked
Connection: keep-alive
access-control-expose-headers: X-Request-ID
openai-organization: org-benchmark
openai-processing-ms: 412
openai-project: proj_benchmark
openai-version: 2020-10-01
x-envoy-upstream-service-time: 428
x-ratelimit-limit-requests: 30000000
x-ratelimit-limit-tokens: 15000000000
x-ratelimit-remaining-requests: 29999999
x-ratelimit-remaining-tokens: 14999999999
x-ratelimit-reset-requests: 2ms
x-ratelimit-reset-tokens: 0s
x-request-id: req_5f0c8b7d3e9a4126b1c7d0e2f4a68c91
strict-transport-security: max-age=31536000; includeSubDomains; preload
x-content-type-options: nosniff
cf-cache-status: DYNAMIC
Server: cloudflare
CF-RAY: 9a3c1f0e7b6d2a45-AMS
alt-svc: h3=":443"; ma=86400

"""


def _head(content_type: str) -> bytes:
    return _HEAD.format(content_type=content_type).replace("\n", "\r\n").encode()


def _http_chunk(payload: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(payload), payload)


def _call() -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": TEXT, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    reply = {**_STAMP, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    return _head("application/json") + _http_chunk(json.dumps(reply, indent=2).encode()) + _http_chunk(b"")


def _chunk(delta: dict[str, str | None], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {"choices": [choice], "usage": None, "obfuscation": "hT3kZ8qLw"}


def _stream(pace: Pace) -> list[bytes]:
    texts = pace.chunks - 3
    cuts = [len(TEXT) * i // texts for i in range(texts + 1)]
    chunks = [
        _chunk({"role": "assistant", "content": "", "refusal": None}),
        *(_chunk({"content": TEXT[start:end]}) for start, end in itertools.pairwise(cuts)),
        _chunk({}, finish_reason="stop"),
        {"choices": [], "usage": USAGE, "obfuscation": ""},
    ]
    stamped = ({**_STAMP, "object": "chat.completion.chunk", **chunk} for chunk in chunks)
    data = [*(json.dumps(chunk, separators=(",", ":")) for chunk in stamped), "[DONE]"]
    events = [_http_chunk(f"data: {item}\n\n".encode()) for item in data]
    events[-1] += _http_chunk(b"")
    writes = [b"".join(events[i : i + pace.per_write]) for i in range(0, len(events), pace.per_write)]
    return [_head("text/event-stream; charset=utf-8") + writes[0], *writes[1:]]


class _Connection(asyncio.Protocol):
    _length = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
    _model = re.compile(rb'"model": *"(\w+)"')
    _call = _call()
    _streams = {name: (pace, _stream(pace)) for name, pace in PACES.items()}  # noqa: RUF012
    _count = itertools.count()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = b""
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, blank_line, body = self.received.partition(b"\r\n\r\n")
        length = self._length.search(head)
        if not blank_line or length is None or len(body) < int(length[1]):
            return
        self.received = b""
        found = self._model.search(body)
        model = found[1].decode() if found else ""
        if model == "call":
            self.transport.write(self._call)
            return
        # Streams are spread over the gap here, so that a client which sends all its requests at once does not
        # get their events at once, and with them fewer wake-ups than a slower one.
        pace, writes = self._streams[model]
        delay = pace.gap * (next(self._count) % pace.phases) / pace.phases
        self.loop.call_later(delay, self._play, iter(writes), pace.gap)

    def _play(self, writes: Iterator[bytes], gap: float) -> None:
        write = next(writes, None)
        if write is not None and not self.transport.is_closing():
            self.transport.write(write)
            self.loop.call_later(gap, self._play, writes, gap)


async def _serve(authority: str | None) -> None:
    loop = asyncio.get_running_loop()
    context = _tls(authority) if authority else None
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=8_192, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(time.process_time(), flush=True)
    server.close()


def _tls(authority: str) -> ssl.SSLContext:
    import trustme

    issuer, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert("127.0.0.1").configure_cert(context)
    issuer.cert_pem.write_to_path(authority)
    return context


@dataclass(frozen=True)
class Server:
    """A server in a child process."""

    base_url: str
    authority: str | None  # path of the certificate to trust, where it speaks TLS
    process: subprocess.Popen[str]

    @property
    def address(self) -> dict[str, str | None]:
        """What `peers.opened` needs to know of it."""
        return {"base_url": self.base_url, "authority": self.authority}

    def cpu(self) -> float:
        """Seconds of CPU that it has used."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


@contextmanager
def running(*, tls: bool = False) -> Iterator[Server]:
    """A server in a child process, which ends with the block."""
    from benchmarks.rounds import python

    with TemporaryDirectory() as directory:
        authority = str(Path(directory, "authority.pem")) if tls else None
        with python("-m", "benchmarks.canned_server", *([authority] if authority else ())) as process:
            assert process.stdout is not None
            scheme = "https" if tls else "http"
            yield Server(f"{scheme}://127.0.0.1:{int(process.stdout.readline())}/v1", authority, process)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(sys.argv[1] if len(sys.argv) > 1 else None))
