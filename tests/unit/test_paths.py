"""No identifier climbs out of its path segment, starts a query or names another host."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from openai_async import NULL
from openai_async._wire import paths
from openai_async.errors import InvalidParameterError

CLIMBING = [
    ".",
    "..",
    "%2e",
    "%2E%2e",
    ".%2e",
    "%2e.",
    "../files/x",
    "a/../b",
    "a/..",
    "./a",
    "..\\a",
    "a\\..\\b",
    "..%2fa",
    "a%2F..%2Fb",
    "a%5c..",
    "%2e%2e%5C",
]
CONTROL = ["\0", "a\0", "\r\n", "a\nHost: evil", "\t", "\x1f", "\x7f", "a\x7fb"]
ENCODED = {
    "gpt-4o": "gpt-4o",
    "ft:gpt-4o:acme::8": "ft:gpt-4o:acme::8",
    "meta-llama/Llama-3": "meta-llama%2FLlama-3",
    "a?x=1": "a%3Fx=1",
    "a#f": "a%23f",
    "a b+c": "a%20b+c",
    "a\\b": "a%5Cb",
    "%2e%2ea": "%252e%252ea",
    "...": "...",
    "a..b": "a..b",
    "//evil.com": "%2F%2Fevil.com",
    "@evil.com": "@evil.com",
    "http://evil.com": "http:%2F%2Fevil.com",
    "ñ😀": "%C3%B1%F0%9F%98%80",
    "{name}": "%7Bname%7D",
    "\x80\x9f": "%C2%80%C2%9F",
}


@pytest.mark.parametrize(("value", "encoded"), ENCODED.items())
def test_an_argument_stays_one_segment(value: str, encoded: str) -> None:
    """Whatever a path argument holds is encoded, and decodes to itself."""
    path = paths.render("/models/{model}/x", model=value)
    assert path == f"/models/{encoded}/x"
    parts = urlsplit(f"https://host{path}")
    assert (parts.netloc, parts.query, parts.fragment) == ("host", "", "")
    assert [unquote(part) for part in parts.path.split("/")] == ["", "models", value, "x"]


@pytest.mark.parametrize("value", CLIMBING)
def test_dot_segments_are_refused_however_they_are_written(value: str) -> None:
    """Servers and proxies may decode and resolve them."""
    with pytest.raises(InvalidParameterError, match=r"^model: must not hold the path segments"):
        paths.render("/models/{model}", model=value)


@pytest.mark.parametrize("value", CONTROL)
def test_control_characters_are_refused(value: str) -> None:
    """No line end, NUL or delete goes into a request line, not even encoded."""
    with pytest.raises(InvalidParameterError, match=r"^model: must not hold control characters"):
        paths.segment("model", value)


@pytest.mark.parametrize("value", ["", None, 5, b"a", ["a"]])
def test_an_argument_is_a_string_that_is_not_empty(value: object) -> None:
    """An empty argument would make another path: `/models/` is not `/models/{model}`."""
    with pytest.raises(InvalidParameterError, match=r"^model: must be a non-empty string"):
        paths.segment("model", value)


def test_half_of_a_surrogate_pair_is_refused() -> None:
    """UTF-8 cannot carry it."""
    with pytest.raises(InvalidParameterError, match=r"^model: holds half of a surrogate pair"):
        paths.segment("model", "a\ud800")


@pytest.mark.parametrize(
    ("params", "pairs"),
    [
        ({}, []),
        ({"limit": 20, "after": "a b&c=d+é"}, [("limit", "20"), ("after", "a b&c=d+é")]),
        ({"x": True, "y": False, "z": 0.5}, [("x", "true"), ("y", "false"), ("z", "0.5")]),
        ({"a": None, "b": NULL, "c": [], "d": {}, "e": ""}, [("e", "")]),
        ({"include": ["a", "b", None]}, [("include[]", "a"), ("include[]", "b")]),
        ({"metadata": {"a": 1, "b": {"c": (True,)}}}, [("metadata[a]", "1"), ("metadata[b][c][]", "true")]),
        ({"a&b=c": "#?"}, [("a&b=c", "#?")]),
    ],
)
def test_query_parameters(params: dict[str, object], pairs: list[tuple[str, str]]) -> None:
    """Lists are `name[]`, nested objects `name[key]`, booleans words; None is left out."""
    query = paths.query(params)
    assert parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)) == pairs
    assert urlsplit(f"https://host/path?{query}").query == query


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"a": object()}, "a"),
        ({"a": {"b": b"canary"}}, "a.b"),
        ({"a": [{"canary"}]}, "a[0]"),
        ({"a": float("nan")}, "a"),
        ({"a": [float("inf")]}, "a[0]"),
        ({"a": "canary\ud800"}, "a"),
        ({"a\ud800": "canary"}, "parameters"),
        ({"a\ud800": b"canary"}, "parameters"),
        ({"a\ud800é": float("inf")}, "parameters"),
    ],
)
def test_what_cannot_stand_in_a_query_is_refused(params: dict[str, object], field: str) -> None:
    """The error names the parameter, and does not show its value."""
    with pytest.raises(InvalidParameterError) as caught:
        paths.query(params)
    assert caught.value.field == field
    assert "canary" not in str(caught.value)
