"""Failed rows are sent again with something changed; what was answered is kept, and never damaged in silence."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from openai_async import AsyncClient
from openai_async.batch import BatchError, BatchMismatchError, BatchOutputError, DamagedOutputError
from openai_async.batch.output import disk
from openai_async.batch.output.output_file import Journal, replayed
from openai_async.testing import FaultServer, Request, Script, json_reply
from tests.batch.conftest import Place
from tests.batch.files import journal_of, read_lines, requests, write_lines

REFUSED = json_reply({"error": {"message": "Unsupported value", "code": "unsupported_value"}}, 400)


def reply(request: Request) -> Script:
    """Refuses rows of the model "bad" and rows that set a seed of 1."""
    body = json.loads(request.body)
    if body["model"] == "bad" or body.get("seed") == 1 or "refuse" in body["messages"][0]["content"]:
        return REFUSED
    return json_reply({"choices": [{"index": 0, "message": {"role": "assistant", "content": body["model"]}}]})


def bodies(*texts: str) -> list[dict[str, Any]]:
    return [{"custom_id": text, "messages": [{"role": "user", "content": text}]} for text in texts]


async def test_failed_rows_are_sent_again_with_other_options(tmp_path: Path) -> None:
    """`retry_failed` sends failed rows with a corrected model, parameter or text; answered rows are left alone."""
    source, out = tmp_path / "in", tmp_path / "out"
    sent: Counter[str] = Counter()

    def answer(request: Request) -> Script:
        sent[json.loads(request.body)["messages"][0]["content"]] += 1
        return reply(request)

    write_lines(source, bodies("a", "b", "refuse c"))
    with FaultServer(answer) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, max_retries=0) as client:
            batch = client.batch
            first = await batch.run(source, out, model="m")
            assert (first.done, first.failed) == (3, 1)
            with pytest.raises(BatchMismatchError):
                await batch.run(source, out, model="n")
            write_lines(source, bodies("a", "b", "c"))  # the text of the failed row is corrected
            second = await batch.run(source, out, model="n", retry_failed=True)
            assert (second.done, second.failed, second.skipped, second.ok) == (1, 0, 2, True)
            write_lines(source, bodies("a", "changed", "c"))
            with pytest.raises(BatchMismatchError, match="was answered"):
                await batch.run(source, out, model="n", retry_failed=True)
    assert sent == {"a": 1, "b": 1, "refuse c": 1, "c": 1}
    answered = {
        line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"] for line in read_lines(out)
    }
    assert answered == {"a": "m", "b": "m", "c": "n"}


# ---- damage


async def test_a_damaged_note_is_counted(place: Place) -> None:
    """A slot of the journal that cannot be read may have spoken of a row: the summary says so."""
    write_lines(place.source, requests(3))
    await place.run()
    journal = Journal.open(str(place.out), os.stat(place.source))
    journal.replay(100, int)
    journal.inflight.record(1, 0, 10**9)
    journal.close()
    path = journal_of(place.out)
    data = path.read_bytes()
    path.write_bytes(data[:-20] + bytes([data[-20] ^ 4]) + data[-19:])
    assert (await place.run()).damaged_notes == 1


def test_a_last_line_that_is_complete_is_damage(tmp_path: Path) -> None:
    """Garbage that ends with a line break was written whole: it is an error, and stays where it is."""
    out = tmp_path / "out"
    out.write_bytes(b'{"id":"batch_req_garbage\n')
    with pytest.raises(DamagedOutputError), out.open("rb") as file:
        list(replayed("out", file, ours=True))


@pytest.mark.parametrize("content", [b"my notes\n", b'{"format":"openai_async.batch/9"}\n', b"\0" * 64])
async def test_a_journal_of_somebody_else_is_left_alone(place: Place, content: bytes) -> None:
    """A file OUT.journal that no batch wrote is an error, and is still there afterwards, as it was."""
    write_lines(place.source, requests(3))
    path = journal_of(place.out)
    path.write_bytes(content)
    with pytest.raises(BatchOutputError, match="not the journal"):
        await place.run()
    assert path.read_bytes() == content


# ---- room


async def test_no_row_is_sent_that_the_disk_has_no_room_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is nearly full ends the run before answers are lost: every row that was sent is in OUT."""
    write_lines(place.source, requests(200))
    left = 40_000
    monkeypatch.setattr(disk, "room", lambda descriptor: left - os.fstat(descriptor).st_size)
    with pytest.raises(BatchError, match="nearly full"):
        await place.run(max_in_flight=8)
    rows = read_lines(place.out)
    assert 0 < len(rows) < 200
    monkeypatch.undo()
    summary = await place.run()
    assert (summary.skipped, summary.done, summary.ok) == (len(rows), 200 - len(rows), True)


async def test_an_output_of_the_first_version_is_gone_on_with(place: Place) -> None:
    """Lines and notes of version 0.1, which have other checksums, still say which rows are answered and in flight."""
    write_lines(place.source, requests(4))
    await place.run()
    lines = read_lines(place.out)
    for line in lines:
        line["id"] = line["id"][: len("batch_req_000000000_00000000")]
    place.out.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines[:2]))
    journal = Journal.open(str(place.out), os.stat(place.source))
    journal.replay(100, int)
    journal.inflight.record(2, 0xABC, 10**9)
    journal.close()
    path = journal_of(place.out)
    path.write_bytes(path.read_bytes().replace(b"batch/2", b"batch/1"))
    summary = await place.run()
    assert (summary.skipped, summary.done, summary.ambiguous, summary.ok) == (2, 2, 1, True)
