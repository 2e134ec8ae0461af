"""Moderation values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import attrs

from openai_async.types._base import Reply, Value
from openai_async.types.params.options import RequestOptions


@attrs.define(repr=False)
class Moderation(Value):
    """The categories found in one input, by API name: "harassment", "harassment/threatening", ..."""

    flagged: bool = False
    categories: dict[str, bool | None] = attrs.field(factory=dict[str, "bool | None"])
    #: 0 to 1.
    category_scores: dict[str, float | None] = attrs.field(factory=dict[str, "float | None"])
    #: Which kinds of input ("text", "image") a score is about.
    category_applied_input_types: dict[str, list[str] | None] = attrs.field(factory=dict[str, "list[str] | None"])

    @property
    def flagged_categories(self) -> list[str]:
        """The categories that apply."""
        return [name for name, applies in self.categories.items() if applies]


@attrs.define(repr=False)
class ModerationCreateResponse(Reply):
    """One result per text, or one for texts and images together."""

    id: str
    results: list[Moderation] = attrs.field(factory=list[Moderation])
    model: str | None = None


class _Required(TypedDict):
    #: A text, several, or parts that make up one input: `{"type": "text", "text": ...}` and
    #: `{"type": "image_url", "image_url": {"url": ...}}`.
    input: str | Sequence[str] | Sequence[Mapping[str, object]]


class ModerationCreateParams(_Required, RequestOptions, total=False):
    """The keyword arguments of `moderations.create`. `input` is required."""

    #: The server's latest unless given.
    model: str | None
