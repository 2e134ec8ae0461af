"""The options and contents of calls that are made in several steps stand in no frame, whatever ends them.

Waits, uploads in parts, lists, maps and batches keep what each of their calls is made with for as long as they last.
They are ended at each of their awaits, from outside and by a callback of the user that raises.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from openai_async import AsyncClient, Client, InvalidParameterError, OpenAIError
from openai_async.testing import FaultServer, Request, Script, json_reply, respond

from .test_canaries import COMPLETION, HEADER, KEY, MESSAGES, PROMPT, failure_of
from .test_frames import ended_at, leaks

OPTIONS: dict[str, Any] = {"extra_headers": {"x-own": HEADER}, "extra_query": {"token": HEADER}}
HEADERS: dict[str, Any] = {"extra_headers": {"x-own": HEADER}}
SOON: dict[str, Any] = {"poll_interval": 0.001}
CONTENT = PROMPT.encode() * 100

#: Called with each state, on whatever is given to `on_poll`, `on_part` and `on_progress`.
Hook: TypeAlias = Callable[[object], None]
Use: TypeAlias = Callable[[AsyncClient, Hook, Path], Awaitable[object]]


async def listed(pages: Any) -> list[object]:
    return [item async for item in pages]


USES: dict[str, Use] = {
    "responses.wait": lambda c, hook, _: c.responses.wait("x", on_poll=hook, **SOON, **OPTIONS),
    "files.wait_for_processing": lambda c, hook, _: c.files.wait_for_processing("x", on_poll=hook, **SOON, **OPTIONS),
    "batches.wait": lambda c, hook, _: c.batches.wait("x", on_poll=hook, **SOON, **OPTIONS),
    "jobs.wait": lambda c, hook, _: c.fine_tuning.jobs.wait("x", on_poll=hook, **SOON, **OPTIONS),
    "jobs.events": lambda c, _, __: listed(c.fine_tuning.jobs.events("x", **SOON, **OPTIONS)),
    "fine_tunes.wait": lambda c, hook, _: c.fine_tunes.wait("x", on_poll=hook, **SOON, **OPTIONS),
    "fine_tunes.events": lambda c, _, __: listed(c.fine_tunes.events("x", **SOON, **OPTIONS)),
    "runs.wait": lambda c, hook, _: c.beta.threads.runs.wait("x", thread_id="t", on_poll=hook, **SOON, **OPTIONS),
    "vector_stores.files.wait": lambda c, hook, _: c.vector_stores.files.wait(
        "x", vector_store_id="s", on_poll=hook, **SOON, **OPTIONS
    ),
    "vector_stores.files.create_and_wait": lambda c, hook, _: c.vector_stores.files.create_and_wait(
        "s", file_id="f", on_poll=hook, **SOON, **HEADERS
    ),
    "vector_stores.files.upload_and_wait": lambda c, hook, _: c.vector_stores.files.upload_and_wait(
        "s", file=CONTENT, on_poll=hook, **SOON, **HEADERS
    ),
    "vector_stores.file_batches.wait": lambda c, hook, _: c.vector_stores.file_batches.wait(
        "x", vector_store_id="s", on_poll=hook, **SOON, **OPTIONS
    ),
    "vector_stores.file_batches.create_and_wait": lambda c, hook, _: c.vector_stores.file_batches.create_and_wait(
        "s", file_ids=["f"], on_poll=hook, **SOON, **HEADERS
    ),
    "vector_stores.file_batches.upload_and_wait": lambda c, hook, _: c.vector_stores.file_batches.upload_and_wait(
        "s", files=[CONTENT, CONTENT], on_poll=hook, **SOON, **HEADERS
    ),
    "upload_file_chunked": lambda c, hook, _: c.uploads.upload_file_chunked(
        file=CONTENT, filename="a.txt", mime_type="text/plain", purpose="assistants", part_size=1_000, on_part=hook,
        **OPTIONS,
    ),
    "list": lambda c, _, __: listed(c.files.list(**OPTIONS)),
    "models": lambda c, _, __: listed(c.models.list(**OPTIONS)),
    "raw list": lambda c, _, __: c.get("/files", **OPTIONS),
    "download": lambda c, _, path: c.files.download("x", path / "content", **OPTIONS),
    "map": lambda c, hook, _: listed(
        c.chat.completions.map([{"messages": MESSAGES}] * 2, model="m", on_progress=hook, **OPTIONS)
    ),
    "batch.run": lambda c, hook, path: c.batch.run(
        path / "in.jsonl", path / "out.jsonl", model="m", system=PROMPT, prompt_template=PROMPT + "{prompt}",
        params={"user": PROMPT}, on_progress=hook, **OPTIONS,
    ),
    "batch.remote": lambda c, hook, path: c.batch.remote(
        path / "in.jsonl", path / "out.jsonl", model="m", system=PROMPT, prompt_template=PROMPT + "{prompt}",
        params={"user": PROMPT}, poll=(0.001, 0.001), on_progress=hook, **HEADERS,
    ),
}  # fmt: skip

WITHOUT_HOOK = ("jobs.events", "fine_tunes.events", "list", "models", "raw list", "download")


class Server:
    """Jobs go on when they are first asked for, and have ended when they are asked for again."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()

    def __call__(self, request: Request) -> Script:
        path = request.target.partition("?")[0]
        self._asked[request.method + path] += 1
        over = self._asked[request.method + path] > 1
        if path.endswith("/chat/completions"):
            return json_reply(COMPLETION)
        if path.endswith("/content"):
            return respond(200, _results(), {"content-type": "application/octet-stream"})
        state: dict[str, Any] = {
            "id": "x", "object": "thing", "status": "completed" if over else "in_progress", "model": "m", "output": [],
            "file_counts": {"completed": 1, "total": 1}, "created_at": 1, "thread_id": "t", "assistant_id": "a",
            "filename": "f", "bytes": 1, "purpose": "batch", "endpoint": "/v1/chat/completions", "upload_id": "x",
            "output_file_id": "x", "input_file_id": "x",
        }  # fmt: skip
        if path.endswith(("/batches", "/files", "/models", "/events")) and request.method == "GET":
            more = path.endswith("/files") and "after=" not in request.target and "purpose" not in request.target
            return json_reply({"object": "list", "data": [state] if more else [], "has_more": more, "last_id": "x"})
        if request.method == "POST" and path.endswith("/v1/files"):
            state["status"] = "processed"
        if "/files/" in path and "vector" not in path and over:
            state["status"] = "processed"
        if "/fine" in path:
            state["status"] = "succeeded" if over else "running"
        return json_reply(state)


def _results() -> bytes:
    answer = {"custom_id": "row-0", "response": {"status_code": 200, "request_id": "r", "body": COMPLETION}}
    return json.dumps(answer).encode() + b"\n"


def connect(server: FaultServer, kind: Any = AsyncClient) -> Any:
    return kind(api_key=KEY, base_url=server.base_url, trust_env=False, max_retries=0)


def rows(path: Path, number: int) -> Path:
    """A directory of its own, with a file of requests."""
    directory = path / str(number)
    directory.mkdir()
    (directory / "in.jsonl").write_text(json.dumps({"prompt": PROMPT}) + "\n")
    return directory


def silent(state: object) -> None:
    """A callback of the user's."""


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("use", USES)
async def test_no_frame_of_steps_that_were_ended_shows_a_secret(use: str, tmp_path: Path) -> None:
    """Ended at every await: no local variable has a canary."""
    found: set[str] = set()
    points = 0
    while points < 150:
        points += 1
        with FaultServer(Server()) as server:
            async with connect(server) as client:
                steps = partial(USES[use], client, silent, rows(tmp_path, points))
                error = await ended_at(points, steps, by_timeout=True)
        if error is None:
            break
        assert isinstance(error, TimeoutError), repr(error)
        found |= set(leaks(error))
    assert points > 1
    assert not found, "\n".join(sorted(found))


class Raised(Exception):
    """What a callback of the user's raises."""


@pytest.mark.parametrize(
    "use", [use for use in USES if "events" not in use and use not in ("list", "models", "raw list", "download")]
)
async def test_no_frame_of_steps_shows_a_secret_when_a_callback_raises(use: str, tmp_path: Path) -> None:
    """What the user's own code raises leads through our frames, too."""

    def hook(state: object) -> None:
        raise Raised

    error: BaseException | None = None
    with FaultServer(Server()) as server:
        async with connect(server) as client:
            try:
                await USES[use](client, hook, rows(tmp_path, 0))
            except BaseException as raised:
                error = raised
    assert error is not None
    assert not set(leaks(error))


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_each_call_of_steps_has_the_options(use: str, tmp_path: Path) -> None:
    """Not the first one alone."""
    with FaultServer(Server()) as server:
        async with connect(server) as client:
            await USES[use](client, silent, rows(tmp_path, 0))
    assert server.requests
    assert {request.header("x-own") for request in server.requests} == {HEADER}


async def refused(method: Callable[..., Awaitable[object]], path: Path, wrong: Mapping[str, Any]) -> OpenAIError:
    given = {"model": "m", "system": PROMPT, "prompt_template": PROMPT + "{prompt}", **HEADERS, **wrong}
    error = await failure_of(method(path / "in.jsonl", path / "out.jsonl", **given))
    assert isinstance(error, InvalidParameterError)
    return error


@pytest.mark.parametrize("use", [use for use in USES if use.startswith("batch.")])
@pytest.mark.parametrize("wrong", [{"endpoint": "/v1/nothing"}, {"extra_body": {"a": 1}}, {"params": PROMPT}])
async def test_no_frame_of_a_refusal_shows_a_secret(use: str, wrong: dict[str, Any], tmp_path: Path) -> None:
    """Of a batch that is refused before anything is sent."""
    with FaultServer(Server()) as server:
        async with connect(server) as client:
            error = await refused(client.batch.run if use == "batch.run" else client.batch.remote, tmp_path, wrong)
    assert not set(leaks(error))


@pytest.mark.parametrize("name", ["responses", "batches"])
def test_no_frame_of_a_thread_that_waits_shows_a_secret(name: str) -> None:
    """The frames of a synchronous client, on both sides."""

    def hook(state: object) -> None:
        raise Raised

    with FaultServer(Server()) as server, connect(server, Client) as client, pytest.raises(Raised) as caught:
        getattr(client, name).wait("x", on_poll=hook, **SOON, **OPTIONS)
    assert not set(leaks(caught.value))


def test_no_frame_of_a_thread_whose_batch_was_ended_shows_a_secret(tmp_path: Path) -> None:
    """Nor those of a batch."""

    def hook(state: object) -> None:
        raise Raised

    place = rows(tmp_path, 0)
    with FaultServer(Server()) as server, connect(server, Client) as client, pytest.raises(Raised) as caught:
        client.batch.run(
            place / "in.jsonl", place / "out.jsonl", model="m", system=PROMPT, prompt_template=PROMPT + "{prompt}",
            params={"user": PROMPT}, on_progress=hook, **OPTIONS,
        )  # fmt: skip
    assert not set(leaks(caught.value))
