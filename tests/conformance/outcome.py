"""What a transport made of an answer, as a value that can be compared.

One call reads the answer, a second one on the same transport shows what became of the connection: it is told apart by
the bytes it gets and by the connections that were opened. An exception that is none of ours is not an outcome: it goes
through and fails the test.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from openai_async._transport.exchange import Transport, WireRequest
from openai_async.errors import APIConnectionError, APIError
from openai_async.types.meta import fields_of
from tests.conformance.answers import Answer, Bad, Then

#: The answer to every call but the first.
SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a caller saw.

    `status` is None if there was no head; `body` is all that was read, also before an error.
    Names of headers are in lower case.
    """

    status: int | None = None
    body: bytes = b""
    error: str = ""
    then: Then = "closed"
    headers: tuple[tuple[bytes, bytes], ...] | None = field(default=None, repr=False)

    def unlike(self, answer: Answer) -> str:
        """In what this is not as the corpus says, in a few words; empty if it is.

        How much of a bad answer had been read depends on its arrival, so any part of what the corpus allows is right.
        """
        if self.error == "waits":
            return "waits for more"
        if isinstance(answer, Bad):
            if not self.error:
                return "reads it"
            if self.error != answer.error:
                return "refuses it elsewhere"
            if not answer.body.startswith(self.body):
                return "gives what is none of the body"
            return "" if self.then == "closed" else "keeps the connection"
        if self.error:
            return "refuses it"
        if (self.status, self.body) != (answer.status, answer.body):
            return "reads it in another way"
        if answer.headers is not None and self.headers != tuple(
            (name.lower(), value) for name, value in answer.headers
        ):
            return "reads other fields"
        if self.then == "mixed up":
            return "takes the rest for the next answer"
        return "" if self.then == answer.then else f"{'keeps' if self.then == 'kept' else 'closes'} the connection"

    def what_counts(self) -> Outcome:
        """An error without what had been read before it; anything else unchanged."""
        return Outcome(error=self.error, then=self.then) if self.error else self


async def call(transport: Transport, url: str, turn: str) -> Outcome:
    """One exchange, read to its end or its error. The header `x-turn` tells the server which call it is."""
    status, headers, body, error = None, None, b"", ""
    try:
        exchange = await transport.send(
            WireRequest("POST", url, [(b"x-turn", turn.encode()), (b"content-length", b"0")], b""),
            connect_timeout=5.0,
            deadline=math.inf,
        )
        status, headers = exchange.status, tuple(fields_of(exchange.header))
        while piece := await exchange.read(math.inf):
            body += piece
    except APIConnectionError as problem:
        error = f"{type(problem).__name__} in {problem.phase}"
    except APIError as problem:
        error = type(problem).__name__
    return Outcome(status, body, error, headers=headers)


async def observe(
    transport: Transport,
    url: str,
    *,
    opened: Callable[[], int],
    silent: Callable[[], Awaitable[object]],
    between: Callable[[], object] = lambda: None,
) -> Outcome:
    """Make the first call and the second.

    Args:
        transport: who is observed.
        url: where its server is.
        opened: how many connections the server has seen.
        silent: returns when the server has said everything and the client should have taken it in. A call that has
            not ended by then waits for more, which is an outcome: "waits".
        between: what happens between the calls.
    """
    first = asyncio.ensure_future(call(transport, url, "first"))
    silence = asyncio.ensure_future(silent())
    await asyncio.wait([first, silence], return_when=asyncio.FIRST_COMPLETED)
    silence.cancel()
    if not first.done():
        first.cancel()
    await asyncio.wait([first, silence])
    found = Outcome(error="waits") if first.cancelled() else first.result()
    between()
    second = await call(transport, url, "second")
    if (second.status, second.body) != (200, b"second"):
        return replace(found, then="mixed up")
    return replace(found, then="kept" if opened() == 1 else "closed")
