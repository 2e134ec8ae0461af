"""Names that are not parameters of the API: client settings, map arguments and misspelled options.

Unknown parameters are sent, so a misspelled option would become a field of the body, and a client's key would be sent
to the server. Such names are refused before anything is sent. `extra_body` sends a field of any name.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, KeysView, Mapping
from typing import Any, Final

from openai_async._map.options import MapOptions
from openai_async.errors import InvalidParameterError

#: Settings of a client, of `AsyncAzureClient` and of other clients; they are never sent as fields.
SETTINGS: Final = frozenset(
    {
        "admin_api_key",
        "hooks",
        "allow_http",
        "api_base",
        "api_key",
        "api_type",
        "api_version",
        "azure_ad_token",
        "azure_ad_token_provider",
        "azure_deployment",
        "azure_endpoint",
        "base_url",
        "default_headers",
        "default_query",
        "http_client",
        "max_concurrency",
        "max_event_bytes",
        "max_response_bytes",
        "max_waiting",
        "organization",
        "prices",
        "project",
        "proxy",
        "rate_limit",
        "transport",
        "trust_env",
        "webhook_secret",
    }
)
#: What every call takes, and what those take that send files or wait.
OPTIONS: Final = frozenset(
    {
        "deadline",
        "extra_body",
        "extra_headers",
        "extra_query",
        "max_retries",
        "max_wait",
        "on_poll",
        "on_upload",
        "poll_interval",
        "priority",
        "timeout",
    }
)
#: Arguments of a map.
MAP_ARGUMENTS: Final = frozenset(MapOptions.__annotations__) - OPTIONS
#: Options as other clients call them.
_ELSEWHERE: Final[Mapping[str, str]] = {
    "connect_timeout": "timeout",
    "http_headers": "extra_headers",
    "num_retries": "max_retries",
    "poll_interval_ms": "poll_interval",
    "read_timeout": "timeout",
    "request_timeout": "timeout",
    "retries": "max_retries",
    "wait_timeout": "max_wait",
}
#: Parameters of the API that are spelled like one of these, or nearly so, by the path of the operation.
_REAL: Final[Mapping[str, str]] = {
    "/chatkit/sessions": "rate_limits",
    "/live/sessions": "transport",
    "/live/sessions/{session_id}/fork": "transport",
    "/organization/invites": "projects",
}
_WORDS: Final = tuple(sorted(SETTINGS | OPTIONS | MAP_ARGUMENTS))
_PLAIN: Final = {word: word.replace("_", "") for word in _WORDS}
#: Names that were looked at and may be sent; bounded, as a program may make names up.
_passed: set[str] = set()
_MOST_PASSED: Final = 4096


def check_names(names: KeysView[str], path: str = "") -> None:
    """Refuse names that cannot be parameters of the API. A name that was accepted once costs one set lookup.

    Args:
        names: names of the parameters.
        path: path template of the operation.

    Raises:
        InvalidParameterError: names the parameter and the intended word.
    """
    if not names <= _passed:
        _look(names - _passed - {_REAL.get(path)})


def check_shared(shared: Mapping[str, Any]) -> None:
    """Refuse such names among the shared arguments of a map. Options of a call are allowed.

    Raises:
        InvalidParameterError: names the parameter and the intended word.
    """
    _look({name for name, value in shared.items() if value is not None} - OPTIONS - _passed - {*_REAL.values()})


def _look(names: Iterable[str]) -> None:
    for name in names:
        if (word := _meant(name)) is not None:
            raise InvalidParameterError(name[:64].encode("utf-8", "backslashreplace").decode(), _reason(name, word))
    if len(_passed) < _MOST_PASSED:
        _passed.update(names)


def _reason(name: str, word: str) -> str:
    if word in SETTINGS:
        owner = "a setting of the client, not a parameter of a call"
    elif word in MAP_ARGUMENTS:
        owner = "an argument of map(), not a parameter of a call"
    else:
        owner = "an option of calls, not a field"
    if name == word:
        return f"is {owner}; a field of that name is sent with extra_body"
    return f"is no parameter of the API: is {word} meant? A field of that name is sent with extra_body"


def _meant(name: str) -> str | None:
    """The setting or option that a name is, or is a misspelling of."""
    plain = name.replace("_", "").replace("-", "").lower()
    for word, spelled in _PLAIN.items():
        if name == word or plain == spelled:
            return word
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    near = ((_edits(plain, spelled), word) for word, spelled in _PLAIN.items() if _is_near(plain, spelled))
    return min(near, default=(0, None))[1]


def _is_near(name: str, word: str) -> bool:
    """Whether one edit is enough, or two in a long word."""
    bound = 2 if len(word) >= 8 else 1
    return abs(len(name) - len(word)) <= bound and _edits(name, word) <= bound


@functools.lru_cache(maxsize=1024)
def _edits(one: str, other: str) -> int:
    """The edit distance of two names: deletions, insertions, replacements and swaps of neighbors."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        further = [i]
        for j, its in enumerate(other, 1):
            edits = min(row[j] + 1, further[-1] + 1, row[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                edits = min(edits, before[j - 2] + 1)
            further.append(edits)
        before, row = row, further
    return row[-1]
