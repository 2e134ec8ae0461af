"""Errors that are not the API's own: pages of proxies, JSON in the frame of a stream, paths that are not there."""

from __future__ import annotations

from typing import Any

import pytest

from openai_async import APIStatusError, AsyncClient, NotFoundError
from openai_async.testing import FaultServer, json_reply, respond

KEY = "sk-canary-4711-canary"
NGINX = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>nginx/1.18.0</center>\r\n</body></html>"
)


async def error_of(answer: Any, path: str = "") -> APIStatusError:
    with FaultServer([answer]) as server:
        base_url = server.base_url.removesuffix("/v1") + path
        async with AsyncClient(api_key=KEY, base_url=base_url, trust_env=False, max_retries=0) as client:
            with pytest.raises(APIStatusError) as caught:
                await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    assert KEY not in f"{caught.value!s} {caught.value.body!r}"
    return caught.value


@pytest.mark.parametrize(
    ("body", "headers", "shown"),
    [
        (NGINX, {"server": "nginx/1.18.0"}, "502: Bad Gateway (a page of nginx/1.18.0, no answer of the API)"),
        (
            b"<!DOCTYPE html>\n<HTML><TITLE>\n One &amp; two\n</TITLE>",
            {"via": "1.1 squid"},
            "502: One & two (a page of 1.1 squid",
        ),
        (
            b"<html><style>h1 {color: red}</style><body><h1>Host <b>down</b></h1>",
            {},
            "502: Host down (a page of",
        ),
        (b"<html><body>Plain <p>words</p><script>x()</script></body></html>", {}, "502: Plain words (a page"),
        (b"<html></html>", {}, "502: no message (a page of a proxy"),
        (b'<?xml version="1.0"?><Error><Code>X</Code><Message>Gone</Message></Error>', {}, "502: Gone (a page"),
        (b"<title>key " + KEY.encode() + b"</title>" + b" " * 100_000, {}, "502: key *** (a page"),
        (b"<title>" * 20_000, {}, "502: no message (a page"),
    ],
)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_page_is_shown_as_its_title_and_its_sender(body: bytes, headers: dict[str, str], shown: str) -> None:
    """Not as markup; whatever it is made of, and without the key that it gives back."""
    error = await error_of(respond(502, body, {"content-type": "text/html", **headers}))
    assert str(error).startswith(shown)
    assert "<" not in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b'data: {"error": {"message": "no room", "code": "full"}}\n\ndata: [DONE]\n\n',
        b'event: error\r\ndata: {"error": {"message": "no room",\r\ndata:  "code": "full"}}\r\n\r\n',
        b': ping\n\ndata: {"id": "c"}\n\ndata: {"error": {"message": "no room", "code": "full"}}\n\n',
        b'data:{"message": "no room", "code": "full", "object": "error"}',
    ],
)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_error_in_the_frame_of_a_stream_is_read(body: bytes) -> None:
    """Servers that stream frame what they say, errors with a status of their own included."""
    error = await error_of(respond(503, body, {"content-type": "text/event-stream"}))
    assert (error.status_code, error.code) == (503, "full")
    assert str(error).startswith("503: no room")


@pytest.mark.parametrize(
    ("path", "doubt"),
    [
        ("", "/v1 meant?"),
        ("/api", "/api/v1 meant?"),
        ("/v1/chat/completions", "ends with an endpoint"),
        ("/v1/v1", "says /v1 twice"),
        ("/v1", None),
        ("/v1beta/openai", None),
        ("/openai", None),
    ],
)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_path_that_is_not_there_says_what_may_be_wrong_with_the_base_url(path: str, doubt: str | None) -> None:
    """A base URL without a version, or with an endpoint at its end: the right one is named."""
    for body in (b'{"detail":"Not Found"}', b"404 page not found", NGINX.replace(b"502 Bad Gateway", b"404 Not Found")):
        error = await error_of(respond(404, body), path)
        assert isinstance(error, NotFoundError)
        assert doubt in str(error) if doubt else "base_url" not in str(error)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_model_that_is_not_there_is_no_doubt_about_the_base_url() -> None:
    """The path was right: it is the model that is missing."""
    body = {"error": {"message": "The model `m` does not exist", "code": "model_not_found"}}
    assert "base_url" not in str(await error_of(json_reply(body, 404)))
