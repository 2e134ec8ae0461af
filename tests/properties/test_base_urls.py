"""A base URL that is accepted means the same host to everybody who reads it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import httpx
from hypothesis import example, given, strategies as st

from openai_async import _config
from openai_async.errors import ConfigurationError
from tests.properties.outcomes import outcome
from tests.properties.strategies import any_text

schemes = ["http", "https", "HTTP", "ftp", "://", ":", "//", ":80", ":99999"]
hosts = [
    "::1",
    "127.0.0.1",
    "127.",
    "127",
    "localhost",
    ".localhost",
    "evil.com",
    "0x7f.1",
    "2130706433",
    "user:canary",
]
marks = [
    "/",
    "\\",
    "@",
    "?",
    "#",
    "[",
    "]",
    ".",
    "..",
    "%2e",
    "%00",
    "a",
    "-",
    "_",
    " ",
    "\t",
    "\n",
    "\x00",
    "é",
    "。",
    "v1",
]
parts = st.sampled_from([*schemes, *hosts, *marks])
urls = (
    st.lists(parts, max_size=8).map("".join)
    | st.builds(
        "{}://{}{}".format, st.sampled_from(["http", "https"]), st.lists(parts, max_size=4).map("".join), any_text
    )
    | any_text
)


def is_this_machine(host: str) -> bool:
    """Whether a name or an address can mean no other machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@given(url=urls, allow_http=st.booleans())
@example(url="http://127.evil.com", allow_http=False)
@example(url="https://00.0.0.0", allow_http=False)
@example(url="https://evil.com\\@api.openai.com", allow_http=False)
@example(url="https://api.openai.com:443@evil.com", allow_http=False)
def test_any_url_is_refused_or_plain(url: str, allow_http: bool) -> None:
    """What is accepted is ASCII without user, query and fragment, has one host, and is https or stays here."""
    found = outcome(ConfigurationError, lambda: _config.base_url(url, allow_http=allow_http))
    if isinstance(found, ConfigurationError):
        assert found.field == "base_url"
        assert "canary" not in str(found)
        return
    assert url.startswith(found)
    assert url[len(found) :].strip("/") == ""
    ours, theirs = urlsplit(found), httpx.URL(f"{found}/models")
    assert found.isascii()
    assert found.isprintable()
    assert "@" not in ours.netloc
    assert (ours.query, ours.fragment, theirs.query, theirs.fragment) == ("", "", b"", "")
    assert (theirs.scheme, theirs.host) == (ours.scheme, ours.hostname)
    default = {"http": 80, "https": 443}[ours.scheme]
    assert (theirs.port or default) == (default if ours.port is None else ours.port)
    assert ours.scheme == "https" or allow_http or is_this_machine(ours.hostname or "")
