"""Text search: how a file is cut into chunks, and how well a chunk matches a query.

A chunk matches by the words that it shares with the query. Rare words count more than common ones. A repeated word
counts more, but each time less. Scores are from 0 to 1, and 0 is no match. Synonyms do not match.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from openai_async.emulator.fields import Fields, JSONObject, is_list, is_object, one_of_these, wrong_type
from openai_async.emulator.text import tokens

__all__ = ["check_filter", "chunks", "matches", "scores"]

_WORD = re.compile(r"\w+")
_COMPARED = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin")
_COMBINED = ("and", "or")
_DEEPEST = 10


def chunks(text: str, size: int, overlap: int) -> list[str]:
    """Cut a text into pieces of `size` tokens, each beginning with the last `overlap` tokens of the one before."""
    pieces = tokens(text)
    last = max(len(pieces) - overlap, 1)
    return ["".join(pieces[start : start + size]) for start in range(0, last, size - overlap)]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def scores(query: str, texts: Sequence[str]) -> list[float]:
    """Score how well each text matches the query."""
    wanted = set(_words(query))
    word_counts = [Counter(word for word in _words(text) if word in wanted) for text in texts]
    spread = Counter(word for counts in word_counts for word in counts)
    weights = {word: math.log(1 + len(texts) / (spread[word] + 0.5)) for word in wanted}
    total = sum(weights.values())
    return [
        round(sum(weights[word] * often / (often + 0.5) for word, often in counts.items()) / total, 6) if total else 0.0
        for counts in word_counts
    ]


# -- filters -------------------------------------------------------------------------------------------------


def check_filter(value: Any, at: str = "filters", depth: int = 0) -> None:
    """Refuse an invalid filter, as the API does."""
    if not is_object(value) or depth > _DEEPEST:
        raise wrong_type(at, "an object", value)
    fields = Fields(value, at)
    fields.required("type")
    kind = fields.choice("type", (*_COMPARED, *_COMBINED))
    if kind in _COMBINED:
        fields.required("filters")
        for index, inner in enumerate(fields.array("filters") or ()):
            check_filter(inner, f"{at}.filters[{index}]", depth + 1)
        return
    fields.required("key")
    fields.text("key")
    if fields.required("value") is not None and kind in ("in", "nin"):
        fields.array("value")
    elif is_list(value["value"]) or is_object(value["value"]):
        raise one_of_these(fields.param("type"), kind, ("in", "nin"))


def matches(filter: JSONObject, attributes: Mapping[str, Any]) -> bool:
    """Whether a file with these attributes passes a checked filter. A missing attribute equals nothing."""
    kind = filter["type"]
    if kind in _COMBINED:
        return (all if kind == "and" else any)(matches(inner, attributes) for inner in filter["filters"])
    own, value = attributes.get(filter["key"]), filter["value"]
    if kind in ("eq", "ne"):
        return (own == value) is (kind == "eq")
    if kind in ("in", "nin"):
        return (own in value) is (kind == "in")
    if isinstance(own, str) is not isinstance(value, str) or own is None:
        return False
    return bool({"gt": own > value, "gte": own >= value, "lt": own < value, "lte": own <= value}[kind])
