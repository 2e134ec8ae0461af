"""Requests that make something: what may have been carried out is not sent again, whatever status came back."""

from __future__ import annotations

import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from openai_async import APIConnectionError, APIError, APIStatusError, AsyncClient
from openai_async.resources._operation import Operation
from openai_async.testing import FaultServer, Fin, ReadRequest, Rst, Script, json_reply

from .conftest import MakeClient
from .replies import CALL, COMPLETION, error_reply

Send = Callable[[AsyncClient], Awaitable[Any]]

CREATES: dict[str, Send] = {
    "batch": lambda client: client.batches.create(endpoint="/v1/embeddings", input_file_id="file-1"),
    "tuning job": lambda client: client.fine_tuning.jobs.create(model="m", training_file="file-1"),
    "complete": lambda client: client.uploads.complete("upload-1", part_ids=["part-1"]),
    "vector store": lambda client: client.vector_stores.create(name="a"),
    "eval run": lambda client: client.evals.runs.create(eval_id="eval-1", data_source={"type": "jsonl"}),
    "conversation": lambda client: client.conversations.create(),
    "response in a conversation": lambda client: client.responses.create(model="m", input="Hi", conversation="conv-1"),
    "raw": lambda client: client.post("/batches", body={"input_file_id": "file-1"}),
}
#: What may be sent again after a 503: it makes nothing, or nothing that a second one would double.
OTHERS: dict[str, Send] = {
    "chat": lambda client: client.chat.completions.create(**CALL),
    "raw chat": lambda client: client.post("/chat/completions", body=CALL),
    "update": lambda client: client.vector_stores.update("vs-1", name="b"),
    "cancel": lambda client: client.batches.cancel("batch-1"),
    "file": lambda client: client.files.create(file=("a.jsonl", b"{}"), purpose="batch"),
    "part": lambda client: client.uploads.parts.create("upload-1", data=b"a"),
    "list": lambda client: client.batches.list().collect(),
}
LOST: dict[str, Script] = {
    **{str(status): error_reply(status) for status in (408, 500, 502, 503, 504, 529)},
    "503 that may be retried": error_reply(503, {"x-should-retry": "true"}),
    "reset": (ReadRequest(), Rst()),
    "closed": (ReadRequest(), Fin()),
}


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize("create", CREATES)
async def test_a_create_that_may_have_been_carried_out_is_not_sent_again(create: str, make_client: MakeClient) -> None:
    """One request, and an error that says that its effect may be there."""
    for failure in LOST.values():
        with FaultServer([failure]) as server:
            async with make_client(server.base_url, max_retries=3) as client:
                with pytest.raises(APIError) as failed:
                    await CREATES[create](client)
        assert len(server.requests) == 1
        assert failed.value.outcome == "ambiguous"
        assert failed.value.possibly_billed
        assert isinstance(failed.value, APIConnectionError) or "may have been carried out" in str(failed.value)


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize("status", [409, 425, 429])
async def test_a_create_that_was_refused_is_sent_again(status: int, make_client: MakeClient) -> None:
    """A refusal comes before the work: nothing was made."""
    made = json_reply({"id": "batch_1", "object": "batch", "status": "validating"})
    with FaultServer([error_reply(status), made]) as server:
        async with make_client(server.base_url, max_retries=1) as client:
            batch = await client.batches.create(endpoint="/v1/embeddings", input_file_id="file-1")
    assert batch.id == "batch_1"
    assert [attempt.outcome for attempt in batch.attempts] == ["rejected", "completed"]


@pytest.mark.usefixtures("no_backoff")
@pytest.mark.parametrize("other", OTHERS)
async def test_what_makes_nothing_is_sent_again(other: str, make_client: MakeClient) -> None:
    """A 503 is waited out where a repetition doubles nothing."""
    answer = {"id": "x", "object": "x", "data": [], **(COMPLETION if "chat" in other else {})}
    with FaultServer([error_reply(503), json_reply(answer)]) as server:
        async with make_client(server.base_url, max_retries=1) as client:
            await OTHERS[other](client)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("verb", "path", "makes"),
    [
        ("POST", "/batches", True),
        ("POST", "/threads/{thread_id}/runs", True),
        ("POST", "/batches?a=b", True),
        ("POST", "/batches/{batch_id}/cancel", False),
        ("POST", "/vector_stores/{vector_store_id}", False),
        ("POST", "/chat/completions", False),
        ("GET", "/batches", False),
        ("DELETE", "/files/{file_id}", False),
        ("PUT", "/anything", False),
    ],
)
def test_an_operation_knows_whether_it_makes_something(verb: Any, path: str, makes: bool) -> None:
    """It follows from the verb and the path, so that a new operation of the table is careful by itself."""
    assert Operation(verb, path).makes is makes


def test_doubt_survives_pickling() -> None:
    """An error that crosses processes still says that something may have been made."""
    error = APIStatusError("no", status_code=503)
    error._doubtful = True
    assert pickle.loads(pickle.dumps(error)).outcome == "ambiguous"
