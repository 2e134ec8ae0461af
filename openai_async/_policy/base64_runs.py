"""What of a string is text: base64 inside of it is told by what it looks like, and is left out.

Long runs of the alphabet are looked for by samples, so that a long text costs next to nothing. Each character is read a
few times at most: linear, whatever the string holds.
"""

from __future__ import annotations

import re
from typing import Final

#: Characters of a string that is worth looking at.
LONG: Final = 1024
#: Characters between two samples, and of one. A run of both together cannot be missed.
_STEP: Final = 512
_SAMPLE: Final = 128
#: The two alphabets of RFC 4648, with line ends, also as JSON inside of a text writes them.
_ALPHABET: Final = r"A-Za-z0-9+/=_\-\r\n\\"
_RUN: Final = re.compile(f"[{_ALPHABET}]*")
_WHOLE: Final = re.compile(f"[{_ALPHABET}]{{{_SAMPLE}}}")
_LINE_END: Final = re.compile(r"(?:\\[rn]|[\r\n])+")
#: The shortest line that base64 is wrapped into; lists of words and numbers have shorter ones.
_SHORTEST_LINE: Final = 60
#: What precedes base64 in an address that holds its data.
_DATA_URL: Final = re.compile(r"data:[\w.+/;= -]{0,200};base64,\Z")
_KINDS: Final = (re.compile("[A-Z]"), re.compile("[a-z]"), re.compile("[0-9]"))
#: Characters of a run that tell what it is.
_TELLING: Final = 4096


def text_length(text: str) -> int:
    """The number of characters of a string that are text."""
    base64, at = 0, 0
    while at + _SAMPLE <= len(text):
        if _WHOLE.match(text, at) is None:
            at += _STEP
            continue
        begin, end = _run_around(text, at)
        if _is_base64(text, begin, end):
            base64 += end - begin
        at = max(end, at + _STEP)
    return len(text) - base64


def _run_around(text: str, at: int) -> tuple[int, int]:
    before, after = _RUN.match(text[max(0, at - _STEP) : at][::-1]), _RUN.match(text, at)
    assert before is not None  # it matches anything
    assert after is not None
    return at - before.end(), after.end()


def _is_base64(text: str, begin: int, end: int) -> bool:
    """Bytes of a picture or a sound use all of the alphabet, or are zeros; a word that is repeated does not."""
    if _DATA_URL.search(text, max(0, begin - 256), begin):
        return True
    telling = text[begin : min(end, begin + _TELLING)]
    lines = _LINE_END.split(telling)[:-1]  # the last one may be cut
    if any(len(line) < _SHORTEST_LINE for line in lines if line):
        return False
    return not telling.strip("A=") or all(kind.search(telling) for kind in _KINDS)
