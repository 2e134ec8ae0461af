"""A fuzz target: any bytes, in any reads, to the direct transport. Run by hand, with atheris installed:

    python -m tests.conformance.fuzz_response [corpus directory] [libFuzzer options]

It starts from the answers of `corpus`, from `findings.txt` and from what the directory holds, where it also puts inputs
that came to new places. One that breaks a promise is left in a file `crash-...`: append its bytes, as Python writes
them, to `findings.txt`, and `test_fuzz_corpus.py` plays it from then on.

An input is two bytes that choose the reads, and the bytes that the server says. Nothing here decides what an answer
means: that is for the corpus. What must hold of every input stands in `check`.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import random
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from unittest import mock

from openai_async._transport import content_encoding, direct, direct_connection
from tests.conformance.corpus import HANDWRITTEN
from tests.conformance.corpus.generated import COMBINATIONS
from tests.conformance.memory import over_memory
from tests.conformance.outcome import Outcome

#: Modules whose branches guide the fuzzer, each before those that import it.
_WATCHED: Final = (content_encoding, direct_connection, direct)
#: Inputs found so far: one a line, as Python writes bytes.
FINDINGS: Final = Path(__file__).with_name("findings.txt")
#: In place of the transport's own bound: small enough for an input to reach it.
MAX_HEAD: Final = 2_048
#: The longest input that is tried.
MAX_INPUT: Final = 4_096
#: What chance alone would take long to spell.
_WORDS: Final = (
    *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"200 OK", b"204 No", b"304 No", b"100 Continue", b"101 S", b"\r\n", b"\r\n\r\n"),
    *(b"Content-Length: ", b"Transfer-Encoding: ", b"Content-Encoding: ", b"Connection: ", b"Upgrade: ", b"Trailer: "),
    *(b"chunked", b"gzip", b"identity", b"close", b"keep-alive", b"0\r\n\r\n", b"5\r\nhello\r\n", b";a=b", b", "),
)


async def check(data: bytes) -> None:
    """Raise unless every promise holds for this input.

    - Nothing but errors of ours comes out (`observe` lets any other through).
    - The outcome does not depend on the reads: the same status, fields and body, or the same error, and the
      connection used again or not. Of a body before an error, one reading may have given more than the other.
    - Whatever the first caller got, the second gets its own answer.
    - No more of a head is kept than the bound allows, and one read.
    """
    plan, said = data[:2], data[2:]
    ends = bool(plan) and plan[0] % 2 == 0
    chance = random.Random(plan)  # bytes seed it the same way everywhere
    with mock.patch.object(direct_connection, "MAX_HEADER_SECTION", MAX_HEAD):
        whole = await over_memory("direct", [said] if said else [], ends=ends)
        reads = list(cut(said, chance))
        in_reads = await over_memory("direct", reads, ends=ends)
    for outcome, longest in ((whole, len(said)), (in_reads, max(map(len, reads), default=0))):
        assert outcome.then != "mixed up", f"the next caller got something else: {outcome!r}"
        kept = sum(len(name) + len(value) for name, value in outcome.headers or ())
        assert kept <= MAX_HEAD + longest, f"{kept} bytes of a head were kept"
    if len(said) > MAX_HEAD and "APIConnectionError in response" in (whole.error, in_reads.error):
        return  # a head over the bound may have ended in the read that took it there
    if said.endswith((b"\r", b"\n")) and {whole.then, in_reads.then} == {"kept", "closed"}:
        in_reads = replace(in_reads, then=whole.then)  # a line end behind an answer, in its last read or in one more
    assert _meaning(whole) == _meaning(in_reads), f"whole {whole!r}, in {list(map(len, reads))} {in_reads!r}"
    if whole.error:
        first, second = sorted((whole.body, in_reads.body), key=len)
        assert second.startswith(first), f"before the error: {first!r}, {second!r}"


def _meaning(outcome: Outcome) -> tuple[Any, ...]:
    if outcome.error:
        return outcome.error, outcome.then
    return outcome.status, outcome.headers, outcome.body, outcome.then


def cut(said: bytes, chance: random.Random) -> Iterator[bytes]:
    """The reads, by chance: single bytes, a few, or all that is left."""
    usual = chance.choice((1, 2, 5, 16, 64, 512))
    while said:
        size = chance.choice((1, 2, usual, usual, chance.randint(1, 2 * usual)))
        yield said[:size]
        said = said[size:]


def findings() -> list[bytes]:
    """The inputs of `findings.txt`."""
    return [ast.literal_eval(line) for line in FINDINGS.read_text("ascii").splitlines() if not line.startswith("#")]


def seeds() -> Iterator[bytes]:
    """The answers of the corpus, as inputs."""
    for answer in (HANDWRITTEN | COMBINATIONS).values():
        if len(answer.wire) <= MAX_INPUT - 2:
            yield bytes([0 if answer.ends else 1, len(answer.wire) % 256]) + answer.wire


def main() -> None:
    """Fuzz until something is found or the time given by `-max_total_time` (seconds) is over."""
    atheris: Any = importlib.import_module("atheris")  # no dependency: it is not built for every Python
    with atheris.instrument_imports(include=[module.__name__ for module in _WATCHED]):
        for module in _WATCHED:
            importlib.reload(module)
    runner = asyncio.Runner()

    def one_input(data: bytes) -> None:
        task: Coroutine[Any, Any, None] = check(data)
        runner.run(task)

    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile("w") as words:
        for number, seed in enumerate((*seeds(), *findings())):
            (Path(folder) / str(number)).write_bytes(seed)
        for word in _WORDS:
            words.write('"{}"\n'.format("".join(f"\\x{byte:02x}" for byte in word)))
        words.flush()
        given = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
        options = [f"-max_len={MAX_INPUT}", f"-dict={words.name}", *(o for o in sys.argv[1:] if o.startswith("-"))]
        # libFuzzer writes to the first directory, and reads all.
        atheris.Setup([sys.argv[0], *options, *given, folder], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
