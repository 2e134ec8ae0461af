"""Answers of HTTP/1.1 servers, legal and not, by theme; each theme is a table of names and bytes.

`framing` says where bodies end, `heads` how an answer begins, `smuggling` what two readers would read differently,
`codings` how bodies are compressed. `HANDWRITTEN` is all of them. `generated` grows more from a few rules.
"""

from __future__ import annotations

from tests.conformance.answers import Answer
from tests.conformance.corpus.codings import CODINGS
from tests.conformance.corpus.framing import FRAMING
from tests.conformance.corpus.heads import HEADS
from tests.conformance.corpus.smuggling import SMUGGLING


def _all(**themes: dict[str, Answer]) -> dict[str, Answer]:
    return {f"{theme}: {name}": answer for theme, table in themes.items() for name, answer in table.items()}


HANDWRITTEN = _all(framing=FRAMING, heads=HEADS, smuggling=SMUGGLING, codings=CODINGS)
