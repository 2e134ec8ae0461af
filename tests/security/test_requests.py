"""What leaves the machine: the right path, the headers that were meant, to the one server that was meant.

Everything is read from the socket, as the server sees it.
"""

from __future__ import annotations

import getpass
import importlib.metadata
import json
import platform
import socket
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import httpx
import httpx2
import pytest
from hypothesis import given, strategies as st

from openai_async import (
    APIConnectionError,
    AsyncClient,
    ConfigurationError,
    InvalidParameterError,
    UnexpectedRedirectError,
)
from openai_async._wire import paths
from openai_async.testing import FaultServer, Request, json_reply, respond

KEY = "sk-the-key-of-these-tests"
MESSAGES = [{"role": "user", "content": "Hello!"}]
COMPLETION = {"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}}]}
MODEL = {"id": "m", "object": "model"}


@pytest.fixture(params=["built-in", "httpx", "httpx.AsyncClient", "httpx2.AsyncClient"])
def wiring(request: pytest.FixtureRequest) -> str:
    """What carries the calls: none of them may add anything of its own."""
    name: str = request.param
    return name


@asynccontextmanager
async def client_for(base_url: str, wiring: str = "built-in", **settings: Any) -> AsyncGenerator[AsyncClient]:
    settings = {"api_key": KEY, "max_retries": 0, "trust_env": False, "base_url": base_url, **settings}
    if wiring.endswith("AsyncClient"):
        library = httpx if wiring == "httpx.AsyncClient" else httpx2
        own = library.AsyncClient(trust_env=False, follow_redirects=True, headers={"x-own": "1"}, cookies={"own": "1"})
        async with own, AsyncClient(http_client=own, **settings) as client:
            yield client
    else:
        if wiring == "httpx":
            settings["transport"] = "httpx"
        async with AsyncClient(**settings) as client:
            yield client


# ---- paths

CLIMBING = (
    "..",
    ".",
    "../x",
    "../../v2/x",
    "a/../b",
    "a/./b",
    "%2e%2e",
    "%2E%2e/x",
    ".%2e/x",
    "..\\x",
    "..%5cx",
    "..%2Fx",
)
BROKEN = ("", "a\0b", "a\r\nhost: x", "a\tb", "\x7f", "\ud800")
ODD = (
    "a/b",
    "/etc/passwd",
    "//evil.example/x",
    "http://evil.example/",
    "@evil.example",
    "a?x=1",
    "a#f",
    "a;b",
    "a&b=c",
    "a b",
    "a%2fb",
    "%",
    "%00",
    "a\\b",
    "...",
    "..a",
    "ft:gpt-4o:org::id",
    "é",
    "模型",
    "😀",
    "a+b",
)


@pytest.mark.parametrize("id_", [*CLIMBING, *BROKEN, None, 7, b"m", ["m"]])
async def test_an_id_that_could_leave_its_segment_is_refused(id_: Any) -> None:
    """No id climbs to another path, or breaks the request line; nothing is sent."""
    with FaultServer([json_reply(MODEL)]) as server:
        async with client_for(server.base_url) as client:
            with pytest.raises(InvalidParameterError) as caught:
                await client.models.retrieve(id_)
    assert caught.value.field == "model"
    assert server.accepted_connections == 0


@pytest.mark.parametrize("id_", ODD)
async def test_an_odd_id_is_one_segment_of_the_path(id_: str, wiring: str) -> None:
    """Whatever else an id holds reaches the server as that id: one segment, no query, no fragment."""
    with FaultServer([json_reply(MODEL)]) as server:
        async with client_for(server.base_url, wiring) as client:
            await client.models.retrieve(id_)
    target = server.requests[0].target
    assert target.startswith("/v1/models/")
    assert target.count("/") == 3
    assert not {"?", "#"} & {*target}
    assert unquote(target.removeprefix("/v1/models/")) == id_


@given(id_=st.text())
def test_any_id_is_refused_or_comes_back(id_: str) -> None:
    """For every text: the URL, as an HTTP library reads it, has the segments of the template and decodes to the id."""
    try:
        path = paths.render("/models/{model}/versions", model=id_)
    except InvalidParameterError:
        return
    for library in (httpx, httpx2):
        read = library.URL(f"https://127.0.0.1/v1{path}").raw_path.decode("ascii")
        assert [unquote(segment) for segment in read.split("/")] == ["", "v1", "models", id_, "versions"]


@given(query=st.dictionaries(st.text(), st.text()), id_=st.text(min_size=1).map("m".__add__))
def test_any_query_stays_a_query(query: dict[str, str], id_: str) -> None:
    """No name and no value of a query changes the path, adds a parameter, or ends the request line."""
    try:
        path = f"{paths.render('/models/{model}', model=id_)}?{paths.query(query)}"
    except (InvalidParameterError, UnicodeEncodeError):
        return
    url = httpx.URL(f"https://127.0.0.1{path}")
    assert url.host == "127.0.0.1"
    assert url.path == f"/models/{id_}"
    assert dict(url.params) == query
    assert path.isascii()
    assert path.isprintable()


# ---- headers


@pytest.mark.parametrize("code", [*range(0x180), 0x2028, 0xD800, 0x1F600])
def test_a_credential_is_visible_ascii(code: int) -> None:
    """Any other character in a key, an organisation or a project is found when the client is built."""
    text = f"sk-{chr(code)}-x"
    fields: dict[str, Any] = {
        "api_key": text,
        "api_key[1]": ["sk-1", text],
        "organization": text,
        "organization[1]": ["org-1", text],
        "project": text,
    }
    for field, value in fields.items():
        settings = {"api_key": KEY, field.partition("[")[0]: value}
        if 0x20 < code < 0x7F:
            AsyncClient(**settings)
            continue
        with pytest.raises(ConfigurationError) as caught:
            AsyncClient(**settings)
        assert caught.value.field == field
        assert text not in str(caught.value)


@pytest.mark.parametrize("value", ["", " ", "\n", "x" * 10_000, 7, b"sk-x"])
def test_a_credential_is_a_text_of_reasonable_length(value: Any) -> None:
    """Neither nothing nor a whole file is taken for a key."""
    for field in ("api_key", "organization", "project"):
        with pytest.raises(ConfigurationError, match=field):
            AsyncClient(**{"api_key": KEY, field: value})


HEADERS: Mapping[str, Any] = {
    "a line break": {"x-a": "1\r\nx-b: 2"},
    "a line feed": {"x-a": "1\nx-b: 2"},
    "a carriage return": {"x-a": "1\rx-b: 2"},
    "a folded line": {"x-a": "1\r\n 2"},
    "a NUL": {"x-a": "1\0"},
    "an escape": {"x-a": "\x1b[31m"},
    "outer spaces": {"x-a": " 1"},
    "a trailing line feed": {"x-a": "1\n"},
    "no value": {"x-a": ""},
    "other letters": {"x-a": "模"},
    "half a character": {"x-a": "\ud800"},
    "bytes": {"x-a": b"1"},
    "a number": {"x-a": 1},
    "a line break in the name": {"x-a: 1\r\nx-b": "2"},
    "a colon in the name": {"x-a:": "1"},
    "a space in the name": {"x a": "1"},
    "no name": {"": "1"},
    "other letters in the name": {"x-é": "1"},
    "a name in bytes": {b"x-a": "1"},
    "a length": {"Content-Length": "0"},
    "a framing": {"Transfer-Encoding": "chunked"},
    "a host": {"HOST": "evil.example"},
    "a connection": {"connection": "upgrade"},
}


@pytest.mark.parametrize("case", HEADERS)
async def test_a_header_that_could_smuggle_is_refused(case: str) -> None:
    """Headers of a call are checked before a byte is sent, headers of a client when it is built."""
    with FaultServer([json_reply(MODEL)]) as server:
        async with client_for(server.base_url) as client:
            with pytest.raises(InvalidParameterError) as refused:
                await client.models.list(extra_headers=HEADERS[case])
        with pytest.raises(ConfigurationError) as caught:
            AsyncClient(api_key=KEY, default_headers=HEADERS[case])
    assert refused.value.field.startswith("extra_headers")
    assert caught.value.field.startswith("default_headers")
    assert server.accepted_connections == 0


async def test_every_character_that_is_accepted_arrives(wiring: str) -> None:
    """A value is the same bytes on the wire; nothing is dropped, folded or escaped."""
    everything = "".join(map(chr, [*range(0x21, 0x7F), *range(0xA1, 0x100)]))
    with FaultServer([json_reply(MODEL)]) as server:
        async with client_for(server.base_url, wiring, default_headers={"x-default": everything}) as client:
            await client.models.retrieve("m", extra_headers={"X-Call": f"a \t{everything} b"})
    request = server.requests[0]
    assert request.header("x-default") == everything
    assert request.header("x-call") == f"a \t{everything} b"


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("key", ["sk\n", "", " sk", "sk\r\nx-b: 2", "sé", None, 7, b"sk"])
async def test_a_key_from_a_callable_is_checked_before_it_is_sent(key: Any, asynchronous: bool) -> None:
    """A token source that returns nonsense costs no request."""

    async def later() -> Any:
        return key

    with FaultServer([json_reply(MODEL)]) as server:
        async with client_for(server.base_url, api_key=later if asynchronous else lambda: key) as client:
            with pytest.raises(ConfigurationError, match="api_key"):
                await client.models.list()
    assert server.accepted_connections == 0


# ---- no fingerprint

ALWAYS = {"host", "authorization", "accept", "accept-encoding", "user-agent"}
OF_CONTENT = {"content-type", "content-length"}


def names(request: Request) -> list[str]:
    return sorted(name.decode("ascii").lower() for name, _ in request.headers)


async def test_exactly_these_headers_are_sent(wiring: str) -> None:
    """Each header once, and no other: what the client adds is documented by this list."""
    version = importlib.metadata.version("openai-async-sdk")
    with FaultServer([json_reply(COMPLETION), *[json_reply(MODEL)] * 3]) as server:
        async with client_for(server.base_url, wiring) as client:
            await client.chat.completions.create(model="m", messages=MESSAGES)
            await client.models.retrieve("m")
            await client.models.delete("m")
        async with client_for(server.base_url, wiring, organization="org-1", project="proj-1") as client:
            await client.models.retrieve("m")
    post, get, delete, named = server.requests
    assert names(post) == sorted(ALWAYS | OF_CONTENT)
    assert names(get) == names(delete) == sorted(ALWAYS)
    assert names(named) == sorted(ALWAYS | {"openai-organization", "openai-project"})
    assert post.header("host") == f"127.0.0.1:{server.port}"
    assert post.header("authorization") == f"Bearer {KEY}"
    assert post.header("accept-encoding") == "gzip"
    assert post.header("content-type") == "application/json"
    assert post.header("content-length") == str(len(post.body))
    assert post.header("user-agent") == f"openai-async/{version}"
    assert (named.header("openai-organization"), named.header("openai-project")) == ("org-1", "proj-1")


async def test_a_request_without_content_names_no_type_of_it(wiring: str) -> None:
    """Unless the call itself states one. What is stated for every request is meant for those with content."""
    stated = {"content-type": "application/vnd.own+json"}
    with FaultServer([json_reply(MODEL)]) as server:
        async with client_for(server.base_url, wiring, default_headers=stated) as client:
            await client.get("/models/m")
            await client.delete("/models/m")
            await client.get("/models/m", extra_headers={"Content-Type": "text/plain"})
            await client.delete("/models/m", extra_body={"hard": True})
            await client.post("/models/m", body={"a": 1})
    kinds = [request.header("content-type") for request in server.requests]
    assert kinds == [None, None, "text/plain", stated["content-type"], stated["content-type"]]
    assert server.requests[3].json() == {"hard": True}


async def test_nothing_tells_of_the_machine(wiring: str) -> None:
    """No request names the operating system, the host, its user, or the versions of what runs here."""
    with FaultServer([json_reply(COMPLETION)]) as server:
        async with client_for(server.base_url, wiring) as client:
            await client.chat.completions.create(model="m", messages=MESSAGES)
    request = server.requests[0]
    sent = "\n".join([request.target, request.body.decode(), *(f"{n!r} {v!r}" for n, v in request.headers)]).lower()
    telling = {platform.system(), platform.machine(), platform.release(), platform.python_version(), sys.platform}
    telling |= {
        socket.gethostname(),
        platform.python_implementation(),
        "python",
        "httpx",
        "httpcore",
        "anyio",
        "stainless",
    }
    telling |= {"anyio", httpx.__version__, httpx2.__version__, "x-own", "cookie"}
    try:
        telling.add(f'"{getpass.getuser()}"')  # "root" alone may be part of a word
    except (KeyError, OSError):  # an account without a name
        pass
    assert not [word for word in telling if word and word.lower() in sent]


async def test_the_body_holds_the_parameters_alone(wiring: str) -> None:
    """Who pays, and where to, stands in the head of the request only."""
    with FaultServer([json_reply(COMPLETION)]) as server:
        settings: dict[str, Any] = {"organization": "org-1", "project": "proj-1", "timeout": 30}
        async with client_for(server.base_url, wiring, **settings) as client:
            await client.chat.completions.create(model="m", messages=MESSAGES, deadline=30, max_retries=1, timeout=20)
    body = server.requests[0].body
    assert json.loads(body) == {"model": "m", "messages": MESSAGES}
    for secret in (KEY, "org-1", "proj-1", "127.0.0.1"):
        assert secret.encode() not in body


# ---- redirects


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("same_origin", [True, False])
async def test_redirects_are_never_followed(status: int, same_origin: bool, wiring: str) -> None:
    """Neither the key nor the prompt goes to an address that a server made up."""
    with (
        FaultServer([json_reply(COMPLETION)]) as other,
        FaultServer(lambda request: respond(status, b"", {"location": elsewhere})) as server,
    ):
        elsewhere = f"http://127.0.0.1:{server.port if same_origin else other.port}/v1/elsewhere?key={KEY}"
        async with client_for(server.base_url, wiring, max_retries=2) as client:
            with pytest.raises(UnexpectedRedirectError) as caught:
                await client.chat.completions.create(model="m", messages=MESSAGES)
            with pytest.raises(UnexpectedRedirectError):
                async with client.chat.completions.stream(model="m", messages=MESSAGES):
                    pass
    assert caught.value.status_code == status
    assert KEY not in str(caught.value)
    assert [request.target for request in server.requests] == ["/v1/chat/completions"] * 2
    assert other.accepted_connections == 0


# ---- base URLs


@pytest.mark.parametrize(
    ("form", "target"),
    [
        ("http://127.0.0.1:{port}/v1", "/v1/models/m"),
        ("http://127.0.0.1:{port}/v1/", "/v1/models/m"),
        ("http://127.0.0.1:{port}/v1///", "/v1/models/m"),
        ("http://127.0.0.1:{port}", "/models/m"),
        ("http://127.0.0.1:{port}/", "/models/m"),
        ("http://localhost:{port}/v1", "/v1/models/m"),
        ("HTTP://127.0.0.1:{port}/v1", "/v1/models/m"),
        ("http://127.0.0.1:{port}/openai/deployments/my%20model", "/openai/deployments/my%20model/models/m"),
        ("http://127.0.0.1:{port}/a/b/c", "/a/b/c/models/m"),
    ],
)
async def test_paths_are_put_after_the_base_url(form: str, target: str, wiring: str) -> None:
    """The base URL is kept as it was given, slashes at its end apart."""
    with FaultServer([json_reply(MODEL)]) as server:
        async with client_for(form.format(port=server.port), wiring) as client:
            await client.models.retrieve("m")
    assert [request.target for request in server.requests] == [target]
    assert (server.requests[0].header("host") or "").endswith(f":{server.port}")


WRONG_URLS = (
    "",
    "api.openai.com/v1",
    "//api.openai.com/v1",
    "https://",
    "https:///v1",
    "ftp://api.openai.com/v1",
    "file:///etc/passwd",
    "unix:///run/api.sock",
    "javascript:alert(1)",
    "https://api.openai.com/v1?x=1",
    "https://api.openai.com/v1?",
    "https://api.openai.com/v1#f",
    "https://user@api.openai.com/v1",
    "https://user:password@api.openai.com/v1",
    "https://@api.openai.com/v1",
    "https://api.openai.com:port/v1",
    "https://api.openai.com:99999/v1",
    "https://[::1/v1",
    "https://[evil.example]/v1",
    "https://api.openai.com/v1\r\nx: y",
    "https://api.openai.com/v1\n",
    " https://api.openai.com/v1",
    "https://api openai.com/v1",
    "https://api.openai.com\\@evil.example/v1",
    "https://évil.example/v1",
    "https://api.openai.com%2f@evil.example",
    7,
    b"https://api.openai.com/v1",
)


@pytest.mark.parametrize("url", WRONG_URLS)
def test_a_wrong_base_url_is_refused(url: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the argument and of the environment alike, when the client is built."""
    with pytest.raises(ConfigurationError) as caught:
        AsyncClient(api_key=KEY, base_url=url)
    assert caught.value.field == "base_url"
    if isinstance(url, str) and url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL"):
            AsyncClient(api_key=KEY)


@pytest.mark.parametrize(
    "host",
    ["api.example.com", "10.0.0.1", "127.evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[::2]"],
)
def test_plain_http_beyond_this_machine_must_be_wanted(host: str) -> None:
    """Key and prompts cross no network in the clear unless `allow_http` says so."""
    with pytest.raises(ConfigurationError, match="https"):
        AsyncClient(api_key=KEY, base_url=f"http://{host}/v1")
    AsyncClient(api_key=KEY, base_url=f"http://{host}/v1", allow_http=True)
    AsyncClient(api_key=KEY, base_url=f"https://{host}/v1")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "[::1]", "api.localhost", "LOCALHOST"])
def test_plain_http_to_this_machine_is_accepted(host: str) -> None:
    """A local server needs no certificate."""
    assert AsyncClient(api_key=KEY, base_url=f"http://{host}:8000/v1").base_url.endswith(":8000/v1")


# ---- proxies

HTTP_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
HTTPS_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """Where a call without a proxy arrives."""
    with FaultServer([json_reply(MODEL)]) as running:
        yield running


@pytest.fixture
def proxy() -> Iterator[FaultServer]:
    """Where a call through the proxy arrives: it answers in place of the server."""
    with FaultServer([json_reply(MODEL)]) as running:
        yield running


async def ask(base_url: str, **settings: Any) -> None:
    async with AsyncClient(api_key=KEY, base_url=base_url, max_retries=0, **settings) as client:
        await client.models.retrieve("m")


@pytest.mark.parametrize("variable", HTTP_PROXIES)
async def test_proxies_of_the_environment_are_used(
    server: FaultServer, proxy: FaultServer, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default: the request goes to the proxy, with the whole URL in its first line."""
    monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
    await ask(server.base_url)
    assert [request.target for request in proxy.requests] == [f"{server.base_url}/models/m"]
    assert server.accepted_connections == 0


@pytest.mark.parametrize("variable", sorted({*HTTP_PROXIES, *HTTPS_PROXIES}))
async def test_proxies_of_the_environment_can_be_distrusted(
    server: FaultServer, proxy: FaultServer, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`trust_env=False` goes straight to the server, whatever the environment says."""
    monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
    await ask(server.base_url, trust_env=False)
    assert len(server.requests) == 1
    assert proxy.accepted_connections == 0


@pytest.mark.parametrize("variable", HTTPS_PROXIES)
async def test_https_goes_through_a_tunnel(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy for https is asked for a tunnel: it learns host and port, and neither key nor path."""
    with FaultServer([respond(502, b"")]) as proxy:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(APIConnectionError) as caught:
            await ask("https://127.0.0.1:9/v1")
    assert (caught.value.phase, caught.value.outcome) == ("connect", "not_sent")
    (request,) = proxy.requests
    assert (request.method, request.target) == ("CONNECT", "127.0.0.1:9")
    assert request.header("authorization") is None
    assert not [value for _, value in request.headers if KEY.encode() in value]


@pytest.mark.parametrize(
    ("exceptions", "direct"),
    [
        ("127.0.0.1", True),
        ("*", True),
        ("example.com, 127.0.0.1", True),
        ("127.0.0.1:{port}", True),
        ("127.0.0.1:1", False),
        ("example.com", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
async def test_no_proxy_makes_exceptions(
    server: FaultServer,
    proxy: FaultServer,
    exceptions: str,
    direct: bool,
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hosts named by NO_PROXY are reached directly, all others through the proxy."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv(variable, exceptions.format(port=server.port))
    await ask(server.base_url)
    assert (len(server.requests), len(proxy.requests)) == ((1, 0) if direct else (0, 1))


@pytest.mark.parametrize("form", ["{url}", "http", "all"])
async def test_a_stated_proxy_wins_over_the_environment(
    server: FaultServer, proxy: FaultServer, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a URL or by scheme; NO_PROXY, which is about the environment's proxies, does not undo it."""
    url = f"http://127.0.0.1:{proxy.port}"
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "*")
    await ask(server.base_url, proxy=url if form == "{url}" else {form: url})
    assert [request.target for request in proxy.requests] == [f"{server.base_url}/models/m"]
    assert server.accepted_connections == 0


async def test_a_proxy_of_the_other_scheme_is_not_used(server: FaultServer, proxy: FaultServer) -> None:
    """A mapping says which scheme goes where; what it does not name goes directly."""
    await ask(server.base_url, proxy={"https": f"http://127.0.0.1:{proxy.port}"})
    assert len(server.requests) == 1
    assert proxy.accepted_connections == 0


async def test_a_proxy_gets_its_password_and_the_server_does_not() -> None:
    """User and password of a proxy's URL are for the proxy."""
    with FaultServer([respond(502, b"")]) as proxy, pytest.raises(APIConnectionError):
        await ask("https://127.0.0.1:9/v1", proxy=f"http://user:secret@127.0.0.1:{proxy.port}")
    assert proxy.requests[0].header("proxy-authorization") == "Basic dXNlcjpzZWNyZXQ="


@pytest.mark.parametrize("value", ["127.0.0.1:{port}", "HTTP://127.0.0.1:{port}/"])
async def test_proxies_are_written_in_many_ways(
    server: FaultServer, proxy: FaultServer, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment's habits: without a scheme a proxy is an http one."""
    monkeypatch.setenv("http_proxy", value.format(port=proxy.port))
    await ask(server.base_url)
    assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    "value", ["gopher://127.0.0.1:9", "http://[::1", "http://127.0.0.1:port", "socks5://127.0.0.1:9"]
)
@pytest.mark.parametrize("stated", [True, False])
async def test_a_proxy_that_cannot_be_used_is_a_typed_error(
    value: str, stated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken URL, or one that needs a library which is not there, is named, wherever it came from."""
    if not stated:
        monkeypatch.setenv("all_proxy", value)
    with pytest.raises((ConfigurationError, APIConnectionError)):
        await ask("http://127.0.0.1:9/v1", proxy=value if stated else None)


@pytest.mark.parametrize(
    "proxy", ["gopher://127.0.0.1:9", "127.0.0.1:9", "http://", 7, ["http://127.0.0.1:9"], {"ftp": "http://x"}]
)
def test_a_wrong_proxy_is_refused(proxy: Any) -> None:
    """A stated proxy that is none is found when the client is built."""
    with pytest.raises(ConfigurationError, match="proxy"):
        AsyncClient(api_key=KEY, proxy=proxy)
