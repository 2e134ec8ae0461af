"""Lists in pages: `?limit=` and `?after=` in, first and last id and `has_more` out.

`after` is the id of the last object that the client has seen, so objects that are added or deleted meanwhile shift
nothing. Nothing here depends on what is listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import orjson

from openai_async.emulator.call import Answer, Call
from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, JSONObject

__all__ = ["integer", "page"]


class _Item(Protocol):
    @property
    def id(self) -> str: ...

    def described(self) -> JSONObject: ...


def integer(text: str | None) -> int | str | None:
    """Read an integer of a query or form. Any other text stays a text, to be refused later."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return text


def page(call: Call, items: Sequence[_Item], *, default: int, most: int) -> Answer:
    """Get the page of `items`, in their order, that the query asks for: `default` of them, up to `most`."""
    limit = Fields({"limit": integer(call.query.get("limit"))}).integer("limit", 1, most) or default
    start, after = 0, call.query.get("after")
    if after:
        ids = [item.id for item in items]
        if after not in ids:
            raise invalid(f"No such object to list after: '{after}'.", param="after")
        start = ids.index(after) + 1
    shown = items[start : start + limit]
    return Answer(
        orjson.dumps(
            {
                "object": "list",
                "data": [item.described() for item in shown],
                "first_id": shown[0].id if shown else None,
                "last_id": shown[-1].id if shown else None,
                "has_more": start + limit < len(items),
            }
        )
    )
