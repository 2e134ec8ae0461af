"""The endpoints of `/v1/threads` and of their messages, as they were until the service removed them.

Messages are added at the end of a thread, and only their metadata may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from openai_async.emulator.assistants.fields import (
    answer,
    change_metadata,
    deleted,
    only,
    present,
    read_message,
    read_messages,
    route,
)
from openai_async.emulator.assistants.run_work import Thread
from openai_async.emulator.assistants.runs import begun, replied
from openai_async.emulator.call import Answer, Call, EventStream
from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields
from openai_async.emulator.listing import listing
from openai_async.emulator.metadata import read_metadata
from openai_async.emulator.records import Record

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["routes"]


def routes(emulator: Backend) -> list[Route]:
    """`/v1/threads`, `/v1/threads/runs` and `/v1/threads/{thread}/messages`."""
    store = emulator.threads

    def create(call: Call) -> Answer:
        return answer(_create(emulator, Fields(call.json() if call.body else {})))

    def create_and_run(call: Call) -> Answer | EventStream:
        fields = Fields(call.json())
        store.assistant(fields.required_text("assistant_id"))
        thread = _create(emulator, fields.fields("thread") or Fields({}))
        run = begun(emulator, call, thread, fields)
        return replied(emulator, run, fields, [(0, "thread.created", thread.described())])

    def retrieve(call: Call) -> Answer:
        return answer(store.thread(call.path_params["id"]))

    def update(call: Call) -> Answer:
        thread, body = store.thread(call.path_params["id"]), call.json()
        only(body, ("metadata", "tool_resources"))
        fields = Fields(body)
        read = {"metadata": read_metadata(fields) or {}, "tool_resources": fields.mapping("tool_resources") or {}}
        thread.values |= present(body, read)
        return answer(thread)

    def delete(call: Call) -> Answer:
        return deleted(store.threads, store.thread(call.path_params["id"]))

    return [
        route(emulator, "/v1/threads", POST=create),
        route(emulator, "/v1/threads/runs", POST=create_and_run),
        route(emulator, "/v1/threads/{id}", GET=retrieve, POST=update, DELETE=delete),
        *_message_routes(emulator),
    ]


def _message_routes(emulator: Backend) -> list[Route]:
    def thread_of(call: Call) -> Thread:
        return emulator.threads.thread(call.path_params["thread"])

    def message_of(call: Call) -> Record:
        return thread_of(call).message(call.path_params["id"])

    def create(call: Call) -> Answer:
        thread = thread_of(call)
        said = read_message(call.json())
        if (run := thread.active) is not None:
            raise invalid(f"Can't add messages to {thread.id} while a run {run.id} is active.")
        return answer(thread.say(**said))

    def listed(call: Call) -> Answer:
        run = call.query.get("run_id")
        return listing(call, [m for m in thread_of(call).messages.values() if run in (None, m.values["run_id"])])

    def update(call: Call) -> Answer:
        return answer(change_metadata(message_of(call), call.json()))

    def delete(call: Call) -> Answer:
        return deleted(thread_of(call).messages, message_of(call))

    messages = "/v1/threads/{thread}/messages"
    return [
        route(emulator, messages, GET=listed, POST=create),
        route(emulator, f"{messages}/{{id}}", GET=lambda c: answer(message_of(c)), POST=update, DELETE=delete),
    ]


def _create(emulator: Backend, fields: Fields) -> Thread:
    """Create a thread with its first messages."""
    metadata, resources = read_metadata(fields), fields.mapping("tool_resources")
    said = read_messages(fields, "messages")
    record = Record.new("thread", "thread", metadata=metadata or {}, tool_resources=resources or {})
    thread = Thread(record.values)
    for message in said:
        thread.say(**message)
    emulator.threads.threads[thread.id] = thread
    return thread
