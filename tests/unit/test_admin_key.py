"""`client.admin` has a key of its own, which goes nowhere else and is shown nowhere."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from openai_async import AsyncClient, AuthenticationError, Client, ConfigurationError
from openai_async.testing import FaultServer, json_reply

USUAL, ADMIN = "sk-usual-4711-usual", "sk-admin-4712-admin"
PAGE: dict[str, Any] = {"object": "list", "data": [], "has_more": False}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer([json_reply(PAGE)]) as server:
        yield server


def keys_of(server: FaultServer) -> list[str | None]:
    return [request.header("authorization") for request in server.requests]


@pytest.mark.parametrize("by_environment", [False, True])
async def test_each_key_goes_where_it_belongs(
    by_environment: bool, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls of `client.admin` are made with the admin key, all others with the other one."""
    if by_environment:
        monkeypatch.setenv("OPENAI_ADMIN_KEY", ADMIN)
    given = {} if by_environment else {"admin_api_key": ADMIN}
    async with AsyncClient(api_key=USUAL, base_url=server.base_url, trust_env=False, **given) as client:
        await client.files.list()
        await client.admin.organization.users.list()
        await client.get("/organization/users")
        await client.admin.organization.projects.api_keys.list(project_id="p")
    assert keys_of(server) == [f"Bearer {key}" for key in (USUAL, ADMIN, USUAL, ADMIN)]


async def test_one_key_alone_is_enough(server: FaultServer) -> None:
    """Without an admin key `api_key` is sent, as it may be one; without that, other calls say what is missing."""
    async with AsyncClient(api_key=USUAL, base_url=server.base_url, trust_env=False) as client:
        await client.admin.organization.users.list()
    async with AsyncClient(admin_api_key=ADMIN, base_url=server.base_url, trust_env=False) as client:
        await client.admin.organization.users.list()
        with pytest.raises(ConfigurationError, match="api_key"):
            await client.files.list()
    assert keys_of(server) == [f"Bearer {USUAL}", f"Bearer {ADMIN}"]


@pytest.mark.parametrize("given", ["", "two words", "é"])
def test_a_key_that_is_none_is_refused_by_name(given: str) -> None:
    """As every key, and without showing it."""
    with pytest.raises(ConfigurationError, match="admin_api_key"):
        Client(api_key=USUAL, admin_api_key=given)


@pytest.mark.parametrize("transport", [None, "httpx"])
async def test_a_key_that_the_server_gives_back_is_not_shown(transport: Any) -> None:
    """Neither in an error nor in any header of a reply, also a pickled or copied one."""
    headers = {"x-request-id": f"req of {ADMIN}", "x-echo": f"Bearer {ADMIN}", "openai-organization": ADMIN}
    refusal = json_reply({"error": {"message": f"no such key: {ADMIN}"}}, 401, headers=headers)
    with FaultServer([refusal, json_reply(PAGE, headers=headers), json_reply({"id": "x"}, headers=headers)]) as server:
        async with AsyncClient(
            api_key=USUAL, admin_api_key=ADMIN, base_url=server.base_url, trust_env=False, transport=transport
        ) as client:
            with pytest.raises(AuthenticationError) as caught:
                await client.admin.organization.users.list()
            assert "req of ***" in repr(caught.value.request_id)
            page = await client.admin.organization.users.list()
            reply = await client.admin.organization.users.retrieve("u")
    for shown in (page.meta, reply.meta, pickle.loads(pickle.dumps(reply.meta)), copy.deepcopy(page.meta)):
        assert shown.headers["x-echo"] == "Bearer ***"
        assert (shown.request_id, shown.organization) == ("req of ***", "***")
    error = caught.value
    assert ADMIN not in f"{error!s} {error!r} {vars(error)!r} {error.request_id} {error.organization}"


async def test_a_short_key_is_an_ordinary_word() -> None:
    """ "json" as the key of a server of one's own takes nothing out of headers."""
    with FaultServer([json_reply({"id": "x"})]) as server:
        async with AsyncClient(api_key="json", base_url=server.base_url, trust_env=False) as client:
            reply = await client.models.retrieve("m")
    assert reply.meta.media_type == "application/json"
