"""Limits are read however servers spell them; what makes no sense is absent."""

from __future__ import annotations

import email.utils
import math
from collections.abc import Mapping

import pytest
from hypothesis import given, strategies as st

from openai_async.types._rate_limit_headers import SPELLINGS
from openai_async.types.meta import Bucket, Meta, RateLimits, ReplyHeaders

NOW = 1_800_000_000
DATE = email.utils.formatdate(NOW, usegmt=True)


def read(fields: Mapping[str, str], received: float | None = NOW + 3_600.0) -> RateLimits:
    """The limits of a reply. Our clock is an hour ahead of the server's, whose Date counts if it is there."""
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    return Meta(200, ReplyHeaders(raw), received=received).rate_limits


DAY, HOUR, MONTH = 86_400.0, 3_600.0, 30 * 86_400.0

PROVIDERS: dict[str, tuple[dict[str, str], RateLimits]] = {
    "openai": (
        {
            "x-ratelimit-limit-requests": "5000",
            "x-ratelimit-limit-tokens": "160000",
            "x-ratelimit-limit-tokens_usage_based": "160000",
            "x-ratelimit-remaining-requests": "4999",
            "x-ratelimit-remaining-tokens": "159976",
            "x-ratelimit-reset-requests": "12ms",
            "x-ratelimit-reset-tokens": "250ms",
        },
        RateLimits(Bucket(5_000, 4_999, 0.012), Bucket(160_000, 159_976, 0.25)),
    ),
    "groq": (
        {
            "x-ratelimit-limit-requests": "14400",
            "x-ratelimit-limit-tokens": "18000",
            "x-ratelimit-remaining-requests": "14370",
            "x-ratelimit-remaining-tokens": "17997",
            "x-ratelimit-reset-requests": "2m59.56s",
            "x-ratelimit-reset-tokens": "7.66s",
        },
        RateLimits(Bucket(14_400, 14_370, 179.56), Bucket(18_000, 17_997, 7.66)),
    ),
    "mistral": (
        {
            "x-ratelimit-limit-tokens-minute": "5000000",
            "x-ratelimit-remaining-tokens-minute": "4999911",
            "x-ratelimit-tokens-query-cost": "52",
            "x-ratelimit-limit-req-minute": "720",
            "x-ratelimit-remaining-req-minute": "717",
            "x-ratelimit-limit-tokens-month": "9000000000",
        },
        RateLimits(
            Bucket(720, 717, None, 60),
            Bucket(5_000_000, 4_999_911, None, 60),
            (("tokens", Bucket(9_000_000_000, None, None, MONTH)),),
        ),
    ),
    "mistral, before": (
        {"ratelimitbysize-limit": "500000", "ratelimitbysize-remaining": "499900", "ratelimitbysize-reset": "28"},
        RateLimits(tokens=Bucket(500_000, 499_900, 28, 60, True)),
    ),
    "cerebras": (
        {
            "x-ratelimit-limit-requests-day": "14400",
            "x-ratelimit-remaining-requests-day": "14380",
            "x-ratelimit-reset-requests-day": "33011.38",
            "x-ratelimit-limit-requests-minute": "30",
            "x-ratelimit-remaining-requests-minute": "29",
            "x-ratelimit-reset-requests-minute": "11.4",
            "x-ratelimit-limit-tokens-minute": "60000",
            "x-ratelimit-remaining-tokens-minute": "59000",
            "x-ratelimit-reset-tokens-minute": "11.4",
        },
        RateLimits(
            Bucket(30, 29, 11.4, 60, True),
            Bucket(60_000, 59_000, 11.4, 60, True),
            (("requests", Bucket(14_400, 14_380, 33_011.38, DAY, True)),),
        ),
    ),
    "sambanova": (
        {
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "42",
            "x-ratelimit-reset-requests": str(NOW + 30),
            "x-ratelimit-limit-requests-day": "1000",
            "x-ratelimit-remaining-requests-day": "900",
            "date": DATE,
        },
        RateLimits(
            Bucket(60, 42, 30, None, True), others=(("requests", Bucket(1_000, 900, None, DAY)),)
        ),
    ),
    "anthropic": (
        {
            "anthropic-ratelimit-requests-limit": "4000",
            "anthropic-ratelimit-requests-remaining": "3999",
            "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:01Z",
            "anthropic-ratelimit-tokens-limit": "400000",
            "anthropic-ratelimit-tokens-remaining": "312000",
            "anthropic-ratelimit-tokens-reset": "2027-01-15T08:00:13Z",
            "date": DATE,
        },
        RateLimits(Bucket(4_000, 3_999, 1), Bucket(400_000, 312_000, 13)),
    ),
    "openrouter": (
        {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{NOW + 42}000", "date": DATE},
        RateLimits(Bucket(20, 0, 42, None, True)),
    ),
    "github": (
        {"x-ratelimit-limit": "50", "x-ratelimit-remaining": "49", "x-ratelimit-reset": str(NOW + 60), "date": DATE},
        RateLimits(Bucket(50, 49, 60, None, True)),
    ),
    "together": (
        {
            "x-ratelimit-limit": "10",
            "x-ratelimit-remaining": "9",
            "x-ratelimit-reset": "1",
            "x-tokenlimit-limit": "3000",
            "x-tokenlimit-remaining": "2990",
        },
        RateLimits(Bucket(10, 9, 1, None, True), Bucket(3_000, 2_990)),
    ),
    "draft 06": (
        {"ratelimit-limit": "100, 100;w=60, 5000;w=3600", "ratelimit-remaining": "98", "ratelimit-reset": "53"},
        RateLimits(Bucket(100, 98, 53, 60, True)),
    ),
    "draft 07": (
        {"ratelimit": "limit=100, remaining=50, reset=30", "ratelimit-policy": "100;w=60"},
        RateLimits(Bucket(100, 50, 30, 60, True)),
    ),
    "draft": (
        {"ratelimit": '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60'},
        RateLimits(Bucket(100, 50, 30, 60, True)),
    ),
    "draft, several": (
        {
            "ratelimit": '"burst";r=8;t=1, "daily";r=4998;t=69076, "tokens";r=900;t=5',
            "ratelimit-policy": '"burst";q=10;w=10, "daily";q=5000;w=86400, "tokens";q=1000;w=60;pk=:dXNlcg==:',
        },
        RateLimits(
            Bucket(10, 8, 1, 10, True),
            Bucket(1_000, 900, 5, 60, True),
            (("requests", Bucket(5_000, 4_998, 69_076, DAY, True)),),
        ),
    ),
    "hugging face": (
        {"ratelimit": '"api";r=495;t=140', "ratelimit-policy": '"fixed window";"api";q=500;w=300'},
        RateLimits(Bucket(500, 495, 140, 300, True)),
    ),
    "policy alone": (
        {"ratelimit-policy": '"default";q=100;w=60'},
        RateLimits(Bucket(100, None, None, 60)),
    ),
    "other units": (
        {"ratelimit": '"a";r=5;t=1', "ratelimit-policy": '"a";q=10;w=60;qu="content-bytes"'},
        RateLimits(),
    ),
    "the same limit twice": (
        {
            "x-ratelimit-limit-req-minute": "20",
            "x-ratelimit-remaining-req-minute": "19",
            "x-ratelimit-limit-requests-minute": "20",
            "x-ratelimit-reset-requests-minute": "2.5",
        },
        RateLimits(Bucket(20, 19, 2.5, 60, True)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_limits_of_a_provider(name: str) -> None:
    """The fields as each documents or sends them: limits, what remains, when it is back, and how."""
    fields, wanted = PROVIDERS[name]
    assert read(fields) == wanted


def test_every_spelling_of_the_table_is_read() -> None:
    """Limit, remaining and reset of each row arrive as that row's kind, for that row's window."""
    for spelling in SPELLINGS:
        stated = {"limit": "600", "remaining": "500", "reset": "30s"}
        limits = read({spelling.name.format(field): value for field, value in stated.items()})
        bucket = getattr(limits, spelling.kind)
        assert bucket == Bucket(600, 500, 30, spelling.window, spelling.at_once is True), spelling
        assert limits.others == ()


@pytest.mark.parametrize(
    ("reset", "seconds", "at_once"),
    [
        ("30", 30, False),
        ("30.5s", 30.5, False),
        ("0", 0, False),
        (str(NOW + 30), 30, True),
        (f"{NOW + 30}000", 30, True),
        (f"{NOW + 30}.25", 30.25, True),
        ("2027-01-15T08:00:30Z", 30, True),
        ("2027-01-15T09:00:30+01:00", 30, True),
        (email.utils.formatdate(NOW + 30, usegmt=True), 30, True),
        (str(NOW - 30), 0, True),
        (str(NOW - 90_000), None, False),
        ("87600h", None, False),
        ("99999999999s", None, False),
        ("99999999999", None, False),
        ("5e8", None, False),
        ("-5s", None, False),
        ("-5", None, False),
        ("soon", None, False),
        ("", None, False),
    ],
)
def test_a_reset_is_a_duration_or_a_moment(reset: str, seconds: float | None, at_once: bool) -> None:
    """A moment counts from the reply's own Date, and is the end of a window; what is years away is a mistake."""
    stated = {f"x-ratelimit-{field}-requests": text for field, text in (("limit", "60"), ("remaining", "9"))}
    limits = read({**stated, "x-ratelimit-reset-requests": reset, "date": DATE})
    assert limits.requests == Bucket(60, 9, seconds, None, at_once)


def test_a_moment_without_a_date_counts_from_our_clock() -> None:
    """And is absent where that is not known, either."""
    fields = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "9", "x-ratelimit-reset": str(NOW + 30)}
    assert read(fields, received=NOW + 10).requests == Bucket(60, 9, 20, None, True)
    assert read(fields, received=None).requests == Bucket(60, 9)


@pytest.mark.parametrize("limit", ["0", "0.5", "-1", "nan", "lots", "", "1e999", "1e-5", "5x", "1.2.3"])
def test_a_limit_of_nothing_is_absent(limit: str) -> None:
    """However it is spelled: nobody is shut off by what a server says."""
    for spelling in SPELLINGS:
        fields = {"limit": limit, "remaining": "0" if limit in ("0", "0.5", "-1") else "", "reset": "30"}
        limits = read({spelling.name.format(field): text for field, text in fields.items()})
        assert limits == RateLimits(), spelling


names = st.sampled_from([s.name.format(field) for s in SPELLINGS for field in ("limit", "remaining", "reset")])
texts = st.text(max_size=40) | st.from_regex(r"[0-9]{1,18}(s|ms|;w=60|, 5;window=1)?") | st.floats().map(str)


@given(st.dictionaries(names | st.sampled_from(["ratelimit", "ratelimit-policy", "date"]), texts, max_size=12))
def test_any_fields_are_read_or_absent(fields: dict[str, str]) -> None:
    """Every limit that is read is one: finite, at least one, no more left than it, back within a year."""
    limits = Meta(200, fields, received=NOW).rate_limits
    for bucket in (limits.requests, limits.tokens, *(other for _, other in limits.others)):
        for value in (bucket.limit, bucket.remaining, bucket.reset, bucket.window):
            assert value is None or (math.isfinite(value) and value >= 0)
        assert bucket.limit is None or bucket.limit >= 1
        assert bucket.reset is None or bucket.reset <= 366 * DAY
        assert bucket.reset is not None or not bucket.at_once


@pytest.mark.parametrize("limit", ["1e999", "nan", "inf", "5000x", "1.2.3", "0x10"])
def test_a_limit_that_only_begins_like_a_number_is_none(limit: str) -> None:
    """Nonsense is absent, and not the number that it begins with."""
    raw = [(b"x-ratelimit-limit-requests", limit.encode()), (b"x-ratelimit-reset-requests", b"1h2m3s")]
    assert Meta(200, ReplyHeaders(raw)).rate_limits.requests.limit is None
