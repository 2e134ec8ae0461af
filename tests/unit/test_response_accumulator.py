"""Events of responses -> the response so far."""

from __future__ import annotations

from typing import Any

import pytest

from openai_async._wire import codec
from openai_async._wire.accumulators.responses import TERMINAL, ResponseAccumulator
from openai_async.types.meta import Meta, ReplyHeaders
from openai_async.types.responses import Response, ResponseStreamEvent

RESPONSE: dict[str, Any] = {"id": "resp_1", "status": "in_progress", "model": "m", "created_at": 5, "output": []}


def event(kind: str, **fields: Any) -> ResponseStreamEvent:
    return codec.structure(ResponseStreamEvent, {"type": f"response.{kind}", **fields})


def folded(*events: ResponseStreamEvent, id: str = "") -> Response:
    fold = ResponseAccumulator(id)
    for each in events:
        assert not fold.over
        fold.add(each)
    result = fold.result()
    assert result is not None
    return result


def test_nothing_is_no_response() -> None:
    """Before the first event there is none."""
    assert ResponseAccumulator("resp_1").result() is None


@pytest.mark.parametrize("kind", sorted(TERMINAL))
def test_a_terminal_event_is_the_response(kind: str) -> None:
    """It ends the stream, wins over what was folded, and is what is billed."""
    output = [{"type": "message", "content": [{"type": "output_text", "text": "whole"}]}]
    usage = {"input_tokens": 3, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 1}}
    fold = ResponseAccumulator()
    fold.add(event("created", response=RESPONSE))
    fold.add(event("output_text.delta", delta="part", output_index=0, content_index=0))
    assert (fold.over, fold.reply_usage().usage) == (False, None)
    fold.add(event(kind.removeprefix("response."), response={**RESPONSE, "output": output, "usage": usage}))
    assert fold.over
    meta = Meta(200, ReplyHeaders([(b"x-request-id", b"req_1")]))
    result = fold.result(meta)
    assert result is not None
    assert (result.output_text, result.request_id) == ("whole", "req_1")
    billed = fold.reply_usage()
    assert billed[:3] == ("m", 5, None)
    assert billed.usage is not None
    assert billed.usage.prompt_tokens_details is not None
    assert (billed.usage.total_tokens, billed.usage.prompt_tokens_details.cached_tokens) == (7, 1)


def test_a_terminal_event_without_output_gets_what_had_come() -> None:
    """Some servers send the items only as they go."""
    result = folded(
        event("created", response=RESPONSE),
        event(
            "output_item.done",
            output_index=0,
            item={"type": "message", "content": [{"type": "output_text", "text": "x"}]},
        ),
        event("completed", response={**RESPONSE, "status": "completed"}),
    )
    assert (result.status, result.output_text) == ("completed", "x")


@pytest.mark.parametrize(
    ("kind", "place", "item"),
    [
        ("output_text", {"content_index": 0}, ("message", "content", "text")),
        ("refusal", {"content_index": 0}, ("message", "content", "refusal")),
        ("reasoning_text", {"content_index": 0}, ("reasoning", "content", "text")),
        ("reasoning_summary_text", {"summary_index": 0}, ("reasoning", "summary", "text")),
        ("function_call_arguments", {}, ("function_call", None, "arguments")),
        ("mcp_call_arguments", {}, ("mcp_call", None, "arguments")),
        ("custom_tool_call_input", {}, ("custom_tool_call", None, "input")),
        ("code_interpreter_call_code", {}, ("code_interpreter_call", None, "code")),
    ],
)
def test_a_stream_taken_up_midway(kind: str, place: dict[str, int], item: tuple[str, str | None, str]) -> None:
    """Pieces of what was never announced find their place; the whole text, said at its end, replaces them."""
    first = event(f"{kind}.delta", delta="b", output_index=2, item_id="i", **place)
    then = event(f"{kind}.delta", delta="c", output_index=2, item_id="i", **place)
    name, listed, field = item
    done = event(f"{kind}.done", output_index=2, item_id="i", **place, **{field: "abc"})
    for events, text in (((first, then), "bc"), ((first, then, done), "abc"), ((done,), "abc")):
        result = folded(*events, id="resp_1")
        assert (result.id, result.status) == ("resp_1", "in_progress")
        (found,) = result.output
        assert (found.type, found.id) == (name, "i")
        assert getattr(found if listed is None else getattr(found, listed)[0], field) == text


def test_items_grow_from_what_they_began_with() -> None:
    """Beside one another, in the order of their indices, with names, logprobs and annotations."""
    logprob = {"token": "x", "logprob": -0.5}
    result = folded(
        event("created", response=RESPONSE),
        event("output_item.added", output_index=1, item={"type": "function_call", "name": "look", "arguments": '{"a'}),
        event("output_item.added", output_index=0, item={"type": "message", "id": "msg_1", "content": []}),
        event("content_part.added", output_index=0, content_index=0, part={"type": "output_text", "text": ""}),
        event("function_call_arguments.delta", output_index=1, delta='": 1}'),
        event("output_text.delta", output_index=0, content_index=0, delta="x", logprobs=[logprob]),
        event("output_text.delta", output_index=0, content_index=0, delta="y", logprobs=[]),
        event("output_text.annotation.added", output_index=0, content_index=0, annotation={"type": "url_citation"}),
        event("content_part.added", output_index=0, content_index=1, part={"type": "refusal", "refusal": ""}),
        event("refusal.delta", output_index=0, content_index=1, delta="no"),
    )
    message, call = result.output
    assert (call.name, call.arguments) == ("look", '{"a": 1}')
    assert message.content is not None
    text, refusal = message.content
    assert (text.text, refusal.refusal) == ("xy", "no")
    assert [entry.token for entry in text.logprobs or ()] == ["x"]
    assert text.annotations == [{"type": "url_citation"}]


def test_what_is_stated_again_replaces_what_was_added_up() -> None:
    """Log probabilities at the end of a text are those of the whole text; a state with items is gone on from."""
    once, twice = {"token": "x", "logprob": -0.5}, {"token": "y", "logprob": -0.25}
    item = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "a"}]}
    place = {"output_index": 0, "content_index": 0}
    result = folded(
        event("in_progress", response={**RESPONSE, "output": [item], "usage": {"input_tokens": 1}}),
        event("output_text.delta", **place, delta="x", logprobs=[once]),
        event("output_text.delta", **place, delta="y", logprobs=[twice]),
    )
    assert result.output_text == "axy"
    assert result.output[0].id == "msg_1"
    fold = ResponseAccumulator()
    for kind, fields in (
        ("delta", {"delta": "x", "logprobs": [once]}),
        ("done", {"text": "xy", "logprobs": [once, twice]}),
    ):
        fold.add(event(f"output_text.{kind}", **place, **fields))
    whole: Any = fold.result()
    assert [entry.token for entry in whole.output[0].content[0].logprobs] == ["x", "y"]
    assert fold.reply_usage().usage is None


def test_a_state_with_a_usage_is_not_billed_yet() -> None:
    """Only what the terminal event says was spent."""
    fold = ResponseAccumulator()
    fold.add(event("in_progress", response={**RESPONSE, "usage": {"input_tokens": 1}}))
    assert fold.reply_usage().usage is None


def test_what_was_given_is_not_added_to() -> None:
    """A response that was asked for midway keeps its annotations, whatever comes after."""
    place = {"output_index": 0, "content_index": 0}
    fold = ResponseAccumulator()
    fold.add(event("output_text.delta", **place, delta="x", logprobs=[{"token": "x", "logprob": -0.5}]))
    fold.add(event("output_text.annotation.added", **place, annotation={"n": 1}))
    partial: Any = fold.result()
    fold.add(event("output_text.annotation.added", **place, annotation={"n": 2}))
    fold.add(event("output_text.delta", **place, delta="y", logprobs=[{"token": "y", "logprob": -0.5}]))
    (part,) = partial.output[0].content
    assert (part.text, part.annotations, len(part.logprobs)) == ("x", [{"n": 1}], 1)


def test_what_is_not_known_changes_nothing() -> None:
    """Events of tomorrow, of hosted tools, and those without a delta that is text."""
    known = (event("created", response=RESPONSE), event("output_text.delta", delta="x"))
    result = folded(
        *known,
        event("telepathy.delta", delta="y", output_index=7),
        event("web_search_call.searching", output_index=3, item_id="ws"),
        event("output_text.delta", delta={"x": 1}),
        event("output_text.delta"),
        event("output_text.done"),
        event("output_text.annotation.added", annotation=3),
        codec.structure(ResponseStreamEvent, {"type": "keepalive"}),
        codec.structure(ResponseStreamEvent, {"type": ""}),
    )
    assert result == folded(*known)
