"""An id that is no text is refused like any other value of the wrong type, wherever a request has one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from openai_async.emulator import Emulator

HEADERS = {"authorization": "Bearer k", "openai-beta": "assistants=v2"}
USER = {"role": "user", "content": "Hi"}
CALL = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
REQUESTS: list[tuple[str, dict[str, Any], str]] = [
    ("/chat/completions", {"messages": [USER, {"role": "assistant", "tool_calls": [{**CALL, "id": "?"}]}]}, "id"),
    ("/chat/completions", {"messages": [USER, {"role": "tool", "tool_call_id": "?", "content": "x"}]}, "tool_call_id"),
    ("/responses", {"input": [{"type": "item_reference", "id": "?"}]}, "id"),
    ("/responses", {"input": [{**USER, "id": "?"}]}, "id"),
    ("/responses", {"input": "Hi", "previous_response_id": "?"}, "previous_response_id"),
    ("/responses", {"input": "Hi", "conversation": {"id": "?"}}, "id"),
    ("/conversations", {"items": [{"type": "message", **USER, "id": "?"}]}, "id"),
    (
        "/responses",
        {"input": [{"type": "custom_tool_call", "call_id": "?", "name": "n", "input": "x"}]},
        "call_id",
    ),
    ("/threads/runs", {"assistant_id": "?"}, "assistant_id"),
    ("/batches", {"input_file_id": "?", "endpoint": "/v1/embeddings", "completion_window": "24h"}, "input_file_id"),
    ("/fine_tuning/jobs", {"training_file": "?"}, "training_file"),
    ("/audio/speech", {"input": "Hi", "voice": {"id": "?"}}, "id"),
]


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with Emulator().run() as server, httpx.Client(base_url=server.base_url, headers=HEADERS) as client:
        yield client


def filled(value: Any, id: object) -> Any:
    if isinstance(value, dict):
        return {name: filled(part, id) for name, part in value.items()}
    if isinstance(value, list):
        return [filled(part, id) for part in value]
    return id if value == "?" else value


@pytest.mark.parametrize("id", [{}, [], ["a"], [None], 7, 1.5, True], ids=repr)
@pytest.mark.parametrize(("path", "body", "param"), REQUESTS)
def test_an_id_that_is_no_text(http: httpx.Client, path: str, body: dict[str, Any], param: str, id: object) -> None:
    """It is a 400 that names the field, never an error of the server."""
    model = {} if path in ("/conversations", "/batches") else {"model": "gpt-x"}
    reply = http.post(path, json=filled({**model, **body}, id))
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["param"].rpartition(".")[2] == param
