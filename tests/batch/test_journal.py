"""OUT and the journal beside it: what a kill, a flipped bit, another program or another run can do to them."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from openai_async import APIConnectionError
from openai_async.batch import BatchError, BatchInputError, BatchLockedError, BatchMismatchError, BatchOutputError
from openai_async.batch.errors import DamagedOutputError
from openai_async.batch.input.rows import Row
from openai_async.batch.output.inflight_journal import HEADER, InflightRecord
from openai_async.batch.output.output_file import Finished, Journal, replayed
from openai_async.batch.output.output_lines import Kind, Outcome, failure, parse, success
from openai_async.types.meta import Meta
from tests.batch.files import journal_of, notes, read_lines

ROWS = 1_000


def row(index: int) -> Row:
    return Row(index, 0xABC000 + index, 0xDEF000 + index, f"id {index} é", "/chat/completions", {})


def line(index: int, text: str = "x") -> bytes:
    return success(row(index), Meta(headers={"x-request-id": "req_1"}), json.dumps({"choices": [text]}).encode()).line


def failed(index: int) -> Outcome:
    return failure(row(index), APIConnectionError("gone", phase="connect"))


def opened(path: Path, source: Path | None = None) -> Journal:
    return Journal.open(str(path), os.stat(source or __file__))


def replay(path: Path) -> tuple[Finished, dict[int, InflightRecord]]:
    journal = opened(path)
    try:
        return journal.replay(ROWS, int), dict(journal.inflight.held)
    finally:
        journal.close()


def finished_rows(path: Path) -> list[int]:
    finished, _ = replay(path)
    return [index for index in range(len(finished.kinds)) if finished.kinds[index]]


@pytest.fixture(autouse=True, scope="module")
def no_waiting_for_the_disk() -> Iterator[None]:
    """Thousands of journals are opened here, and no machine fails meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


# ---- lines


def test_lines_are_those_of_the_batch_api() -> None:
    """A success, a refusal and a failure without an answer have the fields that the remote API writes."""
    body = b'{\r\n  "choices": [],\n  "precise": 12345678901234567890.10\n}\n'
    ok = success(row(7), Meta(headers={"x-request-id": "req_1"}), body)
    assert ok.line.endswith(b'"precise": 12345678901234567890.10 }},"error":null}\n')  # the body is as it came
    assert json.loads(ok.line) == {
        "id": json.loads(ok.line)["id"],
        "custom_id": "id 7 é",
        "response": {"status_code": 200, "request_id": "req_1", "body": json.loads(body)},
        "error": None,
    }
    assert ok.line.startswith(b'{"id":"batch_req_000000007_00abc007_00def007_')
    gone = json.loads(failed(7).line)
    assert (gone["response"], gone["error"]["code"]) == (None, "connection_error")
    assert "gone" in gone["error"]["message"]
    assert parse(failed(7).line).kind is Kind.RETRYABLE


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", "1", '{"id": 1}', '{"id": "batch_req_1", "custom_id": "x", "response": null, "error": null}']
    + [line(1).decode().replace(*change) for change in [("req_000000001", "req_1"), ('"id 1', "1"), ("200", '"a"')]],
)
def test_other_lines_are_told_apart(text: str) -> None:
    """What is not a line of a batch is a ValueError, whatever it is."""
    with pytest.raises(ValueError):
        parse(text.encode())


# ---- replay


@given(order=st.permutations(range(5)))
@settings(max_examples=20)
def test_a_cut_at_any_byte_costs_the_torn_line_only(order: list[int]) -> None:
    """Replaying any prefix gives a prefix of the rows. A line that lacks only its line break is whole."""
    lines = [line(index, "é\n" * index) for index in order]
    whole = b"".join(lines)
    for size in range(len(whole) + 1):
        kept = sum(len(b"".join(lines[: n + 1])) - 1 <= size for n in range(5))
        found = list(replayed("out", io.BytesIO(whole[:size]), ours=False))
        assert [entry.index for _, _, entry in found] == order[:kept]
        assert sum(length for _, length, _ in found) == len(b"".join(lines[:kept]))


def test_a_torn_line_is_cut_off_and_appending_goes_on(out: Path) -> None:
    """Wherever the last line was torn, the file ends with a whole line afterwards, and takes the next one."""
    for size in range(len(line(1)) + 1):
        out.write_bytes(line(0) + line(1)[:size])
        journal = opened(out)
        journal.replay(ROWS, int)
        kept = line(0) + (line(1) if size >= len(line(1)) - 1 else b"")
        assert out.read_bytes() == kept
        journal.append([(9, line(9))], sync=True)
        journal.close()
        assert out.read_bytes() == kept + line(9)


@pytest.mark.parametrize("bit", range(8))
def test_a_damaged_last_line_break_is_mended(out: Path, bit: int) -> None:
    """The line before it is whole; the next one begins on a line of its own."""
    out.write_bytes(line(0) + line(1)[:-1] + bytes([ord("\n") ^ 1 << bit]))
    journal = opened(out)
    journal.replay(ROWS, int)
    journal.append([(9, line(9))], sync=True)
    journal.close()
    assert out.read_bytes() == line(0) + line(1) + line(9)


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7), tail=st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_flipped_bit_never_costs_another_row(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int, tail: bool
) -> None:
    """A damaged last line is dropped or refused, a damaged line before it is refused; all others stay as they are."""
    lines = [line(index) for index in range(3)]
    damaged = 2 if tail else 1
    place %= len(lines[damaged])
    changed = bytearray(lines[damaged])
    changed[place] ^= 1 << bit
    lines[damaged] = bytes(changed)
    out = tmp_path_factory.mktemp("flip") / "out"
    out.write_bytes(b"".join(lines))
    try:
        rows = finished_rows(out)
    except (DamagedOutputError, BatchMismatchError):  # the latter if it made the number of another row
        assert out.read_bytes() == b"".join(lines)
    else:
        kept = out.read_bytes()
        assert kept.startswith(b"".join(lines[:damaged]))
        assert rows[0] == 0
        if not tail:
            assert kept == b"".join(lines)


def test_a_torn_end_of_several_kinds(out: Path) -> None:
    """Zeros of a lost write, half a line without its beginning, an empty line: one last line is forgiven."""
    for end in (b"\0" * 4096, b"\xff\xfe", b"\n", b'{"id":"batch'):
        out.write_bytes(line(0) + line(1) + end)
        assert finished_rows(out) == [0, 1]
        assert out.read_bytes() == line(0) + line(1)


def test_damage_in_the_middle_is_refused_with_its_place(out: Path) -> None:
    """Only the last line is ever taken out; a line of ours with another shape is not torn, wherever it stands."""
    for content in (line(0) + b"garbage\n" + line(1), line(0) + b"garbage\ngarbage", line(0) + b'{"id": "x"}\n'):
        out.write_bytes(content)
        with pytest.raises(DamagedOutputError, match=f"byte {len(line(0))} ") as caught:
            replay(out)
        assert caught.value.offset == len(line(0))
        assert out.read_bytes() == content


@pytest.mark.parametrize("content", [b"Dear diary,", b"Dear diary,\n", b"\n\n", b'{"custom_id": "x"}\n', b"\x7fELF"])
def test_a_file_of_something_else_is_not_touched(out: Path, content: bytes) -> None:
    """A wrong file name costs nothing: what no batch wrote is left alone, and no journal appears beside it."""
    out.write_bytes(content)
    with pytest.raises(DamagedOutputError):
        replay(out)
    assert out.read_bytes() == content
    assert not journal_of(out).exists()


def test_the_last_line_of_a_row_counts(out: Path) -> None:
    """A failure that was made good is finished; duplicated lines do no harm."""
    out.write_bytes(failed(0).line + failed(1).line + line(0) + line(0) + line(2))
    finished, _ = replay(out)
    assert [finished.kind(index) for index in range(4)] == [Kind.OK, Kind.RETRYABLE, Kind.OK, Kind.NONE]


# ---- what was in flight


def test_rows_in_flight_are_known_after_a_kill(out: Path) -> None:
    """Noted and not answered is in flight; answered, in whatever order, is not; slots are used again."""
    journal = opened(out)
    journal.replay(ROWS, int)
    slots = {index: journal.inflight.record(index, 1, journal.size) for index in range(4)}
    journal.append([(2, line(2)), (0, line(0))], sync=False)
    journal.inflight.written(slots[2])
    assert journal.inflight.record(4, 1, journal.size) == slots[2]
    kept = out.read_bytes(), journal_of(out).read_bytes()
    journal.inflight._in_flight = 0
    journal.close()  # gives up the lock, as a kill does ...
    out.write_bytes(kept[0])
    journal_of(out).write_bytes(kept[1])  # ... and leaves the files as they are
    assert len(notes(out)) == 4
    _, held = replay(out)
    assert sorted(held) == [1, 3, 4]
    assert journal_of(out).exists()
    assert sorted(replay(out)[1]) == [1, 3, 4]  # looking at it settles nothing


def test_a_row_that_is_sent_again_after_a_failure_is_in_flight_again(out: Path) -> None:
    """An old line of a row does not hide that it was sent once more; the new line does, and an answer always does."""
    journal_of(out).write_bytes(HEADER + InflightRecord(0, 0, len(failed(0).line), 1).encode())
    out.write_bytes(failed(0).line)
    finished, held = replay(out)
    assert (list(held), finished.kind(0)) == ([0], Kind.NONE)
    out.write_bytes(failed(0).line + failed(0).line)
    finished, held = replay(out)
    assert (list(held), finished.kind(0)) == ([], Kind.RETRYABLE)
    assert not journal_of(out).exists()
    journal_of(out).write_bytes(HEADER + InflightRecord(0, 0, 10_000, 1).encode())
    out.write_bytes(line(0))
    assert replay(out)[1] == {}


def test_a_note_outlives_a_torn_end(out: Path) -> None:
    """Where OUT lost its end, notes that were made behind it are moved, so that later lines settle them."""
    journal_of(out).write_bytes(HEADER + InflightRecord(0, 5, 10_000, 1).encode())
    out.write_bytes(line(0) + b"torn")
    assert replay(out)[1][5].size == len(line(0))
    out.write_bytes(line(0) + failed(5).line)
    assert replay(out)[1] == {}


@given(st.binary(max_size=200), st.integers(0, 300))
def test_a_damaged_journal_says_nothing_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int
) -> None:
    """Slots that are torn or damaged are not believed; the others are. No bytes make another exception."""
    out = tmp_path_factory.mktemp("slots") / "out"
    slots = [InflightRecord(slot, slot, 0, 1).encode() for slot in range(4)]
    content = bytearray(HEADER + b"".join(slots))
    content[at : at + len(noise)] = noise[: max(0, len(content) - at)]
    journal_of(out).write_bytes(content)
    try:
        _, held = replay(out)
    except BatchError:
        assert content[: len(HEADER)] != HEADER
    else:
        whole = {n for n in range(4) if slots[n] == content[len(HEADER) + 47 * n :][:47]}
        assert whole <= set(held)


@pytest.mark.parametrize("why", ["damage", "cancelled", "another input"])
def test_a_run_that_is_refused_leaves_the_notes(out: Path, why: str) -> None:
    """Which rows were in flight is learned by the run that sends them, and not forgotten by one that sends nothing."""
    noted = HEADER + InflightRecord(0, 5, 0, 1).encode() + b"?" * 47
    journal_of(out).write_bytes(noted)
    out.write_bytes(b"garbage\n" + line(0) if why == "damage" else line(0))
    journal = opened(out)
    if why == "damage":
        with pytest.raises(DamagedOutputError):
            journal.replay(ROWS, int)
    elif why == "another input":
        with pytest.raises(BatchMismatchError):
            journal.replay(0, int)
    else:

        def cancelled() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            journal.replay(ROWS, cancelled)
    journal.close()
    assert journal_of(out).read_bytes() == noted


def test_a_damaged_note_is_told_until_the_batch_is_complete(out: Path) -> None:
    """It may have spoken of a row, also where no other row was in flight."""
    journal_of(out).write_bytes(HEADER + b"?" * 47)
    out.write_bytes(line(0))
    for _ in range(2):
        journal = opened(out)
        journal.replay(ROWS, int)
        assert journal.inflight.damaged == 1
        journal.close()
    journal = opened(out)
    journal.replay(ROWS, int)
    journal.finish(int, ordered=True)
    journal.close()
    assert not journal_of(out).exists()


def test_a_slot_that_was_torn_while_it_was_used_again_says_nothing(out: Path) -> None:
    """Half of a new note over an old one is neither: the row of the new one was not sent yet."""
    old, new = InflightRecord(0, 2, 0, 1).encode(), InflightRecord(0, 7, 123, 1).encode()
    out.write_bytes(line(2))
    for size in range(48):
        journal_of(out).write_bytes(HEADER + new[:size] + old[size:])
        assert list(replay(out)[1]) == ([7] if new[:size] + old[size:] == new else [])


def test_putting_out_in_order_moves_no_row_into_doubt(out: Path) -> None:
    """Notes tell by sizes of OUT, and are gone before these change: a kill right after that finds none."""
    journal_of(out).write_bytes(HEADER + InflightRecord(0, 0, len(line(1)), 1).encode())
    out.write_bytes(line(1) + failed(0).line)
    journal = opened(out)
    journal.replay(ROWS, int)
    journal.finish(int, ordered=True)
    assert out.read_bytes() == failed(0).line + line(1)
    assert notes(out) == []
    journal.close()


@pytest.mark.parametrize("size", range(len(HEADER) + 47))
def test_a_journal_that_was_cut_short_is_begun_again(out: Path, size: int) -> None:
    """A kill while the journal was made, or while its first slot was written, leaves nothing to mend."""
    journal_of(out).write_bytes((HEADER + InflightRecord(0, 0, 0, 1).encode())[:size])
    assert replay(out)[1] == {}


# ---- the files themselves


def test_one_writer(tmp_path: Path, out: Path) -> None:
    """A second run, in this process or another, is told so at once; when the first ends, even by a kill, it may run."""
    code = f"""
import os, sys
from openai_async.batch.output.output_file import Journal
journal = Journal.open({str(out)!r}, os.stat({__file__!r}))
print("open", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(BatchLockedError, match="another run"):
            opened(out)
        process.kill()
    journal = opened(out)
    with pytest.raises(BatchLockedError):
        opened(tmp_path / "." / out.name)
    journal.close()
    opened(out).close()


def test_a_journal_that_its_holder_removed_is_not_a_lock(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock on a file that is not there any more protects nothing: another one is taken."""
    first = opened(out)
    seen: list[str] = []
    real = os.stat

    def look(path: str, **options: bool) -> os.stat_result:
        if str(path).endswith(".journal") and not seen:
            seen.append(path)
            raise FileNotFoundError  # as if the holder had removed it just before
        return real(path, **options)

    first.close()
    monkeypatch.setattr(os, "stat", look)
    journal = opened(out)
    monkeypatch.undo()
    assert seen
    with pytest.raises(BatchLockedError):
        opened(out)
    journal.close()


def test_files_are_the_users_alone(out: Path) -> None:
    """OUT and the journal are created with mode 0600, whatever the umask; a mode of the user's own is kept."""
    before = os.umask(0)
    try:
        journal = opened(out)
        assert stat.S_IMODE(journal_of(out).stat().st_mode) == 0o600
        journal.close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    out.chmod(0o640)
    out.write_bytes(line(1) + line(0))
    journal = opened(out)
    journal.replay(ROWS, int)
    journal.finish(int, ordered=True)
    journal.close()
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    assert out.read_bytes() == line(0) + line(1)


def test_links_are_not_followed(tmp_path: Path, out: Path) -> None:
    """Neither OUT nor the journal nor the file that takes OUT's place can be made to write somewhere else."""
    victim = tmp_path / "victim"
    for link in (out, journal_of(out)):
        victim.write_text("precious")
        link.symlink_to(victim)
        with pytest.raises(BatchOutputError, match="symbolic link"):
            opened(out)
        assert victim.read_text() == "precious"
        link.unlink()
    out.write_bytes(line(1) + line(0))
    (tmp_path / "out.jsonl.journal.tmp").symlink_to(victim)
    journal = opened(out)
    journal.replay(ROWS, int)
    journal.finish(int, ordered=True)
    journal.close()
    assert victim.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "victim"]


def test_the_same_file_twice_is_refused(out: Path, tmp_path: Path) -> None:
    """Input and output may not be one file, by whatever names."""
    out.write_bytes(line(0))
    os.link(out, tmp_path / "other")
    with pytest.raises(BatchInputError, match="the same file"):
        opened(out, tmp_path / "other")
    assert out.read_bytes() == line(0)
    assert not journal_of(out).exists()


# ---- order


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.integers(0, 3)), min_size=1))
@settings(deadline=None)
def test_out_is_put_in_order(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, bool, int]]) -> None:
    """Whatever order lines came in, in the end the last line of each row stands, once, in the order of the input."""
    out = tmp_path_factory.mktemp("order") / "out"
    journal = opened(out)
    journal.replay(ROWS, int)
    last: dict[int, bytes] = {}
    for index, ok, length in rows:
        last[index] = line(index, "x" * 3_000 * length) if ok else failed(index).line
        journal.append([(index, last[index])], sync=False)
    journal.finish(int, ordered=True)
    journal.close()
    assert out.read_bytes() == b"".join(last[index] for index in sorted(last))
    assert [entry["id"][:19] for entry in read_lines(out)] == [f"batch_req_{index:09d}" for index in sorted(last)]


def test_ordering_that_is_cut_short_leaves_the_old_file(out: Path, tmp_path: Path) -> None:
    """Cancelled while it is written, the new file is gone and the old one is whole."""
    out.write_bytes(line(1) + line(0))
    journal = opened(out)
    journal.replay(ROWS, int)
    calls: list[None] = []

    def checkpoint() -> None:
        calls.append(None)
        if len(calls) == 2:
            assert (tmp_path / "out.jsonl.journal.tmp").exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        journal.finish(checkpoint, ordered=True)
    journal.close()
    assert out.read_bytes() == line(1) + line(0)
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
