"""Exceptions of httpx -> ours, by phase.

Matched by class name along the MRO, so that httpx and its successor httpx2, whose classes are different objects of the
same names, are told apart by nothing. A test walks every exception of both and finds its counterpart here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from openai_async.errors import APIConnectionError, APIError, APITimeoutError, ConnectTimeoutError, Phase

#: First match along the MRO wins. "response" becomes "body" once the head has arrived.
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
_LIBRARIES: Final = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "h11", "h2", "anyio", "trio"})
_TEXTS: Final[Mapping[Phase, str]] = {
    "connect": "could not connect to the server",
    "send": "the connection failed while the request was being sent",
    "response": "the connection broke after the request was sent, before an answer came",
    "body": "the connection broke before the answer was complete",
}


def translated(error: BaseException, *, head_arrived: bool) -> BaseException:
    """What to raise for `error`: our counterpart with it as the cause; itself if it is not of the network at all.

    The cause keeps its type and text, but no frames: locals of the HTTP library hold the raw request, and with it the
    key and the prompt, where a crash reporter would show them.
    """
    if not isinstance(error, Exception) or not _is_of_the_network(error):
        return error  # ours, a cancellation, or a bug that must show as what it is
    ours = _counterpart(error, head_arrived)
    _drop_frames(error)
    ours.__cause__ = error
    return ours


def _is_of_the_network(error: Exception) -> bool:
    return isinstance(error, OSError) or any(
        cls.__module__.partition(".")[0] in _LIBRARIES for cls in type(error).__mro__
    )


def _counterpart(error: Exception, head_arrived: bool) -> APIError:
    names = [cls.__name__ for cls in type(error).__mro__ if cls.__module__.partition(".")[0] in ("httpx", "httpx2")]
    stated: list[Phase] = [_PHASES[name] for name in names if name in _PHASES]
    phase: Phase = "body" if head_arrived else stated[0] if stated else "response"
    # Texts of the library name hosts and errnos; for local protocol errors they may quote a header.
    detail = "" if "LocalProtocolError" in names else str(error)[:300]
    message = f"{_TEXTS[phase]}: {detail}" if detail else _TEXTS[phase]
    if "TimeoutException" in names:
        return (ConnectTimeoutError if phase == "connect" else APITimeoutError)(message, phase=phase)
    return APIConnectionError(message, phase=phase)


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
