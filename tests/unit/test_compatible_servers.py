"""Servers that speak the API in dialects of their own: what they say is read, and nothing of it is lost.

The replies are as such servers send them, shortened. What is no reply stays an error, whoever sends it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_async import (
    APIStatusError,
    AsyncClient,
    BadRequestError,
    DecodeError,
    IdleTimeoutError,
    InternalServerError,
    RateLimitError,
    StreamInterrupted,
    Timeout,
)
from openai_async.testing import FaultServer, Script, Sleep, respond, sse
from openai_async.types.chat import ChatCompletion, ChatCompletionChunk

MESSAGES: Any = [{"role": "user", "content": "Hello!"}]
HEAD = {"id": "c-1", "object": "chat.completion", "created": 1_760_000_000, "model": "m"}
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
HI = {"role": "assistant", "content": "Hi."}


def whole(message: Any = HI, **fields: Any) -> dict[str, Any]:
    """A reply with one choice, and whatever else is given; `choice` holds fields beside the message."""
    choice = {"index": 0, "message": message, "finish_reason": "stop", **fields.pop("choice", {})}
    return {**HEAD, "choices": [choice], "usage": USAGE, **fields}


def without(reply: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in reply.items() if name not in names}


def calling(**call: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [call]}


WEATHER = {"name": "weather", "arguments": '{"city":"Rome"}'}
PARTS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
    {"type": "text", "text": "Hi"},
    {"type": "reference", "reference_ids": [1]},
    {"type": "text", "text": "."},
]

#: By server: the reply, and its text.
WHOLE: dict[str, tuple[Any, str]] = {
    "vLLM": (
        whole(
            {**HI, "reasoning_content": "Hm.", "refusal": None, "annotations": None, "audio": None, "tool_calls": []},
            choice={"logprobs": None, "stop_reason": 151_645, "token_ids": None},
            usage={**USAGE, "prompt_tokens_details": None},
            service_tier=None,
            prompt_logprobs=None,
            kv_transfer_params=None,
        ),
        "Hi.",
    ),
    "vLLM, log probabilities of text completions": (
        whole(
            choice={
                "logprobs": {
                    "text_offset": [0, 2],
                    "token_logprobs": [None, -0.5],
                    "tokens": ["Hi", "."],
                    "top_logprobs": [None, {".": -0.5}],
                }
            }
        ),
        "Hi.",
    ),
    "llama.cpp": (whole(timings={"prompt_n": 9, "predicted_per_second": 71.3}, system_fingerprint="b6000"), "Hi."),
    "llama.cpp, arguments as an object": (
        whole(calling(id="x", type="function", function={"name": "weather", "arguments": {"city": "Rome"}})),
        "",
    ),
    "Ollama": (whole({**HI, "reasoning": "Hm."}, system_fingerprint="fp_ollama"), "Hi."),
    "TGI, arguments as an object": (
        whole(
            calling(
                id=0,
                type="function",
                function={"description": None, "name": "weather", "arguments": {"city": "Rome"}},
            ),
            id="",
            choice={"finish_reason": "eos_token"},
            system_fingerprint="2.0.4-sha-f426a33",
        ),
        "",
    ),
    "LM Studio": (whole({**HI, "tool_calls": []}, stats={}, system_fingerprint="qwen"), "Hi."),
    "Mistral, content in parts": (whole({"role": "assistant", "content": PARTS, "tool_calls": None}), "Hi."),
    "Mistral, only thoughts": (whole({"role": "assistant", "content": PARTS[:1]}), ""),
    "a single part": (whole({"role": "assistant", "content": PARTS[1]}), "Hi"),
    "DeepSeek": (
        b"\n\n\n\n"
        + json.dumps(
            whole(
                {**HI, "reasoning_content": "Hm."},
                usage={**USAGE, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5},
            )
        ).encode(),
        "Hi.",
    ),
    "Groq": (
        whole(
            usage={**USAGE, "queue_time": 0.018, "total_time": 0.02},
            usage_breakdown=None,
            x_groq={"id": "req_1"},
            service_tier="on_demand",
        ),
        "Hi.",
    ),
    "OpenRouter": (
        b"         \n"
        + json.dumps(
            whole(
                {**HI, "reasoning": "Hm.", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
                provider="Novita",
                choice={"native_finish_reason": "STOP"},
                usage={**USAGE, "cost": 0.00014, "is_byok": False, "cost_details": {"upstream_inference_cost": None}},
            )
        ).encode(),
        "Hi.",
    ),
    "Gemini, no id": (without(whole(), "id"), "Hi."),
    "Gemini, id null": (whole(id=None), "Hi."),
    "Gemini, nothing said": (whole({"role": "assistant"}, choice={"finish_reason": "length"}), ""),
    "Gemini, message null": (whole(None, choice={"finish_reason": "content_filter: PROHIBITED_CONTENT"}), ""),
    "Gemini, no choices": (whole(choices=None), ""),
    "Gemini, a call with a signature": (
        whole(
            calling(
                id="",
                type="function",
                function=WEATHER,
                extra_content={"google": {"thought_signature": "abc"}},
            )
        ),
        "",
    ),
    "Perplexity": (
        whole(
            {**HI, "role": "assistant"},
            choice={"delta": {"role": "assistant", "content": ""}},
            citations=["https://example.com"],
            usage={**USAGE, "search_context_size": "low", "cost": {"total_cost": 0.006}},
        ),
        "Hi.",
    ),
    "Together": (whole(prompt=[], choice={"seed": 8_283_682_136_846_829_000, "finish_reason": "eos"}), "Hi."),
    "SambaNova": (whole(created=1_757_876_416.566_1, usage={**USAGE, "is_last_response": True}), "Hi."),
    "a gateway, fractions of tokens": (whole(usage={"prompt_tokens": 2.25, "total_tokens": 14417.92}), "Hi."),
    "a gateway, numbers as text": (
        whole(
            created="1760000000",
            usage={"prompt_tokens": "9", "completion_tokens": "3", "total_tokens": "12"},
            choice={"index": "0"},
        ),
        "Hi.",
    ),
    "no usage": (without(whole(), "usage"), "Hi."),
    "usage null": (whole(usage=None), "Hi."),
    "usage in halves": (whole(usage={"prompt_tokens": 9, "completion_tokens": None}), "Hi."),
    "next to nothing": ({"choices": [{"message": {"content": "Hi."}}]}, "Hi."),
    "null wherever it may be": (
        {
            "id": None,
            "object": None,
            "created": None,
            "model": None,
            "usage": None,
            "choices": [
                {
                    "index": None,
                    "finish_reason": None,
                    "message": {"role": None, "content": None, "tool_calls": None, "function_call": None},
                }
            ],
        },
        "",
    ),
    "a byte order mark": (b"\xef\xbb\xbf" + json.dumps(whole()).encode(), "Hi."),
}
#: Written in another form than the API's, and read as that.
CONVERTED = {"0": 0, 0: "0", "9": 9, "3": 3, "12": 12, "1760000000": 1_760_000_000}


def kept(sent: Any, back: Any) -> None:
    """Everything that was said is there: under the same name, with the same value or that in the API's form."""
    if isinstance(sent, dict) and isinstance(back, dict):
        for name, value in sent.items():
            if value is not None:
                assert name in back
                kept(value, back[name])
    elif isinstance(sent, list):
        assert len(sent) == len(back)
        for one, other in zip(sent, back, strict=True):
            kept(one, other)
    elif isinstance(sent, dict):
        assert json.loads(back) == sent
    else:
        assert back == sent or back == CONVERTED[sent]


def client(server: FaultServer) -> AsyncClient:
    return AsyncClient(api_key="k", base_url=server.base_url, max_retries=0)


async def asked(script: Script) -> ChatCompletion:
    with FaultServer([script]) as server:
        async with client(server) as ours:
            return await ours.chat.completions.create(model="m", messages=MESSAGES)


@pytest.mark.parametrize("name", WHOLE)
async def test_a_whole_reply_is_read_and_nothing_is_lost(name: str) -> None:
    """Its text is text, every field is kept, and its message can be sent back as it came."""
    sent, text = WHOLE[name]
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    reply = await asked(respond(200, body, {"content-type": "application/json"}))
    assert reply.text == text
    kept(json.loads(body.decode("utf-8-sig")), reply.to_dict())
    for choice in reply.choices:
        for call in choice.message.tool_calls or ():
            assert call.function is not None
            assert call.function.arguments is not None
            assert json.loads(call.function.arguments) == {"city": "Rome"}


async def test_a_content_in_parts_is_text_and_goes_back_in_parts() -> None:
    """Code that knows one kind of content reads its text; the server gets what it sent."""
    replies = [respond(200, json.dumps(WHOLE["Mistral, content in parts"][0]).encode())]
    with FaultServer(replies) as server:
        async with client(server) as ours:
            reply = await ours.chat.completions.create(model="m", messages=MESSAGES)
            message = reply.choices[0].message
            assert message.content == "Hi."
            assert message.extra["content"] == PARTS
            await ours.chat.completions.create(model="m", messages=[*MESSAGES, message])
        assert server.requests[1].json()["messages"][1] == {"role": "assistant", "content": PARTS}


# ---- streams


def chunk(delta: Any = None, **fields: Any) -> dict[str, Any]:
    """An event with one choice; `choice` holds fields beside the delta."""
    choice = {"index": 0, "delta": delta, **fields.pop("choice", {})}
    return {**HEAD, "object": "chat.completion.chunk", "choices": [choice], **fields}


def said(text: Any, **fields: Any) -> dict[str, Any]:
    return chunk({"content": text}, **fields)


END = chunk({}, choice={"finish_reason": "stop"})
DONE = "[DONE]"


def piece(**call: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [call]})


def raw(event: Any, before: bytes = b"data: ", after: bytes = b"\n\n") -> bytes:
    return before + (json.dumps(event).encode() if isinstance(event, dict) else event) + after


#: By server: the events, and what of the whole reply is to be as stated.
STREAMS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "vLLM, usage in every event": (
        [
            chunk({"role": "assistant", "content": ""}, usage={**USAGE, "completion_tokens": 0}),
            said("Hi", usage={**USAGE, "completion_tokens": 1}),
            said(".", usage={**USAGE, "completion_tokens": 2}, choice={"stop_reason": None, "finish_reason": "stop"}),
            {**chunk(usage=USAGE), "choices": []},
            DONE,
        ],
        {"text": "Hi.", "usage": USAGE},
    ),
    "vLLM, another id in each piece of a call": (
        [
            piece(index=0, id="chatcmpl-tool-1", type="function", function={"name": "weather"}),
            piece(index=0, id="chatcmpl-tool-2", type="function", function={"arguments": '{"city":'}),
            piece(index=0, id="chatcmpl-tool-3", type="function", function={"arguments": '"Rome"}'}),
            END,
            DONE,
        ],
        {"calls": [("chatcmpl-tool-1", "weather", '{"city":"Rome"}')]},
    ),
    "llama.cpp": (
        [
            chunk({"role": "assistant", "content": None}, choice={"finish_reason": None}),
            said("Hi."),
            {**END, "timings": {"predicted_per_second": 71.3}},
            DONE,
        ],
        {"text": "Hi.", "timings": {"predicted_per_second": 71.3}},
    ),
    "llama.cpp, pings": ([b":\n\n", raw(said("Hi.")), b":\n\n", raw(END), DONE], {"text": "Hi."}),
    "Ollama, every call number 0": (
        [
            piece(index=0, id="call_1", type="function", function=WEATHER),
            piece(index=0, id="call_2", type="function", function={**WEATHER, "name": "news"}),
            END,
            DONE,
        ],
        {"calls": [("call_1", "weather", '{"city":"Rome"}'), ("call_2", "news", '{"city":"Rome"}')]},
    ),
    "calls without a number": (
        [
            piece(id="call_1", type="function", function={**WEATHER, "arguments": None}),
            piece(function={"arguments": '{"city":"Rome"}'}),
            piece(id="call_2", index=None, type="function", function=WEATHER),
            END,
            DONE,
        ],
        {"calls": [("call_1", "weather", '{"city":"Rome"}'), ("call_2", "weather", '{"city":"Rome"}')]},
    ),
    "TGI, no space, one call where a list belongs": (
        [
            raw(
                chunk({"tool_calls": {"index": 0, "id": "", "type": "function", "function": {"name": "weather"}}}),
                b"data:",
            ),
            raw(
                chunk({"tool_calls": {"index": "0", "id": "", "function": {"arguments": '{"city":"Rome"}'}}}), b"data:"
            ),
            raw(END, b"data:"),
            b"data:[DONE]\n\n",
        ],
        {"calls": [(None, "weather", '{"city":"Rome"}')]},
    ),
    "LM Studio": (
        [chunk({"role": "assistant", "content": "Hi."}, system_fingerprint="qwen"), END, DONE],
        {"text": "Hi."},
    ),
    "Mistral, content in parts": (
        [
            chunk({"role": "assistant", "content": ""}),
            said(PARTS[:1]),
            said([{"type": "thinking", "thinking": [{"type": "text", "text": " So."}]}]),
            said("Hi"),
            said("."),
            END,
            DONE,
        ],
        {
            "text": "Hi.",
            "content": [
                PARTS[0],
                {"type": "thinking", "thinking": [{"type": "text", "text": " So."}]},
                {"type": "text", "text": "Hi."},
            ],
        },
    ),
    "Mistral, text in parts": (
        [said("A "), said([{"type": "text", "text": "Hi"}, PARTS[2]]), said("."), END, DONE],
        {"text": "A Hi.", "content": [{"type": "text", "text": "A "}, PARTS[1], PARTS[2], PARTS[3]]},
    ),
    "DeepSeek": (
        [
            b": keep-alive\n\n: keep-alive\n\n",
            raw(chunk({"role": "assistant", "content": None, "reasoning_content": "Hm"})),
            raw(chunk({"content": None, "reasoning_content": "."})),
            raw(chunk({"content": "Hi.", "reasoning_content": None})),
            raw({**END, "usage": {**USAGE, "prompt_cache_hit_tokens": 4}}),
            DONE,
        ],
        {"text": "Hi.", "reasoning_content": "Hm.", "usage": {**USAGE, "prompt_cache_hit_tokens": 4}},
    ),
    "Groq": (
        [
            chunk({"role": "assistant", "content": ""}, x_groq={"id": "req_1"}),
            said("Hi."),
            {**END, "x_groq": {"id": "req_1", "usage": USAGE}},
            DONE,
        ],
        {"text": "Hi.", "x_groq": {"id": "req_1", "usage": USAGE}},
    ),
    "OpenRouter": (
        [
            b": OPENROUTER PROCESSING\n\n",
            raw(chunk({"content": "", "reasoning": "H", "reasoning_details": [{"index": 0, "text": "H"}]})),
            raw(chunk({"content": "", "reasoning": "m.", "reasoning_details": [{"index": 0, "text": "m."}]})),
            b"data: : OPENROUTER PROCESSING\n\n",
            raw(said("Hi.", provider="Novita", choice={"native_finish_reason": None, "finish_reason": None})),
            raw({**END, "usage": {**USAGE, "cost": 0.1}}),
            DONE,
        ],
        {
            "text": "Hi.",
            "reasoning": "Hm.",
            "reasoning_details": [{"index": 0, "text": "H"}, {"index": 0, "text": "m."}],
            "provider": "Novita",
        },
    ),
    "Gemini, no id, role in every event": (
        [
            without(chunk({"role": "assistant", "content": "Hi"}, usage=USAGE), "id"),
            without(chunk({"role": "assistant", "content": "."}, usage=USAGE, choice={"finish_reason": "stop"}), "id"),
            DONE,
        ],
        {"text": "Hi.", "usage": USAGE},
    ),
    "Moonshot, usage in the choice": (
        [said("Hi."), chunk({}, choice={"finish_reason": "stop", "usage": USAGE}), DONE],
        {"text": "Hi."},
    ),
    "an event without choices": (
        [said("Hi."), END, without(chunk(usage=USAGE), "choices"), without(chunk(), "choices"), DONE],
        {"text": "Hi.", "usage": USAGE},
    ),
    "choices null, delta null, delta absent": (
        [
            {**chunk(), "choices": None},
            said("Hi."),
            chunk(None),
            {**chunk(), "choices": [{"index": 0}]},
            {**chunk(), "choices": [{"delta": {"content": None, "tool_calls": None, "role": None}}]},
            chunk(None, choice={"finish_reason": "stop"}),
            DONE,
        ],
        {"text": "Hi."},
    ),
    "next to nothing": ([{"choices": [{"delta": {"content": "Hi."}}]}, DONE], {"text": "Hi."}),
    "numbers as text and in fractions": (
        [said("Hi.", created="1760000000", choice={"index": "0"}), said("", created=1.5), END, DONE],
        {"text": "Hi."},
    ),
    "a byte order mark, and lines that end as on Windows": (
        [b"\xef\xbb\xbf" + raw(said("Hi."), after=b"\r\n\r\n"), raw(END, after=b"\r\n\r\n"), b"data: [DONE]\r\n\r\n"],
        {"text": "Hi."},
    ),
    "signs of life that are events": (
        [
            b"data:\n\n",
            raw(said("Hi.")),
            b"data: \n\ndata:   \n\n",
            b"event: ping\ndata: {}\n\n",
            b'event: ping\ndata: {"type": "ping"}\n\n',
            raw(END) + b"id: 5\n\nretry: 10\n\n",
            DONE,
        ],
        {"text": "Hi."},
    ),
    "an end with spaces": ([said("Hi."), END, b"data:  [DONE] \n\n"], {"text": "Hi."}),
    "an end without a blank line": ([said("Hi."), END, b"data: [DONE]\n"], {"text": "Hi."}),
    "an end with spaces and without a blank line": ([said("Hi."), END, b"data: [DONE] "], {"text": "Hi."}),
}


async def streamed(events: list[Any], framing: Any = "chunked") -> tuple[list[ChatCompletionChunk], ChatCompletion]:
    with FaultServer([sse(events, framing=framing)]) as server:
        async with client(server) as ours, ours.chat.completions.stream(model="m", messages=MESSAGES) as stream:
            chunks = [event async for event in stream]
            return chunks, await stream.final()


@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream_is_read_and_nothing_is_lost(name: str) -> None:
    """Text, calls, usage and fields that only this server has are in the whole reply, and every event is a chunk."""
    events, wanted = STREAMS[name]
    chunks, reply = await streamed(events)
    message = reply.choices[0].message
    found = {
        "text": reply.text,
        "calls": [
            (c.id or None, c.function.name, c.function.arguments) for c in message.tool_calls or () if c.function
        ],
        "usage": reply.usage and {n: v for n, v in reply.usage.to_dict().items() if n in wanted.get("usage", ())},
        **reply.extra,
        **message.extra,
    }
    assert {name: found[name] for name in wanted} == wanted
    sent = [event for event in events if isinstance(event, dict)]
    if len(sent) == len(events) - 1:
        for event, chunk_ in zip(sent, chunks, strict=True):
            kept(event, chunk_.to_dict())


async def test_signs_of_life_are_no_events() -> None:
    """They do not renew the time in which the next event is due."""
    alive: list[Any] = [Sleep(0.02), b"data:\n\n", b"event: ping\ndata: {}\n\n"] * 1_000
    with FaultServer([sse([said("Hi."), *alive, END, DONE])]) as server:
        async with (
            client(server) as ours,
            ours.chat.completions.stream(model="m", messages=MESSAGES, timeout=Timeout(idle=0.3)) as stream,
        ):
            with pytest.raises(IdleTimeoutError):
                await stream.final()


# ---- errors of theirs

ERRORS: dict[str, tuple[Any, type[Exception], str]] = {
    "OpenRouter": (
        {**said(""), "error": {"code": 429, "message": "Provider returned error"}},
        RateLimitError,
        "Provider returned",
    ),
    "OpenRouter, code as a word": (
        {**said(""), "error": {"code": "server_error", "message": "Provider disconnected"}},
        InternalServerError,
        "disconnected",
    ),
    "LiteLLM": ({"error": {"message": "too long", "code": "400", "type": "None"}}, BadRequestError, "too long"),
    "TGI": ({"error": "Model is overloaded", "error_type": "overloaded"}, InternalServerError, "overloaded"),
    "vLLM": ({"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}, BadRequestError, "bad"),
    "llama.cpp, a line of its own": (
        b'error: {"code":400,"message":"too large","type":"invalid_request_error"}\n\n',
        BadRequestError,
        "too large",
    ),
    "LM Studio": (b'event: error\ndata: {"error":{"message":"unloaded"}}\n\n', InternalServerError, "unloaded"),
}


@pytest.mark.parametrize("name", ERRORS)
async def test_an_error_midway_is_raised_as_what_it_is(name: str) -> None:
    """With what had arrived, and not as damage or as an end."""
    event, kind, says = ERRORS[name]
    with pytest.raises(kind, match=says) as caught:
        await streamed([said("Hi"), event, DONE])
    assert isinstance(caught.value, APIStatusError)
    assert caught.value.partial.text == "Hi"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"code": 429, "message": "busy"}, "user_id": "u"}, RateLimitError),
        ({"id": "x", "choices": None, "error": {"code": 429, "message": "busy"}}, RateLimitError),
        ({"id": "x", "choices": [], "error": {"code": "429", "message": "busy"}}, RateLimitError),
        ({"object": "error", "message": "busy", "code": 429}, RateLimitError),
        ({"error": "busy"}, InternalServerError),
    ],
)
async def test_an_error_that_calls_itself_a_success_is_an_error(body: Any, kind: type[Exception]) -> None:
    """200 is what the gateway says; the body knows better."""
    with pytest.raises(kind, match="busy"):
        await asked(respond(200, json.dumps(body).encode()))


@pytest.mark.parametrize("body", [{"error": {"code": 400, "message": "bad"}}, {"error": "bad"}, {"detail": "bad"}])
async def test_an_error_body_of_any_form_is_read(body: Any) -> None:
    """Codes as numbers, errors as plain text, frameworks that wrap nothing."""
    with pytest.raises(BadRequestError, match="bad"):
        await asked(respond(400, json.dumps(body).encode()))


# ---- what stays an error


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(whole()).encode()[:-1],
        b"<html><body>Bad gateway</body></html>",
        b"",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf" * 5_000,
        b"{}",
        b'{"choices": []}',
        json.dumps(whole("Hi.")).encode(),
        json.dumps(whole({"content": ["Hi."]})).encode(),
        json.dumps(whole({"content": 5})).encode(),
        json.dumps(whole(calling(function={"arguments": 5}))).encode(),
        json.dumps(whole(created="yesterday")).encode(),
        json.dumps(whole(usage={"total_tokens": "many"})).encode(),
        json.dumps(without(whole(), "choices")).encode(),
    ],
)
async def test_what_is_no_reply_is_a_decode_error(body: bytes) -> None:
    """Truncated, HTML, empty, or of a shape that means nothing: never a value with holes."""
    with pytest.raises(DecodeError):
        await asked(respond(200, body, {"content-type": "application/json"}))


@pytest.mark.parametrize("last", [[], [b"data: [DON"], [b": [DONE]\n\n"], [b"event: done\n\n"], [b"data:\n\n"]])
async def test_a_stream_without_its_end_is_interrupted(last: list[Any]) -> None:
    """Also after a finish reason, where the body ends with the connection: whether more was to come, nobody knows."""
    with pytest.raises(StreamInterrupted) as caught:
        await streamed([said("Hi."), END, *last], "close")
    assert caught.value.partial.text == "Hi."


@pytest.mark.parametrize("framing", ["chunked", "length"])
async def test_a_stream_without_done_is_whole_by_its_framing(framing: str) -> None:
    """Some servers send no [DONE]: a reason for every choice, and a body that ended as it said, are the end."""
    assert (await streamed([said("Hi."), END], framing))[1].text == "Hi."
    for events in ([said("Hi.")], [said("Hi."), END, b"data: [DON"]):
        with pytest.raises(StreamInterrupted) as caught:
            await streamed(events, framing)
        assert caught.value.partial.text == "Hi."


@pytest.mark.parametrize(
    "event", ["null", "{}", '"Hi."', '{"choices": 5}', '{"type": "ping"}', '{"usage": 5}', "{", "x"]
)
async def test_an_event_that_means_nothing_is_a_decode_error(event: str) -> None:
    """A sign of life says that it is one."""
    with pytest.raises(DecodeError) as caught:
        await streamed([said("Hi."), event, END, DONE])
    assert caught.value.partial.text == "Hi."
