"""Files of JSON lines are checked before they are uploaded: every problem, with its line and its reason."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from openai_async import BadLine, InvalidParameterError, JsonlKind, validate_jsonl

USER, REPLY = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
CHAT = {"messages": [USER, REPLY]}
COMPLETION = {"prompt": "a ->", "completion": " b END"}
PREFERENCE = {"input": {"messages": [USER]}, "preferred_output": [REPLY], "non_preferred_output": [REPLY]}
BODY = {"model": "m", "messages": [USER]}
BATCH = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": BODY}
GOOD: dict[JsonlKind, dict[str, Any]] = {
    "chat": CHAT,
    "completion": COMPLETION,
    "preference": PREFERENCE,
    "batch": BATCH,
}


def reasons(kind: JsonlKind, *lines: object) -> list[str]:
    """The problems of some lines, after one that is right, as "line: reason"."""
    first = {**GOOD[kind], **({"custom_id": "0"} if kind == "batch" else {})}
    texts = [line if isinstance(line, str) else json.dumps(line) for line in (first, *lines)]
    return [f"{problem.number}: {problem.reason}" for problem in validate_jsonl(texts, kind)]


@pytest.mark.parametrize("kind", list(GOOD))
def test_what_is_right_has_no_problem(kind: JsonlKind) -> None:
    """With a byte order mark, Windows line ends, and no line break at the end, too."""
    line = json.dumps(GOOD[kind]).encode()
    for content in (line, line + b"\n", line + b"\r\n"):
        assert [*validate_jsonl([content], kind)] == []


@pytest.mark.parametrize("kind", list(GOOD))
def test_the_third_line_is_named(kind: JsonlKind, tmp_path: Path) -> None:
    """A bad line among good ones is reported with its number, from a file as from lines."""
    lines = [json.dumps({**GOOD[kind], "custom_id": str(number)}) for number in range(5)]
    lines[2] = lines[2][:-1]
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    found = [*validate_jsonl(path, kind)]
    assert [type(problem) for problem in found] == [BadLine]
    assert found[0].number == 3
    assert found[0].reason.startswith("not JSON, from column")
    assert [*validate_jsonl(str(path), kind)] == [*validate_jsonl(lines, kind)] == found


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "is empty"),
        ("[]", "not a JSON object"),
        ({}, "'messages' must be a list of messages that is not empty"),
        ({"messages": []}, "'messages' must be a list of messages that is not empty"),
        ({"messages": [1, REPLY]}, "'messages[0]' must be an object"),
        ({"messages": [{"role": "bot", "content": "a"}, REPLY]}, "'messages[0].role' must be one of assistant, "),
        ({"messages": [{"role": "user"}, REPLY]}, "'messages[0].content' is missing"),
        ({"messages": [{"role": "user", "content": 3}, REPLY]}, "'messages[0].content' must be a text"),
        ({"messages": [{**USER, "weight": 1}, REPLY]}, "'messages[0].weight' must be 0 or 1"),
        ({"messages": [USER, {**REPLY, "weight": 2}]}, "'messages[1].weight' must be 0 or 1"),
        ({"messages": [USER, {"role": "assistant"}]}, "'messages[1].content' is missing"),
        ({"messages": [{"role": "tool", "content": "a"}, REPLY]}, "'messages[0].tool_call_id' must be a text"),
        ({"messages": [USER]}, "'messages' must end with a message of the assistant"),
        ({**CHAT, "tools": {}}, "'tools' must be a list"),
    ],
)
def test_a_conversation_that_teaches_nothing_is_named(line: object, reason: str) -> None:
    """What the fine-tuning of chats cannot use, and why."""
    found = reasons("chat", line)
    assert len(found) == 1
    assert found[0].startswith(f"2: {reason}")


def test_conversations_with_tools_are_right() -> None:
    """A reply may be a call, content may be parts, weights may leave messages out."""
    call = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}]}
    result = {"role": "tool", "tool_call_id": "c", "content": "3"}
    parts = {"role": "user", "content": [{"type": "text", "text": "a"}]}
    messages = [{"role": "system", "content": "s"}, parts, call, result, {**REPLY, "weight": 0}, USER, REPLY]
    assert reasons("chat", {"messages": messages, "tools": [], "parallel_tool_calls": False}) == []
    old = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    assert reasons("chat", {"messages": [USER, old], "functions": [{"name": "f"}]}) == []


def test_every_problem_of_a_line_is_named() -> None:
    """Not the first alone."""
    line = {"messages": [{"role": "bot", "content": 3}, USER], "tools": 3}
    assert [reason.partition("'")[2].partition("'")[0] for reason in reasons("chat", line)] == [
        "messages[0].role",
        "messages[0].content",
        "tools",
        "messages",
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ({"promt": "a", "completion": "b"}, ["2: 'prompt' is missing"]),
        ({}, ["2: 'prompt' is missing", "2: 'completion' is missing"]),
        ({"prompt": ["a"], "completion": 1}, ["2: 'prompt' must be a text", "2: 'completion' must be a text"]),
        ({"prompt": "", "completion": ""}, ["2: 'completion' is empty: there is nothing to learn"]),
        ({"prompt": "", "completion": "a"}, []),
    ],
)
def test_a_completion_that_teaches_nothing_is_named(line: object, found: list[str]) -> None:
    """A prompt and its completion are texts; the prompt may be empty."""
    assert reasons("completion", line) == found


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"input": None}, "'input' must be an object with 'messages'"),
        ({"input": {}}, "'input.messages' must be a list"),
        ({"input": {"messages": [USER, REPLY]}}, "'input.messages' must end before"),
        ({"input": {"messages": [USER], "tools": 1}}, "'input.tools' must be a list"),
        ({"preferred_output": []}, "'preferred_output' must be a list of messages that is not empty"),
        ({"preferred_output": [USER]}, "'preferred_output' must be one message of the assistant"),
        ({"non_preferred_output": [REPLY, REPLY]}, "'non_preferred_output' must be one message of the assistant"),
    ],
)
def test_a_preference_that_prefers_nothing_is_named(changed: dict[str, Any], reason: str) -> None:
    """A conversation, and two single replies to it."""
    found = reasons("preference", {**PREFERENCE, **changed})
    assert len(found) == 1
    assert found[0].startswith(f"2: {reason}")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"custom_id": "0"}, "the custom_id '0' was used before"),
        ({"custom_id": None}, "'custom_id' is missing"),
        ({"custom_id": 3}, "'custom_id' must be a text that is not empty"),
        ({"method": "GET"}, "'method' must be POST"),
        ({"url": "/v1/nothing"}, "'url' must be one of /v1/chat/completions, "),
        ({"url": "/v1/embeddings", "body": {"model": "m", "input": "a"}}, "'url' is not that of the first request"),
        ({"body": []}, "'body' must be an object"),
        ({"body": {"model": "m"}}, "'messages' is missing or empty"),
        ({"body": {**BODY, "stream": True}}, "'stream': a batch cannot be streamed"),
        ({"body": {**BODY, "model": "n"}}, "'body.model' is not that of the first request"),
    ],
)
def test_a_request_that_fails_its_batch_is_named(changed: dict[str, Any], reason: str) -> None:
    """The Batch API refuses the whole file for one of them."""
    found = reasons("batch", {**BATCH, **changed})
    assert len(found) == 1
    assert found[0].startswith(f"2: {reason}")


@pytest.mark.slow
def test_a_batch_has_its_limits() -> None:
    """One request over 50,000 is reported once, and so is a file over 200 MB."""
    lines = (json.dumps({**BATCH, "custom_id": str(number)}) for number in range(50_003))
    assert [problem.number for problem in validate_jsonl(lines, "batch")] == [50_001]
    large = json.dumps({**BATCH, "body": {**BODY, "padding": "x" * 15_000_000}})
    lines = (large.replace('"1"', f'"{number}"', 1) for number in range(14))
    found = [*validate_jsonl(lines, "batch")]
    assert [problem.number for problem in found] == [14]
    assert "200000000" in found[0].reason


def test_a_file_without_a_line_is_no_file(tmp_path: Path) -> None:
    """Nothing is learnt from it, and nothing asked."""
    (tmp_path / "empty").write_bytes(b"")
    for kind in GOOD:
        assert [*validate_jsonl(tmp_path / "empty", kind)] == [BadLine(1, "the file is empty")]


def test_what_cannot_be_checked_is_an_error(tmp_path: Path) -> None:
    """A kind that does not exist, at once; a file that is not there, when it is read."""
    with pytest.raises(InvalidParameterError):
        validate_jsonl([], "jsonl")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        [*validate_jsonl(tmp_path / "none", "chat")]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Neither with its lines, nor with its problems, nor with a line that never ends."""
    path = tmp_path / "data.jsonl"
    with path.open("wb") as file:
        file.write(json.dumps(CHAT).encode() + b"\n" + b"{}\n" * 50_000)
        file.write(b"x" * (20 << 20) + b"\n{}\n")
    gc.collect()
    tracemalloc.start()
    try:
        problems = validate_jsonl(path, "chat")
        for _ in range(50_000):
            next(problems)
        early = tracemalloc.get_traced_memory()[1]
        last = [problem.number for problem in problems]
        late = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert last == [50_002, 50_003]
    assert early < 3 << 20
    assert late < 40 << 20  # 16 MiB of the line are read, and joined from pieces


def test_problems_are_given_as_they_are_found() -> None:
    """The first one comes before the second line is read."""
    read: list[int] = []

    def lines() -> Iterator[str]:
        for number in range(3):
            read.append(number)
            yield "{}"

    assert next(validate_jsonl(lines(), "chat")).number == 1
    assert read == [0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["messages", "role", "content", "input", "prompt", "url", "body", "custom_id", "weight"]),
            inner,
            max_size=4,
        )
    ),
)


@given(value=JSON | st.fixed_dictionaries({"messages": JSON, "input": JSON, "body": JSON, "preferred_output": JSON}))
def test_no_line_makes_the_validator_fail(value: object) -> None:
    """Whatever JSON a line is, the answer is a list of problems."""
    for kind in GOOD:
        for problem in validate_jsonl([json.dumps(value)], kind):
            assert problem.number == 1
            assert problem.reason
