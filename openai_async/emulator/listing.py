"""Lists of objects in order of creation: `?order=`, `?before=`, and the pages of `pagination`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from openai_async.emulator.call import Answer, Call
from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, JSONObject
from openai_async.emulator.pagination import integer, page

__all__ = ["listing"]


class _Item(Protocol):
    @property
    def id(self) -> str: ...

    def described(self) -> JSONObject: ...


def listing(call: Call, items: Sequence[_Item]) -> Answer:
    """Get the page of `items` (oldest first) that the query asks for: newest first by default."""
    fields = Fields({**call.query})
    shown = list(items)
    if fields.choice("order", ("asc", "desc")) != "asc":
        shown.reverse()
    if before := call.query.get("before"):
        ids = [item.id for item in shown]
        if before not in ids:
            raise invalid(f"No such object to list before: '{before}'.", param="before")
        limit = Fields({"limit": integer(call.query.get("limit"))}).integer("limit", 1, 100) or 20
        shown = shown[: ids.index(before)][-limit:]
    return page(call, shown, default=20, most=100)
