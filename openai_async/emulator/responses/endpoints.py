"""The endpoints of `/v1/responses`: create, stream, run in the background, retrieve, cancel, delete and compact.

The models of the chat endpoint write the answers. Their conversation is the context: items of a conversation or of
earlier responses, then the input. A streamed response is stored once its stream has been sent completely.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson
from attrs import evolve
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call, EventStream
from openai_async.emulator.chat.reply import compose
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import ErrorResponse, invalid
from openai_async.emulator.fields import Fields, JSONObject
from openai_async.emulator.listing import listing
from openai_async.emulator.pagination import integer
from openai_async.emulator.responses.file_search import Search, find
from openai_async.emulator.responses.items import listed, new_id, read_input
from openai_async.emulator.responses.reply import events, output_of, usage_of
from openai_async.emulator.responses.request import ResponseRequest, read_conversation
from openai_async.emulator.responses.store import Conversation, StoredResponse
from openai_async.emulator.text import digest

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend
    from openai_async.emulator.catalog import Model
    from openai_async.emulator.request_log import Entry

__all__ = ["routes"]


def routes(emulator: Backend) -> list[Route]:
    """`/v1/responses` and everything below it."""

    def create(call: Call) -> Answer | EventStream:
        body = call.json()
        context = _Context(emulator, body)
        request, model, search = _admitted(emulator, call, body, context)
        response = _create(emulator, request, model, context, search)
        call.entry.prompt_tokens = request.chat.prompt_tokens
        if request.background:
            context.keep(response, request)
        if request.chat.stream:
            return EventStream(_written(emulator, response, context, request, call.entry))
        call.entry.completion_tokens = response.choice.tokens
        if request.background:
            return _answer(response.described("queued"))
        context.keep(response, request)
        return _answer(response.described(response.final), after=response.pace.due(response.choice.tokens))

    def retrieve(call: Call) -> Answer | EventStream:
        response = emulator.responses.find(call.path_params["id"])
        if call.query.get("stream") != "true":
            return _answer(response.described(response.status(emulator.clock())))
        after = Fields({"starting_after": integer(call.query.get("starting_after"))}).integer("starting_after", 0)
        padded = call.query.get("include_obfuscation") != "false"
        return EventStream(_taken_up(emulator, response, -1 if after is None else after, padded=padded))

    def delete(call: Call) -> Answer:
        gone = call.path_params["id"]
        emulator.responses.delete(gone)
        return _answer({"id": gone, "object": "response", "deleted": True})

    def cancel(call: Call) -> Answer:
        response = emulator.responses.find(call.path_params["id"])
        if not response.background:
            raise invalid("Cannot cancel a synchronous response.")
        if response.status(emulator.clock()) in ("queued", "in_progress"):
            response.cancelled = True
        return _answer(response.described(response.status(emulator.clock())))

    def input_items(call: Call) -> Answer:
        response = emulator.responses.find(call.path_params["id"])
        return listing(call, listed([*response.history, *response.input]))

    def input_tokens(call: Call) -> Answer:
        body = {"model": "counted", **call.json()}
        context = _Context(emulator, body)
        request = ResponseRequest.read(body, context.history, context.input)
        return _answer({"object": "response.input_tokens", "input_tokens": request.chat.prompt_tokens})

    def compact(call: Call) -> Answer:
        body = call.json()
        context = _Context(emulator, body)
        request, _, _ = _admitted(emulator, call, body, context)
        call.entry.prompt_tokens = request.chat.prompt_tokens
        return _answer(_compacted(request))

    return [
        Route("/v1/responses", Endpoint(emulator, POST=create)),
        Route("/v1/responses/compact", Endpoint(emulator, POST=compact)),
        Route("/v1/responses/input_tokens", Endpoint(emulator, POST=input_tokens)),
        Route("/v1/responses/{id}", Endpoint(emulator, GET=retrieve, DELETE=delete)),
        Route("/v1/responses/{id}/cancel", Endpoint(emulator, POST=cancel)),
        Route("/v1/responses/{id}/input_items", Endpoint(emulator, GET=input_items)),
    ]


def _answer(value: JSONObject, after: float = 0.0) -> Answer:
    return Answer(orjson.dumps(value), after=after)


class _Context:
    """The context of a request: a conversation, or an earlier response, or nothing; then its input."""

    def __init__(self, emulator: Backend, body: JSONObject) -> None:
        self._emulator = emulator
        fields, now = Fields(body), emulator.clock()
        conversation, previous = read_conversation(fields), fields.text("previous_response_id")
        self.conversation: Conversation | None = None
        self.history: list[JSONObject] = []
        if conversation is not None:
            self.conversation = emulator.conversations.find(conversation)
            self.history = list(self.conversation.items(now).values())
        elif previous is not None:
            self.history = emulator.responses.previous(previous, now).context
        self.input: list[JSONObject] = read_input(fields, self._find)

    def _find(self, id: str) -> JSONObject | None:
        return self._emulator.responses.item(id) or self._emulator.conversations.item(id)

    def keep(self, response: StoredResponse, request: ResponseRequest) -> None:
        """Store a response, if the request asks for that, and add its turn to the conversation."""
        if request.store:
            self._emulator.responses.add(response)
        if self.conversation is not None:
            self.conversation.follow(response)


def _admitted(
    emulator: Backend, call: Call, body: JSONObject, context: _Context
) -> tuple[ResponseRequest, Model, Search | None]:
    """Check a request, then charge it."""
    if isinstance(name := body.get("model"), str):
        call.entry.model = name
    request = ResponseRequest.read(body, context.history, context.input)
    model = emulator.catalog.find(request.chat.model, param="model")
    call.entry.model = model.id
    for name in sorted(model.unsupported & request.chat.sent_params):
        raise invalid(
            f"Unsupported parameter: '{name}' is not supported with this model.",
            param=name,
            code="unsupported_parameter",
        )
    if request.chat.prompt_tokens > model.context_window and not request.truncated:
        raise invalid(
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            param="input",
            code="context_length_exceeded",
        )
    emulator.admit(call, model.id, request.charge)
    chat, search = find(emulator, request.chat, Fields(body))
    return evolve(request, chat=chat), model, search


def _create(
    emulator: Backend, request: ResponseRequest, model: Model, context: _Context, search: Search | None
) -> StoredResponse:
    seed = digest([model.id, request.chat.messages])
    try:
        (choice,) = compose(request.chat, seed, reasoning=model.reasoning)
    except ErrorResponse as error_response:
        error_response.param = (
            "text.format.schema" if error_response.param == "response_format" else error_response.param
        )
        raise
    conversation = None if context.conversation is None else {"id": context.conversation.id}
    return StoredResponse(
        settings={**request.settings, "model": model.snapshot, "store": request.store, "conversation": conversation},
        history=context.history,
        input=context.input,
        output=output_of(choice, seed, summarized=request.summarized, search=search),
        choice=choice,
        usage=usage_of(request.chat.prompt_tokens, choice),
        background=request.background,
        pace=emulator.latency.pace(seed),
        started=emulator.clock(),
    )


def _written(
    emulator: Backend, response: StoredResponse, context: _Context, request: ResponseRequest, entry: Entry
) -> Iterator[tuple[float, bytes]]:
    """Stream a new response. Counts the tokens into `entry`."""
    for position, event in events(response, padded=request.padded):
        if response.cancelled:
            return
        entry.completion_tokens = position
        yield response.pace.due(position), event
    if not request.background:
        context.keep(response, request)


def _taken_up(
    emulator: Backend, response: StoredResponse, after: int, *, padded: bool
) -> Iterator[tuple[float, bytes]]:
    """Stream a stored response, from the event after number `after` on."""
    since = emulator.clock() - response.started if response.background else float("inf")
    for number, (position, event) in enumerate(events(response, padded=padded)):
        if response.cancelled:
            return
        if number > after:
            yield max(0.0, response.pace.due(position) - since), event


def _compacted(request: ResponseRequest) -> JSONObject:
    """Keep the messages of the user, and replace everything else by one item."""
    said = [item for item in request.items if item["type"] == "message" and item["role"] == "user"]
    essence = blake2b(orjson.dumps(request.chat.messages), digest_size=32).hexdigest()
    tokens = len(essence) // 4
    prompt = request.chat.prompt_tokens
    return {
        "id": f"resp_{essence[:32]}",
        "object": "response.compaction",
        "created_at": int(time.time()),
        "output": [*said, {"id": new_id("compaction"), "type": "compaction", "encrypted_content": essence}],
        "usage": {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt + tokens,
        },
    }
