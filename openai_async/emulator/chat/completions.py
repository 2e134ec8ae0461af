"""The endpoint of `POST /v1/chat/completions`, in one reply or streamed.

It checks, admits, and only then generates, so that a rate-limited request costs little. A stream has one event per
token. Its choices and its tool calls alternate.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import orjson
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call, EventStream
from openai_async.emulator.chat.messages import characters
from openai_async.emulator.chat.reply import Choice, ToolCall, compose
from openai_async.emulator.chat.request import ChatRequest, FunctionKind
from openai_async.emulator.chat.stored import listing, read_metadata
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import context_exceeded, invalid
from openai_async.emulator.fields import Fields, JSONObject
from openai_async.emulator.text import digest

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend
    from openai_async.emulator.catalog import Model
    from openai_async.emulator.conditions import Pace
    from openai_async.emulator.request_log import Entry

__all__ = ["routes"]

_FINGERPRINT = "fp_emulated"
_GUESSED_COMPLETION = 16  # tokens that the rate limit assumes for a request that states no maximum


def routes(emulator: Backend) -> list[Route]:
    """`/v1/chat/completions`: create a completion, list the stored ones."""

    def create(call: Call) -> Answer | EventStream:
        body = call.json()
        request = ChatRequest.read(body)
        read_metadata(Fields(body))
        call.entry.model = request.model
        model = emulator.catalog.find(request.model)
        call.entry.model = model.id
        _check_model(request, model)
        emulator.admit(call, model.id, _charge(request, body))
        seed = digest([model.id, request.messages, request.seed])
        choices = compose(request, seed, reasoning=model.reasoning)
        pace = emulator.latency.pace(seed)
        call.entry.prompt_tokens = request.prompt_tokens
        common = {
            "id": f"chatcmpl-{seed:016x}{call.entry.sequence:012d}",
            "object": "chat.completion.chunk" if request.stream else "chat.completion",
            "created": int(time.time()),
            "model": model.snapshot,
            "service_tier": "default",
            "system_fingerprint": _FINGERPRINT,
        }
        if body.get("store"):
            emulator.chats.add(_reply(common, request, choices), body)
        if request.stream:
            return EventStream(_events(common, request, choices, pace, call.entry))
        call.entry.completion_tokens = sum(choice.tokens for choice in choices)
        reply = _reply(common, request, choices)
        return Answer(orjson.dumps(reply), after=pace.due(max(choice.tokens for choice in choices)))

    return [Route("/v1/chat/completions", Endpoint(emulator, GET=listing(emulator), POST=create))]


def _reply(common: JSONObject, request: ChatRequest, choices: list[Choice]) -> JSONObject:
    return {
        **common,
        "object": "chat.completion",
        "choices": [_full_choice(index, choice) for index, choice in enumerate(choices)],
        "usage": _usage(request, choices),
    }


def _check_model(request: ChatRequest, model: Model) -> None:
    for name in sorted(model.unsupported & request.sent_params):
        raise invalid(
            f"Unsupported parameter: '{name}' is not supported with this model.",
            param=name,
            code="unsupported_parameter",
        )
    if request.prompt_tokens + (request.max_tokens or 0) > model.context_window:
        raise context_exceeded(model.context_window, request.prompt_tokens, request.max_tokens)


def _charge(request: ChatRequest, body: JSONObject) -> int:
    """Estimate the tokens for the rate limit: the prompt from its characters, the completion at its maximum.

    Tools are part of the prompt, as they are in `usage`.
    """
    completion = _GUESSED_COMPLETION if request.max_tokens is None else request.max_tokens
    prompt = [request.messages, *(body.get(name) for name in ("tools", "functions"))]
    return math.ceil(characters(prompt) / 4) + request.n * completion


def _usage(request: ChatRequest, choices: list[Choice]) -> JSONObject:
    prompt, completion = request.prompt_tokens, sum(choice.tokens for choice in choices)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": sum(choice.reasoning for choice in choices),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _full_choice(index: int, choice: Choice) -> JSONObject:
    message: JSONObject = {"role": "assistant", "content": "".join(choice.pieces), "refusal": None}
    if choice.calls:
        message |= {"content": None, **_calls(choice.calls, ["".join(call.pieces) for call in choice.calls])}
    else:
        message["annotations"] = []
    return {
        "index": index,
        "message": message,
        "logprobs": _logprobs(choice.logprobs),
        "finish_reason": choice.finish,
    }


def _calls(calls: Sequence[ToolCall], arguments: Sequence[str]) -> JSONObject:
    """Make the calls of a message: one of `functions`, or any number of tools."""
    if calls[0].kind == "deprecated":
        return {"function_call": {"name": calls[0].name, "arguments": arguments[0]}}
    return {
        "tool_calls": [
            {"id": call.id, "type": call.kind, call.kind: {"name": call.name, _ARGUMENTS_FIELD[call.kind]: argument}}
            for call, argument in zip(calls, arguments, strict=True)
        ]
    }


#: Where a call of each kind has its arguments.
_ARGUMENTS_FIELD: dict[FunctionKind, str] = {"function": "arguments", "custom": "input", "deprecated": "arguments"}


def _logprobs(entries: list[JSONObject] | None) -> JSONObject | None:
    return None if entries is None else {"content": entries, "refusal": None}


# -- streams -------------------------------------------------------------------------------------------------


def _events(
    common: JSONObject, request: ChatRequest, choices: list[Choice], pace: Pace, entry: Entry
) -> Iterator[tuple[float, bytes]]:
    """Make the stream's events, each with the time at which it is due. Counts the tokens into `entry`."""
    head = b"data: " + orjson.dumps(common)[:-1] + b',"choices":'
    tail = b',"usage":null}\n\n' if request.include_usage else b"}\n\n"
    streams = [_chunks(index, choice) for index, choice in enumerate(choices)]
    said = [0] * len(choices)
    for turn in zip_longest(*streams):
        for index, step in enumerate(turn):
            if step is None:
                continue
            position, chunk = step
            entry.completion_tokens += position - said[index]
            said[index] = position
            yield pace.due(position), head + orjson.dumps([chunk]) + tail
    end = pace.due(max(said))
    if request.include_usage:
        usage = orjson.dumps(_usage(request, choices))
        yield end, head + b'[],"usage":' + usage + b"}\n\n"
    yield end, b"data: [DONE]\n\n"


def _chunks(index: int, choice: Choice) -> Iterator[tuple[int, JSONObject]]:
    """Make the chunks of one choice (role, deltas, finish), each with the number of tokens sent by then."""
    position = choice.reasoning
    content = None if choice.calls else ""
    yield position, _chunk(index, {"role": "assistant", "content": content, "refusal": None})
    for at, piece in enumerate(choice.pieces):
        position += 1
        logprobs = None if choice.logprobs is None else _logprobs(choice.logprobs[at : at + 1])
        yield position, _chunk(index, {"content": piece}, logprobs)
    for at, call in enumerate(choice.calls):
        position += call.tokens - len(call.pieces)
        opened = _calls([call], [""])
        if "tool_calls" in opened:
            opened = {"tool_calls": [{"index": at, **opened["tool_calls"][0]}]}
        yield position, _chunk(index, opened)
    for turn in zip_longest(*(call.pieces for call in choice.calls)):
        for at, piece in enumerate(turn):
            if piece is not None:
                position += 1
                yield position, _chunk(index, _more(choice.calls[at], at, piece))
    yield position, _chunk(index, {}, finish=choice.finish)


def _more(call: ToolCall, at: int, piece: str) -> JSONObject:
    """Make the delta of the next piece of a call's arguments."""
    delta = {_ARGUMENTS_FIELD[call.kind]: piece}
    return {"function_call": delta} if call.kind == "deprecated" else {"tool_calls": [{"index": at, call.kind: delta}]}


def _chunk(index: int, delta: JSONObject, logprobs: JSONObject | None = None, finish: Any = None) -> JSONObject:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
