"""In a real notebook kernel, where an event loop runs around every cell."""

from __future__ import annotations

import queue
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from openai_async.emulator import Emulator

SECONDS = 60.0

CELLS = {
    "a call": """
        reply = client.chat.completions.create(model="emulated-mini", messages=MESSAGES)
        print(reply.choices[0].finish_reason)
    """,
    "a stream": """
        with client.chat.completions.stream(model="emulated-mini", messages=MESSAGES) as stream:
            for chunk in stream:
                pass
            print(stream.final().choices[0].finish_reason)
    """,
    "a map with its progress": """
        from openai_async import show_progress
        requests = [{"messages": MESSAGES}] * 5
        results = list(client.map(client.chat.completions.create, requests, model="emulated-mini",
                                  on_progress=show_progress()))
        print({result.value.choices[0].finish_reason for result in results})
    """,
    "the asynchronous client": """
        from openai_async import AsyncClient
        async with AsyncClient(api_key="k", base_url=BASE_URL) as there:
            reply = await there.chat.completions.create(model="emulated-mini", messages=MESSAGES)
        print(reply.choices[0].finish_reason)
    """,
    "a client of the cell's own": """
        with Client(api_key="k", base_url=BASE_URL) as own:
            print(own.chat.completions.create(model="emulated-mini", messages=MESSAGES).choices[0].finish_reason)
    """,
}


@pytest.fixture(scope="module")
def kernel() -> Iterator[Any]:
    """A client of a kernel that has the emulator's address, and ours."""
    with Emulator().run() as server:
        manager, client = start_new_kernel(startup_timeout=SECONDS)
        try:
            messages = [{"role": "user", "content": "Hello!"}]
            executed(client, f"BASE_URL, MESSAGES = {server.base_url!r}, {messages!r}")
            executed(client, 'from openai_async import Client; client = Client(api_key="k", base_url=BASE_URL)')
            yield client
        finally:
            executed(client, "client.close()")
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def executed(kernel: Any, code: str) -> tuple[str, str]:
    """What a cell wrote to its two streams, and showed."""
    sent = kernel.execute(code)
    written = {"stdout": "", "stderr": ""}
    while True:
        try:
            message = kernel.get_iopub_msg(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError(f"the cell has not ended; so far it wrote {written}") from None
        if message["parent_header"].get("msg_id") != sent:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            written[content["name"]] += content["text"]
        elif kind == "execute_result":
            written["stdout"] += content["data"]["text/plain"]
        assert kind != "error", "\n".join(content["traceback"])
        if kind == "status" and content["execution_state"] == "idle":
            return written["stdout"], written["stderr"]


@pytest.mark.parametrize("cell", CELLS)
def test_a_notebook_cell_works_as_a_script_does(kernel: Any, cell: str) -> None:
    """Each cell gives its result, whichever ran before it, and no warning of a loop that is blocked on purpose."""
    stdout, stderr = executed(kernel, textwrap.dedent(CELLS[cell]))
    assert "stop" in stdout
    assert "Warning" not in stderr


def test_a_notebook_shows_a_reply_in_lines_and_without_what_is_absent(kernel: Any) -> None:
    """What a cell ends with is shown as people read it."""
    shown, _ = executed(kernel, 'client.chat.completions.create(model="emulated-mini", messages=MESSAGES)')
    assert len(shown.splitlines()) > 5
    assert "role='assistant'" in shown
    assert "None" not in shown
    thing, _ = executed(kernel, "from openai_async.types.api_object import APIObject\nAPIObject(extra={'id': 1})")
    assert thing == "APIObject(id)"
