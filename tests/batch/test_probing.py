"""A cause that all rows share stops a batch after a few of them, and the run says what it was."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given, strategies as st

from openai_async import AsyncClient, errors
from openai_async._policy.probing import Probing, cause_of
from openai_async.batch import BatchHaltedError, BatchInputError, api
from openai_async.batch.output.threads import T, Threads
from openai_async.testing import FaultServer, Request, Script, json_reply, run_virtual
from tests.batch.conftest import Place
from tests.batch.files import read_lines, requests, write_lines

UNKNOWN = json_reply({"error": {"message": "Unknown parameter: 'temprature'.", "code": "unknown_parameter"}}, 400)
REPLY = json_reply({"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}}]})


class Counted:
    """Answers each request by its number, from 0."""

    def __init__(self, answer: Callable[[int], Script]) -> None:
        self.requests = 0
        self._answer = answer

    def __call__(self, _: Request) -> Script:
        self.requests += 1
        return self._answer(self.requests - 1)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (UNKNOWN, "temprature"),
        (json_reply({"error": {"message": "Incorrect API key provided"}}, 401), "Incorrect API key"),
        (json_reply({"error": {"message": "Insufficient Balance"}}, 402), "Insufficient Balance"),
        (json_reply({"error": {"message": "no such model", "code": "model_not_found"}}, 404), "no such model"),
    ],
    ids=["a wrong parameter", "a wrong key", "a drained account", "a wrong model"],
)
async def test_a_cause_that_all_rows_share_halts_the_run(answer: Script, words: str, tmp_path: Path) -> None:
    """Of 2,000 rows at most 50 are sent; the error has the server's words, and the rest can be sent later."""
    handler = Counted(lambda _: answer)
    source = write_lines(tmp_path / "in", requests(2_000))
    with FaultServer(handler) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            with pytest.raises(BatchHaltedError, match=words) as caught:
                await client.batch.run(source, tmp_path / "out")
    assert handler.requests <= 50
    summary = caught.value.summary
    assert summary.left >= 1_950
    [kind] = summary.failure_kinds
    assert (kind.count, kind.custom_id) == (summary.failed, read_lines(tmp_path / "out")[0]["custom_id"])
    assert words in kind.message


class NoThreads(Threads):
    """Does all work on the loop: a virtual clock does not see the threads of others."""

    async def run(self, work: Callable[[], T]) -> T:
        return work()

    async def run_long(self, work: Callable[[Callable[[], object]], T]) -> T:
        return work(int)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(401, json={"error": {"message": "Incorrect API key"}}), "Incorrect API key"),
        (httpx.Response(400, json={"error": {"message": "Unknown parameter"}}), "Unknown parameter"),
        (httpx.ConnectError("Connection refused"), "could not connect"),
    ],
    ids=["a wrong key", "a wrong parameter", "a dead host"],
)
def test_slow_refusals_cost_no_more_than_quick_ones(
    answer: httpx.Response | Exception, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 20,000 rows that take 1 to 3 s to be refused at most 50 are sent, and the error says why. In virtual time."""
    sent = itertools.count()

    async def refuse(_: httpx.Request) -> httpx.Response:
        await anyio.sleep(1.0 + next(sent) * 0.7 % 2.0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content)

    async def main() -> None:
        transport = httpx.MockTransport(refuse)
        async with AsyncClient(api_key="k", base_url="http://127.0.0.1:1/v1", transport=transport) as client:
            with pytest.raises(BatchHaltedError, match=words) as caught:
                await client.batch.run(source, tmp_path / "out")
        assert caught.value.summary.left >= 19_950
        assert words in caught.value.summary.failure_kinds[0].message

    monkeypatch.setattr(api, "Threads", NoThreads)
    source = write_lines(tmp_path / "in", requests(20_000))
    run_virtual(main)
    assert next(sent) <= 50


async def test_a_server_that_is_not_there_halts_the_run(tmp_path: Path) -> None:
    """Nobody answers at the address: the run ends with the error of the connection, not with a failure for each row."""
    source = write_lines(tmp_path / "in", requests(500))
    with FaultServer([REPLY]) as server:
        gone = server.base_url
    async with AsyncClient(api_key="k", base_url=gone, max_retries=0) as client:
        with pytest.raises(BatchHaltedError, match="could not connect") as caught:
            await client.batch.run(source, tmp_path / "out")
    assert caught.value.summary.failed <= 50


async def test_one_success_ends_the_probing(tmp_path: Path) -> None:
    """Rows that fail one by one, beside others that succeed, are failures of their own."""
    handler = Counted(lambda number: REPLY if number == 0 else UNKNOWN)
    source = write_lines(tmp_path / "in", requests(100))
    with FaultServer(handler) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            summary = await client.batch.run(source, tmp_path / "out", max_in_flight=8)
    assert (summary.done, summary.failed, summary.complete) == (100, 99, True)


async def test_what_all_lines_lack_is_one_error(place: Place) -> None:
    """No row names a model: that is one error before the first request, and not a bad line for each row."""
    bodies: list[Any] = [{"messages": [{"role": "user", "content": "Hello!"}]} for _ in range(300)]
    write_lines(place.source, bodies)
    with pytest.raises(BatchInputError, match="'model' is missing"):
        await place.run()


def refused(status: int, code: str | None = None) -> errors.APIStatusError:
    cls = {400: errors.BadRequestError, 429: errors.RateLimitError, 503: errors.InternalServerError}[status]
    return cls(f"{status}", status_code=status, code=code)


def test_a_success_lets_everything_start() -> None:
    """No more than the probes are started until one of them has ended well."""
    probing = Probing(4)
    assert [probing.may_start(started) for started in (3, 4)] == [True, False]
    probing.ended(refused(400))
    assert not probing.may_start(4)
    probing.ended(None)
    assert probing.may_start(10**6)


def test_a_failure_that_passes_is_no_word_on_the_others() -> None:
    """Beside a wrong key, a 429 or a 503 neither hides it nor lets all rows be sent."""
    probing = Probing(4)
    started = ended = 0
    while probing.halted_by is None:
        while probing.may_start(started):
            started += 1
        probing.ended(refused(429) if ended % 4 == 1 else refused(400))
        ended += 1
    assert probing.halted_by.args == refused(400).args
    assert started <= 8


def test_a_dead_host_is_one_cause_wherever_it_is_noticed() -> None:
    """A host may refuse one connection and drop another before the request is out."""
    phases: tuple[errors.Phase, ...] = ("connect", "send")
    assert len({cause_of(errors.APIConnectionError("gone", phase=phase)) for phase in phases}) == 1
    assert cause_of(errors.APIConnectionError("broke", phase="response")) is None


@given(st.lists(st.sampled_from([None, refused(400), refused(400, "a"), refused(429), refused(503)]), max_size=30))
def test_only_equal_lasting_failures_halt(ends: list[errors.APIStatusError | None]) -> None:
    """A run is halted if, and only if, its first N calls without a passing failure all end with one error."""
    probing = Probing(5)
    for end in ends:
        probing.ended(end)
    first = [end for end in ends if end is None or cause_of(end) is not None][:5]
    causes = {None if end is None else cause_of(end) for end in first}
    assert (probing.halted_by is not None) == (len(first) == 5 and len(causes) == 1 and None not in causes)


def test_none_never_halts() -> None:
    """`None` for the number of probes lets every call be made."""
    probing = Probing(None)
    for _ in range(100):
        probing.ended(refused(400))
    assert probing.may_start(100)
    assert probing.halted_by is None
