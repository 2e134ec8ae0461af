"""What the fuzzer starts from, and what it found, played without it."""

from __future__ import annotations

from collections.abc import Iterable

from tests.conformance.fuzz_response import FINDINGS, MAX_INPUT, check, findings, seeds


async def broken(inputs: Iterable[bytes]) -> dict[bytes, str]:
    """The inputs that break a promise, and which."""
    found: dict[bytes, str] = {}
    for data in inputs:
        try:
            await check(data)
        except Exception as error:
            found[data] = repr(error)
    return found


async def test_what_the_fuzzer_found_keeps_every_promise() -> None:
    """Inputs that once broke a promise, or came to a new place of the code, break none."""
    assert await broken(findings()) == {}


async def test_the_answers_of_the_corpus_keep_every_promise() -> None:
    """The answers of the corpus hold as inputs of the fuzz target, too."""
    assert await broken(seeds()) == {}


def test_the_findings_are_few_and_small() -> None:
    """The kept inputs stay a list to read, not a store: each is there once."""
    found = findings()
    assert 0 < len(found) < 200
    assert len(set(found)) == len(found)
    assert max(map(len, found)) <= MAX_INPUT
    assert FINDINGS.stat().st_size < 100_000
