"""The direct transport reads every answer as the corpus says, and httpx's does too, but for the listed differences.

Over memory an answer comes in exactly the reads that a test wants; over sockets it comes as the kernel will have it.
Each observation makes a second call, which shows whether the connection was used again and whose bytes it got.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from openai_async.testing import FaultServer, Gate, Mark, Sleep
from openai_async.testing.script import Step
from tests.conformance.answers import Answer, Bad, Good
from tests.conformance.corpus import HANDWRITTEN
from tests.conformance.corpus.generated import BYTES, COMBINATIONS, TRUNCATIONS
from tests.conformance.differences import DIFFERENCES, HTTPX
from tests.conformance.memory import over_memory
from tests.conformance.outcome import Outcome
from tests.conformance.sockets import over_sockets

#: As much as asyncio reads at once.
_READ = 256 * 1024
#: Longer answers come in pieces of this size where others come byte by byte.
_SHORT, _PIECE = 4_000, 997

#: What a server says behind an answer: the start of anything, and what would pass for the answer to the next call.
BEHIND = {
    "a second answer": b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned",
    "an interim answer": b"HTTP/1.1 103 Hints\r\n\r\n",
    "a letter": b"H",
    "NUL": b"\0",
}

GENERATED = {name: answer for table in (*BYTES.values(), COMBINATIONS, TRUNCATIONS) for name, answer in table.items()}
#: Good answers whose end is stated, so that something can come behind it.
DELIMITED = {
    name: answer
    for name, answer in (HANDWRITTEN | COMBINATIONS).items()
    if isinstance(answer, Good) and not answer.ends and not name.endswith("behind") and len(answer.wire) < _SHORT
}


def whole(wire: bytes) -> list[bytes]:
    return pieces(wire, _READ)


def pieces(wire: bytes, size: int) -> list[bytes]:
    return [wire[start : start + size] for start in range(0, len(wire), size)]


def byte_by_byte(wire: bytes) -> list[bytes]:
    return pieces(wire, 1 if len(wire) < _SHORT else _PIECE)


async def wrong(name: str, answer: Answer, size: int = 0) -> list[str]:
    """What either transport does with an answer over memory, whole and cut, that it should not.

    Without a `size` it is cut into bytes. The listed differences of httpx count not.
    """
    found: list[str] = []
    cut = pieces(answer.wire, size) if size else byte_by_byte(answer.wire)
    listed = HTTPX.get(name, "")
    direct = await over_memory("direct", whole(answer.wire), ends=answer.ends)
    if unlike := direct.unlike(answer):
        found.append(f"direct {unlike}: {direct!r:.300}")
    other = await over_memory("direct", cut, ends=answer.ends)
    if other.what_counts() != direct.what_counts() or (other.headers != direct.headers and not direct.error):
        found.append(f"direct, in pieces, {other.unlike(answer) or 'is right'}: {other!r:.300}")
    httpx = await over_memory("httpx", whole(answer.wire), ends=answer.ends)
    if httpx.unlike(answer) != listed:
        found.append(f"httpx {httpx.unlike(answer) or 'is right'}, listed is {listed!r}: {httpx!r:.300}")
    if not (listed or direct.error) and direct.headers != httpx.headers:
        found.append(f"direct has the fields {direct.headers!r:.300}, httpx {httpx.headers!r:.300}")
    if not (listed or size):
        other = await over_memory("httpx", cut, ends=answer.ends)
        if unlike := other.unlike(answer):
            found.append(f"httpx, in pieces, {unlike}: {other!r:.300}")
    return found


# Over memory --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HANDWRITTEN)
async def test_an_answer_is_read_as_the_corpus_says(name: str) -> None:
    """Whole and byte by byte, both transports come to the same end, or to a listed difference."""
    assert await wrong(name, HANDWRITTEN[name]) == []


@pytest.mark.parametrize("place", BYTES)
async def test_each_byte_means_what_it_may_mean_there(place: str) -> None:
    """At every place of an answer, each byte is either taken for what the grammar says, or refused."""
    table = BYTES[place]
    assert {name: found for name, answer in table.items() if (found := await wrong(name, answer, 7))} == {}


async def test_all_sound_combinations_are_read() -> None:
    """Every framing, with every kind of body, connection and interim answer, is read and used again if it may be."""
    assert {name: found for name, answer in COMBINATIONS.items() if (found := await wrong(name, answer, 7))} == {}


async def test_an_answer_cut_anywhere_is_an_error() -> None:
    """The end of the connection before the end of an answer is an error, and one of the right phase."""
    assert {name: found for name, answer in TRUNCATIONS.items() if (found := await wrong(name, answer, 7))} == {}


async def test_no_cut_of_the_reads_changes_an_answer() -> None:
    """However the bytes of an answer are spread over reads, the direct transport makes the same of it."""
    chance = random.Random(9112)
    found: dict[str, Outcome] = {}
    for name, answer in (HANDWRITTEN | TRUNCATIONS).items():
        if len(answer.wire) > _SHORT:
            continue
        for _ in range(2):
            reads = list(_cut(answer.wire, chance))
            outcome = await over_memory("direct", reads, ends=answer.ends)
            if outcome.unlike(answer):
                found[f"{name}, in reads of {list(map(len, reads))}"] = outcome
    assert found == {}


def _cut(wire: bytes, chance: random.Random) -> Iterator[bytes]:
    while wire:
        size = chance.choice((1, 2, 3, chance.randrange(1, 40), len(wire)))
        yield wire[:size]
        wire = wire[size:]


@pytest.mark.parametrize("kind", BEHIND)
async def test_a_connection_is_not_used_again_with_bytes_behind_an_answer(kind: str) -> None:
    """What comes behind an answer changes nothing of it, and the next call gets a connection of its own."""
    found: dict[str, str] = {}
    for name, answer in DELIMITED.items():
        for reads in ([answer.wire + BEHIND[kind]], [answer.wire, BEHIND[kind]]):
            outcome = await over_memory("direct", reads, ends=False)
            unlike = outcome.unlike(Good(answer.wire, answer.body, answer.status, kept=False))
            if unlike:
                found[f"{name}, in {len(reads)} reads"] = f"{unlike}: {outcome!r}"
    assert found == {}


# Over sockets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HANDWRITTEN)
async def test_an_answer_is_read_from_a_socket_as_the_corpus_says(name: str) -> None:
    """Over a real connection both transports come to the same end, or to a listed difference."""
    answer = HANDWRITTEN[name]
    direct = await over_sockets("direct", [answer.wire], ends=answer.ends)
    assert (direct.unlike(answer), direct.then) == ("", answer.then)
    listed = HTTPX.get(name, "")
    if listed != "waits for more":  # that it does is seen over memory, where nobody has to wait with it
        httpx = await over_sockets("httpx", [answer.wire], ends=answer.ends)
        assert httpx.unlike(answer) == listed


#: One of each framing and of each way to end.
SAMPLE = (
    "framing: length",
    "framing: trailers",
    "framing: no framing",
    "framing: HTTP/1.0 with length",
    "framing: several",
    "framing: 204",
    "framing: chunked cut in data",
    "heads: same field three times",
    "heads: space before the colon",
    "smuggling: two lengths",
    "smuggling: negative chunk size",
    "smuggling: chunk ended by other bytes",
    "codings: gzip in chunks",
    "codings: gzip without its end",
)


@pytest.mark.parametrize("name", SAMPLE)
@pytest.mark.parametrize("transport", ["direct", "httpx"])
async def test_an_answer_is_read_from_a_socket_in_small_pieces(transport: str, name: str) -> None:
    """An answer that the server sends byte by byte is the same answer."""
    answer = HANDWRITTEN[name]
    steps: list[bytes | Step] = []
    for piece in byte_by_byte(answer.wire):
        steps += [piece, Sleep(0.0001)]
    outcome = await over_sockets(transport, steps, ends=answer.ends)
    assert outcome.unlike(answer) == ""


@pytest.mark.parametrize("name", [name for name in DELIMITED if name in HANDWRITTEN])
async def test_a_second_answer_on_a_socket_is_nobodys(name: str) -> None:
    """An answer with another one behind it is itself, and the other is never given to the next caller."""
    answer = DELIMITED[name]
    outcome = await over_sockets("direct", [answer.wire + BEHIND["a second answer"]], ends=False)
    assert outcome.unlike(Good(answer.wire, answer.body, answer.status, kept=False)) == ""


async def test_httpx_is_kept_from_giving_a_second_answer_to_the_next_caller() -> None:
    """httpcore alone would: it keeps what came behind an answer. Its connection is thrown away instead."""
    answer = HANDWRITTEN["framing: length"]
    outcome = await over_sockets("httpx", [answer.wire + BEHIND["a second answer"]], ends=False)
    assert outcome.then == "closed"


@pytest.mark.parametrize("kind", BEHIND)
@pytest.mark.parametrize("transport", ["direct", "httpx"])
async def test_bytes_that_come_to_an_idle_connection_end_it(transport: str, kind: str) -> None:
    """What the server says between two calls is noticed before the second is sent, loop turn or not."""

    def say(server: FaultServer) -> None:
        server.open_gate("read")
        server.wait_mark("said")  # blocks the loop, which so cannot have read what is there

    answer = HANDWRITTEN["framing: length"]
    outcome = await over_sockets(
        transport, [answer.wire, Gate("read"), BEHIND[kind], Mark("said")], ends=False, between=say
    )
    assert outcome.unlike(Good(answer.wire, answer.body, kept=False)) == ""


# The corpus itself --------------------------------------------------------------------------------------


def test_every_listed_difference_is_about_an_answer_of_the_corpus() -> None:
    """The list names each answer once, and none that does not exist."""
    listed = Counter(name for difference in DIFFERENCES for name in difference.answers)
    assert [name for name, count in listed.items() if count > 1 or name not in HANDWRITTEN | GENERATED] == []


def test_the_corpus_holds_both_kinds() -> None:
    """There are answers to read and answers to refuse, by the hundred, and each is there once."""
    kinds = Counter(type(answer) for answer in HANDWRITTEN.values())
    assert min(kinds[Good], kinds[Bad]) > 80
    names: dict[tuple[bytes, bool], list[str]] = {}
    for name, answer in HANDWRITTEN.items():
        names.setdefault((answer.wire, answer.ends), []).append(name)
    assert [same for same in names.values() if len(same) > 1] == []
