"""Read IN as records: one line of JSON each, or one record of a CSV file.

Memory is constant, because a line over 16 MiB is skipped and reported. A record that cannot be read is reported, and
the next one is read. Blank lines are skipped, but they count in line numbers. Everything here blocks, so the event loop
calls it in a thread.
"""

from __future__ import annotations

import csv
import fcntl
import json
import os
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Final

import attrs
import orjson

from openai_async.batch.errors import BatchInputError, BatchLockedError
from openai_async.batch.input.file_signature import LOOKED_AT, unsupported_format
from openai_async.batch.input.request_builder import InputFormat, RequestBuilder, kind_of
from openai_async.batch.input.rows import BadRow, Row

#: Bytes of the longest line that is read.
MAX_LINE = 16 << 20
_BOM = b"\xef\xbb\xbf"
_LOOKED_AT = 20  # lines of JSON, to find out what they are
_DELIMITERS: Final = (",", ";", "\t", "|")
_COLUMNS: Final = "--prompt-column NAME (prompt_column=), or --template TEXT (prompt_template=)"
TOO_LONG = f"longer than {MAX_LINE >> 20} MiB"


@attrs.frozen
class Record:
    """One line of JSON, or one record of CSV. The repr shows nothing that could be a prompt."""

    #: From 0: of the line, or of the record after the header of a CSV file, which has -1.
    index: int
    #: The line it begins on, from 1.
    number: int
    #: Checksum of what stands there, and of the header of a CSV file.
    digest: int = 0
    content: bytes | list[str] = attrs.field(default=b"", repr=False)
    #: Why it cannot be read; None if it can.
    problem: str | None = None

    @property
    def size(self) -> int:
        """Bytes, or characters, that it holds."""
        return len(self.content) if isinstance(self.content, bytes) else sum(map(len, self.content))


def lines_of(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Every line from where a file stands, with its number from 1; None for one that is over `MAX_LINE`."""
    read, number = file.readline, 0
    while line := read(MAX_LINE + 1):
        number += 1
        if len(line) <= MAX_LINE or line.endswith(b"\n"):
            yield number, line if number > 1 else line.removeprefix(_BOM)
            continue
        while line and not line.endswith(b"\n"):
            line = read(1 << 20)
        yield number, None


def object_of(line: bytes) -> dict[str, Any]:
    """The JSON object that a line is.

    Raises:
        BadRow: it is none.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadRow(f"not JSON, from column {error.colno}") from None
    if not isinstance(value, dict):
        raise BadRow("not a JSON object")
    return value  # pyright: ignore[reportUnknownVariableType]


def _row_of(line: bytes) -> dict[str, Any]:
    """The JSON object of a row. NaN, which is how pandas writes a value that is not there, is left out.

    Raises:
        BadRow: it is no JSON object.
    """
    try:
        return object_of(line)
    except BadRow:
        if b"NaN" not in line:
            raise
        try:
            value = _without_nan(json.loads(line, parse_constant=_CONSTANTS.__getitem__))
        except (ValueError, KeyError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise
    return value  # pyright: ignore[reportUnknownVariableType]


_NAN: Final = object()
_CONSTANTS: Final = {"NaN": _NAN}  # the infinities are no JSON


def _without_nan(value: Any) -> Any:
    """Left out of objects; null in lists, where places count."""
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items() if item is not _NAN}  # pyright: ignore
    if isinstance(value, list):
        return [_without_nan(item) for item in value]  # pyright: ignore
    return None if value is _NAN else value


class InputFile:
    """An open IN, and the request builder for its lines."""

    def __init__(self, path: str, file: BinaryIO, builder: RequestBuilder) -> None:
        self.path = path
        self._file = file
        self._header: list[str] = []
        self._delimiter = "\t" if path.lower().endswith(".tsv") else ","
        self._refuse_unsupported_formats(builder)
        self.builder: RequestBuilder = attrs.evolve(builder, format=builder.format or self._detect_format(builder))
        self._seed = 0
        if self.builder.format == "csv":
            self._read_header()

    @classmethod
    def open(cls, path: str, builder: RequestBuilder) -> InputFile:
        """Open a file, and find out what its lines are.

        Raises:
            BatchInputError: it cannot be read, is not a regular file, or is in no form that is known.
        """
        try:
            # Without O_NONBLOCK a FIFO would hang here.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise BatchInputError(f"{path}: {os.strerror(error.errno or 0)}") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BatchInputError(f"{path}: not a regular file; a run that is resumed reads it again")
        file = open(descriptor, "rb", buffering=1 << 20)  # noqa: SIM115 (it is kept)
        try:
            return cls(path, file, builder)
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def lock(self) -> None:
        """Keep other remote runs on this machine from handing in the same file, until it is closed.

        Raises:
            BatchLockedError: one is at it.
        """
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BatchLockedError(
                f"{self.path}: another remote run hands in this input, and its rows would be paid for twice."
                " Nothing was sent. Wait for that run, or stop it"
            ) from None
        except OSError:  # a file system without locks
            return

    def identity(self) -> os.stat_result:
        """Which file it is, and its size."""
        return os.fstat(self._file.fileno())

    def records(self, checkpoint: Callable[[], object]) -> Iterator[Record]:
        """Every record from the beginning, one iteration at a time. `checkpoint` is called now and then."""
        records = self._csv_records() if self.builder.format == "csv" else self._json_records()
        for position, record in enumerate(records):
            if not position % 1024:
                checkpoint()
            if record.index >= 0:
                yield record

    def row(self, record: Record) -> Row:
        """The request of a record.

        Raises:
            BadRow: what is wrong with it.
        """
        if record.problem is not None:
            raise BadRow(record.problem)
        return self.builder.row(record.index, record.digest, self._line(record.content))

    def _line(self, content: bytes | list[str]) -> Mapping[str, Any]:
        if isinstance(content, list):
            if len(content) > len(self._header):
                raise BadRow(f"has {len(content)} columns, the header has {len(self._header)}")
            return dict(zip(self._header, content, strict=False))
        return _row_of(content)

    def _json_records(self) -> Iterator[Record]:
        for number, line in self._lines():
            if line is None:
                yield Record(number - 1, number, problem=TOO_LONG)
            elif content := line.strip():
                yield Record(number - 1, number, zlib.crc32(content, self._seed), content)

    def _lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Every line with its number; None for one that is too long."""
        try:
            self._file.seek(0)
            yield from lines_of(self._file)
        except OSError as error:
            raise BatchInputError(f"{self.path}: {os.strerror(error.errno or 0)}") from error

    # ---- CSV

    def _csv_records(self) -> Iterator[Record]:
        if csv.field_size_limit() < MAX_LINE:
            csv.field_size_limit(MAX_LINE)  # of the whole process; its default is 128 KiB
        lines = _Text(self._lines())
        reader = csv.reader(lines, strict=True, delimiter=self._delimiter)
        index = -1
        while True:
            number = lines.number + 1
            lines.problem = problem = None
            fields: list[str] = []
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = f"not CSV: {error}"
            problem = lines.problem or problem
            if not fields and problem is None:  # a blank line
                continue
            try:
                content = "\x1f".join(fields).encode()
            except UnicodeEncodeError:
                content, problem = b"", "not UTF-8"
            yield Record(index, number, zlib.crc32(content, self._seed), fields, problem)
            index += 1

    def _read_header(self) -> None:
        wanted = self.builder.columns
        header = self._header_with(wanted)
        if header is None:
            return
        assert isinstance(header.content, list)
        if header.problem is not None:
            raise BatchInputError(f"{self.path}: the header is {header.problem}")
        self._header = header.content
        self._seed = header.digest  # so that other names of the columns make other requests
        for column in sorted(wanted | {"custom_id"}):
            if self._header.count(column) > 1:
                raise BatchInputError(f"{self.path}: the header names the column {column!r} twice")
            if column in wanted and column not in self._header:
                names = ", ".join(map(repr, self._header[:20]))
                options = "--prompt-column (prompt_column=) or --template (prompt_template=)"
                if column == self.builder.id_column:
                    options = "--id-column (id_column=)"
                raise BatchInputError(
                    f"{self.path}: the header has no column {column!r}; it has {names}. {options} names one of these"
                )

    def _header_with(self, wanted: frozenset[str]) -> Record | None:
        """The header, with the delimiter that gives it the wanted columns; else as the name of the file tells."""
        usual = self._delimiter
        for self._delimiter in (usual, *(mark for mark in _DELIMITERS if mark != usual)):
            header = next(self._csv_records(), None)
            if header is None or (header.problem is None and wanted.issubset(header.content)):
                return header
        self._delimiter = usual
        return next(self._csv_records(), None)

    # ---- what the lines are

    def _refuse_unsupported_formats(self, builder: RequestBuilder) -> None:
        try:
            self._file.seek(0)
            head = self._file.read(LOOKED_AT)
        except OSError as error:
            raise BatchInputError(f"{self.path}: {os.strerror(error.errno or 0)}") from error
        table = builder.format == "csv" or self.path.lower().endswith((".csv", ".tsv"))
        if (problem := unsupported_format(head, table=table)) is not None:
            raise BatchInputError(f"{self.path} {problem}")

    def _detect_format(self, builder: RequestBuilder) -> InputFormat:
        is_csv = self.path.lower().endswith((".csv", ".tsv"))
        if builder.template is not None:
            return "csv" if is_csv or not self._begins_with_object() else "jsonl"
        if is_csv:
            raise BatchInputError(f"{self.path}: a CSV file needs {_COLUMNS}")
        return self._format_of_lines(builder)

    def _begins_with_object(self) -> bool:
        for _, line in self._lines():
            if line is None or line.strip():
                return line is not None and line.lstrip().startswith(b"{")
        return True  # an empty file

    def _format_of_lines(self, builder: RequestBuilder) -> InputFormat:
        looked_at = 0
        for _, line in self._lines():
            if line is not None and not line.strip():
                continue
            looked_at += 1
            try:
                value = self._line(line or b"")
            except BadRow:
                value = None
            if value is not None:
                kind = kind_of(value, builder.endpoint)
                if kind == "requests" and builder.id_column is not None:
                    raise BatchInputError(
                        f"{self.path}: its lines are requests, which have their custom_id: no --id-column"
                    )
                if kind is not None:
                    return kind
                names = ", ".join(map(repr, list(value)[:10])) or "no field"
                raise BatchInputError(
                    f"{self.path}: its lines are neither requests nor bodies: the first one has {names}. To make"
                    f" prompts of its columns, give {_COLUMNS}"
                )
            if looked_at == _LOOKED_AT:
                break
        if looked_at:
            raise BatchInputError(f"{self.path}: its first lines are not JSON objects")
        return "requests"  # an empty file: nothing to do


class _Text:
    """Lines of bytes as text for the CSV reader. What is not UTF-8 is kept apart, for the record to be refused."""

    def __init__(self, lines: Iterator[tuple[int, bytes | None]]) -> None:
        self._lines = lines
        self.number = 0
        self.problem: str | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        if line is None:
            self.problem = TOO_LONG
            return "\n"
        return line.decode("utf-8", "surrogateescape")
