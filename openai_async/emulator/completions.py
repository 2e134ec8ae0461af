"""The endpoint of `POST /v1/completions`: text completions, in one reply or streamed.

A prompt that ends in counted numbers is continued with the next numbers, any other with generated sentences. The same
request always gets the same texts. It checks, admits, and only then generates.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from itertools import zip_longest
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
from attrs import frozen
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call, EventStream
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import context_exceeded, invalid
from openai_async.emulator.fields import Fields, JSONObject
from openai_async.emulator.sampling import Prompt, read_prompts, read_stop
from openai_async.emulator.text import WORDS, count, cut_at_stop, digest, one_of, sentences, tokens

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend
    from openai_async.emulator.conditions import Pace
    from openai_async.emulator.request_log import Entry

__all__ = ["routes"]

_MAX_TOKENS = 16
_MOST_PROMPTS = 2048
_COUNTED = re.compile(r"(\d+)\s*,\s*(\d+)(\s*,\s*)$")
_COUNTS = 1_000  # numbers that are counted on at most


@frozen
class _Request:
    """A request, checked, with its defaults filled in."""

    prompts: list[Prompt]
    suffix: str
    n: int
    best_of: int
    max_tokens: int
    stop: tuple[str, ...]
    echo: bool
    logprobs: int | None
    stream: bool
    include_usage: bool

    @classmethod
    def read(cls, body: JSONObject) -> _Request:
        fields = Fields({"prompt": "<|endoftext|>", **{name: part for name, part in body.items() if part is not None}})
        for name, low, high in (
            ("temperature", 0, 2),
            ("top_p", 0, 1),
            ("presence_penalty", -2, 2),
            ("frequency_penalty", -2, 2),
        ):
            fields.number(name, low, high)
        fields.mapping("logit_bias")
        fields.integer("seed")
        stream = fields.flag("stream")
        n = fields.integer("n", 1, 128) or 1
        max_tokens = fields.integer("max_tokens", 0)
        return cls(
            prompts=read_prompts(fields, "prompt", _MOST_PROMPTS),
            suffix=fields.text("suffix") or "",
            n=n,
            best_of=_best_of(fields, n, stream),
            max_tokens=_MAX_TOKENS if max_tokens is None else max_tokens,
            stop=read_stop(fields),
            echo=fields.flag("echo"),
            logprobs=fields.integer("logprobs", 0, 5),
            stream=stream,
            include_usage=_include_usage(fields, stream),
        )

    @property
    def prompt_tokens(self) -> int:
        return sum(prompt.tokens for prompt in self.prompts) + len(self.prompts) * count(self.suffix)


@frozen
class _Text:
    """One text: its tokens after those of the prompt, and log probabilities of both."""

    echoed: str
    pieces: list[str]
    finish: str
    logprobs: JSONObject | None


def routes(emulator: Backend) -> list[Route]:
    """`POST /v1/completions`."""

    def create(call: Call) -> Answer | EventStream:
        body = call.json()
        name = Fields(body).text("model")
        if not name:
            raise invalid("you must provide a model parameter")
        call.entry.model = name
        model = emulator.catalog.find(name)
        call.entry.model = model.id
        request = _Request.read(body)
        longest = max(prompt.tokens for prompt in request.prompts)
        if longest + request.max_tokens > model.context_window:
            raise context_exceeded(model.context_window, longest, request.max_tokens)
        emulator.admit(call, model.id, _charge(request))
        seed = digest([model.id, [prompt.text for prompt in request.prompts], request.suffix, body.get("seed")])
        texts, completion_tokens = _compose(request, seed)
        call.entry.prompt_tokens = request.prompt_tokens
        common = {
            "id": f"cmpl-{seed:016x}{call.entry.sequence:012d}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model.snapshot,
            "system_fingerprint": "fp_emulated",
        }
        pace = emulator.latency.pace(seed)
        if request.stream:
            return EventStream(_events(common, request, texts, pace, call.entry))
        call.entry.completion_tokens = completion_tokens
        choices = [
            {
                "text": text.echoed + "".join(text.pieces),
                "index": index,
                "logprobs": text.logprobs,
                "finish_reason": text.finish,
            }
            for index, text in enumerate(texts)
        ]
        reply = {**common, "choices": choices, "usage": _usage(request, completion_tokens)}
        return Answer(orjson.dumps(reply), after=pace.due(max(len(text.pieces) for text in texts)))

    return [Route("/v1/completions", Endpoint(emulator, POST=create))]


def _best_of(fields: Fields, n: int, stream: bool) -> int:
    best_of = fields.integer("best_of", 1, 20)
    if best_of is None:
        return n
    if best_of < n:
        raise invalid(f"'best_of' ({best_of}) must not be less than 'n' ({n}).", param="best_of")
    if stream and best_of > n:
        raise invalid("'best_of' larger than 'n' cannot be streamed.", param="best_of")
    return best_of


def _include_usage(fields: Fields, stream: bool) -> bool:
    options = fields.fields("stream_options")
    if options is None:
        return False
    if not stream:
        raise invalid(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    return options.flag("include_usage")


def _charge(request: _Request) -> int:
    """Estimate the tokens for the rate limit: the prompt from its characters, all completions at their maximum."""
    characters = sum(prompt.characters for prompt in request.prompts) + len(request.suffix)
    return math.ceil(characters / 4) + len(request.prompts) * request.best_of * request.max_tokens


def _usage(request: _Request, completion_tokens: int) -> JSONObject:
    prompt = request.prompt_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion_tokens, "total_tokens": prompt + completion_tokens}


# -- texts ---------------------------------------------------------------------------------------------------


def _compose(request: _Request, seed: int) -> tuple[list[_Text], int]:
    """Generate the texts that are returned. Also gives the number of tokens of all texts, discarded ones included."""
    texts: list[_Text] = []
    completion_tokens = 0
    for at, prompt in enumerate(request.prompts):
        tried = [_text(request, prompt, seed + (at << 8) + index) for index in range(request.best_of)]
        completion_tokens += sum(len(text.pieces) for text in tried)
        texts += tried[: request.n]  # which of them is likeliest is anybody's guess
    return texts, completion_tokens


def _text(request: _Request, prompt: Prompt, seed: int) -> _Text:
    rng = Random(seed)
    pieces, finish = _counted_on(prompt.text) or tokens(" ") + sentences(rng), "stop"
    if len(pieces) > request.max_tokens:
        pieces, finish = pieces[: request.max_tokens], "length"
    pieces, stopped = cut_at_stop(pieces, request.stop)
    echoed = prompt.text if request.echo else ""
    figures = None if request.logprobs is None else _logprobs(tokens(echoed), pieces, request.logprobs, rng)
    return _Text(echoed, pieces, "stop" if stopped else finish, figures)


def _counted_on(prompt: str) -> list[str]:
    """Continue a prompt that ends in counted numbers."""
    match = _COUNTED.search(prompt[-200:])
    if match is None or len(match[2]) > 9 or int(match[2]) != int(match[1]) + 1:
        return []
    last, between = int(match[2]), match[3]
    return tokens(between.join(str(number) for number in range(last + 1, last + _COUNTS)))


def _logprobs(echoed: list[str], pieces: list[str], top: int, rng: Random) -> JSONObject:
    """Invent plausible log probabilities: mostly high, each alternative lower than the chosen token."""
    offsets: list[int] = []
    at = 0
    chances: list[float | None] = []
    ranked: list[JSONObject | None] = []
    for piece in (*echoed, *pieces):
        offsets.append(at)
        at += len(piece)
        if echoed and not chances:
            chances.append(None)  # nothing stands before the first token of a prompt
            ranked.append(None)
            continue
        chance = round(-1.5 * rng.random() ** 3, 6)
        best = {piece: chance}
        for _ in range(top - 1):
            chance = round(chance - 0.5 - rng.random(), 6)
            best.setdefault(" " + one_of(rng, WORDS)[:5], chance)
        chances.append(best[piece])
        ranked.append(best)
    return {
        "tokens": [*echoed, *pieces],
        "token_logprobs": chances,
        "top_logprobs": ranked if top else None,
        "text_offset": offsets,
    }


# -- streams -------------------------------------------------------------------------------------------------


def _events(
    common: JSONObject, request: _Request, texts: list[_Text], pace: Pace, entry: Entry
) -> Iterator[tuple[float, bytes]]:
    """Make the stream's events, each with the time at which it is due. Counts the tokens into `entry`."""
    head = b"data: " + orjson.dumps(common)[:-1] + b',"choices":'
    tail = b',"usage":null}\n\n' if request.include_usage else b"}\n\n"
    position = 0
    for position, turn in enumerate(zip_longest(*map(_steps, range(len(texts)), texts))):
        for step in turn:
            if step is not None:
                entry.completion_tokens += step["finish_reason"] is None
                yield pace.due(position), head + orjson.dumps([step]) + tail
    if request.include_usage:
        usage = orjson.dumps(_usage(request, sum(len(text.pieces) for text in texts)))
        yield pace.due(position), head + b'[],"usage":' + usage + b"}\n\n"
    yield pace.due(position), b"data: [DONE]\n\n"


def _steps(index: int, text: _Text) -> Iterator[JSONObject]:
    """Make the pieces of one text: its prompt with the first token, if it is echoed, then token after token."""
    echoed = len(tokens(text.echoed))
    for at, piece in enumerate(text.pieces):
        start = 0 if at == 0 else echoed + at
        shown = text.echoed + piece if at == 0 else piece
        yield _piece(index, shown, _slice(text.logprobs, start, echoed + at + 1), None)
    if text.echoed and not text.pieces:
        yield _piece(index, text.echoed, _slice(text.logprobs, 0, echoed), text.finish)
    else:
        yield _piece(index, "", None, text.finish)


def _piece(index: int, text: str, logprobs: JSONObject | None, finish: str | None) -> JSONObject:
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish}


def _slice(logprobs: JSONObject | None, start: int, end: int) -> JSONObject | None:
    if logprobs is None:
        return None
    return {name: None if part is None else _part(part, start, end) for name, part in logprobs.items()}


def _part(values: list[Any], start: int, end: int) -> list[Any]:
    return values[start:end]
