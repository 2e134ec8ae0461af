"""The emulator's Batch API: batches run for real, out of order, fail as the API's do, and can be found again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from openai_async.emulator import (
    BatchLimits,
    Emulator,
    Faults,
    Latency,
    Model,
    RateLimits,
    __main__ as program,
    serving,
)
from openai_async.emulator.batches import run

Body = dict[str, Any]

AUTH = {"authorization": "Bearer sk-secret"}
CHAT = "/v1/chat/completions"
HELD = 3600.0  # seconds for each row: a batch that does not get on
ENDED = {"completed", "failed", "expired", "cancelled"}


@contextmanager
def running(emulator: Emulator) -> Iterator[httpx.Client]:
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=AUTH, timeout=30) as client:
        yield client


def row(number: int = 0, **change: Any) -> Body:
    body = {"model": "emulated-mini", "messages": [{"role": "user", "content": f"Question {number}"}]}
    found = {"custom_id": f"row-{number}", "method": "POST", "url": CHAT, "body": body, **change}
    return {name: value for name, value in found.items() if value is not None}


def asking(number: int, **change: Any) -> Body:
    found = row(number)
    found["body"] = {name: value for name, value in {**found["body"], **change}.items() if value is not None}
    return found


def upload(client: httpx.Client, rows: list[Body] | bytes, purpose: str = "batch") -> str:
    content = rows if isinstance(rows, bytes) else "".join(json.dumps(row) + "\n" for row in rows).encode()
    reply = client.post("/files", files={"file": ("in.jsonl", content)}, data={"purpose": purpose})
    assert reply.status_code == 200, reply.text
    found: str = reply.json()["id"]
    return found


def wanted(file_id: str, **rest: Any) -> Body:
    return {"input_file_id": file_id, "endpoint": CHAT, "completion_window": "24h", **rest}


def create(client: httpx.Client, rows: list[Body] | bytes, **rest: Any) -> str:
    reply = client.post("/batches", json=wanted(upload(client, rows), **rest))
    assert (reply.status_code, reply.json()["status"]) == (200, "validating"), reply.text
    found: str = reply.json()["id"]
    return found


def look(client: httpx.Client, batch_id: str) -> Body:
    found: Body = client.get(f"/batches/{batch_id}").json()
    return found


def reached(client: httpx.Client, batch_id: str, *statuses: str) -> Body:
    """Ask until the batch has one of the statuses; by default, until it has ended."""
    while (batch := look(client, batch_id))["status"] not in (statuses or ENDED):
        assert batch["status"] not in ENDED, batch
    return batch


def lines(client: httpx.Client, file_id: str | None) -> list[Body]:
    return (
        [] if file_id is None else [json.loads(line) for line in client.get(f"/files/{file_id}/content").iter_lines()]
    )


def check(reply: httpx.Response, status: int, words: str, param: str | None, code: str | None) -> None:
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert words in error["message"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


# -- completed batches -------------------------------------------------------------------------------------------


def test_rows_are_answered_for_real() -> None:
    """Each row gets what its endpoint answers, under its custom_id; counts, usage, model and times are the batch's."""
    rows = [row(number) for number in range(20)]
    with running(Emulator()) as client:
        batch = reached(client, create(client, rows))
        assert (batch["object"], batch["status"], batch["endpoint"]) == ("batch", "completed", CHAT)
        assert (batch["errors"], batch["error_file_id"]) == (None, None)
        assert batch["request_counts"] == {"total": 20, "completed": 20, "failed": 0}
        assert batch["model"] == "emulated-mini-2026-11-01"
        assert batch["completion_window"] == "24h"
        assert batch["expires_at"] == batch["created_at"] + 24 * 3600
        times = [batch[f"{name}_at"] for name in ("created", "in_progress", "finalizing", "completed")]
        assert times == sorted(times)
        assert {batch[f"{name}_at"] for name in ("failed", "expired", "cancelling", "cancelled")} == {None}

        usage: Body = {"prompt_tokens": 0, "completion_tokens": 0}
        found = lines(client, batch["output_file_id"])
        asked = {row["custom_id"]: row["body"] for row in rows}
        assert len({line["id"] for line in found}) == len({line["custom_id"] for line in found}) == 20
        for line in found:
            assert line.keys() == {"id", "custom_id", "response", "error"}
            assert line["id"].startswith("batch_req_")
            assert (line["error"], line["response"]["status_code"]) == (None, 200)
            assert line["response"]["request_id"].startswith("req_")
            direct = client.post("/chat/completions", json=asked[line["custom_id"]]).json()
            assert line["response"]["body"]["choices"] == direct["choices"]
            for name in usage:
                usage[name] += line["response"]["body"]["usage"][name]
        assert batch["usage"]["input_tokens"] == usage["prompt_tokens"] > 0
        assert batch["usage"]["output_tokens"] == usage["completion_tokens"] > 0
        assert batch["usage"]["total_tokens"] == sum(usage.values())


@pytest.mark.parametrize("count", [2, 3, 4, 5, 50])
def test_rows_come_back_in_another_order(count: int) -> None:
    """The output is never in the order of the input, and the same for the same batch."""
    rows = [row(number) for number in range(count)]
    with running(Emulator()) as client:
        found = [
            [line["custom_id"] for line in lines(client, reached(client, create(client, rows))["output_file_id"])]
            for _ in range(2)
        ]
        assert found[0] == found[1]
        assert sorted(found[0]) == sorted(row["custom_id"] for row in rows)
        assert found[0] != [row["custom_id"] for row in rows]


def test_output_files() -> None:
    """The output is a file of its own purpose, kept for as long as the batch's creator said."""
    with running(Emulator()) as client:
        expiry = {"anchor": "created_at", "seconds": 7200}
        batch = reached(client, create(client, [row()], output_expires_after=expiry))
        file = client.get(f"/files/{batch['output_file_id']}").json()
        assert file["purpose"] == "batch_output"
        assert file["filename"] == f"{batch['id']}_output.jsonl"
        assert file["expires_at"] - file["created_at"] == 7200


def test_reasoning_is_in_the_usage() -> None:
    """Tokens that a model spends on thinking are in the batch's usage."""
    with running(Emulator(models=[Model("thinker", reasoning=True)])) as client:
        batch = reached(client, create(client, [asking(0, model="thinker")]))
        assert 0 < batch["usage"]["output_tokens_details"]["reasoning_tokens"] < batch["usage"]["output_tokens"]


def test_failed_rows_are_in_a_file_of_their_own() -> None:
    """A row that its endpoint refuses is in the error file, with the status and error that it would get directly."""
    rows = [row(0), asking(1, max_tokens=10**9), row(2)]
    with running(Emulator()) as client:
        batch = reached(client, create(client, rows))
        assert batch["status"] == "completed"
        assert batch["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
        assert len(lines(client, batch["output_file_id"])) == 2
        (failed,) = lines(client, batch["error_file_id"])
        direct = client.post("/chat/completions", json=rows[1]["body"])
        assert (failed["custom_id"], failed["error"]) == ("row-1", None)
        assert (failed["response"]["status_code"], failed["response"]["body"]) == (400, direct.json())


def test_no_file_without_lines() -> None:
    """A batch of which every row fails has completed, and has no output file."""
    with running(Emulator()) as client:
        batch = reached(client, create(client, [asking(0, max_tokens=10**9)]))
        assert (batch["status"], batch["output_file_id"]) == ("completed", None)
        assert len(lines(client, batch["error_file_id"])) == 1


def test_faults_strike_rows() -> None:
    """Injected faults make rows fail, as they make calls fail."""
    emulator = Emulator(batch_delay=HELD)
    with running(emulator) as client:
        batch_id = create(client, [row(number) for number in range(5)])
        reached(client, batch_id, "in_progress")
        batch, emulator.faults = emulator.batches.find(batch_id), Faults(1.0, statuses=(503,))
        emulator.batch_delay = 0.0
        while batch.status not in ENDED:
            client.get("/models")
        emulator.faults = Faults()
        failed = lines(client, look(client, batch_id)["error_file_id"])
        assert [line["response"]["status_code"] for line in failed] == [503] * 5


def test_input_may_be_deleted() -> None:
    """A batch that runs does not need its input file to stay."""
    emulator = Emulator(batch_delay=HELD)
    with running(emulator) as client:
        batch_id = create(client, [row(number) for number in range(5)])
        batch = reached(client, batch_id, "in_progress")
        client.delete(f"/files/{batch['input_file_id']}")
        emulator.batch_delay = 0.0
        assert reached(client, batch_id)["request_counts"]["completed"] == 5


# -- batches that do not start -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words", "param", "code"),
    [
        ({"input_file_id": None}, "Missing", "input_file_id", "missing_required_parameter"),
        ({"input_file_id": 5}, "expected a string", "input_file_id", "invalid_type"),
        ({"endpoint": None}, "Missing", "endpoint", "missing_required_parameter"),
        ({"endpoint": "/v1/nothing"}, "Invalid value: '/v1/nothing'", "endpoint", "invalid_value"),
        ({"completion_window": None}, "Missing", "completion_window", "missing_required_parameter"),
        ({"completion_window": "1h"}, "Invalid value: '1h'", "completion_window", "invalid_value"),
        ({"metadata": ["x"]}, "expected an object", "metadata", "invalid_type"),
        ({"metadata": {"tags": ["x"]}}, "expected a string, but got an array", "metadata.tags", "invalid_type"),
        ({"metadata": {"x": "y" * 513}}, "512", "metadata.x", "string_above_max_length"),
        ({"metadata": {"x" * 65: "y"}}, "64", "metadata", "string_above_max_length"),
        ({"metadata": {str(n): "" for n in range(17)}}, "16", "metadata", "object_above_max_properties"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 5}},
            ">= 3600",
            "output_expires_after.seconds",
            "integer_below_min_value",
        ),
    ],
)
def test_bad_batches_are_refused(change: Body, words: str, param: str, code: str) -> None:
    """A request that can never be a batch is refused at once, and there is no batch."""
    with running(Emulator()) as client:
        check(client.post("/batches", json=wanted("file-x") | change), 400, words, param, code)
        assert client.get("/batches").json()["data"] == []


@pytest.mark.parametrize(
    ("bad", "code", "param", "words"),
    [
        (b"{oops", "invalid_json_line", None, "not parseable as valid JSON"),
        (b"", "invalid_json_line", None, "not parseable as valid JSON"),
        (b"[]", "invalid_json_line", None, "not a JSON object"),
        (row(1, custom_id=None), "missing_required_parameter", "custom_id", "Missing required parameter"),
        (row(1, method=None), "missing_required_parameter", "method", "Missing required parameter"),
        (row(1, url=None), "missing_required_parameter", "url", "Missing required parameter"),
        (row(1, body=None), "missing_required_parameter", "body", "Missing required parameter"),
        (row(1, custom_id=7), "invalid_type", "custom_id", "expected a string"),
        (row(1, body="x"), "invalid_type", "body", "expected an object"),
        (row(0), "duplicate_custom_id", "custom_id", "The custom_id 'row-0' for this request is a duplicate"),
        (row(1, method="GET"), "invalid_method", "method", "POST"),
        (row(1, url="/v1/embeddings"), "invalid_url", "url", "does not match the batch endpoint"),
        (asking(1, model=None), "invalid_request", "body.model", "Model parameter is required."),
        (asking(1, model="nothing"), "model_not_found", "body.model", "not supported by the Batch API"),
        (asking(1, model="emulated-large"), "mismatched_model", "body.model", "does not match the rest"),
        (asking(1, messages=None), "invalid_request", "body.messages", "Messages parameter is required."),
        (asking(1, stream=True), "streaming_unsupported", "body.stream", "Streaming is not supported"),
    ],
)
def test_one_bad_line_fails_the_batch(bad: Body | bytes, code: str, param: str | None, words: str) -> None:
    """A line that is no request of this batch fails all of it, with its number and the reason; nothing is run."""
    line = bad if isinstance(bad, bytes) else json.dumps(bad).encode()
    content = b"\n".join([json.dumps(row(0)).encode(), line, json.dumps(row(2)).encode()])
    emulator = Emulator(any_model=False)
    with running(emulator) as client:
        batch = reached(client, create(client, content))
        assert batch["status"] == "failed"
        assert batch["failed_at"] >= batch["created_at"]
        assert (batch["output_file_id"], batch["in_progress_at"]) == (None, None)
        assert batch["errors"]["object"] == "list"
        (error,) = batch["errors"]["data"]
        assert error.keys() == {"code", "message", "param", "line"}
        assert (error["code"], error["param"], error["line"]) == (code, param, 2)
        assert words in error["message"]
    assert not [entry for entry in emulator.ledger.entries() if entry.batch_id]


def test_every_bad_line_is_named() -> None:
    """All bad lines are named with their numbers, up to a hundred."""
    with running(Emulator()) as client:
        content = b"\n".join([b"{}"] + [json.dumps(row(0)).encode()] + [b"{}"] * 2)
        batch = reached(client, create(client, content))
        assert [error["line"] for error in batch["errors"]["data"]] == [1, 3, 4]
        batch = reached(client, create(client, b"{}\n" * 150))
        assert len(batch["errors"]["data"]) == 100


def test_input_files_must_be_for_batches() -> None:
    """A file that is not there, or that has another purpose, fails the batch."""
    with running(Emulator()) as client:
        for file_id, words in (
            ("file-nowhere", "Cannot find file file-nowhere, or organization org-emulated does not have access"),
            (upload(client, [row()], "user_data"), "expected 'batch', but got 'user_data'"),
        ):
            batch = reached(client, client.post("/batches", json=wanted(file_id)).json()["id"])
            assert batch["status"] == "failed"
            (error,) = batch["errors"]["data"]
            assert (error["code"], error["param"], error["line"]) == ("invalid_request", "file_id", None)
            assert words in error["message"]


def test_number_of_rows() -> None:
    """A batch may have so many rows and not one more."""
    with running(Emulator(batch_limits=BatchLimits(requests=3))) as client:
        assert reached(client, create(client, [row(n) for n in range(3)]))["status"] == "completed"
        batch = reached(client, create(client, [row(n) for n in range(4)]))
        assert (batch["status"], batch["errors"]["data"][0]["code"]) == ("failed", "too_many_tasks")


def test_queue_of_tokens() -> None:
    """Unfinished batches of one model share a queue; a batch that does not fit fails, and fits once they are done."""
    emulator = Emulator(batch_delay=HELD, batch_limits=BatchLimits(enqueued_tokens=100))
    with running(emulator) as client:
        first = create(client, [row(0), row(1)])
        reached(client, first, "in_progress")
        batch = reached(client, create(client, [row(2)]))
        (error,) = batch["errors"]["data"]
        assert (batch["status"], error["code"], error["line"]) == ("failed", "token_limit_exceeded", None)
        assert "Enqueued token limit reached for emulated-mini in organization org-emulated" in error["message"]
        other = create(client, [asking(2, model="emulated-large")])
        emulator.batch_delay = 0.0
        assert reached(client, other)["status"] == reached(client, first)["status"] == "completed"
        assert reached(client, create(client, [row(2)]))["status"] == "completed"


# -- lists -------------------------------------------------------------------------------------------------------


def test_lost_batches_are_found_by_their_metadata() -> None:
    """Batches are listed newest first, in pages, with the metadata that they were created with."""
    with running(Emulator()) as client:
        file_id = upload(client, [row()])
        ids = [
            client.post("/batches", json=wanted(file_id, metadata={"run": str(number)})).json()["id"]
            for number in range(5)
        ]
        found: list[Body] = []
        query: Body = {"limit": 2}
        while True:
            page = client.get("/batches", params=query).json()
            assert page.keys() == {"object", "data", "first_id", "last_id", "has_more"}
            found += page["data"]
            if not page["has_more"]:
                break
            query["after"] = page["last_id"]
        assert [batch["id"] for batch in found] == ids[::-1]
        assert [batch["id"] for batch in found if batch["metadata"] == {"run": "3"}] == [ids[3]]
        check(client.get("/batches?limit=101"), 400, "<= 100", "limit", "integer_above_max_value")
        check(client.get("/batches/batch_none"), 404, "No batch found with id 'batch_none'.", None, None)
        check(client.post("/batches/batch_none/cancel"), 404, "No batch found", None, None)


async def test_batch_of_a_client_that_left() -> None:
    """A batch whose creator left before it heard of it runs all the same, and is in the list."""
    emulator = Emulator()
    transport = httpx.ASGITransport(app=emulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator/v1", headers=AUTH) as client:
        content = json.dumps(row()).encode()
        file = await client.post("/files", files={"file": ("a.jsonl", content)}, data={"purpose": "batch"})
        body = json.dumps(wanted(file.json()["id"], metadata={"run": "lost"})).encode()

        async def receive() -> Body:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            raise OSError("the client is gone")

        headers = [(b"authorization", b"Bearer sk-secret")]
        scope = {"type": "http", "method": "POST", "path": "/v1/batches", "query_string": b"", "headers": headers}
        await emulator.app(scope, receive, send)
        (batch,) = (await client.get("/batches")).json()["data"]
        assert (batch["metadata"], batch["status"]) == ({"run": "lost"}, "completed")
    assert [entry.aborted for entry in emulator.ledger.entries() if entry.path == "/v1/batches"] == [True, False]


# -- pace, cancelling and expiry ---------------------------------------------------------------------------------


def test_pace() -> None:
    """Rows wait for their turn; the pace can be changed while a batch waits."""
    emulator = Emulator(batch_delay=HELD)
    with running(emulator) as client:
        batch_id = create(client, [row(number) for number in range(10)])
        batch = reached(client, batch_id, "in_progress")
        assert batch["request_counts"] == {"total": 10, "completed": 0, "failed": 0}
        emulator.batch_delay = 0.0
        assert reached(client, batch_id)["request_counts"]["completed"] == 10


def test_other_calls_are_served_meanwhile() -> None:
    """A batch that runs as fast as it can does not keep other calls waiting until it is done."""
    with running(Emulator()) as client:
        batch_id = create(client, [row(number) for number in range(3000)])
        seen = {"validating": 0, "in_progress": 0}
        while (batch := look(client, batch_id))["status"] in seen:
            seen[batch["status"]] += 0 if batch["request_counts"]["completed"] in (0, 3000) else 1
        assert batch["request_counts"]["completed"] == 3000
        assert seen["in_progress"] >= 1


def test_cancelling_keeps_what_is_done() -> None:
    """A batch that is cancelled ends soon, with the rows that were done in its output file."""
    emulator = Emulator(batch_delay=0.01)
    with running(emulator) as client:
        batch_id = create(client, [row(number) for number in range(5000)])
        while look(client, batch_id)["request_counts"]["completed"] < 3:
            pass
        cancelled = client.post(f"/batches/{batch_id}/cancel").json()
        assert (cancelled["status"], cancelled["output_file_id"]) == ("cancelling", None)
        batch = reached(client, batch_id)
        assert batch["status"] == "cancelled"
        assert batch["cancelled_at"] >= batch["cancelling_at"] >= batch["in_progress_at"]
        counts = batch["request_counts"]
        assert counts["total"] == 5000 > counts["completed"] >= 3
        assert len(lines(client, batch["output_file_id"])) == counts["completed"]
        assert client.post(f"/batches/{batch_id}/cancel").json()["status"] == "cancelled"


def test_a_waiting_batch_can_be_cancelled() -> None:
    """Cancelling does not wait for the next row, and asking twice makes no difference."""
    with running(Emulator(batch_delay=HELD)) as client:
        batch_id = create(client, [row()])
        for _ in range(2):
            assert client.post(f"/batches/{batch_id}/cancel").status_code == 200
        batch = reached(client, batch_id)
        assert (batch["status"], batch["output_file_id"]) == ("cancelled", None)


def test_what_has_ended_cannot_be_cancelled() -> None:
    """Cancelling a batch that has completed or failed is a conflict."""
    with running(Emulator()) as client:
        for rows, status in (([row()], "completed"), (b"{}", "failed")):
            batch_id = create(client, rows)
            reached(client, batch_id, status)
            reply = client.post(f"/batches/{batch_id}/cancel")
            check(reply, 409, f"Cannot cancel a batch with status '{status}'.", None, None)


def test_expiry() -> None:
    """A batch that is not done in time expires: what is done is kept, and the rest is in the error file as expired."""
    clock = Clock()
    emulator = Emulator(clock=clock, batch_delay=0.01)
    with running(emulator) as client:
        batch_id = create(client, [row(number) for number in range(5000)])
        while look(client, batch_id)["request_counts"]["completed"] < 3:
            pass
        clock.now = 24 * 3600.0
        batch = reached(client, batch_id)
        assert batch["status"] == "expired"
        assert batch["expired_at"] >= batch["in_progress_at"]
        counts = batch["request_counts"]
        assert counts["completed"] + counts["failed"] == 5000
        done, expired = lines(client, batch["output_file_id"]), lines(client, batch["error_file_id"])
        assert len(done) == counts["completed"] >= 3
        assert len({line["custom_id"] for line in done + expired}) == 5000
        assert {line["response"] is None for line in expired} == {True}
        assert {line["error"]["code"] for line in expired} == {"batch_expired"}
        reply = client.post(f"/batches/{batch_id}/cancel")
        check(reply, 409, "Cannot cancel a batch with status 'expired'.", None, None)


# -- the server --------------------------------------------------------------------------------------------------


def test_rows_are_in_the_ledger() -> None:
    """Each row is in the ledger like a call of the key that created the batch, with the ids that tell it apart."""
    emulator = Emulator()
    with running(emulator) as client:
        batch_id = create(client, [row(0), asking(1, max_tokens=10**9)])
        batch = reached(client, batch_id)
        found = {entry.custom_id: entry for entry in emulator.ledger.entries() if entry.batch_id}
        own = next(entry for entry in emulator.ledger.entries() if entry.path == "/v1/batches")
        assert found.keys() == {"row-0", "row-1"}
        for entry in found.values():
            assert (entry.method, entry.path, entry.batch_id, entry.key) == ("POST", CHAT, batch_id, own.key)
            assert entry.model == "emulated-mini"
        assert [found[name].status for name in ("row-0", "row-1")] == [200, 400]
        assert found["row-1"].code == "context_length_exceeded"
        usage = batch["usage"]
        assert (found["row-0"].prompt_tokens, found["row-0"].completion_tokens) == (
            usage["input_tokens"],
            usage["output_tokens"],
        )
    assert emulator.stats.in_flight == 0


def test_batches_have_limits_of_their_own() -> None:
    """Rows need neither rate limit nor the model's time, though they do need a quota."""
    emulator = Emulator(limits=RateLimits(requests_per_minute=1), latency=Latency(first_token=HELD))
    with running(emulator) as client:
        rows = [row(number) for number in range(10)]
        assert reached(client, create(client, rows))["request_counts"]["completed"] == 10
        emulator.drain("sk-secret")
        batch = reached(client, create(client, rows))
        failed = lines(client, batch["error_file_id"])
        assert [line["response"]["status_code"] for line in failed] == [429] * 10
        assert {line["response"]["body"]["error"]["code"] for line in failed} == {"insufficient_quota"}


def test_stopping_cancels_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch ends with the server that runs it, at once, and is seen to have ended where another server goes on."""
    monkeypatch.setattr(serving, "_GRACE", HELD)
    emulator = Emulator(batch_delay=HELD)
    with running(emulator) as other, ExitStack() as stack:
        client = stack.enter_context(running(emulator))
        batch_id = create(client, [row()])
        reached(client, batch_id, "in_progress")
        stack.close()
        assert look(other, batch_id)["status"] == "cancelled"
    with running(emulator) as client:
        assert client.get("/batches").json()["data"] == []


def test_other_servers_cancel_too() -> None:
    """A batch can be cancelled through another server of the same emulator."""
    emulator = Emulator(batch_delay=HELD)
    with running(emulator) as one, running(emulator) as other:
        batch_id = create(one, [row()])
        other.post(f"/batches/{batch_id}/cancel")
        assert reached(other, batch_id)["status"] == "cancelled"


async def test_batches_without_a_socket() -> None:
    """Batches run in any ASGI host, on asyncio and on trio."""
    emulator = Emulator(batch_delay=0.001)
    transport = httpx.ASGITransport(app=emulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator/v1", headers=AUTH) as client:
        content = json.dumps(row()).encode()
        file = await client.post("/files", files={"file": ("a.jsonl", content)}, data={"purpose": "batch"})
        batch_id = (await client.post("/batches", json=wanted(file.json()["id"]))).json()["id"]
        batch = (await client.get(f"/batches/{batch_id}")).json()
        assert batch["request_counts"] == {"total": 1, "completed": 1, "failed": 0}


def test_a_defect_fails_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """If running a batch fails for a reason of the emulator's own, the batch says so instead of staying as it is."""

    def defect(offsets: Any) -> list[int]:
        raise RuntimeError("out of order")

    monkeypatch.setattr(run, "_order", defect)
    with running(Emulator()) as client:
        batch = reached(client, create(client, [row()]))
        assert batch["status"] == "failed"
        assert "RuntimeError: out of order" in batch["errors"]["data"][0]["message"]


def test_process_takes_the_pace() -> None:
    """The process has an option for the pace of batches."""
    assert program._emulator(program._parser().parse_args(["--batch-delay", "0.5"])).batch_delay == 0.5
