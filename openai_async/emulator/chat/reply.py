"""The answers of emulated models: sentences, JSON, a quoted tool result, or tool calls.

The answer is a function of the model, the messages, the seed and the choice's index. The other parameters only change
its form. Tokens are counted by streamed pieces, so usage and stream always agree.
"""

from __future__ import annotations

import math
import re
from random import Random
from typing import Any, Literal

import orjson
from attrs import evolve, frozen

from openai_async.emulator.chat.messages import text_of
from openai_async.emulator.chat.request import ChatRequest, Function, FunctionKind, unusable_function, unusable_schema
from openai_async.emulator.fields import JSONObject
from openai_async.emulator.json_schema import SchemaError, example
from openai_async.emulator.text import WORDS, count, cut_at_stop, one_of, sentences, tokens

__all__ = ["Choice", "ToolCall", "called", "compose"]

Finish = Literal["stop", "length", "tool_calls", "function_call"]

_RESULTS = ("tool", "function")
_QUOTED = 4_000  # characters of a tool's result that the answer repeats


@frozen
class ToolCall:
    """A tool call. Its arguments (JSON, or the text for a custom tool) are already cut into tokens."""

    id: str
    name: str
    pieces: list[str]
    kind: FunctionKind = "function"

    @property
    def tokens(self) -> int:
        return count(self.name) + len(self.pieces)


@frozen
class Choice:
    """One answer: either `pieces` of text or `calls`. `reasoning` tokens were spent before it."""

    pieces: list[str]
    calls: tuple[ToolCall, ...]
    finish: Finish
    reasoning: int
    logprobs: list[JSONObject] | None

    @property
    def tokens(self) -> int:
        """The completion tokens, reasoning included."""
        return self.reasoning + len(self.pieces) + sum(call.tokens for call in self.calls)


def compose(request: ChatRequest, seed: int, *, reasoning: bool) -> list[Choice]:
    """Generate the request's `n` answers. `seed` is its digest. Raises the API's 400 for an impossible schema."""
    functions = called(request)
    return [_choice(request, functions, seed, index, reasoning) for index in range(request.n)]


def _choice(request: ChatRequest, functions: tuple[Function, ...], seed: int, index: int, reasoning: bool) -> Choice:
    seed = (seed << 8) + index
    rng = Random(seed)
    left = math.inf if request.max_tokens is None else request.max_tokens
    thought = int(min(left, 10 + rng.random() * 50)) if reasoning else 0
    left -= thought
    if functions:
        calls, cut = _cut_calls(_tool_calls(functions, seed), left)
        ending: Finish = "function_call" if functions[0].kind == "deprecated" else "tool_calls"
        return Choice([], calls, "length" if cut else ending, thought, None)
    pieces = _said(request, rng, seed)
    finish: Finish = "stop"
    if len(pieces) > left:
        pieces, finish = pieces[: int(left)], "length"
    pieces, stopped = cut_at_stop(pieces, request.stop)
    logprobs = _logprobs(pieces, request.top_logprobs, rng) if request.logprobs else None
    return Choice(pieces, (), "stop" if stopped else finish, thought, logprobs)


# -- text ----------------------------------------------------------------------------------------------------


def _said(request: ChatRequest, rng: Random, seed: int) -> list[str]:
    if request.schema is not None:
        try:
            return tokens(_json(example(request.schema, seed)))
        except SchemaError as error:
            raise unusable_schema(error) from None
    if request.format == "json_object":
        reply = "".join(sentences(rng))
        return tokens(_json({"reply": reply, "words": len(reply.split()), "certain": rng.random() < 0.5}))
    if request.messages[-1]["role"] in _RESULTS:
        return tokens(_quotation(request.messages)) + tokens(" " + "".join(sentences(rng, 20, 60)))
    return sentences(rng)


def _quotation(messages: list[JSONObject]) -> str:
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] not in _RESULTS:
            break
        results.append(text_of(message)[:_QUOTED])
    quoted = " and ".join(f"“{result}”" for result in reversed(results))
    return f"{'The tools' if len(results) > 1 else 'The tool'} answered {quoted}."


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _logprobs(pieces: list[str], top: int, rng: Random) -> list[JSONObject]:
    """Invent plausible log probabilities: mostly high, each alternative lower than the chosen token."""
    entries: list[JSONObject] = []
    for piece in pieces:
        logprob = -1.5 * rng.random() ** 3
        ranked = [_ranked(piece, logprob)]
        for _ in range(top - 1):
            ranked.append(_ranked(" " + one_of(rng, WORDS)[:5], ranked[-1]["logprob"] - 0.5 - rng.random()))
        entries.append({**ranked[0], "top_logprobs": ranked[:top]})
    return entries


def _ranked(token: str, logprob: float) -> JSONObject:
    return {"token": token, "logprob": round(logprob, 6), "bytes": list(token.encode())}


# -- tool calls ----------------------------------------------------------------------------------------------


def called(request: ChatRequest) -> tuple[Function, ...]:
    """Decide which functions the answer calls.

    These are the functions that the last user message names. If it names none, it is the first one, when a call is
    required or the message has the word "tool". Under `auto`, a conversation that does not end with the user gets a
    text.
    """
    if request.mode == "none" or not request.functions:
        return ()
    last = request.messages[-1]
    if request.mode == "auto" and last["role"] != "user":
        return ()
    question = next((text_of(message) for message in reversed(request.messages) if message["role"] == "user"), "")
    words = set(re.findall(r"[\w-]+", question))
    named = tuple(function for function in request.functions if function.name in words)
    if not named and (request.mode == "required" or {"tool", "tools", "Tool", "Tools"} & words):
        named = request.functions[:1]
    return named if request.parallel else named[:1]


def _tool_calls(functions: tuple[Function, ...], seed: int) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for position, function in enumerate(functions):
        pieces = _arguments(function, seed + position)
        # The seed has 72 bits: 64 of the request's digest and 8 of the choice's index.
        calls.append(ToolCall(f"call_{seed:018x}{position:06x}", function.name, pieces, function.kind))
    return calls


def _arguments(function: Function, seed: int) -> list[str]:
    if function.kind == "custom":
        return sentences(Random(seed), 20, 60)
    try:
        return tokens(_json(example({"type": "object", **function.parameters}, seed)))
    except SchemaError as error:
        raise unusable_function(function.name, error) from None


def _cut_calls(calls: list[ToolCall], left: float) -> tuple[tuple[ToolCall, ...], bool]:
    """Keep what `left` tokens pay for, and say whether anything was cut. Arguments may end in the middle."""
    kept: list[ToolCall] = []
    for call in calls:
        if call.tokens <= left:
            kept.append(call)
            left -= call.tokens
            continue
        room = int(left) - count(call.name)
        if room >= 0:
            kept.append(evolve(call, pieces=call.pieces[:room]))
        return tuple(kept), True
    return tuple(kept), False
