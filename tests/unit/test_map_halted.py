"""A map whose first calls all fail for one lasting reason ends with that reason, on both faces."""

from __future__ import annotations

import itertools
from typing import Any

import anyio
import httpx
import pytest

from openai_async import AsyncClient, AuthenticationError, Client, InvalidParameterError, MapHaltedError
from openai_async.testing import FaultServer, Request, Script, json_reply, run_virtual

REFUSED = json_reply({"error": {"message": "Incorrect API key provided"}}, 401)
BAD = json_reply({"error": {"message": "No.", "code": "bad"}}, 400)
REPLY = json_reply({"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}}]})
QUESTIONS = [{"messages": [{"role": "user", "content": f"Say {n}."}]} for n in range(500)]


@pytest.mark.parametrize("ordered", [True, False])
async def test_a_wrong_key_ends_a_map(ordered: bool) -> None:
    """Of 500 calls with a refused key at most 50 are sent; each of these has its result, then the reason is raised."""
    with FaultServer([REFUSED] * 60) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=0) as client:
            results = client.chat.completions.map(QUESTIONS, model="m", ordered=ordered)
            seen = 0
            with pytest.raises(MapHaltedError, match="Incorrect API key") as caught:  # noqa: PT012
                async for result in results:
                    assert isinstance(result.error, AuthenticationError)
                    seen += 1
            assert isinstance(caught.value.__cause__, AuthenticationError)
        assert seen == len(server.requests) == 20


async def test_a_number_of_the_users_or_none() -> None:
    """`give_up_after=` is the number of equal failures; None makes every call."""
    with FaultServer(lambda _: BAD) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=0) as client:
            with pytest.raises(MapHaltedError):
                async for _ in client.chat.completions.map(QUESTIONS, model="m", give_up_after=3):
                    pass
            create = client.chat.completions.create
            results = client.map(create, QUESTIONS[:60], model="m", give_up_after=None)
            assert [result.index async for result in results] == list(range(60))
            with pytest.raises(InvalidParameterError, match="give_up_after"):
                client.map(create, QUESTIONS, model="m", give_up_after=0)


async def test_one_success_ends_the_probing() -> None:
    """Failures of some calls are values, as long as one of the first succeeds."""
    seen = 0

    def answer(_: Request) -> Script:
        nonlocal seen
        seen += 1
        return REPLY if seen == 1 else BAD

    with FaultServer(answer) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=0) as client:
            results = [result async for result in client.chat.completions.map(QUESTIONS[:60], model="m")]
    assert sum(result.error is None for result in results) == 1
    assert len(results) == 60


def test_the_synchronous_face_ends_alike() -> None:
    """A map of `Client` raises the same error after the same results."""
    with (
        FaultServer(lambda _: REFUSED) as server,
        Client(api_key="k", base_url=server.base_url, max_retries=0) as client,
    ):
        seen = 0
        with pytest.raises(MapHaltedError, match="Incorrect API key"):  # noqa: PT012
            for _ in client.chat.completions.map(QUESTIONS, model="m"):
                seen += 1
        assert seen == 20


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(401, json={"error": {"message": "Incorrect API key"}}), "Incorrect API key"),
        (httpx.Response(400, json={"error": {"message": "Unknown parameter"}}), "Unknown parameter"),
        (httpx.ConnectError("Connection refused"), "could not connect"),
    ],
    ids=["a wrong key", "a wrong parameter", "a dead host"],
)
def test_slow_refusals_cost_no_more_than_quick_ones(answer: httpx.Response | Exception, words: str) -> None:
    """Of 20,000 calls that take 1 to 3 s to be refused at most 50 are made, and the reason is raised."""
    made = itertools.count()

    async def refuse(_: httpx.Request) -> httpx.Response:
        await anyio.sleep(1.0 + next(made) * 0.7 % 2.0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content)

    async def main() -> None:
        transport = httpx.MockTransport(refuse)
        async with AsyncClient(api_key="k", base_url="http://127.0.0.1:1/v1", transport=transport) as client:
            with pytest.raises(MapHaltedError, match=words):
                async for _ in client.chat.completions.map(itertools.repeat(QUESTIONS[0], 20_000), model="m"):
                    pass

    run_virtual(main)
    assert next(made) <= 50


def test_slow_calls_are_all_in_flight_once_one_was_answered() -> None:
    """The probes are in flight until the first call has ended; from its success on, the whole window is."""
    in_flight: list[int] = []
    running = 0

    async def answer(_: httpx.Request) -> httpx.Response:
        nonlocal running
        running += 1
        in_flight.append(running)
        await anyio.sleep(30.0)
        running -= 1
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hi."}}
        return httpx.Response(200, json={"choices": [choice]})

    async def main() -> float:
        connection: Any = {"base_url": "http://127.0.0.1:1/v1", "transport": httpx.MockTransport(answer)}
        async with AsyncClient(api_key="k", rate_limit=None, **connection) as client:
            results = [result async for result in client.chat.completions.map(QUESTIONS, model="m")]
            assert len(results) == 500
            return anyio.current_time()

    assert 60.0 <= run_virtual(main) < 61.0
    assert in_flight[:20] == list(range(1, 21))
    assert max(in_flight) > 470
