"""Webhooks: what the API signed is read, what it did not sign is refused, and nobody sees the secret."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import pickle
import time
import traceback
from collections.abc import Callable
from email.message import Message
from functools import partial
from typing import Any

import openai
import pytest
from hypothesis import given, settings, strategies as st

from openai_async import (
    AsyncClient,
    Client,
    ConfigurationError,
    DecodeError,
    InvalidParameterError,
    InvalidWebhookSignatureError,
    OpenAIError,
    webhooks,
)
from openai_async.types.settings import Secret

KEY = b"canary-4711-canary-4711!"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
EVENT = {
    "object": "event",
    "id": "evt_1",
    "type": "response.completed",
    "created_at": 1_750_287_018,
    "data": {"id": "resp_1", "new": [{"x": 1}]},
}
BODY = json.dumps(EVENT).encode()
ID = "wh_1"


def signed(body: bytes = BODY, at: float | str | None = None, key: bytes = KEY, name: str = ID) -> dict[str, str]:
    """The headers that the API would send with a body."""
    stamp = str(int(time.time())) if at is None else str(at)
    digest = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def refused(body: bytes | str, headers: Any, secret: str = SECRET, **options: Any) -> InvalidWebhookSignatureError:
    with pytest.raises(InvalidWebhookSignatureError) as caught:
        webhooks.verify_signature(body, headers, secret=secret, **options)
    return caught.value


# ---- what is right


def test_an_event_is_read_with_everything_in_it() -> None:
    """Type, id and time are attributes, what it is about reads all the way down, and nothing is lost."""
    event = webhooks.unwrap(BODY, signed(), secret=SECRET)
    assert (event.type, event.id, event.created_at) == ("response.completed", "evt_1", 1_750_287_018)
    assert event.data.id == "resp_1"
    assert event.data.new[0].x == 1
    assert json.loads(json.dumps(event.to_dict())) == EVENT


def test_an_event_of_tomorrow_is_an_event() -> None:
    """An unknown type, unknown fields and nulls are values like any other."""
    body = b'{"type": "planet.discovered", "id": null, "data": null, "weather": {"a": 1}, "created_at": 1.5}'
    event = webhooks.unwrap(body, signed(body), secret=SECRET)
    assert (event.type, event.id, event.created_at, event.weather) == ("planet.discovered", "", 1.5, {"a": 1})  # type: ignore[attr-defined]
    assert len(event.data) == 0


HEADERS: dict[str, Callable[[dict[str, str]], Any]] = {
    "as they are": lambda headers: headers,
    "in capitals": lambda headers: {name.title(): value for name, value in headers.items()},
    "bytes": lambda headers: {name.encode(): value.encode() for name, value in headers.items()},
    "pairs of bytes, as ASGI has them": lambda headers: [(n.upper().encode(), v.encode()) for n, v in headers.items()],
    "a message of the standard library": lambda headers: _message(headers),
}


def _message(headers: dict[str, str]) -> Message:
    message = Message()
    for name, value in headers.items():
        message[name.title()] = value
    return message


@pytest.mark.parametrize("form", HEADERS)
def test_headers_of_any_framework_will_do(form: str) -> None:
    """A mapping in any case, of text or bytes, or pairs; others beside them do not matter."""
    headers = HEADERS[form]({"x-other": "1", **signed()})
    assert webhooks.unwrap(BODY, headers, secret=SECRET).id == "evt_1"


def test_text_and_bytes_are_the_same_body() -> None:
    """A framework that has decoded the body already gives its text."""
    body = '{"type": "é", "data": {}}'
    for form in (body, body.encode(), bytearray(body.encode()), memoryview(body.encode())):
        assert webhooks.unwrap(form, signed(body.encode()), secret=SECRET).type == "é"  # type: ignore[arg-type]


def test_one_right_signature_of_several_is_enough() -> None:
    """While a secret is exchanged, a call is signed with both; versions of tomorrow are passed over."""
    headers = signed()
    headers["webhook-signature"] = f"v2,{'A' * 44} v1,AAAA  {headers['webhook-signature']} v1a,xyz"
    webhooks.verify_signature(BODY, headers, secret=SECRET)
    headers["webhook-signature"] = f"v1,AAAA {signed(key=b'another')['webhook-signature']}"
    refused(BODY, headers)
    right = signed()["webhook-signature"].removeprefix("v1,")
    for other in (right, f"v2,{right}", f"v1{right}", f"v1a,{right}", "v1,", "v1", ","):
        refused(BODY, {**signed(), "webhook-signature": other})


def test_a_secret_that_is_not_base64_is_taken_as_it_is() -> None:
    """Without `whsec_` before it, the secret is the text itself."""
    webhooks.verify_signature(BODY, signed(key=b"plain"), secret="plain")
    refused(BODY, signed(key=b"plain"), secret="plaim")


def test_the_tolerance_goes_both_ways_and_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five minutes, if nothing else is said; the moment at the edge is still right."""
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    for at in (999_700, 1_000_000, 1_000_300):
        webhooks.verify_signature(BODY, signed(at=at), secret=SECRET)
    assert "more than 300 s ago" in str(refused(BODY, signed(at=999_699)))
    assert "in the future" in str(refused(BODY, signed(at=1_000_301)))
    webhooks.verify_signature(BODY, signed(at=999_000), secret=SECRET, tolerance=1_000)
    refused(BODY, signed(at=999_999), tolerance=0)
    for nonsense in (float("nan"), -1):
        with pytest.raises(InvalidParameterError) as caught:
            webhooks.verify_signature(BODY, signed(at=1), secret=SECRET, tolerance=nonsense)
        assert caught.value.field == "tolerance"


# ---- what is wrong


@given(st.data())
def test_any_change_is_refused(data: st.DataObject) -> None:
    """Of the body, the id, the time or the signature: one other character is enough."""
    headers = signed()
    what = data.draw(st.sampled_from(["body", *headers]))
    before = BODY if what == "body" else headers[what].encode()
    place = data.draw(st.integers(0, len(before) - 1))
    change = data.draw(st.sampled_from(["replace", "remove", "add"]))
    character = data.draw(st.integers(0x21, 0x7E).filter(lambda c: c != before[place]))
    new = bytes([character]) if change != "remove" else b""
    after = before[:place] + new + before[place + (change != "add") :]
    if what == "body":
        refused(after, headers)
    else:
        refused(BODY, {**headers, what: after.decode()})


@pytest.mark.slow
@settings(max_examples=25)  # a client of theirs takes its time to be made
@given(st.binary(max_size=200), st.text(min_size=1, max_size=20), st.binary(min_size=1, max_size=40))
def test_ours_and_the_official_client_agree(body: bytes, name: str, key: bytes) -> None:
    """What one of them takes the other one takes, too, and what one refuses the other refuses."""
    secret = "whsec_" + base64.b64encode(key).decode()
    name = name.encode("ascii", "replace").decode().strip() or "x"
    official = openai.OpenAI(api_key="k", webhook_secret=secret).webhooks
    text = body.decode("latin-1")
    right = signed(text.encode(), key=key, name=name)
    wrong = signed(text.encode() + b" ", key=key, name=name)
    for headers, fits in ((right, True), (wrong, False), (signed(text.encode(), at=1, key=key, name=name), False)):
        found: list[bool] = []
        for verify in (official.verify_signature, partial(webhooks.verify_signature, secret=secret)):
            try:
                verify(text, headers)
                found.append(True)
            except (openai.InvalidWebhookSignatureError, InvalidWebhookSignatureError):
                found.append(False)
        assert found == [fits, fits]


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(name: str) -> None:
    """So is one that is empty."""
    headers = signed()
    headers[name] = ""
    assert name in str(refused(BODY, headers))
    del headers[name]
    assert name in str(refused(BODY, headers))


@pytest.mark.parametrize("stamp", ["now", "-1", "1e9", "1_000", " 5", "٥", "9" * 30, "5.0"])
def test_a_time_that_is_none_is_refused(stamp: str) -> None:
    """Also where it was signed so."""
    assert "epoch seconds" in str(refused(BODY, signed(at=stamp)))


def test_an_event_that_is_none_is_a_decode_error() -> None:
    """The signature is right, and what it signs is not an event."""
    for body in (b"", b"[]", b"{}", b'{"type": 5}', b"\xff"):
        with pytest.raises(DecodeError):
            webhooks.unwrap(body, signed(body), secret=SECRET)


@pytest.mark.parametrize(
    ("payload", "headers", "field"),
    [(EVENT, signed(), "payload"), (None, signed(), "payload"), (BODY, 5, "headers"), (BODY, ["a"], "headers")],
)
def test_what_cannot_be_right_is_refused_by_name(payload: Any, headers: Any, field: str) -> None:
    """A parsed body, above all: it cannot be checked any more."""
    with pytest.raises(InvalidParameterError) as caught:
        webhooks.unwrap(payload, headers, secret=SECRET)
    assert caught.value.field == field


def test_half_a_surrogate_pair_is_refused_like_any_other_body() -> None:
    """No text makes it fail in another way."""
    refused("\ud800", signed())
    refused(BODY, {**signed(), "webhook-id": "\ud800", "webhook-signature": "v1,\ud800"})


# ---- the secret


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_canary-4711 ", "whsec_A", "whsec_abcd-", "whsec_é", 5, b"canary-4711"]
)
def test_a_secret_that_is_none_is_a_configuration_error(secret: Any) -> None:
    """An empty one, above all: everybody could sign with it. It is found when the client is built."""
    for use in (
        lambda: webhooks.verify_signature(BODY, signed(), secret=secret),
        lambda: AsyncClient(api_key="k", webhook_secret=secret),
        lambda: Client(api_key="k", webhook_secret=secret),
    ):
        with pytest.raises(ConfigurationError, match="secret") as caught:
            use()
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize("kind", [AsyncClient, Client])
def test_the_secret_comes_from_the_call_the_client_or_the_environment(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wins over the next one; without any, the error says where to put one. Nothing is sent, nothing awaited."""
    monkeypatch.delenv("OPENAI_WEBHOOK_SECRET", raising=False)
    client = kind(api_key="k")
    with pytest.raises(ConfigurationError, match="OPENAI_WEBHOOK_SECRET"):
        client.webhooks.unwrap(BODY, signed())
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", "of-environment")
    assert client.webhooks.unwrap(BODY, signed(key=b"of-environment")).id == "evt_1"
    assert webhooks.unwrap(BODY, signed(key=b"of-environment")).id == "evt_1"
    client = kind(api_key="k", webhook_secret="of-client")
    client.webhooks.verify_signature(BODY, signed(key=b"of-client"))
    client.webhooks.verify_signature(BODY, signed(key=b"of-call"), secret="of-call")
    client.webhooks.verify_signature(BODY, signed(at=1, key=b"of-client"), tolerance=1e12)
    with pytest.raises(InvalidWebhookSignatureError):
        client.webhooks.verify_signature(BODY, signed(key=b"of-environment"))
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", "whsec_ ")
    with pytest.raises(ConfigurationError, match="OPENAI_WEBHOOK_SECRET"):
        webhooks.unwrap(BODY, signed())


@pytest.mark.parametrize("kind", [AsyncClient, Client])
def test_nobody_sees_the_secret(kind: Any) -> None:
    """Not the client's repr, not an error, its pickle or the variables of the frames that it came through."""
    client = kind(api_key="k", webhook_secret=SECRET)
    assert SECRET not in repr(client) + repr(client.webhooks) + repr(vars(client))
    secret = Secret(SECRET)
    for call in (
        lambda: client.webhooks.unwrap(b"wrong", signed()),
        lambda: client.webhooks.verify_signature(b"wrong", signed()),
        lambda: webhooks.unwrap(b"wrong", signed(), secret=secret),
        lambda: webhooks.verify_signature(b"wrong", signed(), secret=secret),
        lambda: client.webhooks.unwrap(5, signed()),
        lambda: client.webhooks.verify_signature(b"wrong", signed(), secret=SECRET),
        lambda: client.webhooks.unwrap(b"wrong", signed(), secret=SECRET.encode()),
        lambda: webhooks.unwrap(b"wrong", signed(), secret=SECRET.encode()),  # type: ignore[arg-type]
        lambda: webhooks.verify_signature(b"wrong", signed(), secret=f"{SECRET} "),
        lambda: kind(api_key="k", webhook_secret=SECRET.encode()),
        lambda: client.webhooks.unwrap(b"wrong", signed(), secret=SECRET),
        lambda: webhooks.unwrap(b"wrong", signed(), secret=SECRET),
        lambda: webhooks.verify_signature(b"wrong", signed(), secret=SECRET),
    ):
        with pytest.raises(OpenAIError) as caught:
            call()
        below = caught.value.with_traceback(caught.tb.tb_next)  # not this frame, which holds the last error's text
        shown = traceback.TracebackException.from_exception(below, capture_locals=True)
        frames = "".join(line for frame in shown.stack for line in map(str, (frame.locals or {}).values()))
        text = frames + str(caught.value) + repr(caught.value)
        assert base64.b64encode(KEY).decode() not in text
        assert "canary" not in text
        copied = pickle.loads(pickle.dumps(caught.value))
        assert (str(copied), type(copied)) == (str(caught.value), type(caught.value))
        assert str(copy.copy(caught.value)) == str(caught.value)


def test_a_wrong_signature_is_an_error_of_ours_and_a_value_error() -> None:
    """As with the official client, whose error is a `ValueError`."""
    error = refused(BODY, signed(key=b"another"))
    assert isinstance(error, OpenAIError)
    assert isinstance(error, ValueError)


def test_endpoints_of_webhooks_are_kept_by_the_table() -> None:
    """What the API has beside signatures is reachable under its official names, for tasks and for threads."""
    clients: list[Any] = [AsyncClient(api_key="k"), Client(api_key="k")]
    for client in clients:
        for name in ("create", "retrieve", "update", "list", "delete", "rotate_secret", "test"):
            assert callable(getattr(client.webhooks, name))
        assert callable(client.webhooks.event_types.list)
