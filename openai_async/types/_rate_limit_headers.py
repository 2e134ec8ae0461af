"""Rate limits in response headers: the spellings of servers as data, and their parser.

One pass over the fields finds the limits, however they are spelled. What makes no sense is absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

import attrs

from openai_async.types._durations import LONGEST, number, seconds_until
from openai_async.types._plain import Record

Kind = Literal["requests", "tokens"]


@attrs.frozen
class Bucket(Record):
    """One rate limit as the server reports it."""

    limit: float | None = None
    remaining: float | None = None
    #: Seconds until the bucket is full again.
    reset: float | None = None
    #: Seconds that the limit is for, if the server says it: 60 for one per minute.
    window: float | None = None
    #: It becomes full at that moment, all at once. (Else it fills bit by bit.)
    at_once: bool = False


@attrs.frozen
class RateLimits(Record):
    """The rate limits in the headers of one reply. Absent or invalid ones are None."""

    requests: Bucket = Bucket()
    tokens: Bucket = Bucket()
    #: Further limits, for longer windows than those.
    others: tuple[tuple[Kind, Bucket], ...] = ()


class Spelling(NamedTuple):
    """The header names of one limit on one kind of server; `{}` stands for limit, remaining and reset.

    `at_once` says what a reset means: the end of a window (True), the time until a bucket is full (False), or the first
    if it names a moment, else the second (None).
    """

    name: str
    kind: Kind
    window: float | None = None
    at_once: bool | None = None


_PERIODS: Final = {"second": 1.0, "minute": 60.0, "hour": 3_600.0, "day": 86_400.0, "month": 30 * 86_400.0}


_KINDS: Final[tuple[Kind, ...]] = ("requests", "tokens")
_UNITS: Final[tuple[tuple[str, Kind], ...]] = (("requests", "requests"), ("req", "requests"), ("tokens", "tokens"))


def _spellings() -> Iterator[Spelling]:
    # OpenAI, Azure, Groq, Fireworks, LiteLLM, vLLM gateways. platform.openai.com/docs/guides/rate-limits
    for kind in _KINDS:
        yield Spelling(f"x-ratelimit-{{}}-{kind}", kind)
        # RFC 3339 moments at which a bucket is full. docs.anthropic.com/en/api/rate-limits#response-headers
        yield Spelling(f"anthropic-ratelimit-{kind}-{{}}", kind, None, False)
        yield Spelling(f"ratelimit-{{}}-{kind}", kind, None, True)  # gateways
    # Cerebras (requests-minute, -hour, -day), SambaNova (requests-day), Mistral (req-minute, tokens-month):
    # inference-docs.cerebras.ai/support/rate-limits, docs.sambanova.ai, mistralai/client-ts#169. Others put a "per".
    for unit, kind in _UNITS:
        for period, seconds in _PERIODS.items():
            yield Spelling(f"x-ratelimit-{{}}-{unit}-{period}", kind, seconds, True)
            yield Spelling(f"x-ratelimit-{{}}-{unit}-per-{period}", kind, seconds, True)
            yield Spelling(f"x-ratelimit-{{}}-{period}-{unit}", kind, seconds, True)
    # Mistral, before that: docs.mistral.ai
    yield Spelling("ratelimitbysize-{}", "tokens", 60.0, True)
    yield Spelling("x-ratelimitbysize-{}-minute", "tokens", 60.0, True)
    yield Spelling("x-ratelimitbysize-{}-month", "tokens", _PERIODS["month"], True)
    # Together: per second, and a reset in seconds. docs.together.ai/docs/rate-limits
    yield Spelling("x-tokenlimit-{}", "tokens", None, True)
    # GitHub's (reset in epoch seconds), OpenRouter (in milliseconds), Together, Kong, Envoy and others.
    yield Spelling("x-ratelimit-{}", "requests", None, True)
    yield Spelling("x-rate-limit-{}", "requests", None, True)
    # draft-ietf-httpapi-ratelimit-headers, up to 06. From 08 on: see `_structured`.
    yield Spelling("ratelimit-{}", "requests", None, True)


SPELLINGS: Final = tuple(_spellings())
_FIELDS: Final = ("limit", "remaining", "reset")
#: Where a header field stands in the table: spelling and field.
_PLACES: Final = {
    spelling.name.format(field): (index, position)
    for index, spelling in reversed(list(enumerate(SPELLINGS)))
    for position, field in enumerate(_FIELDS)
}
#: The draft's fields hold structures of limits.
_STRUCTURED: Final = ("ratelimit", "ratelimit-policy")
_NAMES: Final = {**_PLACES, **dict.fromkeys(_STRUCTURED)}.keys()
#: The API's own spelling, which is read at once.
_REQUESTS: Final = next(spelling for spelling in SPELLINGS if spelling.name == "x-ratelimit-{}-requests")
_TOKENS: Final = next(spelling for spelling in SPELLINGS if spelling.name == "x-ratelimit-{}-tokens")
_USUAL_NAMES: Final = frozenset(spelling.name.format(field) for spelling in (_REQUESTS, _TOKENS) for field in _FIELDS)
_NO_LIMITS: Final = RateLimits()
_NOTHING: Final = Bucket()

#: "100, 100;window=60": the number that counts, with what else holds. (Drafts up to 06.)
_QUOTA: Final = re.compile(r"[^0-9.]{0,3}(\d{1,15}(?:\.\d{1,9})?)(?![\w.])")
_PARAMETER: Final = re.compile(r"(?:^|[;,\s])([a-z]{1,10})\s?=\s?(\d{1,15}(?:\.\d{1,9})?)", re.IGNORECASE)
_ITEM: Final = re.compile(r'(?:"[^"]{0,256}"|[^",]){1,64}')
_WINDOW: Final = re.compile(r"(\d{1,15})\s?;\s?(?:w|window)\s?=\s?(\d{1,10})", re.IGNORECASE)


def read(fields: Mapping[str, str], received: float | None) -> RateLimits:
    """Read the limits from header fields, by lowercase names. `received`: epoch seconds of their arrival."""
    names = fields.keys() & _NAMES
    if names <= _USUAL_NAMES:
        return (
            RateLimits(_usual(_REQUESTS, fields, received), _usual(_TOKENS, fields, received)) if names else _NO_LIMITS
        )
    by_index: dict[int, list[str | None]] = {}
    for name in names & _PLACES.keys():
        index, position = _PLACES[name]
        by_index.setdefault(index, [None, None, None])[position] = fields[name]
    buckets: list[tuple[Kind, Bucket]] = [
        (SPELLINGS[index].kind, _bucket(SPELLINGS[index], texts, fields, received))
        for index, texts in sorted(by_index.items())
    ]
    if not names.isdisjoint(_STRUCTURED):
        buckets += _structured(fields.get("ratelimit", ""), fields.get("ratelimit-policy", ""))
    return _sorted([pair for pair in buckets if pair[1] is not _NOTHING])


def _usual(spelling: Spelling, fields: Mapping[str, str], received: float | None) -> Bucket:
    kind = spelling.kind
    limit, remaining = fields.get(f"x-ratelimit-limit-{kind}"), fields.get(f"x-ratelimit-remaining-{kind}")
    if limit is None and remaining is None:
        return _NOTHING
    return _bucket(spelling, [limit, remaining, fields.get(f"x-ratelimit-reset-{kind}")], fields, received)


def _sorted(buckets: list[tuple[Kind, Bucket]]) -> RateLimits:
    """The limits with the shortest window of each kind first, without duplicates."""
    main: dict[Kind, Bucket] = {}
    others: list[tuple[Kind, Bucket]] = []
    for kind, bucket in sorted(buckets, key=lambda pair: pair[1].window or 60.0):
        same = main.get(kind)
        if same is None:
            main[kind] = bucket
        elif _are_one(same, bucket):
            main[kind] = _joined(same, bucket)
        elif not any(kind == known and _are_one(bucket, other) for known, other in others):
            others.append((kind, bucket))
    return RateLimits(main.get("requests", _NOTHING), main.get("tokens", _NOTHING), tuple(others))


def _are_one(one: Bucket, other: Bucket) -> bool:
    if one.limit is not None and other.limit is not None and one.limit != other.limit:
        return False
    return one.window == other.window or one.window is None or other.window is None


def _joined(one: Bucket, other: Bucket) -> Bucket:
    """One limit from two spellings of it."""
    resets = one if one.reset is not None else other
    return Bucket(
        one.limit if one.limit is not None else other.limit,
        one.remaining if one.remaining is not None else other.remaining,
        resets.reset,
        one.window or other.window,
        resets.at_once,
    )


def _bucket(spelling: Spelling, texts: list[str | None], fields: Mapping[str, str], received: float | None) -> Bucket:
    """One limit. Servers send -1, 0 or blanks for "unknown"; such a limit is ignored."""
    limit_text, remaining_text, reset_text = texts
    limit, window = number(limit_text), spelling.window
    if limit is None and limit_text:
        limit, window = _quota(limit_text, window)
    at_once = spelling.at_once is True
    reset = None
    if reset_text and (until := seconds_until(reset_text, fields, received)) is not None:
        reset, is_moment = until
        if is_moment:
            at_once = spelling.at_once is not False  # the same moment for all requests is the end of a window
    return _sound(limit, number(remaining_text), reset, window, at_once)


def _sound(
    limit: float | None, remaining: float | None, reset: float | None, window: float | None, at_once: bool
) -> Bucket:
    """A limit without invalid values."""
    if limit is not None and limit < 1:
        limit = remaining = None
    if remaining is not None and (remaining < 0 or (limit is not None and remaining > limit)):
        remaining = None
    if limit is None and remaining is None:
        return _NOTHING
    if reset is not None and not 0 <= reset <= LONGEST:
        reset = None
    return Bucket(limit, remaining, reset, window, at_once and reset is not None)


def _quota(text: str, window: float | None) -> tuple[float | None, float | None]:
    """The current limit and its window in seconds, from `100, 100;w=60, 5000;w=86400`."""
    first = _QUOTA.match(text[:256])
    limit = float(first[1]) if first else None
    windows = {float(quota): float(seconds) for quota, seconds in _WINDOW.findall(text[:256])}
    return limit, windows.get(limit or 0.0, window)


def _structured(state: str, policy: str) -> Iterator[tuple[Kind, Bucket]]:
    """Parse RateLimit and RateLimit-Policy: `"default";r=50;t=30` and `"default";q=100;w=60`, or `limit=100,
    remaining=50`.

    Source: draft-ietf-httpapi-ratelimit-headers, 07 and later.
    """
    policies = dict(_items(policy))
    states = dict(_items(state)) or {name: {} for name in policies}
    for name, known in states.items():
        terms = policies.get(name) or (next(iter(policies.values())) if len(policies) == len(states) == 1 else {})
        merged = {**terms, **known}
        if "unit" in merged:
            continue
        window = merged.get("w")
        reset = merged.get("t", merged.get("reset"))
        bucket = _sound(
            merged.get("q", merged.get("limit")), merged.get("r", merged.get("remaining")), reset, window or None, True
        )
        if bucket is not _NOTHING:
            yield ("tokens" if "token" in name else "requests"), bucket


def _items(text: str) -> Iterator[tuple[str, dict[str, float]]]:
    """The members of a structured field: names in lower case, with their numbers."""
    text = text[:1024]
    if "=" not in text:
        return
    if '"' not in text and ";" not in text:  # one item, its numbers between commas
        yield "", {name.lower(): float(value) for name, value in _PARAMETER.findall(text)}
        return
    for match in _ITEM.finditer(text):
        head, _, parameters = match[0].strip().partition(";")
        numbers = {name.lower(): float(value) for name, value in _PARAMETER.findall(f";{parameters}")}
        if not numbers:
            continue
        if head.replace(".", "").isdigit():  # 100;w=60: an older policy, which has no name
            yield "", {"q": float(head), **numbers}
            continue
        if '"' in parameters and "qu=" not in parameters:  # "fixed window";"api";q=500: the second one names it
            head = parameters.split('"')[1]
        if "bytes" in parameters or "concurrent" in parameters:
            numbers["unit"] = 1.0  # it counts neither requests nor tokens
        yield head.strip('" ').lower(), numbers
