"""Translate exceptions of httpx into ours, with the phase of the request.

Classes are matched by name along the MRO, because httpx and httpx2 have different classes of the same names. A test
checks that every exception of both has a counterpart here.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Final

from openai_async._transport.causes import LIBRARIES, causes, is_of_a_library
from openai_async._transport.httpx_progress import Progress
from openai_async._transport.tls import trusted_source
from openai_async.errors import APIConnectionError, APIError, APITimeoutError, ConnectTimeoutError, Phase

#: First match along the MRO wins. "response" becomes "body" once the header section has arrived.
_PHASES: Final[Mapping[str, Phase]] = {
    "ConnectTimeout": "connect",
    "ConnectError": "connect",
    "PoolTimeout": "connect",
    "ProxyError": "connect",
    "UnsupportedProtocol": "connect",
    "LocalProtocolError": "send",
    "WriteTimeout": "send",
    "WriteError": "send",
    "ReadTimeout": "response",
    "ReadError": "response",
    "CloseError": "response",
    "RemoteProtocolError": "response",
    "DecodingError": "response",
    "TooManyRedirects": "response",
    "TimeoutException": "response",
    "NetworkError": "response",
    "ProtocolError": "response",
    "TransportError": "response",
    "RequestError": "response",
    "HTTPStatusError": "response",
    "HTTPError": "response",
    "InvalidURL": "connect",
    "CookieConflict": "response",
    "StreamError": "response",
}
#: OpenSSL's reasons for bytes that are not TLS.
_NOT_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"}
)
#: The first byte of a TLS alert, with which a TLS server answers plain HTTP.
TLS_ALERT: Final = b"\x15"
SPEAKS_TLS: Final = "the server speaks TLS at this port: the URL has to begin with https://"
TEXTS: Final[Mapping[Phase, str]] = {
    "connect": "could not connect to the server",
    "send": "the connection failed while the request was being sent",
    "response": "the connection broke after the request was sent, before an answer came",
    "body": "the connection broke before the answer was complete",
}


def translate(error: BaseException, *, header_received: bool, progress: Progress | None = None) -> BaseException:
    """The exception to raise for `error`: our counterpart, with it as the cause. Itself if it is no network error.

    Neither keeps frames of an HTTP library, because their locals hold the raw request: a crash reporter would show the
    key and the prompt.

    Args:
        error: what was raised.
        header_received: whether it was raised while the body was read.
        progress: the phase of the request, where the library reports it.
    """
    if not isinstance(error, Exception):  # a cancellation
        _drop_frames(error)
        return error
    if not _is_of_the_network(error):  # ours, or a bug that must show as what it is
        return error.with_traceback(_user_frames(error.__traceback__))
    ours = _counterpart(error, header_received, progress or Progress())
    _drop_frames(error)
    ours.__cause__ = error
    return ours


def not_connected(error: BaseException, hop: str) -> APIConnectionError:
    """The exception for a connect to `hop` that failed, without frames."""
    ours = APIConnectionError(f"could not connect to {hop}: {reason_of(error)}{_hint(error)}", phase="connect")
    _drop_frames(error)
    ours.__cause__ = error
    return ours


def reason_of(error: BaseException) -> str:
    """The reason of an error: the text of the system error, else its own, else its class and errno."""
    root = _root(error)
    text = str(root).strip() or str(error).strip()
    if text:
        return text[:300]
    number = getattr(root, "errno", None)
    return type(root).__name__ + (f" (errno {number})" if number is not None else "")


def _root(error: BaseException) -> BaseException:
    """The innermost system error of a chain; the error itself if there is none."""
    system = [
        link
        for link in causes(error)
        if isinstance(link, OSError) and (link.errno is not None or isinstance(link, ssl.SSLError))
    ]
    return system[-1] if system else error


def _hint(error: BaseException) -> str:
    root = _root(error)
    if isinstance(root, ssl.SSLCertVerificationError):
        return f"; trusted are the certificates of {trusted_source()}"
    if isinstance(root, ssl.SSLError) and root.reason in _NOT_TLS:
        return "; no TLS is spoken at this port: should the URL begin with http:// ?"
    return ""


def _is_of_the_network(error: Exception) -> bool:
    return isinstance(error, OSError) or is_of_a_library(error)


def _counterpart(error: Exception, header_received: bool, progress: Progress) -> APIError:
    names = [cls.__name__ for cls in type(error).__mro__ if cls.__module__.partition(".")[0] in ("httpx", "httpx2")]
    phases: list[Phase] = [_PHASES[name] for name in names if name in _PHASES]
    phase: Phase = "body" if header_received else progress.reached(*phases[:1])
    # Texts of the library name hosts and errnos; for local protocol errors they may quote a header.
    detail = "" if "LocalProtocolError" in names else reason_of(error)
    if detail == SPEAKS_TLS:
        return APIConnectionError(SPEAKS_TLS, phase="connect")
    if phase == "connect":
        return _connect_failure(error, names, detail, progress)
    message = f"{TEXTS[phase]}: {detail}" if detail else TEXTS[phase]
    return (APITimeoutError if "TimeoutException" in names else APIConnectionError)(message, phase=phase)


def _connect_failure(error: Exception, names: list[str], detail: str, progress: Progress) -> APIConnectionError:
    hop = progress.hop
    if "ProxyError" in names:
        hop = f"{progress.server or 'the server'}: {progress.proxy or 'the proxy'} refused"
    message = f"could not connect to {hop}: {detail}{_hint(error)}"
    return (ConnectTimeoutError if "TimeoutException" in names else APIConnectionError)(message, phase="connect")


def _user_frames(trace: TracebackType | None) -> TracebackType | None:
    """The frames after the last one of an HTTP library: those of the user's own code."""
    behind = trace
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0] in LIBRARIES:
            behind = trace.tb_next
        trace = trace.tb_next
    return behind


def _drop_frames(error: BaseException) -> None:
    seen: set[int] = set()
    chain: list[BaseException | None] = [error]
    while chain:
        link = chain.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            link.__traceback__ = None
            if "_request" in vars(link):
                vars(link)["_request"] = None  # httpx's errors hold the request, headers and all
            chain += [link.__cause__, link.__context__]
