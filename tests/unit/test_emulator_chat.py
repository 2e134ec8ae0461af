"""What the emulator answers to chat requests: the words, the shapes, the streams, the tools and the JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from openai_async.emulator import Emulator, Model
from openai_async.emulator.text import count, sentences, tokens

Body = dict[str, Any]

MODELS = (
    Model("emulated-mini", context_window=10_000),
    Model("emulated-reasoner", reasoning=True, unsupported=frozenset({"stop"})),
)


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with (
        Emulator(models=MODELS).run() as server,
        httpx.Client(base_url=server.base_url, headers={"authorization": "Bearer sk-test"}) as client,
    ):
        yield client


def tool(name: str, parameters: Body | None = None) -> Body:
    return {"type": "function", "function": {"name": name, "parameters": parameters or {}}}


WEATHER = tool(
    "get_weather",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string", "minLength": 30},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "days": {"type": "integer", "minimum": 3, "maximum": 4},
        },
        "required": ["city", "unit", "days"],
    },
)
CLOCK = tool("get_time", {"type": "object", "properties": {"zone": {"const": "UTC"}}, "required": ["zone"]})


def body(text: str = "Hello!", **rest: Any) -> Body:
    return {"model": "emulated-mini", "messages": [{"role": "user", "content": text}], **rest}


def ask(client: httpx.Client, text: str = "Hello!", **rest: Any) -> Body:
    reply = client.post("/chat/completions", json=body(text, **rest))
    assert reply.status_code == 200, reply.text
    found: Body = reply.json()
    return found


def answer(client: httpx.Client, text: str = "Hello!", **rest: Any) -> str:
    found: str = ask(client, text, **rest)["choices"][0]["message"]["content"]
    return found


def chunks(client: httpx.Client, text: str = "Hello!", **rest: Any) -> list[Body]:
    reply = client.post("/chat/completions", json=body(text, stream=True, **rest))
    assert reply.headers["content-type"].startswith("text/event-stream")
    *events, last, end = reply.text.split("\n\n")
    assert (last, end) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def folded(found: list[Body]) -> list[Body]:
    """Fold the chunks of a stream into the choices of a whole reply."""
    choices: dict[int, Body] = {}
    for chunk in found:
        for part in chunk["choices"]:
            choice = choices.setdefault(part["index"], {"content": None, "calls": {}, "finish": None})
            delta = part["delta"]
            if delta.get("content") is not None:
                choice["content"] = (choice["content"] or "") + delta["content"]
            for call in delta.get("tool_calls", ()):
                known = choice["calls"].setdefault(call["index"], {**call, "arguments": ""})
                known["arguments"] += call["function"]["arguments"]
            choice["finish"] = part["finish_reason"] or choice["finish"]
    return [choices[index] for index in sorted(choices)]


# -- whole replies -----------------------------------------------------------------------------------------------


def test_reply_has_the_shape_of_the_api(client: httpx.Client) -> None:
    """A reply carries every field of the API, and names the dated snapshot instead of the alias."""
    reply = ask(client)
    assert reply["id"].startswith("chatcmpl-")
    assert (reply["object"], reply["model"]) == ("chat.completion", "emulated-mini-2026-11-01")
    assert isinstance(reply["created"], int)
    assert reply["system_fingerprint"]
    (choice,) = reply["choices"]
    assert choice["index"] == 0
    assert choice["finish_reason"] == "stop"
    assert choice["logprobs"] is None
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["refusal"] is None
    usage = reply["usage"]
    assert usage["prompt_tokens"] == 3 + 3 + count("user") + count("Hello!")
    assert usage["completion_tokens"] == count(choice["message"]["content"])
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 0
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0


def test_same_request_gets_the_same_words(client: httpx.Client) -> None:
    """The words follow from model, messages and seed; any other of these gives other words, the id is always new."""
    first, again = ask(client, seed=1), ask(client, seed=1, temperature=0.5)
    assert first["choices"] == again["choices"]
    assert first["id"] != again["id"]
    said = {answer(client, seed=1), answer(client, seed=2), answer(client), answer(client, "Hello?")}
    assert len(said) == 4


def test_replies_are_of_bounded_length() -> None:
    """Whatever the seed, a reply has 20 to 120 tokens and ends as a sentence."""
    from random import Random

    for seed in range(2_000):
        said = sentences(Random(seed))
        assert 20 <= len(said) <= 120
        assert said == tokens("".join(said))
        assert said[-1] == "."


def test_n_choices_differ(client: httpx.Client) -> None:
    """`n` gives that many different choices, in order, all of them counted."""
    reply = ask(client, n=3)
    assert [choice["index"] for choice in reply["choices"]] == [0, 1, 2]
    said = [choice["message"]["content"] for choice in reply["choices"]]
    assert len(set(said)) == 3
    assert reply["usage"]["completion_tokens"] == sum(map(count, said))


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_max_tokens_cuts_the_reply(client: httpx.Client, name: str) -> None:
    """A reply is cut at the maximum with finish_reason `length`, and is the beginning of the whole one."""
    reply = ask(client, **{name: 5})
    (choice,) = reply["choices"]
    assert choice["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 5
    assert answer(client).startswith(choice["message"]["content"])


def test_stop_text_is_not_returned(client: httpx.Client) -> None:
    """A reply ends before the first stop string, given alone or in a list, even inside a token."""
    whole = answer(client)
    stop = whole.split()[3][1:]
    for given in (stop, ["never said", stop]):
        reply = ask(client, stop=given)
        (choice,) = reply["choices"]
        assert choice["message"]["content"] == whole[: whole.index(stop)]
        assert choice["finish_reason"] == "stop"
        assert reply["usage"]["completion_tokens"] <= count(whole[: whole.index(stop)])


def test_stop_within_the_maximum_ends_the_reply(client: httpx.Client) -> None:
    """A reply that a stop string ends before its maximum has finish_reason `stop`."""
    whole = answer(client)
    (choice,) = ask(client, stop=whole.split()[2], max_tokens=count(whole) - 1)["choices"]
    assert choice["finish_reason"] == "stop"


def test_stop_after_the_maximum_does_not_count(client: httpx.Client) -> None:
    """A stop string beyond the maximum length changes nothing."""
    whole = answer(client)
    (choice,) = ask(client, stop=whole.split()[-1], max_tokens=4)["choices"]
    assert choice["finish_reason"] == "length"


def test_logprobs(client: httpx.Client) -> None:
    """Log probabilities are given for every token, with as many alternatives as asked for, best first."""
    (choice,) = ask(client, logprobs=True, top_logprobs=3)["choices"]
    entries = choice["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == choice["message"]["content"]
    for entry in entries:
        assert entry["bytes"] == list(entry["token"].encode())
        ranked = [top["logprob"] for top in entry["top_logprobs"]]
        assert len(ranked) == 3
        assert ranked == sorted(ranked, reverse=True)
        assert entry["logprob"] <= 0
    streamed = [
        entry
        for chunk in chunks(client, logprobs=True, top_logprobs=3)
        for part in chunk["choices"]
        if part["logprobs"]
        for entry in part["logprobs"]["content"]
    ]
    assert streamed == entries


def test_reasoning_counts_as_completion(client: httpx.Client) -> None:
    """A reasoning model's thoughts are counted, and may use up the whole of a small maximum."""
    usage = ask(client, model="emulated-reasoner")["usage"]
    thought = usage["completion_tokens_details"]["reasoning_tokens"]
    assert 0 < thought < usage["completion_tokens"]
    reply = ask(client, model="emulated-reasoner", max_completion_tokens=5)
    assert reply["usage"]["completion_tokens_details"]["reasoning_tokens"] == 5
    assert reply["choices"][0]["message"]["content"] == ""
    assert reply["choices"][0]["finish_reason"] == "length"


def test_text_parts_and_pictures(client: httpx.Client) -> None:
    """Content in parts is read as text; a picture weighs the same whatever its address."""
    parts: list[Body] = [{"type": "text", "text": "Hello!"}]
    plain = ask(client, messages=[{"role": "user", "content": parts}])["usage"]["prompt_tokens"]

    def weight(url: str) -> int:
        content = [*parts, {"type": "image_url", "image_url": {"url": url}}]
        found: int = ask(client, messages=[{"role": "user", "content": content}])["usage"]["prompt_tokens"]
        return found - plain

    assert weight("data:,x") == weight("data:," + "x" * 1_000) > 80


# -- streams -----------------------------------------------------------------------------------------------------


def test_stream_says_what_the_whole_reply_says(client: httpx.Client) -> None:
    """Role first, one delta per token, then a finish; id, created and model are the same in every chunk."""
    found = chunks(client)
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in found}) == 1
    assert found[0]["object"] == "chat.completion.chunk"
    first, *middle, last = (chunk["choices"][0] for chunk in found)
    assert first["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert [part["delta"]["content"] for part in middle] == tokens(answer(client))
    assert last["delta"] == {}
    assert last["finish_reason"] == "stop"
    assert all(part["finish_reason"] is None for part in (first, *middle))
    assert not any("usage" in chunk for chunk in found)


def test_stream_usage(client: httpx.Client) -> None:
    """With include_usage every chunk has a null usage, and one more chunk, without choices, has the usage."""
    *found, last = chunks(client, stream_options={"include_usage": True})
    assert all(chunk["usage"] is None for chunk in found)
    assert last["choices"] == []
    assert last["usage"] == ask(client)["usage"]


def test_choices_of_a_stream_take_turns(client: httpx.Client) -> None:
    """The choices of a stream are interleaved, and each folds to what the whole reply says."""
    found = chunks(client, n=3)
    assert [chunk["choices"][0]["index"] for chunk in found[:6]] == [0, 1, 2, 0, 1, 2]
    whole = ask(client, n=3)["choices"]
    assert [choice["content"] for choice in folded(found)] == [choice["message"]["content"] for choice in whole]


# -- tools -------------------------------------------------------------------------------------------------------


def test_named_tools_are_called_in_parallel(client: httpx.Client) -> None:
    """Tools that the user names are all called, with JSON arguments that satisfy their schemas."""
    (choice,) = ask(client, "Use get_weather and get_time.", tools=[WEATHER, CLOCK])["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    weather, clock = choice["message"]["tool_calls"]
    assert weather["id"] != clock["id"]
    assert (weather["type"], weather["function"]["name"]) == ("function", "get_weather")
    arguments = json.loads(weather["function"]["arguments"])
    assert arguments.keys() == {"city", "unit", "days"}
    assert len(arguments["city"]) >= 30
    assert arguments["unit"] in ("celsius", "fahrenheit")
    assert arguments["days"] in (3, 4)
    assert json.loads(clock["function"]["arguments"]) == {"zone": "UTC"}


@pytest.mark.parametrize(
    ("text", "settings", "called"),
    [
        ("Hello!", {}, []),
        ("Use a tool.", {}, ["get_weather"]),
        ("What does get_time say?", {}, ["get_time"]),
        ("Use get_weather and get_time.", {"parallel_tool_calls": False}, ["get_weather"]),
        ("Use get_weather.", {"tool_choice": "none"}, []),
        ("Hello!", {"tool_choice": "required"}, ["get_weather"]),
        ("Hello!", {"tool_choice": {"type": "function", "function": {"name": "get_time"}}}, ["get_time"]),
        (
            "Use get_weather.",
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "required", "tools": [{"function": {"name": "get_time"}}]},
                }
            },
            ["get_time"],
        ),
    ],
)
def test_tool_choice(client: httpx.Client, text: str, settings: Body, called: list[str]) -> None:
    """Which tools are called follows from tool_choice and from what the user says."""
    (choice,) = ask(client, text, tools=[WEATHER, CLOCK], **settings)["choices"]
    calls = choice["message"].get("tool_calls", [])
    assert [call["function"]["name"] for call in calls] == called
    assert (choice["message"]["content"] is None) == bool(called)


def test_tool_calls_of_a_stream_take_turns(client: httpx.Client) -> None:
    """Streamed calls open with id and name, send their arguments in turns, and fold to the whole reply."""
    settings = {"tools": [WEATHER, CLOCK]}
    found = chunks(client, "Use get_weather and get_time.", **settings)
    assert found[0]["choices"][0]["delta"]["content"] is None
    parts = [call for chunk in found for part in chunk["choices"] for call in part["delta"].get("tool_calls", ())]
    assert [part["index"] for part in parts[:6]] == [0, 1, 0, 1, 0, 1]
    assert all("id" not in part for part in parts[2:])
    (choice,) = folded(found)
    (whole,) = ask(client, "Use get_weather and get_time.", **settings)["choices"]
    assert choice["finish"] == whole["finish_reason"]
    assert [(call["id"], call["function"]["name"], call["arguments"]) for call in choice["calls"].values()] == [
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in whole["message"]["tool_calls"]
    ]


def test_maximum_may_cut_arguments(client: httpx.Client) -> None:
    """A maximum cuts tool calls, too: in the middle of the JSON, with finish_reason `length`."""
    reply = ask(client, "get_weather", tools=[WEATHER], max_tokens=8)
    (choice,) = reply["choices"]
    assert choice["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 8
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])


def test_answer_to_tool_results_quotes_them(client: httpx.Client) -> None:
    """After the results of its calls the model answers in words and repeats every result."""
    asked = ask(client, "Use get_weather and get_time.", tools=[WEATHER, CLOCK])["choices"][0]["message"]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"result {index}"}
        for index, call in enumerate(asked["tool_calls"])
    ]
    messages = [{"role": "user", "content": "Use get_weather and get_time."}, asked, *results]
    (choice,) = ask(client, messages=messages, tools=[WEATHER, CLOCK])["choices"]
    assert choice["finish_reason"] == "stop"
    assert "result 0" in choice["message"]["content"]
    assert "result 1" in choice["message"]["content"]


# -- JSON --------------------------------------------------------------------------------------------------------


def test_json_mode_gives_an_object(client: httpx.Client) -> None:
    """JSON mode answers with a JSON object."""
    text = answer(client, "Answer in JSON.", response_format={"type": "json_object"})
    assert isinstance(json.loads(text), dict)


def test_json_schema_is_satisfied(client: httpx.Client) -> None:
    """A JSON Schema is followed, and the same request gets the same object."""
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "score": {"type": "integer", "minimum": 7, "maximum": 7}},
        "required": ["name", "score"],
        "additionalProperties": False,
    }
    wanted = {
        "type": "json_schema",
        "json_schema": {"name": "verdict", "strict": True, "schema": schema},
    }
    text = answer(client, response_format=wanted)
    value = json.loads(text)
    assert value.keys() == {"name", "score"}
    assert value["score"] == 7
    assert text == answer(client, response_format=wanted)
    assert folded(chunks(client, response_format=wanted))[0]["content"] == text


# -- what came before tools, and beside them ----------------------------------------------------------------------


def test_custom_tools_are_called_with_text(client: httpx.Client) -> None:
    """Whole and streamed alike; one may be chosen by name."""
    tools = [{"type": "custom", "custom": {"name": name}} for name in ("write", "draw")]
    choice = {"type": "custom", "custom": {"name": "draw"}}
    reply = ask(client, "Hello!", tools=tools, tool_choice=choice)["choices"][0]
    (call,) = reply["message"]["tool_calls"]
    assert (reply["finish_reason"], call["type"], call["custom"]["name"]) == ("tool_calls", "custom", "draw")
    assert call.keys() == {"id", "type", "custom"}
    streamed = ""
    lines = client.post("/chat/completions", json=body("Hello!", tools=tools, tool_choice=choice, stream=True)).text
    for line in lines.split("\n\n")[:-2]:
        delta = json.loads(line.removeprefix("data: "))["choices"][0]["delta"]
        streamed += "".join(piece["custom"].get("input", "") for piece in delta.get("tool_calls", ()))
    assert streamed == call["custom"]["input"] != ""


def test_deprecated_functions_are_called(client: httpx.Client) -> None:
    """`functions` bring one `function_call`, whole and streamed alike; `function_call` chooses; a result is quoted."""
    functions = [
        {"name": name, "parameters": {"type": "object", "properties": {"at": {"const": name}}, "required": ["at"]}}
        for name in ("look", "hear")
    ]
    for choice, text, called in (
        ("auto", "look and hear", "look"),
        ({"name": "hear"}, "Hello!", "hear"),
        ("none", "look", None),
        ("auto", "Hello!", None),
    ):
        sent = body(text, functions=functions, function_call=choice)
        reply = client.post("/chat/completions", json=sent).json()["choices"][0]
        assert reply["finish_reason"] == ("stop" if called is None else "function_call")
        whole = reply["message"].get("function_call")
        assert whole == (None if called is None else {"name": called, "arguments": f'{{"at":"{called}"}}'})
        assert "tool_calls" not in reply["message"]
        streamed = {"name": "", "arguments": ""}
        lines = client.post("/chat/completions", json={**sent, "stream": True}).text.split("\n\n")[:-2]
        for line in lines:
            delta = json.loads(line.removeprefix("data: "))["choices"][0]["delta"]
            for name, piece in delta.get("function_call", {}).items():
                streamed[name] += piece
        assert streamed == (whole or {"name": "", "arguments": ""})
    call = {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}}
    result = {"role": "function", "name": "look", "content": "rain"}
    sent = {**body("look", functions=functions), "messages": [*body("look")["messages"], call, result]}
    assert "rain" in client.post("/chat/completions", json=sent).json()["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"functions": [{"name": "a"}], "tools": []}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"functions": [{"name": "a"}], "function_call": {"name": "b"}}, "function_call"),
        ({"functions": [{}]}, "functions[0].name"),
        (
            {"tools": [{"type": "custom", "custom": {"name": "a", "format": {"type": "grammar"}}}]},
            "tools[0].custom.format.type",
        ),
    ],
)
def test_what_is_not_emulated_is_refused_by_name(client: httpx.Client, change: Body, param: str) -> None:
    """What would change the answer is honoured or refused, never ignored."""
    refused = client.post("/chat/completions", json=body("Hello!", **change))
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
