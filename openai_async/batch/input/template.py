"""A prompt with the values of a row in it: `Translate into French: {text}`.

`{name}` stands for a column, `{{` and `}}` for braces. A name is a column and nothing else: no attribute and no index
of it is ever looked up. What comes out of a column is not read again, so that braces in it are just text.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, Final

import orjson

from openai_async.batch.input.rows import BadRow
from openai_async.errors import InvalidParameterError

#: What pandas and its kin write for a value that is not there, as a whole cell.
_MISSING: Final = frozenset({"nan", "NaN", "NaT", "<NA>"})


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
            BadRow: a column is missing or null, or all of them are empty.
        """
        prompt = "".join([literal + _written(row, column) for literal, column in self._parts])
        if all(_is_blank(row[column]) for _, column in self._parts if column is not None):
            if len(row) > len(self.columns) and all(map(_is_blank, row.values())):
                raise BadRow("all cells are empty")
            raise BadRow(f"{self._named()} empty")
        return prompt

    def _named(self) -> str:
        names = sorted(self.columns)
        return f"column {names[0]!r} is" if len(names) == 1 else f"columns {', '.join(map(repr, names))} are"


def _is_blank(value: object) -> bool:
    """Whether a cell says nothing."""
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def _written(row: Mapping[str, Any], column: str | None) -> str:
    if column is None:
        return ""
    value = row.get(column)
    if isinstance(value, str):
        if value in _MISSING:
            raise BadRow(f"column {column!r} is {value}, which stands for a missing value")
        return value
    if value is None:
        raise BadRow(f"column {column!r} is {'null' if column in row else 'missing'}")
    return orjson.dumps(value).decode()
