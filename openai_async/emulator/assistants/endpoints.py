"""The endpoints of `/v1/assistants`, as they were until the service removed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from openai_async.emulator.assistants.fields import answer, deleted, present, read_settings, read_text, route
from openai_async.emulator.call import Answer, Call
from openai_async.emulator.fields import Fields, JSONObject
from openai_async.emulator.listing import listing
from openai_async.emulator.records import Record

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["routes"]

_DEFAULTS: JSONObject = {
    **dict.fromkeys(("name", "description", "instructions")),
    "tools": [],
    "tool_resources": {},
    "metadata": {},
    "temperature": 1.0,
    "top_p": 1.0,
    "response_format": "auto",
}


def routes(emulator: Backend) -> list[Route]:
    """`/v1/assistants` and `/v1/assistants/{id}`."""
    store = emulator.threads

    def create(call: Call) -> Answer:
        body = call.json()
        Fields(body).required("model")
        assistant = Record.new("asst", "assistant", **{**_DEFAULTS, **_read(emulator, body)})
        store.assistants[assistant.id] = assistant
        return answer(assistant)

    def listed(call: Call) -> Answer:
        return listing(call, [*store.assistants.values()])

    def retrieve(call: Call) -> Answer:
        return answer(store.assistant(call.path_params["id"]))

    def update(call: Call) -> Answer:
        assistant = store.assistant(call.path_params["id"])
        assistant.values |= _read(emulator, call.json())
        return answer(assistant)

    def delete(call: Call) -> Answer:
        return deleted(store.assistants, store.assistant(call.path_params["id"]))

    return [
        route(emulator, "/v1/assistants", GET=listed, POST=create),
        route(emulator, "/v1/assistants/{id}", GET=retrieve, POST=update, DELETE=delete),
    ]


def _read(emulator: Backend, body: JSONObject) -> JSONObject:
    fields = Fields(body)
    own = {
        "name": read_text(fields, "name"),
        "description": read_text(fields, "description"),
        "tool_resources": fields.mapping("tool_resources") or {},
        "reasoning_effort": fields.text("reasoning_effort"),
    }
    return {**read_settings(emulator, body), **present(body, own)}
