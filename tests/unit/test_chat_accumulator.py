"""Chunks amount to the reply that would have come whole, whoever wrote them, in linear time."""

from __future__ import annotations

from typing import Any

import pytest

from openai_async._wire import codec
from openai_async._wire.accumulators.chat import ChatAccumulator
from openai_async.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai_async.types.meta import Meta
from openai_async.types.usage import ReplyUsage


def chunk(*choices: dict[str, Any], **fields: Any) -> ChatCompletionChunk:
    """A chunk as it comes off the wire."""
    return codec.structure(ChatCompletionChunk, {"id": "chatcmpl-1", "choices": [*choices], **fields})


def delta(index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"index": index, "delta": fields}


def call(index: int | None = None, **fields: Any) -> dict[str, Any]:
    """A piece of a tool call; `arguments` and `name` go into its function."""
    function = {name: fields.pop(name) for name in ("name", "arguments") if name in fields}
    return {"index": index, **fields, **({"function": function} if function else {})}


def folded(*chunks: ChatCompletionChunk) -> ChatCompletion:
    fold = ChatAccumulator()
    for one in chunks:
        fold.add(one)
    assert fold.chunks == len(chunks)
    reply = fold.result()
    assert reply is not None
    return reply


def message(*deltas: dict[str, Any]) -> ChatCompletionMessage:
    """The message that pieces of one choice amount to."""
    return folded(*(chunk({"delta": fields}) for fields in deltas)).choices[0].message


def calls(*pieces: dict[str, Any]) -> list[tuple[str | None, str | None, str | None]]:
    """Id, name and arguments of the tool calls that pieces amount to, one piece a chunk."""
    found = message(*({"tool_calls": [piece]} for piece in pieces)).tool_calls
    assert found is not None
    assert all(one.function is not None and one.type == "function" for one in found)
    return [(one.id, one.function.name, one.function.arguments) for one in found if one.function]


# ---- the API's own streams


def test_nothing_is_no_reply() -> None:
    """Before the first chunk there is nothing to give."""
    assert ChatAccumulator().result() is None


def test_a_plain_reply() -> None:
    """Role, pieces, reason and usage come in chunks of their own."""
    reply = folded(
        chunk(delta(role="assistant", content="", refusal=None), model="m", created=5, system_fingerprint="fp"),
        chunk(delta(content="Hel")),
        chunk(delta(content="lo")),
        chunk({"index": 0, "delta": {}, "finish_reason": "stop"}, service_tier="flex"),
        chunk(usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}, moderation={"flagged": False}),
    )
    assert reply.to_dict() == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "m",
        "system_fingerprint": "fp",
        "service_tier": "flex",
        "moderation": {"flagged": False},
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }


def test_what_travelled_beside_the_stream_goes_into_the_reply() -> None:
    """The reply carries the meta data that it is given."""
    fold = ChatAccumulator()
    fold.add(chunk(delta(content="a")))
    meta = Meta(headers={"x-request-id": "req_1"})
    reply = fold.result(meta)
    assert reply is not None
    assert reply.meta is meta


def test_three_choices_with_interleaved_tool_calls() -> None:
    """Pieces are put together by choice and by index within it, in whatever order they come."""
    reply = folded(
        chunk(delta(2, tool_calls=[call(1, id="c21", type="function", name="f", arguments="")])),
        chunk(delta(0, tool_calls=[call(0, id="c00", type="function", name="g", arguments='{"a"')])),
        chunk(delta(1, content="no ")),
        chunk(
            delta(0, tool_calls=[call(1, id="c01", type="function", name="h", arguments="1"), call(0, arguments=": ")])
        ),
        chunk(delta(2, tool_calls=[call(1, arguments="[1"), call(0, id="c20", name="e", arguments="x")])),
        chunk(delta(0, tool_calls=[call(0, arguments="1}")]), delta(2, tool_calls=[call(1, arguments="]")])),
        chunk(delta(1, content="calls")),
        chunk(*({"index": i, "delta": {}, "finish_reason": reason} for i, reason in ((1, "stop"), (2, "x"), (0, "y")))),
    )
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert [choice.finish_reason for choice in reply.choices] == ["y", "stop", "x"]
    found = [
        [(one.id, one.function.name, one.function.arguments) for one in choice.message.tool_calls or () if one.function]
        for choice in reply.choices
    ]
    assert found == [[("c00", "g", '{"a": 1}'), ("c01", "h", "1")], [], [("c20", "e", "x"), ("c21", "f", "[1]")]]
    assert reply.choices[1].message.content == "no calls"
    assert reply.choices[1].message.tool_calls is None
    assert reply.choices[0].message.content is None


def test_a_refusal_and_log_probabilities() -> None:
    """A refusal grows like content; log probabilities are strung together token by token."""
    reply = folded(
        chunk({"delta": {"refusal": "I ca"}, "logprobs": {"refusal": [{"token": "I ca", "logprob": -1.0}]}}),
        chunk({"delta": {"refusal": "n't"}, "logprobs": {"refusal": [{"token": "n't", "logprob": -2.0}], "new": 1}}),
        chunk({"delta": {"content": "x"}, "logprobs": {"content": []}}),
    )
    assert reply.choices[0].to_dict() == {
        "index": 0,
        "message": {"role": "assistant", "content": "x", "refusal": "I can't"},
        "logprobs": {
            "content": [],
            "refusal": [{"token": "I ca", "logprob": -1.0}, {"token": "n't", "logprob": -2.0}],
            "new": 1,
        },
    }


def test_a_custom_tool_call() -> None:
    """Free-form input grows like arguments."""
    found = message(
        {"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": "SEL"}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "ECT 1", "x": 1}}]},
    ).tool_calls
    assert found is not None
    assert [one.to_dict() for one in found] == [
        {"id": "c", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1", "x": 1}}
    ]


def test_a_function_call_of_the_old_kind() -> None:
    """`function_call` of servers and models from before tools is put together as well."""
    found = message({"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "{}"}})
    assert found.to_dict() == {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}


def test_speech_and_annotations() -> None:
    """Sound and transcript grow, annotations are collected: they are where a whole reply has them."""
    found = message(
        {"audio": {"id": "audio_1", "transcript": "He"}},
        {"audio": {"data": "AAAA", "x": 1}, "annotations": [{"type": "a"}]},
        {"audio": {"data": "BBBB", "transcript": "y"}, "annotations": [{"type": "b"}]},
        {"audio": {"expires_at": 7}},
    )
    assert found.to_dict() == {
        "role": "assistant",
        "audio": {"id": "audio_1", "data": "AAAABBBB", "transcript": "Hey", "expires_at": 7, "x": 1},
        "annotations": [{"type": "a"}, {"type": "b"}],
    }


def test_unknown_fields_are_kept_at_every_level() -> None:
    """What this version does not know is in the reply, where it was in the chunks."""
    reply = folded(
        chunk(
            {"delta": {"tool_calls": [call(0, id="c", name="f", signature="s")]}, "stop_reason": None}, citations=[1]
        ),
        chunk({"delta": {"tool_calls": [{"index": 0, "function": {"strict": True}}], "weight": 1}, "stop_reason": 7}),
    )
    assert reply.citations == [1]  # type: ignore[attr-defined]
    assert reply.choices[0].to_dict() == {
        "index": 0,
        "stop_reason": 7,
        "message": {
            "role": "assistant",
            "weight": 1,
            "tool_calls": [
                {
                    "id": "c",
                    "type": "function",
                    "function": {"name": "f", "arguments": "", "strict": True},
                    "signature": "s",
                }
            ],
        },
    }


# ---- what other servers do


def test_content_that_is_only_null_is_none() -> None:
    """A message of tool calls alone has no content, not an empty one."""
    assert message({"role": "assistant", "content": None}, {"content": None}).content is None


def test_content_that_is_only_empty_is_empty() -> None:
    """An empty reply is empty, not missing."""
    assert message({"role": "assistant", "content": ""}, {}).content == ""


def test_the_role_may_be_blank_later() -> None:
    """A role is stated once and not taken back."""
    assert message({"role": "tool"}, {"role": ""}, {"role": None}).role == "tool"
    assert message({}).role == "assistant"


def test_a_name_that_is_sent_again_with_every_piece() -> None:
    """It is the same name, not a longer one; a name in pieces is put together."""
    again = [call(0, id="c", name="get", arguments=piece) for piece in ("", '{"a"', ": 1}")]
    assert calls(*again) == [("c", "get", '{"a": 1}')]
    assert calls(call(0, id="c", name="get_"), call(0, name="time"), call(0, name="")) == [("c", "get_time", "")]


def test_calls_without_an_index_come_whole() -> None:
    """A server that numbers nothing sends each call in one piece, with an id or without one."""
    assert calls(call(id="a", name="f", arguments="1"), call(id="b", name="f", arguments="2")) == [
        ("a", "f", "1"),
        ("b", "f", "2"),
    ]
    assert calls(call(name="f", arguments="1"), call(name="f", arguments="2")) == [(None, "f", "1"), (None, "f", "2")]


def test_pieces_without_an_index_belong_to_their_id_or_to_the_last_call() -> None:
    """A piece that says neither its index, nor an id, nor a name goes on where the last one stopped."""
    pieces = [
        call(id="a", name="f", arguments="1"),
        call(id="b", name="g", arguments="2"),
        call(arguments="3"),
        call(id="a", arguments="4"),
    ]
    assert calls(*pieces) == [("a", "f", "14"), ("b", "g", "23")]
    assert calls(call(arguments="1"), call(arguments="2")) == [(None, None, "12")]


def test_numbered_and_unnumbered_calls_do_not_mix() -> None:
    """A call without an index never becomes part of a numbered one."""
    pieces = [call(0, id="a", name="f"), call(2, id="c", name="f"), call(id="x", name="g", arguments="1")]
    assert calls(*pieces) == [("a", "f", ""), ("c", "f", ""), ("x", "g", "1")]


def test_reasoning_of_several_servers_grows() -> None:
    """Unknown text and lists in a message are put together; other unknown values are replaced; null says nothing."""
    found = message(
        {"reasoning_content": "Let", "depth": 1, "steps": [1], "note": "a"},
        {"reasoning_content": " me", "depth": 2, "steps": [2], "note": None},
        {"reasoning_content": " see.", "depth": None},
    )
    assert found.extra == {"reasoning_content": "Let me see.", "depth": 2, "steps": [1, 2], "note": "a"}


def test_the_first_event_may_be_about_something_else() -> None:
    """A gateway's event without id and choices does not name the reply."""
    reply = folded(
        chunk(id="", model="", prompt_filter_results=[{"a": 1}]),
        chunk(delta(content="a"), id="chatcmpl-2", model="m"),
        chunk(delta(content="b"), id="", model=""),
    )
    assert (reply.id, reply.model, reply.text) == ("chatcmpl-2", "m", "ab")
    assert reply.extra == {"prompt_filter_results": [{"a": 1}]}


def test_usage_in_every_chunk_is_the_last() -> None:
    """Counts that grow with the stream are not added up."""
    reply = folded(*(chunk(delta(content="a"), usage={"completion_tokens": n}) for n in (1, 2, 3)))
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 3


def test_what_is_billed() -> None:
    """A stream tells its bill what it knows so far: a call that ends early is counted, too."""
    fold = ChatAccumulator()
    assert fold.reply_usage() == ReplyUsage()
    fold.add(chunk(delta(content="a"), model="m", created=5, service_tier="auto"))
    assert fold.reply_usage() == ReplyUsage("m", 5, "auto")
    fold.add(chunk(usage={"total_tokens": 3}, service_tier="flex"))
    reply = fold.result()
    assert reply is not None
    assert fold.reply_usage() == ReplyUsage("m", 5, "flex", reply.usage)


# ---- promises of the fold itself


def test_asking_changes_nothing_and_what_was_given_stays() -> None:
    """A reply that was asked for midway is a snapshot; the fold goes on as if nobody had asked."""
    pieces = [
        chunk(
            {
                "delta": {
                    "content": "a",
                    "reasoning": "r",
                    "x": [1],
                    "annotations": [{}],
                    "audio": {"data": "A", "y": 1},
                    "tool_calls": [{"index": 0, "id": "c", "z": 1, "function": {"arguments": "1", "w": 1}}],
                },
                "logprobs": {"content": [{"token": "a"}], "v": 1},
                "u": 1,
            },
            t=n,
        )
        for n in range(3)
    ]
    fold = ChatAccumulator()
    fold.add(pieces[0])
    first = fold.result()
    assert first is not None
    before = first.to_dict()
    for piece in pieces[1:]:
        fold.add(piece)
        assert fold.result() == fold.result()
    assert first.to_dict() == before
    assert fold.result() == folded(*pieces)
    assert first != fold.result()


def test_folding_does_not_change_the_chunks() -> None:
    """Chunks that were handed out are values: nobody adds to them later."""
    pieces = [
        chunk(
            {"delta": {"annotations": [{}], "x": "a"}, "logprobs": {"content": [{"token": "a"}], "v": n}, "u": n}, t=n
        )
        for n in range(3)
    ]
    before = [piece.to_dict() for piece in pieces]
    folded(*pieces)
    assert [piece.to_dict() for piece in pieces] == before


def test_a_hundred_thousand_chunks_take_linear_time() -> None:
    """Every kind of piece is kept and joined once; work that grew with the square would take hours."""
    count = 100_000
    content = chunk(
        {
            "delta": {"content": "aaaaaaaaaa", "refusal": "b", "reasoning": "c", "annotations": [{}]},
            "logprobs": {"content": [{"token": "a"}]},
        }
    )
    argument = chunk(delta(tool_calls=[call(0, arguments="1234567890"), call(id="x", arguments="1")]))
    fold = ChatAccumulator()
    for _ in range(count):
        fold.add(content)
        fold.add(argument)
    reply = fold.result()
    assert reply is not None
    choice = reply.choices[0]
    assert choice.message.content == "aaaaaaaaaa" * count
    assert choice.message.refusal == "b" * count
    assert choice.message.extra["reasoning"] == "c" * count
    assert choice.message.tool_calls is not None
    assert [one.function.arguments for one in choice.message.tool_calls if one.function] == [
        "1234567890" * count,
        "1" * count,
    ]
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert len(choice.logprobs.content) == len(choice.message.annotations or ()) == count


@pytest.mark.slow
def test_a_hundred_thousand_calls_without_an_index_take_linear_time() -> None:
    """Finding the call of a piece does not go through the others."""
    count = 100_000
    fold = ChatAccumulator()
    for number in range(count):
        fold.add(chunk(delta(tool_calls=[call(id=f"c{number}", name="f", arguments="1")])))
    reply = fold.result()
    assert reply is not None
    assert len(reply.choices[0].message.tool_calls or ()) == count
