"""Check files of JSON lines before uploading them: every problem, with its line and its reason.

    for problem in validate_jsonl("train.jsonl", "chat"):
        print(f"line {problem.number}: {problem.reason}")

It reads line by line in constant memory (for "batch", 9 bytes a row for the IDs). It checks the form of a file. Only
the server can check what depends on a job or an account, such as numbers of examples and tokens.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias, cast

from openai_async.batch.input.request_builder import RequestBuilder
from openai_async.batch.input.rows import BadLine, BadRow, SeenIds
from openai_async.batch.input.source import TOO_LONG, lines_of, object_of
from openai_async.errors import InvalidParameterError

#: What the lines are: examples for fine-tuning (conversations; prompts with their completions; conversations with a
#: better and a worse reply), or requests of the Batch API.
JsonlKind: TypeAlias = Literal["chat", "completion", "preference", "batch"]
_Line: TypeAlias = Mapping[str, Any]
_Reasons: TypeAlias = Iterator[str]

_ROLES: Final = ("assistant", "developer", "function", "system", "tool", "user")
#: What the Batch API takes in one file.
_BATCH_ROWS: Final = 50_000
_BATCH_BYTES: Final = 200_000_000


def validate_jsonl(source: str | os.PathLike[str] | Iterable[bytes | str], kind: JsonlKind) -> Iterator[BadLine]:
    """Check a file of JSON lines; yields every problem in order of lines.

    Iterating reads the disk and blocks; on an event loop, iterate in a worker thread.

    Args:
        source: a path, or the lines. A line over 16 MiB is a problem, and is not read into memory.
        kind: "chat", {"messages": [...]}; "completion", {"prompt", "completion"}; "preference", {"input",
            "preferred_output", "non_preferred_output"}; "batch", {"custom_id", "method", "url", "body"}.

    Raises:
        InvalidParameterError: there is no such kind.
        OSError: while iterating, if the file cannot be read.
    """
    if kind != "batch" and kind not in _RULES:
        raise InvalidParameterError("kind", "must be chat, completion, preference or batch")
    check = _BatchRows() if kind == "batch" else _RULES[kind]
    if isinstance(source, (str, os.PathLike)):
        return _of_file(source, check)
    return _problems(_numbered(source), check)


def _of_file(path: str | os.PathLike[str], check: Callable[[_Line], _Reasons]) -> Iterator[BadLine]:
    with open(path, "rb", buffering=1 << 20) as file:
        yield from _problems(lines_of(file), check)


def _numbered(lines: Iterable[bytes | str]) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, 1):
        yield number, line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line


def _problems(lines: Iterable[tuple[int, bytes | None]], check: Callable[[_Line], _Reasons]) -> Iterator[BadLine]:
    number = size = 0
    for number, line in lines:
        size += len(line or b"")
        if line is None:
            yield BadLine(number, TOO_LONG)
            continue
        if not (line := line.strip()):
            yield BadLine(number, "is empty")
            continue
        try:
            for reason in check(object_of(line)):
                yield BadLine(number, reason)
        except BadRow as error:
            yield BadLine(number, str(error))
    if not number:
        yield BadLine(1, "the file is empty")
    if isinstance(check, _BatchRows) and size > _BATCH_BYTES:
        yield BadLine(number, f"the file has {size} bytes: a batch takes {_BATCH_BYTES}")


# ---- fine-tuning


def _chat(line: _Line) -> _Reasons:
    messages = line.get("messages")
    yield from _messages("messages", messages)
    yield from _list_or_none(line, "tools")
    yield from _list_or_none(line, "functions")
    if (last := _role_of_last(messages)) is not None and last != "assistant":
        yield "'messages' must end with a message of the assistant, which is what is learned"


def _completion(line: _Line) -> _Reasons:
    for name in ("prompt", "completion"):
        if name not in line:
            yield f"'{name}' is missing"
        elif not isinstance(line[name], str):
            yield f"'{name}' must be a text"
    if line.get("completion") == "":
        yield "'completion' is empty: there is nothing to learn"


def _preference(line: _Line) -> _Reasons:
    prompt = line.get("input")
    if not isinstance(prompt, Mapping):
        yield "'input' must be an object with 'messages'"
    else:
        messages = cast("_Line", prompt).get("messages")
        yield from _messages("input.messages", messages)
        yield from _list_or_none(cast("_Line", prompt), "tools", "input.")
        if _role_of_last(messages) == "assistant":
            yield "'input.messages' must end before the message of the assistant that is chosen"
    for name in ("preferred_output", "non_preferred_output"):
        yield from _messages(name, line.get(name))
        if (role := _role_of_last(line.get(name))) is not None and (role != "assistant" or len(line[name]) != 1):
            yield f"'{name}' must be one message of the assistant"


def _messages(where: str, messages: object) -> _Reasons:
    if not isinstance(messages, list) or not messages:
        yield f"'{where}' must be a list of messages that is not empty"
        return
    for index, message in enumerate(cast("list[object]", messages)):
        at = f"{where}[{index}]"
        if isinstance(message, dict):
            yield from _message(at, cast("dict[str, object]", message))
        else:
            yield f"'{at}' must be an object"


def _message(at: str, message: dict[str, object]) -> _Reasons:
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        yield f"'{at}.role' must be one of {', '.join(_ROLES)}"
    calls = message.get("tool_calls") or message.get("function_call") or message.get("refusal")
    if content is None and not (role == "assistant" and calls):
        yield f"'{at}.content' is missing"
    elif content is not None and not isinstance(content, (str, list)):
        yield f"'{at}.content' must be a text, or a list of parts"
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        yield f"'{at}.tool_call_id' must be a text"
    if "weight" in message and (role != "assistant" or message["weight"] not in (0, 1)):
        yield f"'{at}.weight' must be 0 or 1, and of a message of the assistant"


def _role_of_last(messages: object) -> object:
    """The role of the last message; None if there is none."""
    last: object = messages[-1] if isinstance(messages, list) and messages else None  # pyright: ignore[reportUnknownVariableType]
    return cast("_Line", last).get("role") if isinstance(last, dict) else None


def _list_or_none(line: _Line, name: str, before: str = "") -> _Reasons:
    if not isinstance(line.get(name, []), list):
        yield f"'{before}{name}' must be a list"


_RULES: Final[Mapping[str, Callable[[_Line], _Reasons]]] = {
    "chat": _chat,
    "completion": _completion,
    "preference": _preference,
}


# ---- batches


class _BatchRows:
    """Checks the rows of a batch file: requests, and what the API requires of the file (one endpoint, one model,
    limits).
    """

    def __init__(self) -> None:
        self._recipe = RequestBuilder("/v1/chat/completions", {}, format="requests")
        self._seen = SeenIds(_BATCH_ROWS)
        self._first: dict[str, object] = {}
        self._rows = 0

    def __call__(self, line: _Line) -> _Reasons:
        self._rows += 1
        if self._rows == _BATCH_ROWS + 1:
            yield f"a batch takes {_BATCH_ROWS} requests: there are more of them"
        row = self._recipe.row(self._rows, 0, line)
        if not self._seen.add(row.custom_id):
            yield f"the custom_id {row.custom_id[:100]!r} was used before"
        if not line["url"].startswith("/v1/"):
            yield f"'url' must be the whole path, /v1{row.path}"
        for name, value in (("url", line["url"]), ("body.model", row.body.get("model"))):
            if value != self._first.setdefault(name, value):
                yield f"'{name}' is not that of the first request: a batch has one of it"
