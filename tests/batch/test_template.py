"""Prompt templates: columns go in as they are, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from openai_async import InvalidParameterError
from openai_async.batch.input.rows import BadRow
from openai_async.batch.input.template import Template


def test_columns_are_filled_in() -> None:
    """Text stands in the prompt as it is, everything else as JSON."""
    template = Template("{text} is {n}, {flag}, {list} {{not a column}}")
    row = {"text": "A {braced} {0} text", "n": 1.5, "flag": True, "list": [1, "é"], "unused": None}
    assert template.fill(row) == 'A {braced} {0} text is 1.5, true, [1,"é"] {not a column}'


_filled = st.text().filter(lambda text: text.strip() and text not in ("nan", "NaN", "NaT", "<NA>"))


@given(_filled, _filled)
def test_values_are_never_read_again(left: str, right: str) -> None:
    """Whatever stands in a column comes out of the prompt unchanged, braces included."""
    assert Template("{a}|{b}").fill({"a": left, "b": right}) == f"{left}|{right}"


@pytest.mark.parametrize("column", ["first name", "a.b", "a[0]", "__class__", "0"])
def test_a_name_is_a_column_and_nothing_else(column: str) -> None:
    """Dots and brackets belong to the name: no attribute and no index is looked up."""
    template = Template(f"<{{{column}}}>")
    assert template.columns == {column}
    assert template.fill({column: "x", "a": ["y"]}) == "<x>"
    with pytest.raises(BadRow, match="missing"):
        template.fill({"a": ["y"]})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "column 'a' is missing"),
        ({"a": None}, "column 'a' is null"),
        ({"a": " \t\n"}, "column 'a' is empty"),
        ({"a": "", "b": "x"}, "column 'a' is empty"),
        ({"a": "", "b": ""}, "all cells are empty"),
        ({"a": "nan"}, "column 'a' is nan"),
        ({"a": "<NA>"}, "column 'a' is <NA>"),
    ],
)
def test_a_value_that_is_not_there_is_a_bad_row(row: dict[str, str | None], reason: str) -> None:
    """A prompt with a hole in it is not sent, however the hole is written."""
    with pytest.raises(BadRow, match=reason):
        Template("{a}").fill(row)
    with pytest.raises(BadRow, match=reason):
        Template.of_column("a").fill(row)


def test_only_all_columns_together_may_not_be_empty() -> None:
    """One column of several may be empty: it is optional. With all of them empty, a template asks nothing."""
    template = Template("{a}: {b}")
    assert template.fill({"a": "", "b": "x"}) == ": x"
    with pytest.raises(BadRow, match="columns 'a', 'b' are empty"):
        template.fill({"a": "", "b": " ", "c": "1"})


@pytest.mark.parametrize("text", ["{", "}", "{a", "{}", "{a!r}", "{a:>10}", "{a:{b}}", "no column", ""])
def test_a_template_that_cannot_work_is_refused_at_once(text: str) -> None:
    """Unpaired braces, nameless fields, formats and templates without a column are found before anything is sent."""
    with pytest.raises(InvalidParameterError, match="prompt_template"):
        Template(text)


def test_a_column_alone_needs_no_escaping() -> None:
    """The name of a prompt column may hold braces."""
    assert Template.of_column("{odd}").fill({"{odd}": "x"}) == "x"
