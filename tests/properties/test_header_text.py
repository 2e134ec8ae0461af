"""No text leaves its header on the way out, and none makes reading fail on the way in."""

from __future__ import annotations

import math
import sys

import h11
import pytest
from hypothesis import given, strategies as st

from openai_async._wire import headers, retry_delays
from openai_async.errors import ConfigurationError, InvalidParameterError
from openai_async.types._durations import duration
from openai_async.types.meta import Meta, ReplyHeaders
from tests.properties.outcomes import outcome
from tests.properties.strategies import any_text

TOKEN_MARKS = "!#$%&'*+-.^_`|~"
#: What servers say about time and amounts, and what they might get wrong.
amounts = (
    any_text
    | st.text(st.sampled_from([*"0123456789.-+ehmsdnuµ∞_ "]), max_size=24)
    | st.floats().map(str)
    | st.integers().map(str)
    | st.datetimes().map(lambda date: date.strftime("%a, %d %b %Y %H:%M:%S GMT"))
)


@pytest.mark.slow
def test_every_code_point_in_a_key() -> None:
    """Visible ASCII passes, no other character does, wherever it stands; and no error shows the key."""
    for character in map(chr, range(sys.maxunicode + 1)):
        for value in (f"canary{character}4711", f"canary4711{character}")[: 1 + character.isspace()]:
            found = outcome(ConfigurationError, lambda value=value: headers.check_token("api_key", value))  # type: ignore[misc]
            if isinstance(found, ConfigurationError):
                assert not "!" <= character <= "~"
                assert "canary" not in str(found)
                assert "4711" not in str(found)
            else:
                assert "!" <= character <= "~"
                assert found == value


#: All of the first plane, and one of every 64 beyond.
CODES = [*range(0x10000), *range(0x10000, sys.maxunicode + 1, 64)]


def test_the_code_points_in_a_header_value() -> None:
    """Latin-1 text on one line passes, spaces and tabs only inside; and no error shows the value."""
    for code in CODES:
        visible = 0x21 <= code <= 0x7E or 0x80 <= code <= 0xFF
        assert accepted("X-A", f"canary{chr(code)}4711") == (visible or code in (0x20, 0x09))
        if code < 0x1000:
            assert accepted("X-A", f"canary4711{chr(code)}") == accepted("X-A", f"{chr(code)}canary4711") == visible


def test_the_code_points_in_a_header_name() -> None:
    """The characters of a token pass, and no other."""
    for code in CODES:
        character = chr(code)
        assert accepted(f"X{character}", "canary") == (
            character.isascii() and (character.isalnum() or character in TOKEN_MARKS)
        )


def accepted(name: str, value: str) -> bool:
    found = outcome(InvalidParameterError, lambda: headers.check_headers("extra_headers", {name: value}))
    if isinstance(found, InvalidParameterError):
        assert "canary" not in str(found)
        assert str(found).isprintable()
        return False
    assert found == [(name.lower().encode("ascii"), value.encode("latin-1"))]
    return True


@given(stated=st.dictionaries(any_text, any_text, max_size=3))
def test_what_passes_is_one_header_on_the_wire(stated: dict[str, str]) -> None:
    """The HTTP library takes every header that was accepted, and adds no line for it."""
    try:
        encoded = headers.check_headers("extra_headers", stated)
    except InvalidParameterError:
        return
    request = h11.Request(method="GET", target="/", headers=[(b"host", b"h"), *encoded])
    head = h11.Connection(h11.CLIENT).send(request)
    assert head is not None
    assert head.count(b"\r\n") == len(encoded) + 3
    assert head.count(b"\n") == head.count(b"\r") == len(encoded) + 3


@given(text=amounts)
def test_any_duration_is_read_or_absent(text: str) -> None:
    """A duration is a finite number of seconds, or nothing."""
    seconds = duration(text)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


@given(
    hours=st.integers(0, 999),
    minutes=st.integers(0, 59),
    milliseconds=st.integers(0, 59_999),
)
def test_durations_as_go_prints_them(hours: int, minutes: int, milliseconds: int) -> None:
    """Hours, minutes and fractions of seconds add up."""
    text = (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{milliseconds / 1000}s"
    assert math.isclose(duration(text) or 0.0, hours * 3600 + minutes * 60 + milliseconds / 1000)


@given(seconds=amounts, milliseconds=amounts, clock=st.floats(0, 4e9))
def test_any_retry_after_is_read_or_absent(seconds: str, milliseconds: str, clock: float) -> None:
    """A delay is a finite number of seconds, not negative, or nothing."""
    for stated in (
        {"retry-after": seconds},
        {"retry-after-ms": milliseconds},
        {"retry-after": seconds, "retry-after-ms": milliseconds},
    ):
        delay = retry_delays.from_headers(stated, clock)
        assert delay is None or (math.isfinite(delay) and delay >= 0)


@given(
    raw=st.lists(
        st.tuples(
            st.binary(max_size=8)
            | st.sampled_from(
                [
                    b"X-Request-Id",
                    b"openai-processing-ms",
                    *(
                        f"x-ratelimit-{part}-{kind}".encode()
                        for part in ("limit", "remaining", "reset")
                        for kind in ("requests", "tokens")
                    ),
                ]
            ),
            st.binary(max_size=12) | amounts.map(lambda text: text.encode("utf-8", "replace")),
        ),
        max_size=8,
    )
)
def test_any_headers_make_sense_or_state_nothing(raw: list[tuple[bytes, bytes]]) -> None:
    """A rate limit that is stated is positive, and no more remains than there is."""
    meta = Meta(200, ReplyHeaders(raw))
    for bucket in (meta.rate_limits.requests, meta.rate_limits.tokens):
        assert bucket.limit is None or bucket.limit > 0
        assert bucket.remaining is None or 0 <= bucket.remaining <= (bucket.limit or math.inf)
        assert bucket.reset is None or 0 <= bucket.reset < math.inf
    assert headers.should_retry(meta.headers) in (True, False, None)
