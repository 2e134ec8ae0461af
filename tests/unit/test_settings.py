"""Everything wrong with a client is found when it is built, named by its field, and never shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from openai_async import AsyncClient, RateLimit, Timeout, _config
from openai_async.errors import ConfigurationError
from openai_async.types.settings import Secret

VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_API_KEY_PATH",
    "OPENAI_ORG_ID",
    "OPENAI_ORGANIZATION",
    "OPENAI_PROJECT_ID",
    "OPENAI_BASE_URL",
    "OPENAI_API_BASE",
)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def refused(build: Callable[[], object]) -> ConfigurationError:
    """The refusal of a setting; neither it nor what led to it shows the value."""
    with pytest.raises(ConfigurationError) as caught:
        build()
    error = caught.value
    assert str(error).startswith(f"{error.field}: ")
    assert "canary" not in f"{error!s}{error!r}{error.args}".lower()
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    return error


#: Keys that somebody may well have in a variable or paste.
BAD_KEYS = ["canary\n", " canary", "canary\r\n", "can ary\tcanary", "canaryé", "“canary”", "canary\x00", "c" * 8193]

# ---- keys


def revealed(source: Any) -> list[str]:
    return [secret.reveal() for secret in source]


@pytest.mark.parametrize("given", [None, "ENV"])
def test_the_key_of_the_environment(given: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key and "ENV" both mean OPENAI_API_KEY."""
    monkeypatch.setenv("OPENAI_API_KEY", "key-1")
    assert _config.keys(given) == [Secret("key-1")]


def test_a_key_of_an_argument_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given in the program is not overruled by the machine."""
    monkeypatch.setenv("OPENAI_API_KEY", "key-1")
    assert revealed(_config.keys("key-2")) == ["key-2"]
    assert revealed(_config.keys(["key-2", "key-3"])) == ["key-2", "key-3"]
    assert revealed(_config.keys(("key-2",))) == ["key-2"]


def test_a_callable_is_asked_later() -> None:
    """It is kept as it is, and not asked while the client is built."""

    def source() -> str:
        raise AssertionError

    assert _config.keys(source) is source


def test_a_key_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OPENAI_API_KEY_PATH names a file, whose line end is not part of the key; OPENAI_API_KEY wins over it."""
    file = tmp_path / "key"
    file.write_text("key-1\n")
    monkeypatch.setenv("OPENAI_API_KEY_PATH", str(file))
    assert revealed(_config.keys(None)) == ["key-1"]
    monkeypatch.setenv("OPENAI_API_KEY", "")
    assert revealed(_config.keys(None)) == ["key-1"]
    monkeypatch.setenv("OPENAI_API_KEY", "key-2")
    assert revealed(_config.keys(None)) == ["key-2"]


@pytest.mark.parametrize("content", [None, b"", b"\n", b"canary canary", b"\xffcanary", "canaryé".encode()])
def test_a_file_without_a_key(content: bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is missing, empty or not a key is named by its variable, not by its path."""
    file = tmp_path / "canary"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("OPENAI_API_KEY_PATH", str(file))
    assert refused(lambda: _config.keys(None)).field == "OPENAI_API_KEY_PATH"


def test_a_directory_is_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor is anything else that cannot be read."""
    monkeypatch.setenv("OPENAI_API_KEY_PATH", str(tmp_path))
    assert "cannot be read" in str(refused(lambda: _config.keys(None)))


def test_no_key_at_all() -> None:
    """The error says where a key could be put."""
    error = refused(lambda: _config.keys(None))
    assert error.field == "api_key"
    assert "OPENAI_API_KEY" in str(error)


@pytest.mark.parametrize("key", BAD_KEYS, ids=lambda key: ascii(key)[:24])
def test_a_bad_key_is_named_by_where_it_came_from(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument, the place in a list or the variable is named; the key is not shown."""
    assert refused(lambda: _config.keys(key)).field == "api_key"
    assert refused(lambda: _config.keys(["key-1", key])).field == "api_key[1]"
    if "\x00" not in key:
        monkeypatch.setenv("OPENAI_API_KEY", key)
        assert refused(lambda: _config.keys(None)).field == "OPENAI_API_KEY"


@pytest.mark.parametrize("given", ["", [], [""], [None], 5, {"canary": 1}, {"canary"}, b"canary", object()])
def test_what_is_no_key(given: Any) -> None:
    """An argument of another type is refused in words, not by whatever fails first."""
    assert refused(lambda: _config.keys(given)).field.startswith("api_key")


# ---- organisation and project


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, []),
        ({"OPENAI_ORG_ID": ""}, []),
        ({"OPENAI_ORG_ID": "new"}, ["new"]),
        ({"OPENAI_ORGANIZATION": "old"}, ["old"]),
        ({"OPENAI_ORG_ID": "new", "OPENAI_ORGANIZATION": "old"}, ["new"]),
        ({"OPENAI_ORG_ID": "", "OPENAI_ORGANIZATION": "old"}, ["old"]),
    ],
)
def test_the_organization_of_the_environment(
    environment: dict[str, str], found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer name of the variable wins over the older one, an argument over both."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _config.organizations(None) == found
    assert _config.organizations("mine") == ["mine"]
    assert _config.organizations(["a", "b"]) == ["a", "b"]
    assert _config.organizations([]) == []


@pytest.mark.parametrize("name", ["OPENAI_ORG_ID", "OPENAI_ORGANIZATION"])
def test_a_bad_organization_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its argument, its place in a list or its variable."""
    assert refused(lambda: _config.organizations("canary\n")).field == "organization"
    assert refused(lambda: _config.organizations(["a", "canary é"])).field == "organization[1]"
    assert refused(lambda: _config.organizations(5)).field == "organization"  # type: ignore[arg-type]
    monkeypatch.setenv(name, "canary canary")
    assert refused(lambda: _config.organizations(None)).field == name


def test_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the organisation: argument, then environment, then none."""
    assert _config.project(None) is None
    monkeypatch.setenv("OPENAI_PROJECT_ID", "theirs")
    assert _config.project(None) == "theirs"
    assert _config.project("mine") == "mine"
    assert refused(lambda: _config.project("canary\n")).field == "project"
    assert refused(lambda: _config.project(5)).field == "project"  # type: ignore[arg-type]
    monkeypatch.setenv("OPENAI_PROJECT_ID", "canary\t")
    assert refused(lambda: _config.project(None)).field == "OPENAI_PROJECT_ID"


# ---- base_url


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, "https://api.openai.com/v1"),
        ({"OPENAI_BASE_URL": "https://new/v1"}, "https://new/v1"),
        ({"OPENAI_API_BASE": "https://old/v1/"}, "https://old/v1"),
        ({"OPENAI_BASE_URL": "https://new/v1", "OPENAI_API_BASE": "https://old/v1"}, "https://new/v1"),
        ({"OPENAI_BASE_URL": "", "OPENAI_API_BASE": "https://old/v1"}, "https://old/v1"),
    ],
)
def test_the_base_url_of_the_environment(
    environment: dict[str, str], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Argument, then the newer variable, then the older one, then the API itself."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _config.base_url(None, allow_http=False) == found
    assert _config.base_url("https://mine", allow_http=False) == "https://mine"


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://HOST.example.com:8443/a/b.c~d/%20/v1",
        "https://acme.openai.azure.com/openai/deployments/x",
        "https://my_service",
        "https://host.",
        "https://10.0.0.1",
        "https://[2001:db8::1]:8443/v1",
        "http://localhost:8080/v1",
        "http://LOCALHOST",
        "http://models.localhost/v1",
        "http://127.0.0.1:11434/v1",
        "http://127.8.9.10",
        "http://[::1]:8080",
    ],
)
def test_base_urls_that_are_right(url: str) -> None:
    """https to anywhere, http to this machine; slashes at the end do not count, and httpx reads the same host."""
    for slashes in ("", "/", "//"):
        assert _config.base_url(url + slashes, allow_http=False) == url
    assert httpx.URL(url).host in url.lower()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "must be a URL"),
        ("canary.com/v1", "https://"),
        ("//canary.com/v1", "https://"),
        ("ftp://canary.com", "https://"),
        ("file:///canary", "https://"),
        ("https:canary.com", "https://"),
        ("https://", "https://"),
        ("https:///canary", "https://"),
        ("https://:443/canary", "https://"),
        ("https://canary@host", "user name"),
        ("https://user:canary@host", "user name"),
        ("https://@host/canary", "user name"),
        ("https://host/?key=canary", "default_query"),
        ("https://host/v1?", "default_query"),
        ("https://host/v1#canary", "default_query"),
        ("https://host/v1#", "default_query"),
        ("https://canary.com /v1", "without spaces"),
        (" https://canary.com", "without spaces"),
        ("https://canary.com\n", "without spaces"),
        ("https://canary.com/\r\nHost: evil", "without spaces"),
        ("https://can\tary.com", "without spaces"),
        ("https://canary.com/\x7f", "visible ASCII"),
        ("https://canarý.com", "visible ASCII"),
        ("https://canary.com\\@evil.com", "backslashes"),
        ("https://canary.com:port", "is not a URL"),
        ("https://canary.com:99999", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://[v1.canary]", "host"),
        ("https://can%2eary", "host"),
        ("https://can..ary", "host"),
        ("https://.", "host"),
        ("https://<canary>", "host"),
        ("https://a;canary", "host"),
        ("https://" + "canary" * 11 + ".com", "host"),
        ("http://canary.com", "allow_http"),
        ("http://127.canary.com", "allow_http"),
        ("http://127.0.0.1.canary.com", "allow_http"),
        ("http://localhost.canary.com", "allow_http"),
        ("http://canarylocalhost", "allow_http"),
        ("http://10.0.0.1", "allow_http"),
        ("https://canary.com/v1/../admin", "'..'"),
        ("https://canary.com/%2e%2E/v1", "'..'"),
        ("http://[::2]", "allow_http"),
        (b"https://canary.com", "must be a URL"),
        (5, "must be a URL"),
    ],
)
def test_base_urls_that_are_wrong(url: Any, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other scheme, no user, no query, no trick with the host, no http beyond this machine; its source is named."""
    error = refused(lambda: _config.base_url(url, allow_http=False))
    assert error.field == "base_url"
    assert reason in str(error)
    if isinstance(url, str) and url:
        for name in ("OPENAI_API_BASE", "OPENAI_BASE_URL"):
            monkeypatch.setenv(name, url)
            assert refused(lambda: _config.base_url(None, allow_http=False)).field == name


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("http://0.0.0.0:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://[::]:8000/v1/", "http://[::1]:8000/v1"),
        ("http://localhost.:8000", "http://localhost:8000"),
        ("http://LOCALHOST:8000/v1", "http://LOCALHOST:8000/v1"),
        ("http://vllm.localhost./v1", "http://vllm.localhost./v1"),
        ("http://[::ffff:127.0.0.1]/v1", "http://[::ffff:127.0.0.1]/v1"),
        ("http://127.1.2.3/v1", "http://127.1.2.3/v1"),
        ("https://10-0-0-1/v1", "https://10-0-0-1/v1"),
        ("https://1-2-3-4.example.com/v1", "https://1-2-3-4.example.com/v1"),
        ("https://api.example.com./0.0.0.0", "https://api.example.com./0.0.0.0"),
    ],
)
def test_words_for_this_machine_and_names_that_look_like_addresses(given: str, found: str) -> None:
    """What a server says that it listens on is where it is reached; a name with hyphens is a name."""
    assert _config.base_url(given, allow_http=False) == found


def test_plain_http_where_it_is_wanted() -> None:
    """`allow_http` lifts that rule, and no other."""
    assert _config.base_url("http://10.0.0.1:8000/v1", allow_http=True) == "http://10.0.0.1:8000/v1"
    for url in ("ftp://10.0.0.1", "http://canary@10.0.0.1", "http://10.0.0.1?canary", "http://can ary"):
        assert refused(lambda url=url: _config.base_url(url, allow_http=True)).field == "base_url"  # type: ignore[misc]


# ---- headers


def test_the_standard_headers_say_nothing_of_the_machine() -> None:
    """Four headers, all of them about the client."""
    assert {name: value.partition(b"/")[0] for name, value in _config.headers(None)} == {
        b"accept": b"application",
        b"accept-encoding": b"gzip",
        b"content-type": b"application",
        b"user-agent": b"openai-async",
    }


def test_own_headers_replace_standard_ones() -> None:
    """Whatever the case of the name, a header is sent once."""
    found = _config.headers({"USER-AGENT": "mine", "X-Tenant": "a", "x-tenant": "b"})
    names = [name for name, _ in found]
    assert len(names) == len({*names})
    assert dict(found)[b"user-agent"] == b"mine"
    assert dict(found)[b"x-tenant"] == b"b"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"X-A": "canary\n"}, "default_headers['X-A']"),
        ({"X-A": 5}, "default_headers['X-A']"),
        ({"Host": "canary"}, "default_headers['Host']"),
        ({"X A canary": "a"}, "default_headers"),
        ({5: "canary"}, "default_headers"),
        ("X-A: canary", "default_headers"),
        ([("X-A", "canary")], "default_headers"),
    ],
)
def test_headers_that_are_wrong(given: Any, field: str) -> None:
    """The name is in the error, the value is not."""
    assert refused(lambda: _config.headers(given)).field == field


# ---- query


def test_the_query_of_every_request() -> None:
    """It is kept as it was given, and copied: changing the mapping later changes nothing."""
    given: dict[str, object] = {"api-version": "2026-08-01"}
    found = _config.query(given)
    given["api-version"] = "other"
    assert found == {"api-version": "2026-08-01"}
    assert _config.query(None) == {}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"a": object()}, "default_query[a]"),
        ({"a": {"b": float("nan")}}, "default_query[a.b]"),
        ({"a": "canary\ud800"}, "default_query[a]"),
        ("a=canary", "default_query"),
        ([("a", "canary")], "default_query"),
    ],
)
def test_a_query_that_is_wrong(given: Any, field: str) -> None:
    """It is refused when the client is built, not at the first call."""
    error = refused(lambda: _config.query(given))
    assert error.field == field
    assert str(error).count("default_query") == 1


# ---- numbers


def test_timeouts() -> None:
    """Seconds, phases or no bound."""
    assert _config.timeout(5) == Timeout.of(5)
    assert _config.timeout(None).attempt is None
    assert _config.timeout(Timeout(idle=1.0)).idle == 1.0


@pytest.mark.parametrize("value", [0, 0.0, -1, float("nan"), True, "5", [5]])
def test_durations_are_positive_numbers(value: Any) -> None:
    """Zero, negative, not a number, a boolean or text: refused, naming the argument."""
    assert refused(lambda: _config.timeout(value)).field == "timeout"
    assert refused(lambda: _config.seconds("deadline", value)).field == "deadline"


@pytest.mark.parametrize("value", [None, 1, 0.001, float("inf")])
def test_durations_that_are_right(value: float | None) -> None:
    """Any positive number, and None for no bound."""
    assert _config.seconds("deadline", value) == value


@pytest.mark.parametrize("value", [-1, True, 1.0, "1", None])
def test_counts_are_integers(value: Any) -> None:
    """Neither a boolean, nor a fraction, nor text is a count."""
    assert refused(lambda: _config.retries(value)).field == "max_retries"
    assert refused(lambda: _config.positive("max_event_bytes", value)).field == "max_event_bytes"


def test_counts_that_are_right() -> None:
    """No retry is a number of retries; a bound of nothing is no bound."""
    assert _config.retries(0) == 0
    assert _config.positive("max_event_bytes", 1) == 1
    assert refused(lambda: _config.positive("max_event_bytes", 0)).field == "max_event_bytes"


# ---- limits

PER_MINUTE = RateLimit(requests_per_minute=60)


@pytest.mark.parametrize(
    ("given", "stated"),
    [
        (None, None),
        ("auto", "auto"),
        (PER_MINUTE, PER_MINUTE),
        ({"gpt-4o": PER_MINUTE, "*": PER_MINUTE}, {"gpt-4o": PER_MINUTE, "*": PER_MINUTE}),
        (5, RateLimit(requests_per_second=5)),
        (0.5, RateLimit(requests_per_second=0.5)),
    ],
)
def test_rate_limits_that_are_right(given: Any, stated: Any) -> None:
    """None, learned, one, one per model, or a number of requests per second."""
    limiter = _config.limiter(7, given, 1)
    assert limiter.limit == 7
    assert limiter._key_pools._stated == stated
    assert _config.limiter(None, given, 1).limit is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (0, "rate_limit"),
        (-1, "rate_limit"),
        (True, "rate_limit"),
        (float("nan"), "rate_limit"),
        (float("inf"), "rate_limit.requests_per_second"),
        ("canary", "rate_limit"),
        ([PER_MINUTE], "rate_limit"),
        ({"gpt-4o": 60}, "rate_limit"),
        ({5: PER_MINUTE}, "rate_limit"),
    ],
)
def test_rate_limits_that_are_wrong(given: Any, field: str) -> None:
    """Nothing else is a limit."""
    assert refused(lambda: _config.limiter(7, given, 1)).field == field


@pytest.mark.parametrize("given", [0, -1, True, 1.0, "7"])
def test_the_bound_on_calls_in_flight_is_a_count(given: Any) -> None:
    """None is no bound; nothing of anything is no count."""
    assert refused(lambda: _config.limiter(given, None, 1)).field == "max_concurrency"


# ---- proxies and transports


def connections(**given: Any) -> Any:
    arguments = {"http_client": None, "transport": None, "proxy": None, "base_url": "https://host", "trust_env": True}
    return _config.transport(**(arguments | given))


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, {}),
        ({}, {}),
        ("http://proxy:8080", {"all": "http://proxy:8080"}),
        ("socks5h://user:pass@proxy", {"all": "socks5h://user:pass@proxy"}),
        ("https://[::1]:8080", {"all": "https://[::1]:8080"}),
        ({"http": "http://a", "https": "socks5://b"}, {"http": "http://a", "https": "socks5://b"}),
    ],
)
def test_proxies_that_are_right(given: Any, found: dict[str, str]) -> None:
    """One for everything, or one for each scheme."""
    assert connections(proxy=given).proxies == found


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ("", "proxy['all']"),
        ("canary:8080", "proxy['all']"),
        ("ftp://canary", "proxy['all']"),
        ("http://", "proxy['all']"),
        ("http://user:canary@", "proxy['all']"),
        ("http://user:canary@host:port", "proxy['all']"),
        ("http://user:canary@[::1", "proxy['all']"),
        ("http://user:can ary@host", "proxy['all']"),
        ("http://canary\n", "proxy['all']"),
        ({"https": "canary"}, "proxy['https']"),
        ({"http": None}, "proxy['http']"),
        ({"canary": "http://host"}, "proxy"),
        ({5: "http://host"}, "proxy"),
        (5, "proxy"),
        (["http://canary"], "proxy"),
    ],
)
def test_proxies_that_are_wrong(given: Any, field: str) -> None:
    """The argument and the scheme are named; a password in the URL is not shown."""
    assert refused(lambda: connections(proxy=given)).field == field


def test_connections_are_given_in_one_way() -> None:
    """A client, a transport and a proxy of one's own exclude each other."""
    client, transport = httpx.AsyncClient(), httpx.AsyncHTTPTransport()
    assert refused(lambda: connections(http_client=client, transport=transport)).field == "transport"
    assert refused(lambda: connections(http_client=client, proxy="http://canary")).field == "proxy"
    assert refused(lambda: connections(transport=transport, proxy="http://canary")).field == "proxy"


@pytest.mark.parametrize("given", [object(), "canary", 5])
def test_connections_of_another_kind(given: Any) -> None:
    """What cannot send is refused by the name of its argument."""
    assert refused(lambda: connections(transport=given)).field == "transport"
    assert refused(lambda: connections(http_client=given)).field == "http_client"


# ---- the client itself


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"api_key": "canary\n"}, "api_key"),
        ({"organization": "can ary"}, "organization"),
        ({"project": "canary\n"}, "project"),
        ({"base_url": "http://canary.com"}, "base_url"),
        ({"timeout": -1}, "timeout"),
        ({"deadline": 0}, "deadline"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"default_headers": {"X-A": "canary\n"}}, "default_headers['X-A']"),
        ({"default_query": {"a": object()}}, "default_query[a]"),
        ({"rate_limit": "canary"}, "rate_limit"),
        ({"proxy": "canary"}, "proxy['all']"),
        ({"transport": object()}, "transport"),
        ({"http_client": object()}, "http_client"),
        ({"max_response_bytes": 0}, "max_response_bytes"),
        ({"max_event_bytes": 0}, "max_event_bytes"),
    ],
)
def test_a_client_with_a_bad_argument_is_never_built(arguments: dict[str, Any], field: str) -> None:
    """Each of the client's arguments goes through its check."""
    assert refused(lambda: AsyncClient(**({"api_key": "key-1"} | arguments))).field == field


def test_a_client_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments everything comes from the environment; the repr shows where it goes, and no key."""
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    monkeypatch.setenv("OPENAI_API_BASE", "https://host/v1/")
    client = AsyncClient()
    assert (client.base_url, client.max_retries) == ("https://host/v1", 2)
    assert repr(client) == "<AsyncClient https://host/v1>"
