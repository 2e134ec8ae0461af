"""However a reply is cut into chunks, folding them gives the reply."""

from __future__ import annotations

import copy
from typing import Any

import attrs
import pytest
from hypothesis import given, settings, strategies as st

from openai_async._wire import codec
from openai_async._wire.accumulators.chat import ChatAccumulator
from openai_async.types.chat import (
    ChatCompletion,
    ChatCompletionAudio,
    ChatCompletionChunk,
    ChatCompletionMessage,
    Choice,
    ChoiceLogprobs,
    CompletionUsage,
    CustomCall,
    FunctionCall,
    ToolCall,
)
from tests.properties.strategies import fields_of, json_values, objects, text

# A field that is new to a message, a choice, a call or the log probabilities must be given to the fold, and to this
# test, which draws replies field by field.
COVERED = {
    ChatCompletion: "id choices created model object usage service_tier system_fingerprint moderation metadata",
    Choice: "message index finish_reason logprobs",
    ChatCompletionMessage: "role content refusal tool_calls function_call audio annotations",
    ToolCall: "id type function custom index",
    FunctionCall: "name arguments",
    CustomCall: "name input",
    ChatCompletionAudio: "id data expires_at transcript",
    ChoiceLogprobs: "content refusal",
}

words = st.text(min_size=1)
#: Unknown fields that are not text: those are replaced, text grows. Null says nothing.
plain = st.dictionaries(
    words.map("x_".__add__),
    json_values.filter(lambda value: value is not None and not isinstance(value, str)),
    max_size=2,
)


def test_every_field_is_covered() -> None:
    """A field that the fold does not know would be dropped from streamed replies without a word."""
    assert {cls: {*fields_of(cls)} for cls in COVERED} == {cls: {*names.split()} for cls, names in COVERED.items()}


def optional(drawn: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | drawn


calls = st.builds(
    lambda id_, kind, name, written, extra, inner: {
        "id": id_,
        "type": kind,
        kind: {"name": name, "arguments" if kind == "function" else "input": written, **inner},
        **extra,
    },
    words,
    st.sampled_from(["function", "custom"]),
    words,
    text,
    plain,
    plain,
)
messages = st.fixed_dictionaries(
    {"role": words},
    optional={
        "content": text,
        "refusal": text,
        "tool_calls": st.lists(calls, min_size=1, max_size=3),
        "function_call": st.builds(lambda name, written: {"name": name, "arguments": written}, words, text),
        "audio": st.fixed_dictionaries(
            {}, optional={"id": words, "data": text, "transcript": text, "expires_at": st.integers()}
        ),
        "annotations": st.lists(st.dictionaries(text, json_values, max_size=1), max_size=2),
        "x_reasoning": text,
    },
)
choices = st.fixed_dictionaries(
    {"message": st.builds(lambda message, extra: extra | message, messages, plain)},
    optional={"finish_reason": words, "logprobs": objects(ChoiceLogprobs, unknown=False), "x_weight": st.integers()},
)


@st.composite
def replies(draw: st.DrawFn) -> dict[str, Any]:
    return {
        **draw(plain),
        "id": draw(words),
        "object": "chat.completion",
        "choices": [{"index": index, **one} for index, one in enumerate(draw(st.lists(choices, max_size=3)))],
        **draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "created": st.integers(),
                    "model": text,
                    "service_tier": words,
                    "system_fingerprint": words,
                    "moderation": st.dictionaries(text, json_values, max_size=1),
                    "metadata": st.dictionaries(text, text, max_size=1),
                    "usage": objects(CompletionUsage, unknown=False),
                },
            )
        ),
    }


class Cutter:
    """Cuts the choices of one reply into deltas, and deals them out in an order of its own."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def text(self, whole: str) -> list[str]:
        """Pieces, some perhaps empty; at least one."""
        cuts = sorted(self.draw(st.lists(st.integers(0, len(whole)), max_size=3)))
        return [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    def shuffled(self, queues: list[list[Any]]) -> list[Any]:
        """All items, each queue in its order, the queues interleaved."""
        turns = self.draw(st.permutations([number for number, queue in enumerate(queues) for _ in queue]))
        iterators = [iter(queue) for queue in queues]
        return [next(iterators[turn]) for turn in turns]

    def call(self, index: int, call: dict[str, Any]) -> list[dict[str, Any]]:
        """First id, type and name, then the text in pieces, which may say the name again."""
        kind = call["type"]
        inner: dict[str, Any] = call[kind]
        part = "arguments" if kind == "function" else "input"
        resend = self.draw(st.booleans())
        again = {"name": inner["name"]} if resend else {}
        first = {**call, "index": index, kind: {**inner, part: self.draw(st.sampled_from(["", None]))}}
        return [first, *({"index": index, kind: {part: piece, **again}} for piece in self.text(inner[part]))]

    def message(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Deltas of one message: every field in its order, the fields interleaved."""
        queues: list[list[dict[str, Any]]] = [[{"role": message["role"]}]]
        for name, whole in message.items():
            if name in ("content", "refusal", "x_reasoning"):
                queues.append([{name: piece} for piece in self.text(whole)])
            elif name == "tool_calls":
                pieces = self.shuffled([self.call(index, call) for index, call in enumerate(whole)])
                queues.append([{name: [piece]} for piece in pieces])
            elif name == "function_call":
                pieces = self.text(whole["arguments"])
                queues.append([{name: {"name": whole["name"]}}, *({name: {"arguments": piece}} for piece in pieces)])
            elif name == "audio":
                queues.append([{name: piece} for piece in self.audio(whole)] or [{name: {}}])
            elif name == "annotations":
                queues.append([{name: [one]} for one in whole] or [{name: []}])
            elif name != "role":
                queues.append([{name: whole}])
        return self.shuffled(queues)

    def audio(self, audio: dict[str, Any]) -> list[dict[str, Any]]:
        queues = [
            [{name: piece} for piece in (self.text(whole) if name in ("data", "transcript") else [whole])]
            for name, whole in audio.items()
        ]
        return self.shuffled(queues)

    def choice(self, choice: dict[str, Any]) -> list[dict[str, Any]]:
        """Pieces of one choice; what stands beside the message comes last."""
        index = choice["index"]
        pieces = [{"index": index, "delta": delta} for delta in self.message(choice["message"])]
        logprobs = choice.get("logprobs")
        if logprobs is not None:
            pieces += [{"index": index, "logprobs": {}, "delta": {}}]
            for name in ("content", "refusal"):
                if logprobs.get(name) is not None:
                    pieces += [{"index": index, "delta": {}, "logprobs": {name: []}}]
                    pieces += [{"index": index, "delta": {}, "logprobs": {name: [one]}} for one in logprobs[name]]
        beside = {name: part for name, part in choice.items() if name not in ("index", "message", "logprobs")}
        return [*pieces, {"index": index, "delta": {}, **beside}]

    def reply(self, reply: dict[str, Any]) -> list[dict[str, Any]]:
        """Chunks of one or several pieces; usage and what is unknown come with the last."""
        pieces = self.shuffled([self.choice(choice) for choice in reply["choices"]])
        head = {name: reply[name] for name in ("id", "created", "model", "service_tier") if name in reply}
        chunks: list[dict[str, Any]] = []
        while pieces:
            count = self.draw(st.integers(1, 3))
            chunks.append({**head, "choices": pieces[:count]})
            del pieces[:count]
        tail = {name: part for name, part in reply.items() if name not in ("choices", "object")}
        return [*chunks, {**tail, "choices": []}]


@st.composite
def streamed(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A reply, and chunks that it may be sent in."""
    reply = draw(replies())
    return reply, Cutter(draw).reply(copy.deepcopy(reply))


@pytest.mark.slow
@given(case=streamed())
@settings(max_examples=100)
def test_folding_undoes_cutting(case: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    """Several choices, tool calls of both kinds, refusals, speech and unknown fields come out as they went in."""
    reply, chunks = case
    whole = codec.structure(ChatCompletion, reply)
    fold = ChatAccumulator()
    for data in chunks:
        fold.add(codec.structure(ChatCompletionChunk, data))
    assert fold.result() == whole
    assert fold.chunks == len(chunks)


@pytest.mark.slow
@given(case=streamed(), stop=st.integers(0, 30))
@settings(max_examples=60)
def test_a_partial_reply_stays_as_it_was(case: tuple[dict[str, Any], list[dict[str, Any]]], stop: int) -> None:
    """What was folded up to some chunk is a value of its own: later chunks neither change it nor are changed by it."""
    _, chunks = case
    fold, undisturbed = ChatAccumulator(), ChatAccumulator()
    partial, before = None, None
    for number, data in enumerate(chunks):
        if number == stop:
            partial = fold.result()
            before = copy.deepcopy(partial)
        chunk = codec.structure(ChatCompletionChunk, data)
        fold.add(chunk)
        undisturbed.add(codec.structure(ChatCompletionChunk, data))
        assert chunk == codec.structure(ChatCompletionChunk, data)
    assert partial == before
    assert fold.result() == undisturbed.result()
    assert attrs.asdict(fold.result()) == attrs.asdict(undisturbed.result())  # type: ignore[arg-type]


@given(chunks=st.lists(objects(ChatCompletionChunk), max_size=4))
@settings(max_examples=60)
def test_any_chunks_are_folded(chunks: list[dict[str, Any]]) -> None:
    """No chunk that can be read makes folding fail, and what comes out can be written and read again."""
    fold = ChatAccumulator()
    for data in chunks:
        fold.add(codec.structure(ChatCompletionChunk, data))
    reply = fold.result()
    assert (reply is None) == (not chunks)
    if reply is not None:
        assert codec.structure(ChatCompletion, reply.to_dict()).id == reply.id
