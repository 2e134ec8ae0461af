"""A prompt with the values of a row in it: `Translate into French: {text}`.

`{name}` stands for a column, `{{` and `}}` for braces. A name is a column and nothing else: no attribute and no index
of it is ever looked up. What comes out of a column is not read again, so that braces in it are just text.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

import orjson

from openai_async.batch.rows import BadRow
from openai_async.errors import InvalidParameterError


class Template:
    """A prompt template, read once.

    Raises:
        InvalidParameterError: an unpaired brace, a nameless field, or a conversion or format after the name.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        #: Literal text, and the column that follows it; None for the end.
        self._parts: list[tuple[str, str | None]] = []
        try:
            for literal, column, form, conversion in string.Formatter().parse(text):
                if column == "" or form or conversion:
                    raise ValueError("a field is {column}, without anything else")
                self._parts.append((literal, column))
        except ValueError as error:
            raise InvalidParameterError("prompt_template", f"{error}; write {{{{ for a brace itself") from None
        if not self.columns:
            raise InvalidParameterError("prompt_template", "names no column, as in {text}: all prompts would be alike")

    @classmethod
    def of_column(cls, column: str) -> Template:
        """The prompt is what stands in this column."""
        template = cls.__new__(cls)
        template.text = "{" + column + "}"
        template._parts = [("", column)]
        return template

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it names."""
        return frozenset(column for _, column in self._parts if column is not None)

    def fill(self, row: Mapping[str, Any]) -> str:
        """The prompt of a row; what is not text stands in it as JSON.

        Raises:
            BadRow: a column is missing or null.
        """
        return "".join([literal + _written(row, column) for literal, column in self._parts])


def _written(row: Mapping[str, Any], column: str | None) -> str:
    if column is None:
        return ""
    value = row.get(column)
    if isinstance(value, str):
        return value
    if value is None:
        raise BadRow(f"column {column!r} is {'null' if column in row else 'missing'}")
    return orjson.dumps(value).decode()
