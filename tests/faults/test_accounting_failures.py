"""Prices, totals, rate limits and progress stand beside an answer: whatever fails there never takes its place."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from openai_async import AsyncClient, Client
from openai_async._limits import accounting
from openai_async._limits.limiter import Limiter
from openai_async._limits.pool import Pool
from openai_async._pipeline import billing
from openai_async._pipeline.answer import Response
from openai_async._policy import prices
from openai_async._policy.spending import Spending
from openai_async._policy.totals import CostTotals
from openai_async.errors import RateLimitError
from openai_async.testing import FaultServer, Request, Script, json_reply, sse
from openai_async.types.chat import CompletionUsage
from tests.inside import pipeline_of

from .conftest import MakeClient
from .replies import CALL, CHUNKS, COMPLETION, TEXT, error_reply

SECRET = "canary-4711"
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
LIMITS = {"x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "99", "x-request-id": "r1"}
REPLY = {**COMPLETION, "model": "gpt-4o-mini", "usage": USAGE}
END = {"id": "c1", "model": "gpt-4o-mini", "choices": [], "usage": USAGE}


def answer(request: Request) -> Script:
    """The right reply with all that is accounted with, streamed if the request says so."""
    if request.json().get("stream"):
        return sse([*({**chunk, "model": "gpt-4o-mini"} for chunk in CHUNKS), END, "[DONE]"], headers=LIMITS)
    return json_reply(REPLY, headers=LIMITS)


@pytest.fixture(autouse=True)
def nothing_logged_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounting, "_logged", set())


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


#: Where accounting is done: class or module, and the name there.
PARTS: dict[str, tuple[Any, str]] = {
    "price": (prices.Prices, "of"),
    "cost": (billing, "cost"),
    "table": (prices, "_table"),
    "totals": (CostTotals, "add"),
    "usage": (CompletionUsage, "as_completion_usage"),
    "limits of headers": (Response, "rate_limits"),
    "what the limiter learns": (Pool, "answered"),
    "charge": (Pool, "ended"),
    "queue": (Limiter, "dispatch"),
    "spending of a map": (Spending, "add"),
    "progress of a map": (Limiter, "best"),
}
ERRORS = {
    "descriptors": OSError(24, SECRET),
    "bug": KeyError(SECRET),
    "memory": MemoryError(SECRET),
    "overflow": OverflowError(SECRET),
}


async def all_forms(client: AsyncClient) -> list[str]:
    """One reply whole, one streamed, and two of a map."""
    found = [(await client.chat.completions.create(**CALL)).text]
    async with client.chat.completions.stream(**CALL) as stream:
        found.append((await stream.final()).text)
    calls = client.chat.completions.map([CALL, CALL], max_cost=5.0, on_progress=lambda progress: None)
    return found + [result.unwrap().text async for result in calls]


@pytest.mark.parametrize("stack", ["asyncio-direct"], indirect=True)
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("part", PARTS)
async def test_whatever_fails_beside_an_answer_the_answer_is_given(
    part: str, error: str, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each answer comes, once, in every form; what failed is logged once, and shows nothing of the error's text."""
    holder, name = PARTS[part]
    fail: Any = failing(ERRORS[error])
    monkeypatch.setattr(holder, name, property(fail) if name == "rate_limits" else fail)
    with FaultServer(answer) as server, caplog.at_level(logging.WARNING, "openai_async"):
        async with make_client(server.base_url, max_retries=2) as client:
            assert await all_forms(client) == [TEXT] * 4
            first = len(caplog.records)
            assert await all_forms(client) == [TEXT] * 4
            assert client.statistics().in_flight == 0
    assert len(server.requests) == 8
    assert 1 <= first == len(caplog.records)
    assert SECRET not in caplog.text
    assert type(ERRORS[error]).__name__ in caplog.text


async def test_an_unknown_price_is_none_and_does_not_stay_so(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the table can be read, costs are known: a shortage of descriptors passes."""
    with FaultServer(answer) as server:
        async with make_client(server.base_url) as client:
            with monkeypatch.context() as short:
                short.setattr(prices, "_packaged", failing(OSError(24, "no descriptors")))
                assert (await client.chat.completions.create(**CALL)).cost is None
            assert (await client.chat.completions.create(**CALL)).cost is not None


async def test_a_log_that_fails_costs_no_answer(make_client: MakeClient) -> None:
    """A filter of the program's may raise, also while it is told of what failed."""

    def fail(record: logging.LogRecord) -> bool:
        raise ValueError("a bug in a filter")

    logger = logging.getLogger("openai_async")
    logger.addFilter(fail)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        with FaultServer(answer) as server:
            async with make_client(server.base_url) as client:
                assert await all_forms(client) == [TEXT] * 4
    finally:
        logger.setLevel(level)
        logger.removeFilter(fail)


async def test_a_refusal_is_told_though_its_limits_cannot_be_read(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the server's is not replaced by one of ours either, and its permit comes back."""
    monkeypatch.setattr(Pool, "refused", failing(KeyError("a bug")))
    with FaultServer([error_reply(429, LIMITS)]) as server:
        async with make_client(server.base_url) as client:
            with pytest.raises(RateLimitError):
                await client.chat.completions.create(**CALL)
            assert client.statistics().in_flight == 0


# ---- a map


class Own(Exception):
    """An exception of the program's."""


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("error", [OSError(24, "x"), ValueError("x"), MemoryError(), Own("x"), RuntimeError("x")])
async def test_an_exception_of_a_call_is_its_result(error: Exception, ordered: bool, make_client: MakeClient) -> None:
    """Whatever its class: one call that raises does not end the others, nor hide their answers."""
    with FaultServer(answer) as server:
        async with make_client(server.base_url) as client:

            async def ask(**params: Any) -> Any:
                if params.pop("fails"):
                    raise error
                return await client.chat.completions.create(**params)

            requests = [{**CALL, "fails": index % 3 == 1} for index in range(9)]
            results = [result async for result in client.map(ask, requests, ordered=ordered)]
    by_index = {result.index: result for result in results}
    assert [by_index[index].error is error for index in range(9)] == [index % 3 == 1 for index in range(9)]
    assert [by_index[index].value.text for index in range(9) if index % 3 != 1] == [TEXT] * 6
    assert error.__traceback__ is None
    assert "test_accounting_failures.py" in "".join(error.__notes__)
    assert by_index[1].attempts == ()
    with pytest.raises(type(error)):
        by_index[1].unwrap()


async def test_an_exception_of_a_callback_comes_after_the_answers(make_client: MakeClient) -> None:
    """What `on_progress` raises ends the map, as it always did; the answers that are there are given first."""

    def fail(progress: Any) -> None:
        raise Own("a bug")

    with FaultServer(answer) as server:
        async with make_client(server.base_url) as client:
            results = client.chat.completions.map([CALL], on_progress=fail)
            assert (await anext(results)).unwrap().text == TEXT
            with pytest.raises(Own):
                await anext(results)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_call_that_is_cancelled_from_outside_does_not_hang_its_map(anyio_backend: str) -> None:
    """Its result will not come: whoever waits for it hears so."""
    import asyncio

    async with AsyncClient(api_key="k", base_url="http://127.0.0.1:9/v1") as client:

        async def ask(**params: Any) -> Any:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await anyio.sleep(60)

        with pytest.raises(RuntimeError, match="cancelled from outside"):
            async for _ in client.map(ask, [CALL, CALL]):
                pass


def test_the_synchronous_map_keeps_them_apart_too() -> None:
    """The error crosses from the loop's thread as it is."""
    with FaultServer(answer) as server, Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        requests: Any = [CALL, {**CALL, "messages": [{"role": "user", "content": {1, 2}}]}, CALL]
        results = list(client.chat.completions.map(requests))
    assert [result.error is None for result in results] == [True, False, True]


# ---- a batch


async def test_a_row_that_raises_is_a_failed_row(
    make_client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the class of its exception: the other rows are answered, and the next run tries it again."""
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [{"custom_id": f"c{n}", "method": "POST", "url": "/v1/chat/completions", "body": CALL} for n in range(3)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with FaultServer(answer) as server:
        async with make_client(server.base_url) as client:
            fetch, calls = type(pipeline_of(client)).fetch, iter(range(100))

            async def sometimes(self: Any, call: Any) -> Any:
                if next(calls) == 1:
                    raise OSError(24, SECRET)
                return await fetch(self, call)

            monkeypatch.setattr(type(pipeline_of(client)), "fetch", sometimes)
            first = await client.batch.run(source, out)
            told = out.read_text()
            again = await client.batch.run(source, out)
    assert (first.done, first.failed, dict(first.failures)) == (3, 1, {"OSError": 1})
    assert SECRET not in told
    assert (again.skipped, again.done, again.failed) == (2, 1, 0)


# ---- nothing is imported or opened once an answer is there

#: Notes each import and each opening of a file from the moment at which the first connection is made.
_WATCHED = """
import sys
from openai_async import AsyncClient, Client, errors
seen, watching = [], False

def hook(event, args):
    global watching
    watching = watching or event == "socket.connect"
    if watching and event in ("import", "open"):
        seen.append(f"{event} {args[0]}")

sys.addaudithook(hook)
url, form, transport, folder = sys.argv[1:]
CALL = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
settings = {"api_key": "k", "base_url": url, "trust_env": False, "max_retries": 1}
if transport == "httpx":
    settings["transport"] = "httpx"

async def go():
    async with AsyncClient(**settings) as client:
        completions = client.chat.completions
        if form == "whole":
            reply = await completions.create(**CALL)
            assert reply.cost is not None and reply.rate_limits.requests.limit and reply.attempts
        elif form == "raw":
            assert (await client.post("/chat/completions", body=CALL)).cost is not None
        elif form == "stream":
            async with completions.stream(**CALL) as stream:
                assert (await stream.final()).cost is not None
        elif form == "map":
            async for result in completions.map([CALL] * 2, max_cost=5.0, on_progress=lambda progress: None):
                assert result.unwrap().cost is not None
        elif form == "batch":
            await client.batch.run(f"{folder}/in.jsonl", f"{folder}/out.jsonl", on_progress=lambda progress: None)
        else:
            try:
                await completions.create(**CALL)
            except errors.APIStatusError:
                pass

if transport == "sync":
    with Client(**settings) as client:
        if form == "stream":
            with client.chat.completions.stream(**CALL) as stream:
                assert stream.final().cost is not None
        else:
            assert client.chat.completions.create(**CALL).cost is not None
elif transport == "trio":
    import trio
    trio.run(go)
else:
    import asyncio
    asyncio.run(go())
watching, own = False, seen[:]
assert not own, own
"""


def refused(request: Request) -> Script:
    """A refusal that names a date which has passed, so that the call is sent again at once."""
    return error_reply(429, {**LIMITS, "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})


@pytest.mark.parametrize(
    ("form", "transport"),
    [
        *((form, "direct") for form in ("whole", "raw", "stream", "map", "batch", "error")),
        *((form, name) for form in ("whole", "stream") for name in ("httpx", "trio")),
        ("stream", "sync"),
    ],
)
def test_nothing_is_imported_or_read_once_a_request_is_sent(form: str, transport: str, tmp_path: Path) -> None:
    """What an answer needs is there before it is asked for: it must not fail because no file can be opened any more."""
    row = {"custom_id": "c", "method": "POST", "url": "/v1/chat/completions", "body": CALL}
    (tmp_path / "in.jsonl").write_text(json.dumps(row) + "\n")
    with FaultServer(refused if form == "error" else answer) as server:
        child = [sys.executable, "-c", _WATCHED, server.base_url, form, transport, str(tmp_path)]
        ran = subprocess.run(child, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-1000:]
