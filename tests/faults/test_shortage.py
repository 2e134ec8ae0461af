"""What this machine lacks is not the server's failure: calls wait until a connection comes back, at no attempt."""

from __future__ import annotations

import errno
import json
import os
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import anyio
import pytest

from openai_async._transport import connect as dialing, pool, resource_exhaustion
from openai_async._transport.dns import Resolver
from openai_async.errors import APIConnectionError, DeadlineExceededError
from openai_async.testing import FaultServer, Gate, json_reply
from tests.cli.commands import Commands
from tests.inside import pipeline_of

from .conftest import MakeClient
from .replies import CALL, COMPLETION, TEXT, ok


@pytest.mark.parametrize("transport", ["auto", "httpx", "trio", "own"])
@pytest.mark.parametrize("taken", [0, 60])
def test_calls_wait_where_few_files_may_be_open(transport: str, taken: int) -> None:
    """At 96 descriptors, most of them perhaps the program's own, 150 calls at once are all answered, once each."""
    with FaultServer([ok()]) as server:
        done = subprocess.run(
            [
                sys.executable,
                str(Path(__file__).with_name("descriptors_child.py")),
                *("96", "150", str(taken), transport, server.base_url),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"ends": {"answered": 150}, "attempts": {"1": 150}}
        assert len(server.requests) == 150


def test_a_batch_at_the_limit_of_open_files_ends_well(tmp_path: Path) -> None:
    """`ulimit -n 256`: 400 rows at once, the output and the journal beside them."""
    rows = [{"model": "m", "messages": [{"role": "user", "content": f"{number}"}]} for number in range(400)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    commands = Commands()
    with FaultServer([ok()]) as server:
        try:
            process = commands.start(
                *("batch", "in.jsonl", "out.jsonl", "--format", "bodies"),
                env={"OPENAI_BASE_URL": server.base_url},
                cwd=tmp_path,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)),
            )
            ended = commands.end_of(process)
        finally:
            commands.close()
    assert ended.status == 0, ended.err
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["response"]["status_code"] for row in out] == [200] * 400


def test_the_command_line_raises_its_own_limit() -> None:
    """From the shell's soft limit to the hard one, or as far as is of use; one that is higher stays."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = min(before[1], 4096) if before[1] != resource.RLIM_INFINITY else 4096
    code = "import resource; from openai_async.cli.descriptors import raise_limit; raise_limit(); "
    code += "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(hard), str(hard)]
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_a_refusal_of_the_system_is_waited_out(
    number: int, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that finds nothing takes the connection of the one that ends; the server sees each request once."""
    real, refuse = socket.socket, [False]
    with FaultServer([(Gate("first"), *ok()), ok()]) as server:
        async with make_client(server.base_url) as client:

            async def call() -> None:
                reply = await client.chat.completions.create(**CALL)
                assert (reply.text, len(reply.attempts)) == (TEXT, 1)

            async with anyio.create_task_group() as group:
                group.start_soon(call)
                await server.until_mark("first")
                monkeypatch.setattr(socket, "socket", _subclass(real, refuse, number))
                refuse[0] = True
                group.start_soon(call)
                owned = _connections(client)
                while not owned._queue:
                    await anyio.lowlevel.checkpoint()
                server.open_gate("first")
            monkeypatch.setattr(socket, "socket", real)
        assert (server.accepted_connections, len(server.requests)) == (1, 2)


def _connections(client: Any) -> Any:
    transport = pipeline_of(client).transport.ready()
    return transport._pools.current()


def _subclass(real: type[socket.socket], refuse: list[bool], number: int) -> type[socket.socket]:
    class Scarce(real):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            if refuse[0]:
                raise OSError(number, os.strerror(number))
            super().__init__(*arguments, **options)

    return Scarce


async def test_a_deadline_that_ends_the_waiting_says_what_to_do(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was sent, and the error names the limit."""
    refuse = [False]
    async with make_client("http://127.0.0.1:9/v1", deadline=0.2) as client:
        with pytest.raises(APIConnectionError):
            await client.chat.completions.create(**CALL)
        monkeypatch.setattr(socket, "socket", _subclass(socket.socket, refuse, errno.EMFILE))
        refuse[0] = True
        with pytest.raises(DeadlineExceededError, match=r"Too many open files.*ulimit -n.*max_concurrency") as caught:
            await client.chat.completions.create(**CALL)
        refuse[0] = False
    assert caught.value.outcome == "not_sent"


def test_no_address_on_this_machine_is_no_shortage_of_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """EADDRNOTAVAIL is both: it is waited out only where a way to the address exists."""
    error = OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
    assert resource_exhaustion.shortage_of(error, socket.AF_INET, ("127.0.0.1", 9)) is not None
    assert resource_exhaustion.shortage_of(error, socket.AF_INET, ("255.255.255.255", 9)) is None


# ---- connections that come back


async def test_a_connection_goes_to_the_one_who_has_waited_longest(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New calls do not overtake those that wait for a connection; one that is cancelled there is passed over."""
    monkeypatch.setattr(pool, "most_connections", lambda: 1)
    order: list[int] = []
    with FaultServer([(Gate("first"), *ok()), ok()]) as server:
        async with make_client(server.base_url) as client:

            async def call(number: int, scope: anyio.CancelScope) -> None:
                with scope:
                    await client.chat.completions.create(**CALL)
                    order.append(number)

            scopes = [anyio.CancelScope() for _ in range(5)]
            async with anyio.create_task_group() as group:
                group.start_soon(call, 0, scopes[0])
                await server.until_mark("first")
                for number in range(1, 5):
                    group.start_soon(call, number, scopes[number])
                    while len(_connections(client)._queue) < number:
                        await anyio.lowlevel.checkpoint()
                scopes[2].cancel()
                server.open_gate("first")
        assert server.accepted_connections == 1
    assert order == [0, 1, 3, 4]


async def test_an_idle_connection_makes_room_for_another_host(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits for what nobody uses."""
    monkeypatch.setattr(pool, "most_connections", lambda: 1)
    with FaultServer([ok()]) as one, FaultServer([ok()]) as other:
        async with make_client(one.base_url) as client:
            await client.chat.completions.create(**CALL)
            owned = _connections(client)
            with anyio.fail_after(5):
                assert await owned.wait_for_turn(("http", "127.0.0.1", other.port)) is None
            owned.connect_ended()
            assert owned.count == 0


# ---- names


class CountingResolver:
    """Counts what is asked, and answers when it may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, fails: bool = False) -> None:
        self.asked = 0
        self.may_answer = threading.Event()
        real = socket.getaddrinfo

        def look_up(host: Any, port: int, *rest: Any, **options: Any) -> Any:
            if host not in ("api.example", b"api.example") or options.get("flags", 0) & socket.AI_NUMERICHOST:
                return real(host, port, *rest, **options)
            if len(rest) > 3 and rest[3] & socket.AI_NUMERICHOST:
                raise socket.gaierror(socket.EAI_NONAME, "no number")
            self.asked += 1
            self.may_answer.wait(30)
            if fails:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return real("127.0.0.1", port, *rest, **options)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)


async def test_a_name_is_looked_up_once_for_all(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst asks once; one caller who is cancelled takes the answer from nobody; the next burst asks nothing."""
    resolver = CountingResolver(monkeypatch)
    with FaultServer([json_reply(COMPLETION, headers={"connection": "close"})]) as server:
        async with make_client(f"http://api.example:{server.port}/v1", allow_http=True) as client:

            async def call() -> None:
                assert (await client.chat.completions.create(**CALL)).text == TEXT

            async with anyio.create_task_group() as group:
                async with anyio.create_task_group() as impatient:
                    impatient.start_soon(call)
                    while not resolver.asked:
                        await anyio.lowlevel.checkpoint()
                    for _ in range(20):
                        group.start_soon(call)
                    impatient.cancel_scope.cancel()
                resolver.may_answer.set()
            await call()
    assert resolver.asked == 1


async def test_a_failed_look_up_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is an answer, not a failure; and an address that nobody answers at is forgotten."""
    resolver = CountingResolver(monkeypatch, fails=True)
    resolver.may_answer.set()
    resolver_cache = Resolver()
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            await resolver_cache.resolve("api.example", 80)
    assert resolver.asked == 2
    working = CountingResolver(monkeypatch)
    working.may_answer.set()
    await resolver_cache.resolve("api.example", 80)
    await resolver_cache.resolve("api.example", 80)
    assert working.asked == 1
    resolver_cache.forget("api.example", 80)
    await resolver_cache.resolve("api.example", 80)
    assert working.asked == 2
    await resolver_cache.aclose()


@pytest.mark.parametrize("stack", ["asyncio-direct", "trio-httpx"], indirect=True)
async def test_the_first_address_that_answers_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses are tried one after the other, a late winner is closed, and a shortage is told before a refusal."""
    monkeypatch.setattr(dialing, "DELAY", 0.0)
    closed: list[int] = []
    both = anyio.Event()

    async def connect(address: Any) -> int:
        if address.af == 2:
            both.set()
        await both.wait()
        return int(address.af)

    addresses = [dialing.Address(1, ()), dialing.Address(2, ())]
    won = await dialing.connect_any(addresses, connect, closed.append)
    assert sorted([won, *closed]) in ([1, 2], [won])

    async def refused(address: Any) -> int:
        raise OSError(errno.EMFILE if address.af == 1 else errno.ECONNREFUSED, "no")

    with pytest.raises(resource_exhaustion.ShortageError):
        await dialing.connect_any(addresses, refused, closed.append)
