"""Inputs to batches, and what they wrote."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import anyio

from openai_async.batch.output.inflight_journal import HEADER, SLOT
from openai_async.emulator import Emulator


def request(custom_id: str, text: str = "Hello!", **body: Any) -> dict[str, Any]:
    """A line as the Batch API takes it; the reply of the emulator is short."""
    chat = {"model": "emulated-mini", "messages": [{"role": "user", "content": text}], "max_completion_tokens": 3}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": {**chat, **body}}


def requests(count: int, prefix: str = "row") -> list[dict[str, Any]]:
    return [request(f"{prefix}-{number}", f"Say {number}.") for number in range(count)]


def write_lines(path: Path, lines: Iterable[object]) -> Path:
    """JSON for whatever is not text already."""
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def sent(emulator: Emulator) -> Counter[str]:
    """How often each row reached the server, by the id that went along."""
    emulator.ledger.wait_idle()
    return Counter(entry.client_request_id or "" for entry in emulator.ledger.entries())


def ids(path: Path) -> list[str]:
    return [line["custom_id"] for line in read_lines(path)]


def whole_lines(path: Path) -> dict[str, bytes]:
    """The lines of OUT that are whole, by custom_id: what a run has acknowledged, or was about to.

    A last line that lacks nothing but its line break is whole: no part of a JSON object is one.
    """
    if not path.exists():
        return {}
    found: dict[str, bytes] = {}
    for line in path.read_bytes().split(b"\n"):
        try:
            found[json.loads(line)["custom_id"]] = line
        except ValueError:
            continue
    return found


class Noted(NamedTuple):
    index: int
    size: int
    digest: int


def journal_of(out: Path) -> Path:
    return out.with_name(f"{out.name}.journal")


def notes(out: Path) -> list[Noted]:
    """What the slots beside OUT say, read without the code under test."""
    path = journal_of(out)
    if not path.exists():
        return []
    slots = path.read_bytes()[len(HEADER) :]
    found: list[Noted] = []
    for start in range(0, len(slots) - SLOT + 1, SLOT):
        text, _, checksum = slots[start : start + SLOT - 1].rpartition(b" ")
        if checksum == b"%08x" % zlib.crc32(text):  # else it was torn, and its row was not sent yet
            index, size, digest = text.split()
            found.append(Noted(int(index), int(size), int(digest, 16)))
    return found


async def until(reached: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    while not reached():  # noqa: ASYNC110 (it has no event of ours)
        await anyio.sleep(0.001)
