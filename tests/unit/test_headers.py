"""What is sent in a header cannot leave it; what a server says in one is read or is absent."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterator

import pytest

from openai_async._wire import headers, retry_delays
from openai_async.errors import ConfigurationError, InvalidParameterError
from openai_async.types._durations import duration
from openai_async.types.meta import Bucket, Meta, RateLimits, ReplyHeaders

# ---- sending


def test_a_key_is_visible_ascii() -> None:
    """Every visible ASCII character may be in a key, and the key comes back as it is."""
    visible = "".join(map(chr, range(0x21, 0x7F)))
    assert headers.check_token("api_key", visible) == visible
    assert headers.check_token("api_key", "k" * 8192) == "k" * 8192


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("canary\n", "a stray newline?"),
        (" canary", "white space"),
        ("canary\r\nX-Evil: 1", "visible ASCII"),
        ("can ary", "visible ASCII"),
        ("can\0ary", "visible ASCII"),
        ("canary\x7f", "visible ASCII"),
        ("canaryé", "visible ASCII"),
        ("canary…", "visible ASCII"),
        ("canary\udcff", "visible ASCII"),
        ("canary" + "y" * 8187, "at most 8192"),
        ("", "non-empty"),
        (None, "non-empty"),
        (b"canary", "non-empty"),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_what_cannot_be_a_key_is_refused_without_showing_it(value: object, reason: str) -> None:
    """The error names the field and what is wrong, nothing of the value."""
    with pytest.raises(ConfigurationError, match=reason) as caught:
        headers.check_token("api_key", value)
    assert caught.value.field == "api_key"
    assert "canary" not in str(caught.value)


def test_headers_are_encoded_with_small_names() -> None:
    """Names do not depend on their case, values are Latin-1."""
    assert headers.check_headers("extra_headers", {"X-Tenant": "Zoë\tB", "accept": "*"}) == [
        (b"x-tenant", b"Zo\xeb\tB"),
        (b"accept", b"*"),
    ]


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "é", "a\0", "(a)", "a\n", 5, None, b"a"])
def test_a_header_name_is_a_token(name: str) -> None:
    """Nothing else can stand before the colon."""
    with pytest.raises(InvalidParameterError, match=r"^extra_headers: a header name must be a token") as caught:
        headers.check_headers("extra_headers", {name: "canary"})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " canary",
        "canary\t",
        "canary\n",
        "canary\r\nX-Evil: 1",
        "can\0ary",
        "canary\x7f",
        "canary…",
        5,
        None,
        b"canary",
    ],
)
def test_a_header_value_is_one_line(value: str) -> None:
    """No value ends its line, is blank, or is beyond Latin-1; the error names the header and does not show it."""
    with pytest.raises(InvalidParameterError, match=r"^extra_headers\['X-A'\]: must be a non-empty line") as caught:
        headers.check_headers("extra_headers", {"X-A": value})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "HOST", "Connection"])
def test_framing_belongs_to_the_transport(name: str) -> None:
    """A second opinion about the length or the host of a request is how requests are smuggled."""
    with pytest.raises(InvalidParameterError, match="is set by the transport"):
        headers.check_headers("extra_headers", {name: "5"})


@pytest.mark.parametrize("given", ["X-A: 1", ["X-A"], [("X-A", "1")], 5])
def test_headers_are_a_mapping(given: object) -> None:
    """Anything else is refused by name."""
    with pytest.raises(InvalidParameterError, match=r"^extra_headers: must be a mapping"):
        headers.check_headers("extra_headers", given)  # type: ignore[arg-type]


# ---- durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("21h26m17.041s", 77177.041),
        ("40ms", 0.04),
        ("6m0s", 360.0),
        ("1s", 1.0),
        ("1d2h", 93600.0),
        ("1m30.5s", 90.5),
        ("500us", 0.0005),
        ("500µs", 0.0005),
        ("500µs".encode().decode("latin-1"), 0.0005),
        ("7ns", 7e-9),
        ("0s", 0.0),
        ("0", 0.0),
        ("12", 12.0),
        ("0.5", 0.5),
        (None, None),
        ("", None),
        ("-1", None),
        ("-1s", None),
        ("1s2", None),
        ("s", None),
        ("1x", None),
        ("1 s", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("9" * 65, None),
        ("1s" * 33, None),
    ],
)
def test_durations_of_rate_limits(text: str | None, seconds: float | None) -> None:
    """Durations as Go prints them, or bare seconds; nothing else is a duration."""
    assert duration(text) == (seconds if seconds is None else pytest.approx(seconds, rel=1e-12))


# ---- Retry-After

THEN = datetime.datetime(1994, 11, 6, 8, 49, 37, tzinfo=datetime.UTC).timestamp()


@pytest.fixture
def new_york() -> Iterator[None]:
    """A machine whose clock shows another time than UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "America/New_York"
    time.tzset()
    try:
        yield
    finally:
        del os.environ["TZ"]
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 -0000",
        "Sun, 06 Nov 1994 03:49:37 -0500",
    ],
)
@pytest.mark.usefixtures("new_york")
def test_every_form_of_date_is_read_in_its_own_zone(text: str) -> None:
    """The three forms of RFC 9110 mean UTC, whatever zone this machine is in."""
    assert retry_delays.from_headers({"retry-after": text}, THEN - 90.5) == 90.5
    assert retry_delays.from_headers({"retry-after": text}, THEN + 10) == 0.0


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": " 3 "}, 3.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "20"}, 0.25),
        ({"retry-after-ms": "0", "retry-after": "20"}, 0.0),
        ({"retry-after-ms": "-1", "retry-after": "20"}, 20.0),
        ({"retry-after-ms": "soon", "retry-after": "20"}, 20.0),
        ({"retry-after-ms": "nan"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "Sun, 06 Nov 1994 99:99:99 GMT"}, None),
        ({"retry-after": "Sun, 99 Nov 1994 08:49:37 GMT"}, None),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 +999999999999"}, None),
    ],
)
def test_retry_after(stated: dict[str, str], seconds: float | None) -> None:
    """Milliseconds win over seconds; what is negative, infinite or no number is not stated."""
    assert retry_delays.from_headers(stated, THEN) == seconds


@pytest.mark.parametrize(
    ("stated", "wanted"),
    [
        ({}, None),
        ({"x-should-retry": "true"}, True),
        ({"x-should-retry": "False"}, False),
        ({"x-should-retry": "1"}, None),
    ],
)
def test_should_retry(stated: dict[str, str], wanted: bool | None) -> None:
    """The server's word on retrying is yes, no or nothing."""
    assert headers.should_retry(stated) is wanted


# ---- everything that the headers of a reply say


def meta_of(raw: list[tuple[bytes, bytes]]) -> Meta:
    return Meta(200, ReplyHeaders(raw))


def limits(**stated: str) -> RateLimits:
    raw = [(f"X-RateLimit-{name.replace('_', '-')}".encode(), value.encode()) for name, value in stated.items()]
    return meta_of(raw).rate_limits


def test_the_headers_of_a_reply() -> None:
    """Request id, server time, account, snapshot and both rate limits are read; every header is kept."""
    meta = meta_of(
        [
            (b"X-Request-Id", b"req_1"),
            (b"openai-processing-ms", b"320"),
            (b"openai-organization", b"acme"),
            (b"openai-version", b"2020-10-01"),
            (b"openai-model", b"gpt-4o-2024-08-06"),
            (b"x-ratelimit-limit-requests", b"10000"),
            (b"x-ratelimit-remaining-requests", b"9999"),
            (b"x-ratelimit-reset-requests", b"6ms"),
            (b"x-ratelimit-limit-tokens", b"2000000"),
            (b"x-ratelimit-remaining-tokens", b"0"),
            (b"x-ratelimit-reset-tokens", b"6m0s"),
            (b"x-other", b"\xe9"),
        ],
    )
    assert (meta.request_id, meta.processing_ms, meta.organization) == ("req_1", 320.0, "acme")
    assert (meta.version, meta.model) == ("2020-10-01", "gpt-4o-2024-08-06")
    assert meta.rate_limits == RateLimits(
        requests=Bucket(10_000.0, 9_999.0, 0.006), tokens=Bucket(2_000_000.0, 0.0, 360.0)
    )
    assert meta.headers["x-other"] == "é"
    assert len(meta.headers) == 12


def test_headers_that_are_absent() -> None:
    """A reply without headers states nothing."""
    meta = Meta(500, ReplyHeaders())
    assert meta == Meta(status=500, headers={})
    assert (meta.request_id, meta.processing_ms, meta.organization, meta.version, meta.model) == (None,) * 5
    assert meta.rate_limits == RateLimits(Bucket(), Bucket())


def test_the_id_of_another_gateway() -> None:
    """Azure calls the request id by another name; the API's own wins."""
    assert meta_of([(b"apim-request-id", b"a")]).request_id == "a"
    assert meta_of([(b"apim-request-id", b"a"), (b"x-request-id", b"b")]).request_id == "b"


@pytest.mark.parametrize(
    ("stated", "wanted"),
    [
        ({}, Bucket()),
        ({"reset_requests": "1s"}, Bucket()),
        ({"limit_requests": "-1", "remaining_requests": "-1"}, Bucket()),
        ({"limit_requests": "0", "remaining_requests": "0"}, Bucket()),
        ({"limit_requests": "0", "remaining_requests": "0", "reset_requests": "1s"}, Bucket()),
        ({"limit_requests": "", "remaining_requests": ""}, Bucket()),
        ({"limit_requests": "nan", "remaining_requests": "inf"}, Bucket()),
        ({"limit_requests": "many", "remaining_requests": "5"}, Bucket(remaining=5.0)),
        ({"limit_requests": "60"}, Bucket(limit=60.0)),
        ({"limit_requests": "1", "remaining_requests": "1"}, Bucket(1.0, 1.0)),
        ({"limit_requests": "60", "remaining_requests": "0"}, Bucket(60.0, 0.0)),
        ({"limit_requests": "60", "remaining_requests": "-1"}, Bucket(limit=60.0)),
        ({"limit_requests": "60", "remaining_requests": "61"}, Bucket(limit=60.0)),
        ({"limit_requests": "60", "remaining_requests": "60", "reset_requests": "-1s"}, Bucket(60.0, 60.0)),
        ({"remaining_requests": "3", "reset_requests": "1m"}, Bucket(None, 3.0, 60.0)),
    ],
)
def test_a_rate_limit_that_makes_no_sense_binds_nobody(stated: dict[str, str], wanted: Bucket) -> None:
    """-1, 0, blanks and more remaining than the limit are "unknown", never a limit of nothing."""
    assert limits(**stated).requests == wanted
    assert limits(**stated).tokens == Bucket()
