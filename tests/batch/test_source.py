"""Reading IN: every form of it, and every way in which a line can be bad."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from openai_async import InvalidParameterError
from openai_async.batch import BatchInputError
from openai_async.batch.input import source as source_module
from openai_async.batch.input.request_builder import RequestBuilder
from openai_async.batch.input.rows import BadRow, Row, SeenIds
from openai_async.batch.input.source import InputFile
from tests.batch.files import request, write_lines


def builder(**options: Any) -> RequestBuilder:
    names = ("model", "params", "prompt_template", "prompt_column", "system", "input_format")
    return RequestBuilder.of(**{"endpoint": "/v1/chat/completions", **dict.fromkeys(names), **options})


def read(path: Path, **options: Any) -> tuple[list[Row], list[tuple[int, str]]]:
    """The rows of a file, and the numbers and reasons of its bad lines."""
    file = InputFile.open(str(path), builder(**options))
    rows: list[Row] = []
    bad: list[tuple[int, str]] = []
    try:
        for record in file.records(int):
            try:
                rows.append(file.row(record))
            except BadRow as error:
                bad.append((record.number, str(error)))
    finally:
        file.close()
    return rows, bad


# ---- forms


def test_requests_of_the_batch_api(tmp_path: Path) -> None:
    """A line's url and body are sent as they stand; shared parameters fill in what is not there; nulls stay."""
    lines = [
        request("a", "Hi", temperature=None),
        {**request("b"), "url": "/v1/responses", "body": {"input": "x", "model": "own"}},
        {**request("c"), "url": "/embeddings", "body": {"input": "x"}},
    ]
    rows, bad = read(write_lines(tmp_path / "in.jsonl", lines), model="shared", params={"seed": 1})
    assert bad == []
    assert [(row.index, row.custom_id, row.path) for row in rows] == [
        (0, "a", "/chat/completions"),
        (1, "b", "/responses"),
        (2, "c", "/embeddings"),
    ]
    assert rows[0].body["model"] == "emulated-mini"
    assert rows[0].body["temperature"] is None
    assert rows[1].body == {"input": "x", "model": "own", "seed": 1}
    assert rows[2].body == {"input": "x", "model": "shared", "seed": 1}


def test_bodies_alone(tmp_path: Path) -> None:
    """A body gets the endpoint that was given, and an id: its own, or one by its line."""
    messages = [{"role": "user", "content": "Hi"}]
    lines = [{"messages": messages}, "", {"messages": messages, "model": "own", "custom_id": "mine"}]
    rows, bad = read(write_lines(tmp_path / "in.jsonl", lines), model="m")
    assert bad == []
    assert [(row.index, row.custom_id, row.path) for row in rows] == [
        (0, "row-0", "/chat/completions"),
        (2, "mine", "/chat/completions"),
    ]
    assert rows[1].body == {"model": "own", "messages": messages}


def test_columns_of_json(tmp_path: Path) -> None:
    """A template makes prompts of the fields of JSON objects; an id of theirs is kept, also a number."""
    lines = [{"text": "cat", "custom_id": 17}, {"text": "dog"}]
    path = write_lines(tmp_path / "in.jsonl", lines)
    rows, bad = read(path, model="m", prompt_template="Translate: {text}", system="Be brief.")
    assert bad == []
    assert [row.custom_id for row in rows] == ["17", "row-1"]
    assert rows[0].body == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Translate: cat"}],
    }


def test_columns_of_csv(tmp_path: Path) -> None:
    """A record of CSV may span lines; rows are numbered by record, and named by the line they begin on."""
    path = tmp_path / "in.csv"
    path.write_bytes('\ufeffcustom_id,text\r\na,"two\nlines, {x}"\r\n\r\nb\r\nc,é\r\nd,x,y\r\n'.encode())
    rows, bad = read(path, model="m", prompt_column="text")
    assert [(row.index, row.custom_id, row.body["messages"][0]["content"]) for row in rows] == [
        (0, "a", "two\nlines, {x}"),
        (2, "c", "é"),
    ]
    assert bad == [(5, "column 'text' is missing"), (7, "has 3 columns, the header has 2")]


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [("/v1/embeddings", {"input": "x"}), ("/v1/responses", {"input": "x"}), ("/v1/completions", {"prompt": "x"})],
)
def test_a_prompt_goes_where_the_endpoint_takes_it(tmp_path: Path, endpoint: str, body: dict[str, str]) -> None:
    """Not only chats can be made from a column."""
    rows, _ = read(write_lines(tmp_path / "in.tsv", ["t", "x"]), model="m", endpoint=endpoint, prompt_column="t")
    assert rows[0].body == {"model": "m", **body}


def test_the_form_is_told_by_the_first_line_that_can_be_read(tmp_path: Path) -> None:
    """A damaged first line does not hide what the file is; with a template, content or name tell JSON from CSV."""
    rows, bad = read(write_lines(tmp_path / "a", ["", "{damaged", request("a")]))
    assert ([row.custom_id for row in rows], len(bad)) == (["a"], 1)
    assert read(write_lines(tmp_path / "b", [{"t": "x"}]), model="m", prompt_column="t")[0]
    assert read(write_lines(tmp_path / "c", ["t", "x"]), model="m", prompt_column="t")[0]
    assert read(write_lines(tmp_path / "d.csv", ['{"t"', "x"]), model="m", prompt_column='{"t"')[0]
    assert read(write_lines(tmp_path / "e.jsonl", []))[0] == []


def test_numbers_of_lines_are_those_of_the_file(tmp_path: Path) -> None:
    """Blank and bad lines count, so that an editor finds them; line ends of Windows and a BOM are nothing."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([json.dumps(request("a")).encode(), b" ", b"oops", b""]))
    rows, bad = read(path)
    assert [row.index for row in rows] == [0]
    assert bad == [(3, "not JSON, from column 1")]


def test_delimiters_are_told_by_the_wanted_columns(tmp_path: Path) -> None:
    """Semicolons, tabs and bars are read where they give the wanted columns; a column may hold such marks itself."""
    for number, mark in enumerate(";\t|"):
        path = write_lines(tmp_path / f"{number}.csv", [f'"id"{mark}text', f'1{mark}"a{mark}b, c"', f"2{mark}d"])
        rows, bad = read(path, model="m", prompt_column="text")
        assert ([row.body["messages"][0]["content"] for row in rows], bad) == ([f"a{mark}b, c", "d"], [])
    path = write_lines(tmp_path / "in.tsv", ["id,text", "1,x"])
    assert read(path, model="m", prompt_template="{id}{text}")[0][0].body["messages"][0]["content"] == "1x"
    rows, bad = read(write_lines(tmp_path / "in.csv", ["a;b", "x"]), model="m", prompt_column="a;b")
    assert ([row.body["messages"][0]["content"] for row in rows], bad) == (["x"], [])


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_rows_of_empty_cells_are_reported(tmp_path: Path, name: str) -> None:
    """A sheet ends with rows of empty cells: they are named, and so is a row whose prompt is empty."""
    table: dict[str, list[object]] = {
        "in.csv": ["custom_id,text", "1,Hi", "2, ", ",", ",", "3,NaN"],
        "in.jsonl": [
            {"custom_id": 1, "text": "Hi"},
            {"custom_id": 2, "text": " "},
            {"custom_id": "", "text": ""},
            {"custom_id": None, "text": ""},
            '{"custom_id": NaN, "text": NaN}',
        ],
    }
    rows, bad = read(write_lines(tmp_path / name, table[name]), model="m", prompt_column="text")
    assert [row.custom_id for row in rows] == ["1"]
    assert [reason.partition(",")[0] for _, reason in bad] == [
        "column 'text' is empty",
        "all cells are empty",
        "all cells are empty",
        "column 'text' is NaN" if name == "in.csv" else "column 'text' is missing",
    ]


def test_nan_in_json_is_a_value_that_is_not_there(tmp_path: Path) -> None:
    """Python writes NaN into JSON. In a row it is left out, at any depth; the infinities stay no JSON."""
    lines = ['{"custom_id": NaN, "text": "NaN is not a number", "score": NaN}', '{"text": "x", "score": -Infinity}']
    rows, bad = read(write_lines(tmp_path / "t.jsonl", lines), model="m", prompt_column="text")
    assert [(row.custom_id, row.body["messages"][0]["content"]) for row in rows] == [("row-0", "NaN is not a number")]
    assert [reason.partition(",")[0] for _, reason in bad] == ["not JSON"]
    body = '{"input": ["a"], "seed": NaN, "metadata": {"a": NaN, "b": [1, [NaN]]}}'
    rows, bad = read(write_lines(tmp_path / "b.jsonl", [body]), model="m", endpoint="/v1/embeddings")
    assert (rows[0].body, bad) == ({"model": "m", "input": ["a"], "metadata": {"b": [1, [None]]}}, [])


def test_ids_from_a_column_of_another_name(tmp_path: Path) -> None:
    """`id_column` names the column of the ids: each row must have one, and no body gets it."""
    path = write_lines(tmp_path / "in.csv", ["sku;text", "a1;x", ";y"])
    rows, bad = read(path, model="m", prompt_column="text", id_column="sku")
    assert [row.custom_id for row in rows] == ["a1"]
    assert bad == [(3, "'sku' must be a text that is not empty, or an integer")]
    path = write_lines(tmp_path / "in.jsonl", [{"input": "x", "model": "m", "n": 7}, {"input": "y", "model": "m"}])
    rows, bad = read(path, endpoint="/v1/embeddings", id_column="n")
    assert [(row.custom_id, row.body) for row in rows] == [("7", {"input": "x", "model": "m"})]
    assert len(bad) == 1
    with pytest.raises(BatchInputError, match="requests, which have their custom_id"):
        read(write_lines(tmp_path / "requests", [request("a")]), id_column="n")
    with pytest.raises(BatchInputError, match=r"no column 'id'; it has 'sku', 'text'\. --id-column"):
        read(write_lines(tmp_path / "t.csv", ["sku,text", "1,x"]), model="m", prompt_column="text", id_column="id")


# ---- files that are no IN


FOREIGN: list[tuple[str, bytes, str]] = [
    ("in.jsonl.gz", gzip.compress(b"{}", mtime=0), "compressed by gzip; unpack it first: gunzip"),
    ("in.csv", b"PK\x03\x04rest", r"a sheet of Excel \(.xlsx\); unpack it, or save the sheet as CSV"),
    ("in.csv", "id,text\n".encode("utf-16"), "UTF-16; convert it: iconv -f UTF-16 -t UTF-8"),
    ("in.csv", "id,text\n".encode("utf-16-le"), "iconv -f UTF-16LE -t UTF-8"),
    ("in.jsonl", '{"a": 1}\n'.encode("utf-16-be"), "iconv -f UTF-16BE -t UTF-8"),
    ("in.jsonl", '{"a": 1}\n'.encode("utf-32"), "UTF-32"),
    ("in.jsonl", b"\xef\xbb\xbf[\n" + json.dumps(request("a")).encode() + b"\n]", "one JSON array; .*jq -c"),
    ("in.json", json.dumps([request("a"), request("b")]).encode(), "one JSON array; .*jq -c"),
    ("in.json", json.dumps(request("a"), indent=2).encode(), "over several lines; .*jq -c"),
    ("in.parquet", b"PAR1\x15", "a Parquet file"),
]


@pytest.mark.parametrize(("name", "content", "reason"), FOREIGN, ids=range(len(FOREIGN)))
@pytest.mark.parametrize("options", [{}, {"prompt_column": "text", "model": "m"}, {"input_format": "requests"}])
def test_files_that_are_no_in_are_named(
    tmp_path: Path, name: str, content: bytes, reason: str, options: dict[str, str]
) -> None:
    """Packed, foreign or oddly encoded files are told by their first bytes, with what to do, whatever was said."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BatchInputError, match=reason):
        read(tmp_path / name, **options)


def test_tables_may_begin_like_json(tmp_path: Path) -> None:
    """The header of a CSV file may begin with a bracket, and a list is a bad line like any other."""
    assert read(write_lines(tmp_path / "in.csv", ["[{text}],b", "x,y"]), model="m", prompt_column="[{text}]")[0]
    rows, bad = read(write_lines(tmp_path / "in.jsonl", ["[1, 2]", request("a")]))
    assert ([row.custom_id for row in rows], bad) == (["a"], [(1, "not a JSON object")])


# ---- bad lines


BAD: list[tuple[object, str]] = [
    ("[]", "not a JSON object"),
    ('{"a": Infinity}', "not JSON"),
    ('{"custom_id": "\ud800"}'.encode("utf-8", "surrogatepass"), "not JSON"),
    ({**request("x"), "custom_id": None}, "'custom_id' is missing"),
    ({**request("x"), "custom_id": ""}, "'custom_id' must be"),
    ({**request("x"), "custom_id": 1}, "'custom_id' must be"),
    ({**request("x"), "method": "GET"}, "'method' must be POST"),
    ({"custom_id": "x", "url": "/v1/embeddings", "body": {}}, "'method' is missing"),
    ({**request("x"), "url": "/v1/images/edits"}, "'url' must be one of"),
    ({**request("x"), "url": "https://elsewhere/v1/chat/completions"}, "'url' must be one of"),
    ({**request("x"), "url": ["/v1/embeddings"]}, "'url' must be one of"),
    ({**request("x"), "body": []}, "'body' must be an object"),
    (request("x", messages=[]), "'messages' is missing or empty"),
    (request("x", model=None), "'model' is missing or empty"),
    (request("x", stream=True), "'stream'"),
]


@pytest.mark.parametrize(("line", "reason"), BAD)
def test_a_bad_line_is_reported_and_the_rest_runs(tmp_path: Path, line: object, reason: str) -> None:
    """Each kind of bad line is named by its number and reason, and does not touch its neighbours."""
    path = tmp_path / "in.jsonl"
    text = line if isinstance(line, str | bytes) else json.dumps(line)
    bad_line = text.encode() if isinstance(text, str) else text
    path.write_bytes(b"\n".join([json.dumps(request("a")).encode(), bad_line, json.dumps(request("b")).encode()]))
    rows, bad = read(path)
    assert [row.custom_id for row in rows] == ["a", "b"]
    assert len(bad) == 1
    assert bad[0][0] == 2
    assert reason in bad[0][1]


@pytest.mark.parametrize(("name", "options"), [("in.jsonl", {}), ("in.csv", {"prompt_column": "t", "model": "m"})])
def test_a_line_that_is_too_long_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, str]
) -> None:
    """A huge line is never held in memory: it is reported, and what follows is read."""
    monkeypatch.setattr(source_module, "MAX_LINE", 2_000)
    head = ["t"] if options else []
    good = "fine" if options else json.dumps(request("fine"))
    at_bound = "y" * 2_000 if options else json.dumps(request("y")).ljust(2_000)
    path = write_lines(tmp_path / name, [*head, good, "x" * 2_001, "x" * 10_000, at_bound])
    rows, bad = read(path, input_format="csv" if options else "requests", **options)
    assert [row.index for row in rows] == [0, 3]
    assert [number for number, _ in bad] == [len(head) + 2, len(head) + 3]
    assert all("longer than" in reason for _, reason in bad)


def test_damaged_csv_is_reported(tmp_path: Path) -> None:
    """Bad quoting, bytes that are no UTF-8, and a quote that is never closed cost the records they stand in."""
    path = tmp_path / "in.csv"
    path.write_bytes(b't\ngood\n"bad"quote\nb\xe9te\nalso good\n"never closed\nlost\n')
    rows, bad = read(path, model="m", prompt_column="t")
    assert [row.body["messages"][0]["content"] for row in rows] == ["good", "also good"]
    assert [(number, reason.partition(":")[0]) for number, reason in bad] == [
        (3, "not CSV"),
        (4, "not UTF-8"),
        (6, "not CSV"),
    ]


@given(st.lists(st.binary(max_size=40)))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    """Whatever a file holds, reading it gives rows and bad lines, never an exception, one for each line that is not
    blank."""
    path = tmp_path_factory.mktemp("fuzz") / "in"
    path.write_bytes(b"\n".join(lines))
    rows, bad = read(path, input_format="requests")
    assert len(rows) + len(bad) == sum(bool(line.strip()) for line in path.read_bytes().split(b"\n"))
    rows, bad = read(path, input_format="jsonl", prompt_column="t", model="m")
    path.write_bytes(b"t\n" + b"\n".join(lines))
    read(path, input_format="csv", prompt_column="t", model="m")


# ---- inputs that cannot be read at all


def test_inputs_that_are_none(tmp_path: Path) -> None:
    """A missing file, a directory and a FIFO are refused with their name, and without hanging."""
    os.mkfifo(tmp_path / "fifo")
    for name in ("missing", ".", "fifo"):
        with pytest.raises(BatchInputError, match=str(tmp_path / name)):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "lines", "options", "reason"),
    [
        ("in.csv", ["a,b"], {}, r"--prompt-column NAME \(prompt_column=\), or --template"),
        ("in.jsonl", [{"a": 1, "b": 2}], {}, "the first one has 'a', 'b'"),
        ("in.txt", ["Hello", "there"], {}, "not JSON objects"),
        ("in.csv", ["a,b", "1,2"], {"prompt_column": "c"}, "no column 'c'; it has 'a', 'b'"),
        ("in.csv", ["a,a", "1,2"], {"prompt_column": "a"}, "the column 'a' twice"),
        ("in.csv", ['"a"b', "1,2"], {"prompt_column": "a"}, "the header is not CSV"),
    ],
)
def test_inputs_of_no_known_form(
    tmp_path: Path, name: str, lines: list[object], options: dict[str, str], reason: str
) -> None:
    """What the lines are is never guessed: the error says what was found, and what to say."""
    with pytest.raises(BatchInputError, match=reason):
        read(write_lines(tmp_path / name, lines), **options)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"endpoint": "/v1/audio/speech"}, "endpoint"),
        ({"input_format": "xml"}, "input_format"),
        ({"input_format": "csv"}, "input_format"),
        ({"input_format": "bodies", "prompt_column": "a"}, "input_format"),
        ({"prompt_template": "{a}", "prompt_column": "a"}, "prompt_template"),
        ({"system": "x"}, "system"),
        ({"system": "x", "prompt_column": "a", "endpoint": "/v1/embeddings"}, "system"),
        ({"params": {"stream": True}}, "params.stream"),
        ({"params": {"temperature": float("nan")}}, "temperature"),
        ({"params": {"tools": object()}}, "tools"),
    ],
)
def test_arguments_that_contradict_are_refused(options: dict[str, Any], field: str) -> None:
    """What cannot be meant is found before a file is opened."""
    with pytest.raises(InvalidParameterError) as caught:
        builder(**options)
    assert caught.value.field == field


# ---- what tells rows apart


def test_the_checksum_is_of_everything_that_makes_the_request(tmp_path: Path) -> None:
    """Another prompt, model, parameter, system message or endpoint makes another request, and another checksum."""
    path = write_lines(tmp_path / "in.csv", ["t,u", "cat,x"])
    base = {"model": "m", "prompt_template": "{t}"}
    variants = [
        base,
        {**base, "model": "n"},
        {**base, "params": {"seed": 1}},
        {**base, "prompt_template": "{t}!"},
        {**base, "system": "Be brief."},
        {**base, "endpoint": "/v1/responses"},
    ]
    digests = [read(path, **options)[0][0].digest for options in variants]
    path.write_text("t,u\ndog,x\n")
    digests.append(read(path, **base)[0][0].digest)
    assert len(set(digests)) == len(digests)
    path.write_text("v,t\nx,cat\nmore,x\n")
    assert read(path, **base)[0][0].digest == digests[0]


def test_options_that_change_no_request_change_no_checksum(tmp_path: Path) -> None:
    """A model for rows that all name their own makes the same requests. What stands in IN has a checksum of its own."""
    path = write_lines(tmp_path / "in", [request("a")])
    [plain], [with_model] = read(path)[0], read(path, model="another")[0]
    assert (plain.digest, plain.source_digest) == (with_model.digest, with_model.source_digest)
    [changed] = read(path, params={"seed": 1})[0]
    assert changed.digest != plain.digest
    assert changed.source_digest == plain.source_digest


@given(st.lists(st.integers(0, 300).map(str)), st.sampled_from([0, 10**6]))
def test_a_known_id_is_never_missed(ids: list[str], expected: int) -> None:
    """The compact set of ids says what a set would say."""
    seen = SeenIds(expected)
    assert [seen.add(name) for name in ids] == [name not in ids[:place] for place, name in enumerate(ids)]
