"""However a server cuts text, between characters or inside them, a stream gives the text."""

from __future__ import annotations

import json as stdlib
from itertools import zip_longest
from typing import Any

from hypothesis import example, given, strategies as st

from openai_async._wire import codec, json
from openai_async._wire.accumulators.chat import ChatAccumulator
from openai_async._wire.sse import Event
from openai_async._wire.surrogates import CharacterJoiner, join_surrogates, repair
from openai_async.types.chat import ChatCompletionChunk
from tests.properties.strategies import any_text, json_values, text

#: Many characters outside of the basic plane, and halves.
odd = st.text(st.sampled_from("a😀\ud83d\ude00\ud800\udfff"), max_size=8)


@st.composite
def in_pieces(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> tuple[str, list[str]]:
    """A text, and its UTF-16 units cut anywhere."""
    whole = draw(texts)
    units = [part.decode("utf-16-le", "surrogatepass") for part in _units(whole)]
    cuts = sorted(draw(st.lists(st.integers(0, len(units)), max_size=6)))
    bounds = zip([0, *cuts], [*cuts, len(units)], strict=True)
    return whole, ["".join(units[start:end]) for start, end in bounds]


def _units(whole: str) -> list[bytes]:
    written = whole.encode("utf-16-le", "surrogatepass")
    return [written[place : place + 2] for place in range(0, len(written), 2)]


def event(*deltas: tuple[int, str | None], **choice: Any) -> Event:
    choices = [{"index": index, "delta": {"content": piece}, **choice} for index, piece in deltas if piece is not None]
    return None, stdlib.dumps({"id": "c", "choices": choices}).encode()


@given(first=in_pieces(any_text | odd), second=in_pieces(odd), ended=st.booleans())
@example(first=("😀", ["\ud83d", "\ude00"]), second=("\ud83d", ["\ud83d"]), ended=False)
def test_the_pieces_are_the_text(first: tuple[str, list[str]], second: tuple[str, list[str]], ended: bool) -> None:
    """Two texts that are streamed side by side come out whole, and no piece of them holds half a character."""
    events = [event((0, one), (1, two)) for one, two in zip_longest(first[1], second[1])]
    if ended:
        events.append(event((0, ""), (1, ""), finish_reason="stop"))
    joiner, fold = CharacterJoiner(json.loads_surrogates), ChatAccumulator()
    decode = codec.decoder(ChatCompletionChunk, event=True)
    *passed, last = [out for given_ in [*events, (None, b"[DONE]")] for out in joiner.feed([given_])]
    assert last == (None, b"[DONE]")
    for _, data in passed:
        fold.add(decode(data))
    reply = fold.result()
    assert reply is not None
    assert [choice.message.content for choice in reply.choices] == [
        join_surrogates(first[0]),
        join_surrogates(second[0]),
    ]


@given(value=any_text)
def test_joining_leaves_whole_characters_alone(value: str) -> None:
    """What UTF-8 can carry stays, pairs become characters, and nothing else is lost but halves."""
    found = join_surrogates(value)
    found.encode("utf-8")
    assert join_surrogates(found) == found
    assert len(found.encode("utf-16-le")) == len(value.encode("utf-16-le", "surrogatepass"))
    if not any("\ud800" <= char <= "\udfff" for char in value):
        assert found == value


@given(value=json_values, key=text)
def test_events_without_halves_pass_as_they_are(value: Any, key: str) -> None:
    """A stream in which one character was cut is otherwise the same stream."""
    data = stdlib.dumps({key: value}, ensure_ascii=False).encode()
    joiner = CharacterJoiner(json.loads_surrogates)
    assert joiner.feed([(b"x", data), (None, b"junk"), (None, b"[]")]) == [(b"x", data), (None, b"junk"), (None, b"[]")]
    assert repair(value) == value


@given(data=st.binary() | any_text.map(lambda some: stdlib.dumps({"delta": some}).encode()))
def test_any_bytes_pass(data: bytes) -> None:
    """The joiner raises nothing: what is wrong with an event is for its stream to say."""
    joiner = CharacterJoiner(json.loads_surrogates)
    assert len(joiner.feed([(None, b'{"delta": "\\ud83d"}'), (None, data), (None, b"[DONE]")])) >= 3
