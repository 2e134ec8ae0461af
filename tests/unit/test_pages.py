"""Lists: every item of every page, however the pages follow one another; the next page while one is worked on."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import anyio.lowlevel
import pytest

from openai_async import AsyncClient, Client, DecodeError, InternalServerError, InvalidParameterError
from openai_async.resources._pagination import AsyncPaginator
from openai_async.testing import FaultServer, Gate, Request, Script, json_reply, no_leaks

SIZE = 3


def ids(*numbers: int | str) -> list[dict[str, Any]]:
    return [{"id": str(number)} for number in numbers]


def query_of(request: Request) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.target).query))


def pages_of(style: str, total: int, size: int = SIZE) -> Any:
    """A plan that gives `total` items in pages of one style."""

    def answer(request: Request) -> Script:
        query = query_of(request)
        start = int(query.get("page" if style == "token" else "after", "0"))
        data = ids(*range(start + 1, min(start + size, total) + 1))
        more = start + size < total
        page: dict[str, Any] = {"object": "list", "data": data}
        if style == "last":
            page |= {"has_more": more, "last_id": data[-1]["id"] if data else None}
        elif style == "item":
            page |= {"has_more": more}
        elif style == "next":
            page |= {"next": str(start + size) if more else None}
        elif style == "token":
            page |= {"has_more": more, "next_page": str(start + size) if more else None}
        return json_reply(page)

    return answer


def client_of(server: FaultServer, **settings: Any) -> AsyncClient:
    return AsyncClient(api_key="k", base_url=server.base_url, trust_env=False, **settings)


def threaded(server: FaultServer) -> Client:
    return Client(api_key="k", base_url=server.base_url, trust_env=False)


def listing(client: AsyncClient, **params: Any) -> AsyncPaginator[Any]:
    """A list whose items are `APIObject`s, which finds its next page by whatever the pages show."""
    found: AsyncPaginator[Any] = client.admin.organization.usage.completions(start_time=1, **params)
    return found


@pytest.fixture(params=["last", "item", "next", "token"])
def style(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


# ---- every style


@pytest.mark.parametrize("total", [0, 1, 3, 4, 10])
async def test_every_item_of_every_page_is_given(style: str, total: int) -> None:
    """By the last id, by the last item, by what is called next, by a token: each item once, in order."""
    expected = [str(number) for number in range(1, total + 1)]
    with FaultServer(pages_of(style, total)) as server:
        async with no_leaks(), client_of(server) as client:
            assert [item.id async for item in listing(client)] == expected
            pages = max(1, -(-total // SIZE))
            assert len(server.requests) == pages
            assert [item.id for item in await listing(client).collect()] == expected
            assert [item.id for item in await listing(client).collect(4)] == expected[:4]
            assert await listing(client).collect(0) == []
            found = [[item.id for item in page] async for page in listing(client).pages()]
            assert found == [expected[at : at + SIZE] for at in range(0, pages * SIZE, SIZE)]


async def test_parameters_are_those_of_every_page(style: str) -> None:
    """What was asked of the first page is asked of each, with the place where it goes on."""
    with FaultServer(pages_of(style, 7)) as server:
        async with client_of(server) as client:
            await listing(client, limit=3, extra_query={"a": "b"}).collect()
    queries = [query_of(request) for request in server.requests]
    name = "page" if style == "token" else "after"
    assert queries == [
        {"start_time": "1", "limit": "3", "a": "b", **({name: at} if at else {})} for at in (None, "3", "6")
    ]


async def test_a_page_knows_whether_there_is_another(style: str) -> None:
    """Page by page, by hand: the last one says so, and has none behind it."""
    with FaultServer(pages_of(style, 4)) as server:
        async with client_of(server) as client:
            first = await listing(client)
            assert (len(first), first.has_next_page()) == (3, True)
            assert first.meta.status == 200
            second = await first.next_page()
            assert ([item.id for item in second], second.has_next_page()) == (["4"], False)
            with pytest.raises(StopAsyncIteration):
                await second.next_page()


def test_threads_get_every_style(style: str) -> None:
    """The same without asyncio."""
    with FaultServer(pages_of(style, 7)) as server, threaded(server) as client:
        find = client.admin.organization.usage.completions
        assert [item.id for item in find(start_time=1)] == [str(number) for number in range(1, 8)]
        assert [len(page) for page in find(start_time=1).pages()] == [3, 3, 1]
        assert find(start_time=1).first_page().next_page().next_page().has_next_page() is False
        assert len(find(start_time=1).collect(5)) == 5


async def test_ten_thousand_items_are_given() -> None:
    """A hundred pages of a hundred, by what is called next."""
    with FaultServer(pages_of("next", 10_000, 100)) as server:
        async with client_of(server) as client:
            found = [item.id async for item in listing(client)]
    assert found == [str(number) for number in range(1, 10_001)]
    assert len(server.requests) == 100


def test_threads_get_ten_thousand_items() -> None:
    """The same without asyncio."""
    with FaultServer(pages_of("next", 10_000, 100)) as server, threaded(server) as client:
        found = [item.id for item in client.admin.organization.usage.completions(start_time=1)]
    assert found == [str(number) for number in range(1, 10_001)]


# ---- the page ahead


async def test_the_next_page_is_fetched_while_one_is_worked_on() -> None:
    """It is asked for when a page is given, and only one page ahead; it is there when it is wanted."""
    with FaultServer(pages_of("last", 9)) as server:
        async with no_leaks(), client_of(server) as client:
            pages = client.files.list().pages()
            for number in (2, 3):
                await anext(pages)
                await server.until(lambda server, number=number: len(server.requests) == number)
                for _ in range(100):
                    await anyio.lowlevel.checkpoint()
                assert len(server.requests) == number
            assert [file.id for file in await anext(pages)] == ["7", "8", "9"]
            with pytest.raises(StopAsyncIteration):
                await anext(pages)
            assert len(server.requests) == 3


async def test_nothing_is_fetched_ahead_of_a_page_that_was_awaited() -> None:
    """Who asks for a page gets that page."""
    with FaultServer(pages_of("last", 9)) as server:
        async with no_leaks(), client_of(server) as client:
            await client.files.list()
            for _ in range(100):
                await anyio.lowlevel.checkpoint()
            assert len(server.requests) == 1


def second_page_held(request: Request) -> Script:
    """The second page is never answered."""
    script = pages_of("last", 9)(request)
    return (Gate("second"), *script) if query_of(request).get("after") == "3" else script


async def test_a_list_that_is_closed_drops_the_page_ahead() -> None:
    """Neither a task nor a connection is left."""
    with FaultServer(second_page_held) as server:
        async with no_leaks(), client_of(server) as client:
            pages = client.files.list().pages()
            await anext(pages)
            await server.until(lambda server: server.marks.get("second", 0) == 1)
            await pages.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(pages)
            items: Any = aiter(client.files.list())
            await anext(items)
            await items.aclose()


async def test_cancelling_the_wait_for_a_page_drops_it() -> None:
    """Whoever waits for the page ahead takes it along."""
    with FaultServer(second_page_held) as server:
        async with no_leaks(), client_of(server) as client:
            pages = client.files.list().pages()
            await anext(pages)
            async with anyio.create_task_group() as group:
                group.start_soon(anext, pages)
                await server.until(lambda server: server.marks.get("second", 0) == 1)
                group.cancel_scope.cancel()


async def test_the_failure_of_the_page_ahead_comes_when_it_is_wanted() -> None:
    """The items before it are given; then comes its error, with the attempts that were made."""

    def answer(request: Request) -> Script:
        if query_of(request).get("after"):
            return json_reply({"error": {"message": "no"}}, 500)
        return pages_of("last", 9)(request)

    with FaultServer(answer) as server:
        async with (
            no_leaks(),
            client_of(server, max_retries=0) as client,
        ):
            items: Any = aiter(client.files.list())
            assert [(await anext(items)).id for _ in range(3)] == ["1", "2", "3"]
            with pytest.raises(InternalServerError) as caught:
                await anext(items)
            assert len(caught.value.attempts) == 1


# ---- odd servers


@pytest.mark.parametrize(
    "body",
    [{}, {"data": {"id": "a"}}, {"data": [1]}, "text", None],
    ids=lambda body: json.dumps(body),
)
async def test_what_is_no_list_is_an_error(body: object) -> None:
    """Never an empty list."""
    with FaultServer([json_reply(body)]) as server:
        async with client_of(server, max_retries=0) as client:
            with pytest.raises(DecodeError):
                await client.files.list()


@pytest.mark.parametrize(
    "page",
    [
        {"data": [], "has_more": True},
        {"data": ids(1), "has_more": None},
        {"data": ids(1), "has_more": False, "last_id": "1", "next_page": "2"},
        {"data": ids(1), "next": ""},
        {"data": [{}], "has_more": True},
    ],
    ids=lambda page: json.dumps(page),
)
async def test_a_page_that_leads_nowhere_is_the_last(page: dict[str, Any]) -> None:
    """A server that says there is more, and not where, is not asked for ever."""
    with FaultServer([json_reply(page)]) as server:
        async with client_of(server) as client:
            found: Any = client.admin.organization.usage.completions(start_time=1)
            assert len([item async for item in found]) == len(page["data"])
    assert len(server.requests) == 1


@pytest.mark.parametrize("page", [{"has_more": True}, {"next": "2"}, {"next_page": "2", "has_more": True}])
async def test_a_list_that_goes_in_a_circle_is_an_error(page: dict[str, Any]) -> None:
    """A server that does not know `after` gives its first page for ever: its items come once, and then an error."""
    with FaultServer([json_reply({"data": ids(1, 2), **page})]) as server:
        async with client_of(server) as client:
            items = aiter(listing(client))
            assert [(await anext(items)).id for _ in range(2)] == ["1", "2"]
            with pytest.raises(DecodeError, match="does not go on"):
                await anext(items)
        assert len(server.requests) == 2


async def turned(client: AsyncClient, seen: list[str]) -> None:
    page = await listing(client)
    while True:
        seen += [item.id for item in page]
        page = await page.next_page()


async def iterated(client: AsyncClient, seen: list[str]) -> None:
    async for item in listing(client):
        seen += [item.id]


@pytest.mark.parametrize("before", [0, 1, 5])
@pytest.mark.parametrize("length", [1, 2, 3, 7])
@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_circle_of_any_length_is_an_error(before: int, length: int, by_hand: bool) -> None:
    """Some pages that go on, then some that come round for ever: it ends after a few turns."""

    def answer(request: Request) -> Script:
        at = int(query_of(request).get("after", "0"))
        following = at + 1 if at + 1 < before + length else before
        return json_reply({"data": ids(at), "has_more": True, "last_id": str(following)})

    seen: list[str] = []
    with FaultServer(answer) as server:
        async with client_of(server) as client:
            with pytest.raises(DecodeError, match="does not go on"):
                await (turned(client, seen) if by_hand else iterated(client, seen))
        assert len(server.requests) <= 3 * (before + length) + 3
    assert {*seen} >= {str(number) for number in range(before + length - 1)}


async def test_a_long_list_is_no_circle() -> None:
    """Every page is given once, whatever cursors look like."""
    with FaultServer(
        [json_reply({"data": ids(number), "has_more": number < 40, "last_id": f"c{number}"}) for number in range(41)]
    ) as server:
        async with client_of(server) as client:
            assert len(await listing(client).collect()) == 41


async def test_models_are_listed_like_everything_else() -> None:
    """Awaited, iterated, or both, as often as one likes; each asks anew."""
    with FaultServer([json_reply({"object": "list", "data": ids("a", "b")})]) as server:
        async with client_of(server) as client:
            models = client.models.list(timeout=9)
            assert [model.id for model in await models] == ["a", "b"]
            assert [model.id async for model in models] == ["a", "b"]
            assert [model.id async for model in client.models.list()] == ["a", "b"]
            assert len((await client.models.list()).data) == 2
            with pytest.raises(InvalidParameterError):
                await anext(aiter(client.models.list(timout=9)))  # type: ignore[call-arg]
        assert len(server.requests) == 4


async def test_a_bare_array_is_a_page() -> None:
    """Some servers leave out what is around it."""
    with FaultServer([json_reply(ids(1, 2))]) as server:
        async with client_of(server) as client:
            assert [item.id async for item in listing(client)] == ["1", "2"]


@pytest.mark.parametrize("page", [{"has_more": True, "last_id": "2"}, {"next": "2"}])
async def test_a_page_that_names_the_callers_own_cursor_is_still_given(page: dict[str, Any]) -> None:
    """What was asked for is there, and was paid for by a request: only going on from it is an error."""
    with FaultServer([json_reply({"data": ids(3), **page})]) as server:
        async with client_of(server) as client:
            first = await listing(client, after="2")
            assert [item.id for item in first] == ["3"]
            with pytest.raises(DecodeError, match="does not go on"):
                await first.next_page()


async def test_what_a_page_states_beside_its_items_is_kept() -> None:
    """Fields of tomorrow are in `extra`, and a page shows neither them nor headers."""
    with FaultServer([json_reply({"data": ids(1), "has_more": False, "mood": "good"})]) as server:
        async with client_of(server) as client:
            page = await client.files.list()
    assert page.extra["mood"] == "good"
    assert "mood" not in repr(page)


async def test_an_impossible_limit_is_refused() -> None:
    """A negative number of items is no number of items."""
    async with AsyncClient(api_key="k") as client:
        with pytest.raises(InvalidParameterError):
            await client.files.list().collect(-1)
