"""Forks, Ctrl-C and the end of the interpreter: each program is a process of its own, with all warnings as errors."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from openai_async.testing import FaultServer, Gate, Mark, Request, Script, Stall, json_reply, sse
from tests.faults.replies import CHUNKS, COMPLETION, EVENTS, error_reply, ok

#: Seconds after which something hangs: on a busy machine an interpreter alone takes seconds to end.
HUNG = 15.0

PRELUDE = """
import asyncio, os, sys, threading, warnings
warnings.filterwarnings("ignore", ".*use of fork", DeprecationWarning)
from openai_async import Client

def call(who, **more):
    return {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "extra_headers": {"x-who": who}, **more}

def say(*words):
    print(*words, flush=True)

base_url, *arguments = sys.argv[1:]
client = Client(api_key="test", base_url=base_url, trust_env=False, max_retries=9, max_concurrency=2)
create, stream = client.chat.completions.create, client.chat.completions.stream
"""


@contextmanager
def running(program: str, server: FaultServer, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A child process that runs a program against a server."""
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PRELUDE + program, server.base_url, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def line(child: subprocess.Popen[str]) -> str:
    """What it says next."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


# ---- fork

FORKED = """
state = arguments[0]
ended = []
threads = []
opened = None

def hold(number):
    ended.append(create(**call("parent")).text)

if state == "idle":
    create(**call("warm"))
elif state == "in flight":
    threads = [threading.Thread(target=hold, args=[0])]
elif state == "stream open":
    opened = create(stream=True, **call("parent"))
    say("begun", next(opened).text)
else:  # two hold the permits, two more wait for one
    threads = [threading.Thread(target=hold, args=[n]) for n in range(4)]
for thread in threads:
    thread.start()
say("ready")
sys.stdin.readline()

if os.fork() == 0:
    say("child", create(**call("child")).text)
    with stream(**call("child")) as own:
        say("child", own.final().text)
    for result in client.chat.completions.map([call("child")] * 3):
        say("child", result.unwrap().text)
    if opened is not None:
        try:
            next(opened)
        except RuntimeError as error:
            say("child", "parent process" in str(error))
        opened.close()
    del opened
    client.close()
    if arguments[1] == "sys.exit":
        sys.exit(0)
    os._exit(0)

_, status = os.wait()
say("child ended", status)
for thread in threads:
    thread.join()
if opened is not None:
    ended.append("".join(opened.text))
say("parent", *ended)
client.close()
"""


@pytest.mark.parametrize("end", ["sys.exit", "os._exit"])
@pytest.mark.parametrize("state", ["idle", "in flight", "stream open", "waiting in line"])
def test_a_forked_child_begins_anew_and_leaves_the_parent_alone(state: str, end: str) -> None:
    """The child calls at once, whatever the parent was in the middle of; the parent's calls and streams go on."""

    def answer(request: Request) -> Script:
        streamed = request.json().get("stream")
        if request.header("x-who") != "parent":
            return sse(EVENTS) if streamed else ok()
        gate = Gate("the child has ended")
        return sse([CHUNKS[0], gate, *EVENTS[1:]]) if streamed else (gate, *ok())

    with FaultServer(answer) as server:
        child = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PRELUDE + FORKED, server.base_url, state, end],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert child.stdin is not None
            if state == "stream open":
                assert line(child) == "begun He"
            assert line(child) == "ready"
            parents = {"in flight": 1, "waiting in line": 2}.get(state, 0)
            server.wait_for(lambda server: len(server.requests) >= parents)
            child.stdin.write("fork\n")
            child.stdin.flush()
            assert [line(child) for _ in range(5)] == ["child Hello!"] * 5
            if state == "stream open":
                assert line(child) == "child True"
            assert line(child) == "child ended 0"
            server.open_gate("the child has ended")
            told = line(child)
            _, complaints = child.communicate(timeout=20)
        finally:
            child.kill()
            child.communicate()
    whole = {"idle": [], "stream open": ["llo!"], "in flight": ["Hello!"], "waiting in line": ["Hello!"] * 4}[state]
    assert told.split() == ["parent", *whole]
    assert complaints == ""
    assert child.returncode == 0


# ---- Ctrl-C

INTERRUPTED = """
def whole_call():
    create(**call("a"))

def open_stream():
    with stream(**call("a")) as opened:
        for chunk in opened:
            pass

def whole_map():
    for result in client.chat.completions.map([call("a")] * 100, max_in_flight=4):
        result.unwrap()

def source_of_a_map():
    def blocked():
        yield call("a")
        say("in the source")
        threading.Event().wait()
    for result in client.chat.completions.map(blocked()):
        pass

async def other_tasks():
    await asyncio.sleep(0)  # what has ended is gone after a turn of the loop
    return len([t for t in client._handle.portal.tasks if t is not asyncio.current_task()])

client.models  # loaded before the signal
say("ready")
try:
    globals()[arguments[0]]()
except KeyboardInterrupt as error:
    error.__traceback__ = None  # its frames hold the iterator, if the signal came while nothing was waited for
    import time
    until, left = time.monotonic() + 1.0, None
    while left != (0, 0, 0) and time.monotonic() < until:
        statistics = client.statistics()
        left = statistics.in_flight, statistics.waiting, client._handle.call(other_tasks)
    say("interrupted", *left)
if arguments[1] == "goes on":
    say(create(**call("b") | {"model": "another"}).text)  # the first one's may have been told to wait
"""

_REACHED = Gate("reached")
#: What is under way, and the answers: the phase is reached at the gate.
PHASES: dict[str, list[Script]] = {
    "whole_call": [(_REACHED, Stall())],
    "open_stream": [sse([CHUNKS[0], _REACHED, Stall()])],
    "whole_map": [*[ok()] * 10, (_REACHED, Stall())],
}


@pytest.mark.parametrize("then", ["goes on", "ends"])
@pytest.mark.parametrize("phase", [*PHASES, "source_of_a_map", "a retry"])
def test_ctrl_c_ends_what_is_waited_for(phase: str, then: str) -> None:
    """Gone within a second: the connection is dropped, the permit back, no task left; the client can be used again."""

    def answer(request: Request) -> Script:
        if request.header("x-who") == "b":
            return ok()
        if phase == "a retry":
            return (*error_reply(503, {"retry-after": "100"}), Mark("answered"))
        scripts = PHASES.get(phase, [ok()])
        return scripts[min(len(server.requests) - 1, len(scripts) - 1)]

    work = "whole_call" if phase == "a retry" else phase
    with FaultServer(answer) as server, running(INTERRUPTED, server, work, then) as child:
        assert line(child) == "ready"
        if phase == "source_of_a_map":
            assert line(child) == "in the source"
        elif phase == "a retry":
            server.wait_mark("answered")
        else:
            server.wait_mark("reached")
        since = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert line(child) == "interrupted 0 0 0"
        assert time.monotonic() - since < HUNG
        assert line(child) == ("Hello!" if then == "goes on" else "")
        _, complaints = child.communicate(timeout=20)
    assert complaints == ""
    assert child.returncode == 0


HANDLED = """
def handle(number, frame):
    if arguments[0] == "calls":
        say(create(**call("b")).text)
    else:
        say("handled")

import signal
signal.signal(signal.SIGUSR1, handle)
client.models
say("ready")
say(create(**call("a")).text)
"""


@pytest.mark.parametrize("handler", ["returns", "calls"])
def test_a_signal_whose_handler_returns_disturbs_no_call(handler: str) -> None:
    """The call that was waited for goes on, even if the handler makes one of its own meanwhile."""
    with (
        FaultServer(lambda request: ok() if request.header("x-who") == "b" else (_REACHED, *ok())) as server,
        running(HANDLED, server, handler) as child,
    ):
        assert line(child) == "ready"
        server.wait_mark("reached")
        child.send_signal(signal.SIGUSR1)
        assert line(child) == ("Hello!" if handler == "calls" else "handled")
        server.open_gate("reached")
        assert line(child) == "Hello!"
        _, complaints = child.communicate(timeout=20)
    assert complaints == ""
    assert child.returncode == 0


INTERVAL = """
import signal
inside, answered = [], []

def handle(number, frame):
    if not inside:
        inside.append(number)
        answered.append(create(**call("b")).text)
        inside.clear()

client.models
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
made = 0
while made < 300 or len(answered) < 100:
    create(**call("a"))
    made += 1
signal.setitimer(signal.ITIMER_REAL, 0)
say(set(answered))
"""


def test_a_signal_handler_may_call_in_the_midst_of_any_line_of_a_call() -> None:
    """No lock of a call under way is waited for by a call of the same thread."""
    with FaultServer([ok()]) as server, running(INTERVAL, server) as child:
        assert line(child) == "{'Hello!'}"
        _, complaints = child.communicate(timeout=20)
    assert complaints == ""
    assert child.returncode == 0


# ---- the end of the interpreter

ENDS = {
    "open stream": "opened = create(stream=True, **call('a')); next(opened); say('ready')",
    "open stream in a block": "manager = stream(**call('a')); next(manager.__enter__()); say('ready')",
    "half a map": "left = client.chat.completions.map([call('a')] * 100); next(left); say('ready')",
    "unused client": "say('ready')",
    "client in use": "create(**call('b')); say('ready')",
    "daemon thread in a call": (
        "threading.Thread(target=lambda: create(**call('c')), daemon=True).start(); sys.stdin.readline(); say('ready')"
    ),
    "exit hook that calls": "import atexit; atexit.register(client.close); create(**call('b')); say('ready')",
}


@pytest.mark.parametrize("state", ENDS)
def test_the_interpreter_ends_at_once_and_quietly(state: str) -> None:
    """Whatever is open is closed: no hang, no warning, no traceback of a thread that was waiting."""

    def answer(request: Request) -> Script:
        who = request.header("x-who")
        if who == "c":
            return (_REACHED, Stall())
        if who == "b":
            return ok()
        return sse([*CHUNKS[:2], Stall()]) if request.json().get("stream") else json_reply(COMPLETION)

    with FaultServer(answer) as server:
        child = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PRELUDE + ENDS[state], server.base_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert child.stdin is not None
            if state == "daemon thread in a call":
                server.wait_mark("reached")
                child.stdin.write("\n")
                child.stdin.flush()
            assert line(child) == "ready"
            since = time.monotonic()
            _, complaints = child.communicate(timeout=20)
            assert time.monotonic() - since < HUNG
        finally:
            child.kill()
            child.communicate()
        server.wait_for(lambda server: server.open_connections == 0)
    assert complaints == ""
    assert child.returncode == 0
