"""Every operation of the API is in the table, which takes arguments and reads replies; tests/spec call each of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from openai_async import AsyncClient, Client, InvalidParameterError
from openai_async.resources._operations import endpoints
from openai_async.testing import FaultServer, Request, Script, respond
from openai_async.types.api_object import APIObject

#: As the official SDK of September 2026 names them: verb, path, method.
OPERATIONS = [
    (*line.partition(" | ")[0].split(" ", 1), line.partition(" | ")[2].removeprefix("client."))
    for line in (Path(__file__).parent / "data" / "operations.txt").read_text("utf-8").splitlines()
    if line
]
REPLY = {"id": "r_1", "object": "x", "choices": [], "data": [{"id": "a"}, {"id": "b"}], "nested": {"deep": [{"x": 1}]}}


def answer(request: Request) -> Script:
    return respond(200, json.dumps(REPLY).encode(), {"content-type": "application/json"})


@pytest.fixture(scope="module")
def server() -> Any:
    with FaultServer(answer) as server:
        yield server


@pytest.fixture
async def client(server: FaultServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
        yield client


def test_the_table_holds_what_the_api_has() -> None:
    """Not an operation less or more than the published list, each with its verb and path."""
    table = {(e.operation.verb.lower(), e.operation.path, name) for name, e in endpoints().items()}
    assert table == set(OPERATIONS)


async def test_a_reply_is_read_like_an_object(client: AsyncClient) -> None:
    """Fields are attributes all the way down; the plain object is there, too."""
    reply = await client.containers.retrieve("c_1")
    assert isinstance(reply, APIObject)
    assert (reply.id, reply.nested.deep[0].x, reply["object"]) == ("r_1", 1, "x")
    assert reply.to_dict() == REPLY
    with pytest.raises(AttributeError):
        reply.missing  # noqa: B018


async def test_places_are_given_by_position_or_by_name(client: AsyncClient, server: FaultServer) -> None:
    """The last of them only by position; what is missing, twice or too much is refused before anything is sent."""
    runs = client.evals.runs
    await runs.retrieve("r", eval_id="e")
    await runs.retrieve(run_id="r", eval_id="e")
    assert server.requests[-1].target == server.requests[-2].target
    before = len(server.requests)
    twice = {"eval_id": "e", "run_id": "r"}
    for places, params in ((("r",), {}), (("e", "r"), {}), (("r",), twice), (("",), {"eval_id": "e"})):
        with pytest.raises(InvalidParameterError):
            await runs.retrieve(*places, **params)
    assert len(server.requests) == before


def test_what_is_no_name_of_the_api_is_no_attribute() -> None:
    """A misspelling is an AttributeError, at every level, and what there is can be listed."""
    client = AsyncClient(api_key="k")
    for get in (lambda: client.fils, lambda: client.files.creat, lambda: client.chat.completions.lst):
        with pytest.raises(AttributeError):
            get()
    assert {"create", "list", "retrieve", "delete", "content"} <= {*dir(client.files)}


def test_dir_lists_what_stands_in_the_table_alone() -> None:
    """Whoever explores a client in a shell or a notebook finds every resource and method, once, of both clients."""
    with Client(api_key="k") as for_threads:
        for client in (AsyncClient(api_key="k"), for_threads):
            assert {"chat", "files", "map", "admin", "containers", "evals", "videos"} <= {*dir(client)}
            assert {"create", "retrieve", "list", "runs"} <= {*dir(client.evals)}
            assert {"speech", "voices", "voice_consents"} <= {*dir(client.audio)}
            for shown in (client, client.evals, client.audio):
                assert len(dir(shown)) == len({*dir(shown)})
                assert all(hasattr(shown, name) for name in dir(shown) if not name.startswith("_"))


async def test_pages_follow_one_another() -> None:
    """By the last id, by a token, or by what is called next; awaiting gives the first page, iterating every item."""

    def paged(request: Request) -> Script:
        query = dict(parse_qsl(urlsplit(request.target).query))
        number = int(query.get("after") or query.get("page") or "0")
        page: dict[str, Any] = {"data": [{"id": str(number + 1)}, {"id": str(number + 2)}], "has_more": number < 98}
        page |= {"next_page": str(number + 2)} if "usage" in request.target else {"last_id": str(number + 2)}
        return respond(200, json.dumps(page).encode())

    with FaultServer(paged) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, trust_env=False) as client:
            for listing in (client.files.list(limit=2), client.admin.organization.usage.completions(start_time=1)):
                assert [item.id async for item in listing] == [str(number) for number in range(1, 101)]
            page = await client.files.list(limit=2)
            assert [item.id for item in page] == ["1", "2"]
            assert [item.id for item in await page.next_page()] == ["3", "4"]
            assert len(await client.files.list().collect(limit=7)) == 7


def test_threads_have_the_same_names(server: FaultServer) -> None:
    """The table is the same without asyncio: objects, lists, binaries."""
    with Client(api_key="k", base_url=server.base_url, trust_env=False) as client:
        assert client.containers.retrieve("f").nested.deep[0].x == 1
        assert [item.id for item in client.vector_stores.files.list("vs")] == ["a", "b"]
        assert json.loads(client.files.content("f").content) == REPLY
        assert client.chat.completions.retrieve("c").id == "r_1"
        with pytest.raises(AttributeError):
            client.fils  # noqa: B018


async def test_a_file_is_uploaded_without_being_read_into_memory(
    client: AsyncClient, server: FaultServer, tmp_path: Path
) -> None:
    """A path, bytes, (name, content, type), an open file and pieces arrive as they are; progress is told."""
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"a": 1}\n' * 100_000)
    seen: list[tuple[int, int | None]] = []

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"piece "

    with path.open("rb") as file:
        for content, expected in (
            (path, path.read_bytes()),
            (b"bytes", b"bytes"),
            (("name.txt", b"named", "text/plain"), b"named"),
            (file, path.read_bytes()),
            (pieces(), b"piece piece piece "),
        ):
            await client.files.create(
                file=content, purpose="batch", on_upload=lambda sent, total: seen.append((sent, total))
            )
            assert expected in server.requests[-1].body
    assert b'filename="data.jsonl"' in server.requests[-5].body
    assert seen
    assert all(total is None or sent <= total for sent, total in seen)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("betas", {"betas": 5}),
        ("betas", {"betas": ["a", 5]}),
        ("betas", {"betas": b"a"}),
        ("extra_headers", {"betas": ["a"], "extra_headers": ["x"]}),
    ],
)
async def test_a_preview_that_cannot_be_named_is_refused(
    field: str, given: dict[str, Any], client: AsyncClient, server: FaultServer
) -> None:
    """Before anything is sent, with the name of what is wrong."""
    before = len(server.requests)
    with pytest.raises(InvalidParameterError, match=field):
        await client.beta.responses.create(model="m", input="Hi", **given)
    assert len(server.requests) == before
