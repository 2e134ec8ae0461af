"""The rate-limit scope of a raw path: that of its operation, whatever IDs are in the path."""

from __future__ import annotations

import functools
from typing import Any, Final

from openai_async.resources._operations import endpoints

_ID: Final = ""  # in the tree: any segment


def scope_of(path: str) -> str:
    """`/files/{file_id}/content` for `/files/abc/content?x=1`.

    Of a path that the API does not have, the first segment and the words of the API stay, and the rest is one `{}`
    each: servers of others name things by ids, too.
    """
    segments = path.partition("?")[0].strip("/").split("/")
    return _template(segments, _tree()) or "/" + "/".join([segments[0], *map(_word, segments[1:])])


def _template(segments: list[str], tree: dict[str, Any]) -> str | None:
    """The template of an operation that segments match; literal segments go before parameters."""
    if not segments:
        return tree.get("/")
    for step in (segments[0], _ID):
        if step != "/" and (below := tree.get(step)) is not None and (template := _template(segments[1:], below)):
            return template
    return None


def _word(segment: str) -> str:
    return segment if segment in _words() else "{}"


@functools.cache
def _tree() -> dict[str, Any]:
    """The templates as a tree of segments; the template that ends at a node is its `/`."""
    root: dict[str, Any] = {}
    for endpoint in endpoints().values():
        template = endpoint.operation.path.partition("?")[0]
        node = root
        for segment in template.strip("/").split("/"):
            node = node.setdefault(_ID if segment.startswith("{") else segment, {})
        node.setdefault("/", template)
    return root


@functools.cache
def _words() -> frozenset[str]:
    paths = (endpoint.operation.path.partition("?")[0] for endpoint in endpoints().values())
    return frozenset(segment for path in paths for segment in path.split("/") if not segment.startswith("{"))
