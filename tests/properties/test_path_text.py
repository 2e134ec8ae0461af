"""Any text is refused as a path argument, or stays one segment that decodes to itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
from hypothesis import example, given, strategies as st

from openai_async._wire import paths
from openai_async.errors import InvalidParameterError
from tests.properties.outcomes import outcome
from tests.properties.strategies import any_text

#: Text that is likely to mean something to some server.
tricky = st.text(st.sampled_from([*"./\\%?#:@;&=25eEfFcC {}[]\0\r\n\x7fa😀é\ud800"]), max_size=12)
arguments = tricky | any_text


@given(value=arguments)
@example(value="..")
@example(value="%2e%2E")
@example(value="a/b")
@example(value="a?b#c\\d")
@example(value="\0")
def test_any_argument_is_refused_or_stays_one_segment(value: str) -> None:
    """The rendered path has as many segments as its template, no query, no fragment, and the argument in its place."""
    path = outcome(InvalidParameterError, lambda: paths.render("/models/{model}/runs", model=value))
    if isinstance(path, InvalidParameterError):
        assert path.field == "model"
        assert str(path).encode()
        return
    for host, rest in (("https://host", path), ("", f"//host{path}")):
        parts = urlsplit(host + rest)
        assert (parts.netloc, parts.path, parts.query, parts.fragment) == ("host", path, "", "")
    assert [unquote(part) for part in path.split("/")] == ["", "models", value, "runs"]
    assert httpx.URL(f"https://host{path}").raw_path == path.encode()


@given(value=arguments)
def test_no_argument_climbs(value: str) -> None:
    """However a server decodes and resolves one that was accepted, it does not leave the folder it is in."""
    encoded = outcome(InvalidParameterError, lambda: paths.segment("model", value))
    if isinstance(encoded, InvalidParameterError):
        return
    once = unquote(encoded).replace("\\", "/")
    for seen in (once, unquote(once).replace("\\", "/")):
        assert not {".", ".."} & {*seen.split("/")}


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.binary(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)


def flat(name: str, value: Any) -> list[tuple[str, str]]:
    """The pairs of a parameter, as documented."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [pair for key, part in value.items() for pair in flat(f"{name}[{key}]", part)]
    if isinstance(value, list):
        return [pair for part in value for pair in flat(f"{name}[]", part)]
    return [(name, str(value).lower() if isinstance(value, bool) else str(value))]


@given(params=st.dictionaries(any_text, values, max_size=4))
def test_any_query_is_refused_or_reads_back(params: dict[str, Any]) -> None:
    """Every pair arrives as it was given, and nothing of it ends the query."""
    query = outcome(InvalidParameterError, lambda: paths.query(params))
    if isinstance(query, InvalidParameterError):
        assert str(query).encode()
        return
    wanted = [pair for name, value in params.items() for pair in flat(name, value)]
    assert parse_qsl(query, keep_blank_values=True) == wanted
    assert urlsplit(f"https://host/path?{query}").query == query
    assert query.isascii()
    assert query.isprintable()
