"""The emulator's responses and conversations, byte for byte as the API has them, and its refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import httpx
import pytest

from openai_async.emulator import Emulator, Latency, RateLimits

MODEL = "emulated-mini"
FUNCTION = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {"at": {"enum": ["a"]}}}}


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def emulator(clock: list[float]) -> Emulator:
    return Emulator(clock=lambda: clock[0], any_model=False)


@pytest.fixture
def http(emulator: Emulator) -> Iterator[httpx.Client]:
    with emulator.run() as server:
        headers = {"authorization": "Bearer sk-test"}
        with httpx.Client(base_url=server.base_url, headers=headers, trust_env=False) as client:
            yield client


def create(http: httpx.Client, **body: Any) -> dict[str, Any]:
    reply = http.post("responses", json={"model": MODEL, **body})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def events(reply: httpx.Response) -> list[dict[str, Any]]:
    """The events of a stream, each named as its data says."""
    assert reply.headers["content-type"].startswith("text/event-stream")
    found: list[dict[str, Any]] = []
    for block in reply.text.removesuffix("\n\n").split("\n\n"):
        name, _, data = block.partition("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


def test_a_response_repeats_what_was_asked(http: httpx.Client) -> None:
    """Every setting that the API states is there, whether it was given or not."""
    reply = create(http, input="Hi", instructions="Be brief.", temperature=0.5, metadata={"a": "b"}, user="u")
    stated = {"instructions": "Be brief.", "temperature": 0.5, "metadata": {"a": "b"}, "user": "u", "store": True}
    defaults = {"top_p": 1.0, "tool_choice": "auto", "tools": [], "truncation": "disabled", "error": None}
    assert {**reply, **stated, **defaults} == reply
    assert reply["text"] == {"format": {"type": "text"}, "verbosity": "medium"}
    (message,) = reply["output"]
    assert (message["type"], message["role"], message["status"]) == ("message", "assistant", "completed")
    assert message["content"][0]["annotations"] == []


def test_the_same_context_gets_the_same_words(http: httpx.Client) -> None:
    """As items, as a text, after a response or in a conversation: what is asked is what counts."""

    def words(**body: Any) -> str:
        text: str = create(http, **body)["output"][-1]["content"][0]["text"]
        return text

    first = create(http, input="Hi")
    parts = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]
    assert words(input="Hi") == words(input=parts) == first["output"][0]["content"][0]["text"]
    conversation = http.post("conversations", json={"items": [{"role": "user", "content": "Hi"}, *first["output"]]})
    references = [{"type": "item_reference", "id": item["id"]} for item in first["output"]]
    after = words(input="Why?", previous_response_id=first["id"])
    assert after == words(input="Why?", conversation=conversation.json()["id"])
    assert after == words(input=[{"role": "user", "content": "Hi"}, *references, {"role": "user", "content": "Why?"}])
    assert after != words(input="Why?")


def test_a_text_is_streamed_as_the_api_streams_it(http: httpx.Client) -> None:
    """Created, in progress, item, part, deltas, and everything ended again; the deltas are the text, padded."""
    body = {"model": MODEL, "input": "Hi", "stream": True}
    found = events(http.post("responses", json=body))
    assert [kind.removeprefix("response.") for kind, _ in groupby(event["type"] for event in found)] == [
        *("created", "in_progress", "output_item.added", "content_part.added", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    deltas = [event for event in found if event["type"].endswith(".delta")]
    text = "".join(event["delta"] for event in deltas)
    whole = found[-1]["response"]
    assert whole["output"][0]["content"][0]["text"] == found[-3]["part"]["text"] == text
    assert whole["usage"]["output_tokens"] == len(deltas)
    assert {(len(event["delta"]) + len(event["obfuscation"])) % 16 for event in deltas} == {0}
    assert found[0]["response"]["output"] == []
    assert found[2]["item"]["content"] == []
    plain = events(http.post("responses", json={**body, "stream_options": {"include_obfuscation": False}}))
    assert not any("obfuscation" in event for event in plain)


def test_calls_are_streamed_with_their_arguments(http: httpx.Client) -> None:
    """A call is announced without arguments; its deltas are the arguments of the whole call."""
    body = {"model": MODEL, "input": "Hi", "tools": [FUNCTION], "tool_choice": "required", "stream": True}
    found = events(http.post("responses", json=body))
    added = next(event["item"] for event in found if event["type"] == "response.output_item.added")
    assert (added["type"], added["arguments"], added["status"]) == ("function_call", "", "in_progress")
    arguments = "".join(event["delta"] for event in found if event["type"] == "response.function_call_arguments.delta")
    assert arguments == found[-1]["response"]["output"][0]["arguments"] == '{"at":"a"}'


def test_a_background_response_follows_the_clock(clock: list[float]) -> None:
    """Queued, in progress, completed, and cancelled in between; a whole response cannot be cancelled."""
    emulator = Emulator(clock=lambda: clock[0], latency=Latency(first_token=10, tokens_per_second=1))
    with emulator.run() as server:
        headers = {"authorization": "Bearer sk-test"}
        with httpx.Client(base_url=server.base_url, headers=headers, trust_env=False) as http:

            def state(id: str) -> str:
                found: str = http.get(f"responses/{id}").json()["status"]
                return found

            asked, other = (create(http, input="Hi", background=True)["id"] for _ in range(2))
            assert state(asked) == "queued"
            early = http.post("responses", json={"model": MODEL, "input": "x", "previous_response_id": asked})
            assert early.status_code == 400
            clock[0] += 11
            assert state(asked) == "in_progress"
            assert http.post(f"responses/{other}/cancel").json()["status"] == "cancelled"
            clock[0] += 1_000
            assert (state(asked), state(other)) == ("completed", "cancelled")
            assert http.post(f"responses/{asked}/cancel").json()["status"] == "completed"


def test_tokens_count_against_the_limits() -> None:
    """Responses share the limits of their model with everything else, and state them in the same headers."""
    with Emulator(limits=RateLimits(tokens_per_minute=100)).run() as server:
        headers = {"authorization": "Bearer sk-test"}
        with httpx.Client(base_url=server.base_url, headers=headers, trust_env=False) as http:
            first = http.post("responses", json={"model": MODEL, "input": "x" * 200})
            second = http.post("responses", json={"model": MODEL, "input": "x" * 200})
    assert (first.status_code, first.headers["x-ratelimit-remaining-tokens"]) == (200, "34")
    assert (second.status_code, second.json()["error"]["code"]) == (429, "rate_limit_exceeded")


def test_the_ledger_holds_the_tokens(emulator: Emulator, http: httpx.Client) -> None:
    """Of whole replies and of streams, as usage states them."""
    whole = create(http, input="Hi")["usage"]
    http.post("responses", json={"model": MODEL, "input": "Hi", "stream": True})
    for entry in emulator.ledger.entries():
        assert (entry.model, entry.prompt_tokens, entry.completion_tokens) == (
            MODEL,
            whole["input_tokens"],
            whole["output_tokens"],
        )


def test_what_was_kept_is_forgotten_with_the_server(emulator: Emulator) -> None:
    """Responses and conversations do not outlive the last server."""
    headers = {"authorization": "Bearer sk-test"}
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=headers, trust_env=False) as http:
        paths = [
            f"responses/{create(http, input='x')['id']}",
            f"conversations/{http.post('conversations').json()['id']}",
        ]
        assert [http.get(path).status_code for path in paths] == [200, 200]
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=headers, trust_env=False) as http:
        assert [http.get(path).status_code for path in paths] == [404, 404]


USER = {"role": "user", "content": "x"}
CALL = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "rain"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 3}, "model"),
        ({}, "input"),
        ({"input": 3}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [USER, {"type": "telepathy"}]}, "input[1].type"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "king", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": ["x"]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"type": "item_reference", "id": "msg_gone"}]}, "input[0]"),
        ({"input": [USER, CALL]}, "input"),
        ({"input": [OUTPUT]}, "input"),
        ({"input": [{**CALL, "name": None}]}, "input[0].name"),
        ({"input": "x", "max_output_tokens": 15}, "max_output_tokens"),
        ({"input": "x", "temperature": 3}, "temperature"),
        ({"input": "x", "top_logprobs": 21}, "top_logprobs"),
        ({"input": "x", "background": True, "store": False}, "background"),
        ({"input": "x", "truncation": "some"}, "truncation"),
        ({"input": "x", "metadata": {"a": 1}}, "metadata.a"),
        ({"input": "x", "conversation": 3}, "conversation"),
        ({"input": "x", "conversation": {}}, "conversation.id"),
        ({"input": "x", "conversation": "c", "previous_response_id": "r"}, "previous_response_id"),
        ({"input": "x", "tools": ["look"]}, "tools[0]"),
        ({"input": "x", "tools": [{"type": "function"}]}, "tools[0].name"),
        ({"input": "x", "tools": [{**FUNCTION, "strict": True}]}, "tools"),
        ({"input": "x", "tools": [FUNCTION], "tool_choice": {"type": "function", "name": "see"}}, "tool_choice"),
        ({"input": "x", "tools": [FUNCTION], "tool_choice": "maybe"}, "tool_choice"),
        ({"input": "x", "tool_choice": 3}, "tool_choice"),
        ({"input": "x", "text": {"format": {"type": "json_object"}}}, "input"),
        ({"input": "x", "text": {"format": {"type": "json_schema"}}}, "text.format.name"),
        ({"input": "x", "text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        (
            {"input": "x", "text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}}},
            "text.format.schema",
        ),
        (
            {"input": "x", "text": {"format": {"type": "json_schema", "name": "n", "schema": {"$ref": "#/gone"}}}},
            "text.format.schema",
        ),
        ({"input": "x " * 200_000}, "input"),
    ],
)
def test_a_wrong_request_is_refused(http: httpx.Client, body: dict[str, Any], param: str) -> None:
    """With the API's 400, which names the parameter."""
    reply = http.post("responses", json={"model": MODEL, **body})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
    assert reply.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "responses/resp_gone", 404),
        ("DELETE", "responses/resp_gone", 404),
        ("POST", "responses/resp_gone/cancel", 404),
        ("GET", "responses/resp_gone/input_items", 404),
        ("GET", "conversations/conv_gone", 404),
        ("DELETE", "conversations/conv_gone", 404),
        ("GET", "conversations/conv_gone/items", 404),
        ("GET", "conversations/conv_gone/items/msg_gone", 404),
        ("GET", "responses", 405),
        ("GET", "conversations", 405),
    ],
)
def test_what_is_not_there_is_not_found(http: httpx.Client, method: str, path: str, status: int) -> None:
    """With the API's 404, or its 405 for what cannot be done to it."""
    reply = http.request(method, path)
    assert reply.status_code == status
    assert reply.json()["error"]["message"]


def test_a_whole_response_cannot_be_cancelled_and_an_unknown_model_not_asked(http: httpx.Client) -> None:
    """Each is refused in the API's words; a truncated context is not."""
    assert http.post(f"responses/{create(http, input='x')['id']}/cancel").status_code == 400
    assert http.post("responses", json={"model": "none", "input": "x"}).json()["error"]["code"] == "model_not_found"
    assert create(http, input="x " * 200_000, truncation="auto")["status"] == "completed"


def test_allowed_tools_and_hosted_ones(http: httpx.Client) -> None:
    """Of the allowed functions the first is called; a hosted tool is refused by name."""
    other = {**FUNCTION, "name": "hear"}
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "hear"}]}
    called = create(http, input="x", tools=[FUNCTION, other], tool_choice=allowed)
    assert [item["name"] for item in called["output"]] == ["hear"]
    for kind in ("web_search", "code_interpreter", "mcp", "image_generation", "shell"):
        body = {"model": MODEL, "input": "x", "tools": [FUNCTION, {"type": kind}]}
        refused = http.post("responses", json=body)
        error = refused.json()["error"]
        assert (refused.status_code, error["param"]) == (400, "tools[1].type")
        assert kind in error["message"]


def test_custom_tools_are_called_with_text(http: httpx.Client) -> None:
    """Whole and streamed; the output of one is taken; one with a grammar is refused by name."""
    tool = {"type": "custom", "name": "write"}
    body = {"model": MODEL, "input": "Use write.", "tools": [tool]}
    (item,) = create(http, **body)["output"]
    assert (item["type"], item["name"], item["status"]) == ("custom_tool_call", "write", "completed")
    found = events(http.post("responses", json={**body, "stream": True}))
    deltas = [event["delta"] for event in found if event["type"] == "response.custom_tool_call_input.delta"]
    done = next(event for event in found if event["type"] == "response.custom_tool_call_input.done")
    assert "".join(deltas) == done["input"] == item["input"] != ""
    output = {"type": "custom_tool_call_output", "call_id": item["call_id"], "output": "done"}
    assert "done" in str(create(http, input=[item, output], tools=[tool])["output"])
    grammar = {**tool, "format": {"type": "grammar", "syntax": "regex", "definition": "a"}}
    refused = http.post("responses", json={**body, "tools": [grammar]})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "tools[0].format.type")


def test_a_background_stream_begins_with_its_creation(http: httpx.Client) -> None:
    """Created, queued, in progress; a stream in the foreground is never queued."""
    for background, names in ((True, ["created", "queued", "in_progress"]), (False, ["created", "in_progress"])):
        body = {"model": MODEL, "input": "Hi", "stream": True, "background": background}
        found = events(http.post("responses", json=body))[: len(names)]
        assert [event["type"] for event in found] == [f"response.{name}" for name in names]
        assert found[0]["response"]["status"] == ("queued" if background else "in_progress")


def test_logprobs_are_included_when_asked_for(http: httpx.Client) -> None:
    """One entry per token, with alternatives, whole and streamed alike."""
    body = {"input": "Hi", "include": ["message.output_text.logprobs"], "top_logprobs": 2}
    whole = create(http, **body)["output"][0]["content"][0]
    assert "".join(entry["token"] for entry in whole["logprobs"]) == whole["text"]
    assert {len(entry["top_logprobs"]) for entry in whole["logprobs"]} == {2}
    found = events(http.post("responses", json={"model": MODEL, "stream": True, **body}))
    streamed = [entry for event in found if event["type"].endswith("text.delta") for entry in event["logprobs"]]
    assert streamed == whole["logprobs"]


# -- file search --------------------------------------------------------------------------------------------------


@pytest.fixture
def store(http: httpx.Client) -> str:
    """A vector store with one file."""
    text = b"The capital of the moon is Luna City."
    file = http.post("files", files={"file": ("notes.txt", text)}, data={"purpose": "assistants"}).json()["id"]
    found: str = http.post("vector_stores", json={"file_ids": [file]}).json()["id"]
    while http.get(f"vector_stores/{found}/files/{file}").json()["status"] != "completed":
        pass
    return found


def test_files_are_searched(http: httpx.Client, store: str) -> None:
    """The words of the user are looked for; what is found is quoted and cited, whole and streamed alike."""
    tool = {"type": "file_search", "vector_store_ids": [store]}
    body = {"input": "What is the capital?", "tools": [tool], "include": ["file_search_call.results"]}
    reply = create(http, **body)
    search, message = reply["output"]
    assert (search["type"], search["status"], search["queries"]) == ("file_search_call", "completed", [body["input"]])
    (result,) = search["results"]
    assert result.keys() == {"file_id", "filename", "score", "attributes", "text"}
    (part,) = message["content"]
    assert "Luna City" in part["text"]
    cited = {"type": "file_citation", "index": len(part["text"]), "file_id": result["file_id"], "filename": "notes.txt"}
    assert part["annotations"] == [cited]
    found = events(http.post("responses", json={"model": MODEL, "stream": True, **body}))
    kinds = [event["type"] for event in found]
    assert [kind for kind in kinds if "file_search" in kind] == [
        f"response.file_search_call.{step}" for step in ("in_progress", "searching", "completed")
    ]
    assert [event["annotation"] for event in found if event["type"].endswith("annotation.added")] == [cited]
    assert found[-1]["response"]["output"][1]["content"] == message["content"]
    again = create(http, input="And then?", previous_response_id=reply["id"])
    assert [item["type"] for item in again["output"]] == ["message"]


def test_when_files_are_searched(http: httpx.Client, store: str) -> None:
    """Not if it is forbidden or a function is asked for; results only if included; nothing found is no quotation."""
    tools = [{"type": "file_search", "vector_store_ids": [store]}, FUNCTION]

    def kinds(**body: Any) -> list[str]:
        return [item["type"] for item in create(http, tools=tools, **body)["output"]]

    assert kinds(input="capital", tool_choice="none") == ["message"]
    assert kinds(input="look at the capital") == ["function_call"]
    assert kinds(input="look at the capital", tool_choice={"type": "file_search"}) == ["file_search_call", "message"]
    assert kinds(input="capital", tool_choice={"type": "function", "name": "look"}) == ["function_call"]
    nothing = create(http, input="zebra", tools=tools)["output"]
    assert nothing[0]["results"] is None
    assert nothing[1]["content"][0]["annotations"] == []


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"vector_store_ids": None}, "tools[0].vector_store_ids"),
        ({"vector_store_ids": []}, "tools[0].vector_store_ids"),
        ({"vector_store_ids": [5]}, "tools[0].vector_store_ids[0]"),
        ({"max_num_results": 0}, "tools[0].max_num_results"),
        ({"filters": {"type": "x"}}, "tools[0].filters.type"),
    ],
)
def test_a_search_that_cannot_be_made(http: httpx.Client, store: str, change: dict[str, Any], param: str) -> None:
    """It is refused by the name of what is wrong with it."""
    tool = {"type": "file_search", "vector_store_ids": [store], **change}
    reply = http.post("responses", json={"model": MODEL, "input": "Hi", "tools": [tool]})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
