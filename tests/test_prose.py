"""The package uses the field's words, in American spelling, and public docstrings are short sentences.

The words are in `tests/prose/vocabulary.py`, and the rooms that are not done in `tests/prose/pending.py`.
"""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest

from tests.architecture.source import ROOT, Module, Source
from tests.prose import pending
from tests.prose.reading import docstrings, identifiers, sentences, words
from tests.prose.vocabulary import BRITISH, KEPT, RETIRED, RETIRED_ALONE

#: Most words of a sentence in a public docstring.
MOST_WORDS = 30

_BRITISH = re.compile("|".join(BRITISH))
_KEPT = re.compile(rf"\b({'|'.join(KEPT)})\b")


def retired_names(module: Module) -> Iterator[str]:
    """The identifiers of a module that have a standard name."""
    if (ast.get_docstring(module.tree) or "").startswith("Moved to "):
        return  # its name is an old one, kept for those who import it
    for line, name in identifiers(module):
        if name in KEPT:
            continue
        alone = name.strip("_").lower()
        standard = RETIRED_ALONE.get(alone) or next((RETIRED[word] for word in words(name) if word in RETIRED), None)
        if standard is not None:
            yield f"{module.name}:{line}: `{name}`: {standard}"


def bad_sentences(module: Module) -> Iterator[str]:
    """The sentences of public docstrings that are too long, or use a word that has a standard term."""
    for line, text in docstrings(module):
        for sentence in sentences(text):
            if (count := len(sentence.split())) > MOST_WORDS:
                yield f"{module.name}:{line}: {count} words: {sentence}"
            if retired := sorted({word for word in words(sentence) if word in RETIRED}):
                yield f"{module.name}:{line}: {', '.join(retired)}: {sentence}"


def british_spellings(module: Module) -> Iterator[str]:
    """The words of a module, in code, comments and texts, that are spelled as in Britain."""
    for number, line in enumerate(module.text.splitlines(), 1):
        for match in _BRITISH.finditer(_KEPT.sub("", line).lower()):
            yield f"{module.name}:{number}: {match[0]}: {BRITISH[match[0]]}"


RULES = {
    "names": (retired_names, pending.NAMES),
    "docstrings": (bad_sentences, pending.DOCSTRINGS),
    "spelling": (british_spellings, pending.SPELLING),
}


@functools.cache
def _violations(rule: str) -> dict[str, list[str]]:
    """What breaks a rule, by room. Generated modules are not read: they repeat others."""
    by_room: dict[str, list[str]] = defaultdict(list)
    check: Callable[[Module], Iterator[str]] = RULES[rule][0]
    for module in Source.read(ROOT).modules.values():
        if not module.generated:
            by_room[module.room] += check(module)
    return by_room


@pytest.mark.parametrize("rule", RULES)
def test_rooms_that_are_done_stay_so(rule: str) -> None:
    """A retired word, a long sentence or a British spelling in a room that is done is refused, and shown where."""
    pending_rooms = RULES[rule][1]
    broken = [line for room, lines in _violations(rule).items() if room not in pending_rooms for line in lines]
    assert not broken, "\n".join(["", *broken])


@pytest.mark.parametrize("rule", RULES)
def test_no_room_is_pending_that_is_done(rule: str) -> None:
    """The list of pending rooms only shrinks: a room without violations leaves it."""
    violations = _violations(rule)
    assert [room for room in sorted(RULES[rule][1]) if not violations.get(room)] == []


def _module(text: str) -> Module:
    return Module("openai_async.room.file", text, is_package=False)


@pytest.mark.parametrize(
    "text",
    ["nouns = 1", "def f(_given): ...", "class NounTable: ...", "import a.noun", "f(found=1)", "x.place = 1"],
)
def test_a_retired_name_is_seen_wherever_a_name_stands(text: str) -> None:
    """Names are read from assignments, definitions, parameters, attributes, arguments and imports."""
    assert len([*retired_names(_module(text))]) == 1


def test_an_ordinary_name_is_no_retired_one() -> None:
    """A word that only contains a retired one, or qualifies it, is accepted."""
    text = "pronounced = not_found = placed = path_params = NotFoundError = 1"
    assert [*retired_names(_module(text))] == []


@pytest.mark.parametrize(
    ("docstring", "broken"),
    [
        ("One. " + "word " * 30 + "end.", 1),
        ("One. " + "word " * 29 + "end. " + "word " * 29 + "end.", 0),
        ("Say it.\n\n    Args:\n        one: " + "word " * 20 + ".\n        two: " + "word " * 20 + ".", 0),
        ("Say it.\n\n    Args:\n        one: " + "word " * 31 + ".", 1),
        ("Say `" + "a " * 31 + "`.", 0),
        ("A noun of the API.", 1),
        ("A `noun` of the API.", 0),
    ],
)
def test_sentences_are_counted_as_they_are_read(docstring: str, broken: int) -> None:
    """Each entry of a list stands alone, and code counts as one word."""
    text = f'def public():\n    """{docstring}"""\n'
    assert len([*bad_sentences(_module(text))]) == broken


def test_private_docstrings_are_not_counted() -> None:
    """Only what an editor shows to a caller is read."""
    text = 'class _Private:\n    def public(self):\n        """' + "word " * 40 + '."""\n'
    assert [*bad_sentences(_module(text))] == []


def test_a_british_spelling_is_seen_in_comments_and_names() -> None:
    """Spelling counts in all of a module's text."""
    assert len([*british_spellings(_module("# neighbours\ncolour_of = 'Organisation'"))]) == 3
