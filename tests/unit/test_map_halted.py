"""A map whose first calls all fail for one lasting reason ends with that reason, on both faces."""

from __future__ import annotations

import pytest

from openai_async import AsyncClient, AuthenticationError, Client, InvalidParameterError, MapHaltedError, _window
from openai_async.testing import FaultServer, Request, Script, json_reply

REFUSED = json_reply({"error": {"message": "Incorrect API key provided"}}, 401)
BAD = json_reply({"error": {"message": "No.", "code": "bad"}}, 400)
REPLY = json_reply({"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}}]})
QUESTIONS = [{"messages": [{"role": "user", "content": f"Say {n}."}]} for n in range(500)]


@pytest.fixture(autouse=True)
def no_doubling(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a loaded machine a second passes before the first failure is seen."""
    monkeypatch.setattr(_window, "STEP", 3600.0)


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
