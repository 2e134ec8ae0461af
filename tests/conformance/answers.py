"""The vocabulary of the corpus: what a server says, and what a client must make of it.

`Good` is an answer with one meaning; `Bad` is one that must be refused. The bytes stand as they go over the wire, so
an entry can be read beside the RFC without running anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

#: What became of the connection. "mixed up": the next call on it was given something else than its own answer.
Then: TypeAlias = Literal["kept", "closed", "mixed up"]


@dataclass(frozen=True, slots=True)
class Good:
    """An answer to be read.

    Attributes:
        wire: its bytes.
        body: what the caller gets, decoded.
        status: of the final answer.
        kept: whether the connection may carry the next request.
        ends: the server closes its side behind the last byte.
        headers: as the caller gets them; None where only the equality of the transports matters.
    """

    wire: bytes
    body: bytes = b""
    status: int = 200
    kept: bool = True
    ends: bool = False
    headers: Sequence[tuple[bytes, bytes]] | None = None
    error: ClassVar[str] = ""

    @property
    def then(self) -> Then:
        return "kept" if self.kept else "closed"


@dataclass(frozen=True, slots=True)
class Bad:
    """An answer to be refused: at once, unless `ends` says that only its end makes it bad.

    Attributes:
        wire: its bytes.
        error: the error's class, and the phase of a connection error. "in response" is before the caller has a status.
        body: what the caller may have been given before that, or the beginning of it.
        ends: the server closes its side behind the last byte.
    """

    wire: bytes
    error: str = "APIConnectionError in response"
    body: bytes = b""
    ends: bool = False
    then: ClassVar[Then] = "closed"


Answer: TypeAlias = Good | Bad

IN_BODY = "APIConnectionError in body"
IN_CODING = "InvalidResponseError"
