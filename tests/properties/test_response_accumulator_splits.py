"""However a response is cut into events, folding them gives the response."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from openai_async._wire import codec
from openai_async._wire.accumulators.responses import ResponseAccumulator
from openai_async.types._base import Value
from openai_async.types.chat import TokenLogprob
from openai_async.types.responses import Response, ResponseContent, ResponseItem, ResponseStreamEvent
from tests.properties.strategies import contents, fields_of, json_values, objects, text

# A field that is new to an item or to a part of one must be given to the fold, and to this test.
COVERED = {
    ResponseItem: "type id status role content summary call_id name arguments input output code encrypted_content",
    ResponseContent: "type text refusal annotations logprobs",
}
#: Those that never grow: an item or a part has them from its beginning.
STATED = {
    ResponseItem: "phase caller namespace created_by fingerprint execution action actions operation queries tools"
    " environment container_id max_output_length results outputs result error server_label approval_request_id approve"
    " reason pending_safety_checks acknowledged_safety_checks",
    ResponseContent: "image_url detail file_id file_url file_data filename prompt_cache_breakpoint",
}
words = st.text(min_size=1)
plain = st.dictionaries(words.map("x_".__add__), json_values.filter(lambda value: value is not None), max_size=2)
#: Kind of item -> the field that is text, and the events that it comes in.
CALLS = {
    "function_call": ("arguments", "function_call_arguments"),
    "mcp_call": ("arguments", "mcp_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
    "code_interpreter_call": ("code", "code_interpreter_call_code"),
}
#: Kind of part -> the same.
PARTS = {
    "output_text": ("text", "output_text"),
    "refusal": ("refusal", "refusal"),
    "reasoning_text": ("text", "reasoning_text"),
    "summary_text": ("text", "reasoning_summary_text"),
}


def stated(cls: type[Value]) -> st.SearchStrategy[dict[str, Any]]:
    """Unknown fields, and known ones that never grow."""
    fields = fields_of(cls)
    known = {name: contents(fields[name].type, unknown=False) for name in STATED[cls].split()}
    return st.builds(lambda one, other: {**one, **other}, plain, st.fixed_dictionaries({}, optional=known))


calls = st.builds(
    lambda kind, id_, name, written, extra: {**extra, "type": kind, "id": id_, "name": name, CALLS[kind][0]: written},
    st.sampled_from(sorted(CALLS)),
    words,
    words,
    text,
    stated(ResponseItem),
)


def part(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    drawn = st.builds(
        lambda written, extra: {**extra, "type": kind, PARTS[kind][0]: written}, text, stated(ResponseContent)
    )
    if kind != "output_text":
        return drawn
    notes = st.lists(st.dictionaries(words, json_values, max_size=1), max_size=2)
    logprobs = st.lists(objects(TokenLogprob, unknown=False), max_size=2)
    return st.builds(lambda one, a, p: {**one, "annotations": a, "logprobs": p}, drawn, notes, logprobs)


def several(*kinds: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(st.one_of(*map(part, kinds)), max_size=3)


messages = st.builds(
    lambda id_, content, extra: {**extra, "type": "message", "id": id_, "role": "assistant", "content": content},
    words,
    several("output_text", "refusal"),
    stated(ResponseItem),
)
thoughts = st.builds(
    lambda id_, summary, content: {"type": "reasoning", "id": id_, "summary": summary, "content": content},
    words,
    several("summary_text"),
    several("reasoning_text"),
)
responses = st.builds(
    lambda id_, output, extra: {**extra, "id": id_, "status": "completed", "output": output},
    words,
    st.lists(st.one_of(calls, messages, thoughts), max_size=4),
    plain,
)


class Cutter:
    """Cuts a response into events, those of several items interleaved."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def pieces(self, whole: str) -> list[str]:
        """At least one, some perhaps empty."""
        cuts = sorted(self.draw(st.lists(st.integers(0, len(whole)), max_size=3)))
        return [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    def text(self, name: str, field: str, whole: str, place: dict[str, Any]) -> list[dict[str, Any]]:
        found = [{"type": f"response.{name}.delta", "delta": piece, **place} for piece in self.pieces(whole)]
        if self.draw(st.booleans()):
            found.append({"type": f"response.{name}.done", field: whole, **place})
        return found

    def part(self, whole: dict[str, Any], place: dict[str, Any]) -> list[dict[str, Any]]:
        field, name = PARTS[whole["type"]]
        family = "reasoning_summary_part" if "summary_index" in place else "content_part"
        begun = {**whole, field: ""} | {name: [] for name in ("annotations", "logprobs") if name in whole}
        said = self.text(name, field, whole[field], place)
        if whole.get("logprobs"):
            said[0]["logprobs"] = whole["logprobs"]
        for note in whole.get("annotations", ()):
            said.append({"type": "response.output_text.annotation.added", "annotation": note, **place})
        found = [{"type": f"response.{family}.added", "part": begun, **place}, *said]
        if self.draw(st.booleans()):
            found.append({"type": f"response.{family}.done", "part": whole, **place})
        return found

    def item(self, index: int, whole: dict[str, Any]) -> list[dict[str, Any]]:
        place = {"output_index": index, "item_id": whole["id"]}
        begun, said = dict(whole), list[dict[str, Any]]()
        if whole["type"] in CALLS:
            field, name = CALLS[whole["type"]]
            begun[field] = self.draw(st.sampled_from(["", None]))
            said += self.text(name, field, whole[field], place)
        for listed, number in (("content", "content_index"), ("summary", "summary_index")):
            if listed in whole:
                begun[listed] = []
                for at, one in enumerate(whole[listed]):
                    said += self.part(one, {**place, number: at})
        found = [{"type": "response.output_item.added", "output_index": index, "item": begun}, *said]
        if self.draw(st.booleans()):
            found.append({"type": "response.output_item.done", "output_index": index, "item": whole})
        return found

    def response(self, whole: dict[str, Any]) -> list[dict[str, Any]]:
        queues = [self.item(index, item) for index, item in enumerate(whole["output"])]
        turns = self.draw(st.permutations([number for number, queue in enumerate(queues) for _ in queue]))
        iterators = [iter(queue) for queue in queues]
        begun = {**whole, "output": []}
        return [{"type": "response.created", "response": begun}, *(next(iterators[turn]) for turn in turns)]


@st.composite
def streamed(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    whole = draw(responses)
    return whole, Cutter(draw).response(copy.deepcopy(whole))


def event(data: dict[str, Any]) -> ResponseStreamEvent:
    return codec.structure(ResponseStreamEvent, copy.deepcopy(data))


def test_every_field_is_covered() -> None:
    """A field that the fold does not know would be dropped from partial responses without a word."""
    covered = {cls: {*names.split(), *STATED[cls].split()} for cls, names in COVERED.items()}
    assert {cls: {*fields_of(cls)} for cls in COVERED} == covered


@pytest.mark.slow
@given(case=streamed())
@settings(max_examples=100)
def test_folding_undoes_cutting(case: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    """Items of all kinds that grow come out as they went in, before any terminal event says so."""
    whole, events = case
    fold = ResponseAccumulator()
    for data in events:
        fold.add(event(data))
    assert fold.result() == codec.structure(Response, whole)
    assert (fold.over, fold.events) == (False, len(events))


@pytest.mark.slow
@given(case=streamed(), stop=st.integers(1, 30))
@settings(max_examples=60)
def test_a_partial_response_stays_as_it_was(case: tuple[dict[str, Any], list[dict[str, Any]]], stop: int) -> None:
    """Later events neither change it nor are changed by it, and asking for it changes nothing."""
    whole, events = case
    fold = ResponseAccumulator()
    partial, before = None, None
    for number, data in enumerate(events, 1):
        seen = event(data)
        fold.add(seen)
        if number == stop:
            partial, before = fold.result(), copy.deepcopy(fold.result())
        assert fold.result() is not None
        assert seen == event(data)
    assert partial == before
    assert fold.result() == codec.structure(Response, whole)


@pytest.mark.slow
@given(events=st.lists(objects(ResponseStreamEvent), max_size=4))
@settings(max_examples=60)
def test_any_events_are_folded(events: list[dict[str, Any]]) -> None:
    """No event that can be read makes folding fail, and what comes out can be written and read again."""
    fold = ResponseAccumulator("resp_1")
    for data in events:
        fold.add(event(data))
    response = fold.result()
    assert (response is None) == (not events)
    if response is not None:
        assert codec.structure(Response, response.to_dict()).id == response.id
