"""Words of a streamed reply on a terminal: wrapped at its edge, whole, and nothing of the text is lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from openai_async.cli.wrapping import Wrapper
from openai_async.testing import FaultServer, sse
from tests.cli.commands import Commands


def screen(written: str) -> list[str]:
    """What a terminal shows: the only sequences are those that take a word back."""
    lines = [""]
    for part in re.split(r"(\x1b\[\d+D\x1b\[K|\n)", written):
        if part.startswith("\x1b"):
            count = int(part[2 : part.index("D")])
            assert count <= len(lines[-1])
            lines[-1] = lines[-1][:-count]
        elif part == "\n":
            lines.append("")
        else:
            lines[-1] += part
    return lines


WORDS = st.lists(st.text("abcé", min_size=1, max_size=9), max_size=30)


@given(WORDS, st.integers(10, 40), st.integers(1, 7))
def test_words_stay_whole(words: list[str], width: int, step: int) -> None:
    """However a text is cut into pieces, no line is too long, no word is divided, and none is lost."""
    text, wrapper = " ".join(words), Wrapper()
    written = "".join(wrapper.wrap(text[at : at + step], width) for at in range(0, len(text), step))
    lines = screen(written)
    assert all(len(line) < width for line in lines)
    assert [word for line in lines for word in line.split()] == words


@given(st.text("ab \t\n世ex", max_size=80), st.integers(4, 30))
def test_no_character_is_lost(text: str, width: int) -> None:
    """Whatever a text holds, all that is not white space is on the screen, in order."""
    lines = screen(Wrapper().wrap(text, width))
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 8, ["one two", "three"]),
        ("abcdefghijkl", 6, ["abcde", "fghij", "kl"]),
        ("世界世界世界", 6, ["世界", "世界", "世界"]),
        ("one\ntwo three", 8, ["one", "two", "three"]),
    ],
)
def test_how_lines_end(text: str, width: int, lines: list[str]) -> None:
    """A line ends at a space, between wide characters, or inside a word that is longer than it."""
    assert [line.rstrip() for line in screen(Wrapper().wrap(text, width))] == lines


def test_a_terminal_gets_whole_words(commands: Commands) -> None:
    """`chat` wraps on a terminal, and not on one that cannot move its cursor."""
    pieces = ["The quick br", "own fox jumps ov", "er the lazy dog"]
    chunks = [{"id": "c", "choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    ask = ("chat", "--model", "any", "Hello!")
    with FaultServer(lambda _: sse([*chunks, "[DONE]"])) as server:
        env = {"OPENAI_BASE_URL": server.base_url, "COLUMNS": "20"}
        ended = commands.run_on_terminal(*ask, env=env)
        plain = commands.run_on_terminal(*ask, env={**env, "TERM": "dumb"})
    assert [line.rstrip() for line in screen(ended.out)] == ["The quick brown fox", "jumps over the lazy", "dog", ""]
    assert plain.out == "".join(pieces) + "\n"
