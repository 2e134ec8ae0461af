"""The synchronous client in processes whose threads gevent or eventlet has replaced by coroutines."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from openai_async.testing import FaultServer, Gate, Request, Script
from tests.faults.replies import TEXT, ok_as_asked

PATCHED = {
    "gevent": """
from gevent import monkey; monkey.patch_all()
import gevent
def at_once(work, times):
    gevent.joinall([gevent.spawn(work) for _ in range(times)])
""",
    "eventlet": """
import eventlet; eventlet.monkey_patch()
def at_once(work, times):
    for each in [eventlet.spawn(work) for _ in range(times)]: each.wait()
""",
}
PROGRAM = """
import sys, time
from openai_async import Client
CALL = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
def client(**settings):
    return Client(**{"api_key": "k", "base_url": sys.argv[1], "trust_env": False, **settings})
with client() as one:
    at_once(lambda: print(one.chat.completions.create(**CALL).text), 5)
    def source():
        for _ in range(4):
            time.sleep(0.001)
            yield CALL
    print(*[result.unwrap().text for result in one.chat.completions.map(source(), on_progress=lambda p: None)])
    with one.chat.completions.stream(**CALL) as stream:
        print(stream.final().text)
def key():
    time.sleep(0.001)
    return "k"
with client(api_key=key, base_url=sys.argv[1].replace("127.0.0.1", "localhost")) as other:
    print(other.chat.completions.create(**CALL).text)
def leave():
    raise SystemExit
with client(api_key=leave) as other:
    try:
        other.chat.completions.create(**CALL)
    except SystemExit:
        print("left")
print("end")
"""


@pytest.mark.parametrize("library", PATCHED)
def test_calls_work_in_a_patched_process(library: str) -> None:
    """Calls of several coroutines are under way together; maps, streams, look-ups, slow keys and the end work, too."""
    numbers = iter(range(1_000))

    def answers(request: Request) -> Script:
        return (Gate(f"{number}"), *ok_as_asked(request)) if (number := next(numbers)) < 5 else ok_as_asked(request)

    with FaultServer(answers) as server:
        program = [sys.executable, "-W", "ignore", "-c", PATCHED[library] + PROGRAM, server.base_url]
        environment = {**os.environ, "EVENTLET_NO_GREENDNS": "yes"}  # it would ask a name server for localhost
        with subprocess.Popen(
            program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as child:
            try:
                for number in range(5):
                    server.wait_mark(f"{number}", timeout=60)
                for number in range(5):
                    server.open_gate(f"{number}")
                said, complaints = child.communicate(timeout=60)
            finally:
                child.kill()
    assert (said.split(), complaints) == ([TEXT] * 11 + ["left", "end"], "")
