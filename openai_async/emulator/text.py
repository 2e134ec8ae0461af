"""Text and tokens: the sentences that emulated models write, and the tokens of a text.

Everything is a function of its arguments: the same seed gives the same text on every machine and Python. A token is up
to five letters with the space before them, or up to four other characters. The tokens of a text always join to that
text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TypeVar

import orjson

__all__ = ["WORDS", "count", "cut_at_stop", "digest", "one_of", "sentences", "tokens"]

T = TypeVar("T")

_TOKEN = re.compile(r"\s?\w{1,5}|\s?[^\w\s]{1,4}|\s{1,8}")


def tokens(text: str) -> list[str]:
    """Cut a text into tokens. Joined, they are the text."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """Count the tokens of a text."""
    return len(_TOKEN.findall(text))


def digest(value: object) -> int:
    """Hash a JSON value to 64 bits. The order of keys does not matter."""
    packed = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(blake2b(packed, digest_size=8).digest(), "big")


def one_of(rng: Random, options: Sequence[T]) -> T:
    # `random()` is the one method whose sequence Python promises to keep for a seed.
    return options[int(rng.random() * len(options))]


def cut_at_stop(pieces: list[str], stops: Sequence[str]) -> tuple[list[str], bool]:
    """End the tokens before the first stop string. Also gives whether there was one."""
    text = "".join(pieces)
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    if not ends:
        return pieces, False
    left = min(ends)
    kept: list[str] = []
    for piece in pieces:
        if left <= 0:
            break
        kept.append(piece[:left])
        left -= len(piece)
    return kept, True


_SUBJECTS = """
The quiet river|A careful engineer|The old lighthouse|Every good answer|The northern wind|A patient teacher
The first draft|Some honest error|The morning train|A small library|The second witness|Our oldest map
The steady clock|A curious child|The open window|The last harvest
"""
_VERBS = """
carries|remembers|explains|follows|measures|keeps|finds
crosses|answers|improves|gathers|describes|mends|outlives
"""
_OBJECTS = """
the bright valley|a simple question|the long argument|an unfinished bridge|the hidden garden|a fair comparison
the missing number|every narrow street|the shape of the coast|a list of small promises|the sound of rain
the work of many hands|a better way home|the cost of delay|the letter on the table|one clear example
"""
_ENDINGS = """
before the light fades|without any hurry|as the season turns|in plain words|when nobody is looking
for a reason worth stating|and leaves the door open|with room to spare|at the edge of town|one step at a time
because it can be checked|until the tide comes back
"""


def _phrases(listed: str) -> tuple[tuple[str, ...], ...]:
    # A phrase begins with its space, so the tokens of a sentence are those of its phrases, one after another.
    return tuple(tuple(tokens(" " + phrase)) for phrase in listed.strip().replace("\n", "|").split("|"))


_GRAMMAR = tuple(_phrases(part) for part in (_SUBJECTS, _VERBS, _OBJECTS, _ENDINGS))

WORDS: tuple[str, ...] = tuple(sorted(set(re.findall("[a-z]{4,}", _SUBJECTS + _VERBS + _OBJECTS + _ENDINGS))))


def sentences(rng: Random, least: int = 20, most: int = 120) -> list[str]:
    """Generate `least` to `most` tokens, in complete sentences (of at most 24 tokens each)."""
    wanted = least + int(rng.random() * (most - least - 24))
    said: list[str] = []
    while len(said) < wanted:
        for part in _GRAMMAR:
            said.extend(one_of(rng, part))
        said.append(".")
    said[0] = said[0].lstrip()
    return said
