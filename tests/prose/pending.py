"""Rooms whose words are not done. A room that is done leaves the list: a test refuses an entry that nothing needs."""

from __future__ import annotations

from typing import Final

#: Rooms with retired words among their identifiers.
NAMES: Final[frozenset[str]] = frozenset(["_limits", "_pipeline", "_policy"])

#: Rooms with retired words, or sentences of too many words, in their public docstrings.
DOCSTRINGS: Final[frozenset[str]] = frozenset([])

#: Rooms with British spellings.
SPELLING: Final[frozenset[str]] = frozenset(["_pipeline"])
