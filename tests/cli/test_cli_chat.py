"""`openai-async chat`: the reply and nothing but the reply on standard output, and a status that tells how it went."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from openai_async.emulator import Emulator
from openai_async.testing import FaultServer, Fin, Gate, Rst, Script, Stall, json_reply, sse
from tests.cli.commands import ENVIRONMENT, Commands, Ended

ASK = ("chat", "--model", "emulated-mini")
NO_RETRY = {"x-should-retry": "false"}


def piece(text: str, **fields: Any) -> dict[str, Any]:
    """An event of a stream that carries a piece of text."""
    return {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": text}, **fields}]}


def whole(content: str | None, **fields: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content, **fields}}],
    }


def reply(*texts: str) -> Script:
    """A whole stream of these pieces."""
    return sse([*map(piece, texts), piece("", finish_reason="stop"), "[DONE]"])


def at(server: Any) -> dict[str, str | None]:
    return {"OPENAI_BASE_URL": server.base_url}


def assert_one_line(ended: Ended, *words: str) -> None:
    """The errors are one line that holds these words."""
    assert ended.err.count("\n") == 1, ended.err
    assert ended.err.startswith("Error: ")
    for word in words:
        assert word in ended.err


# ---- the reply


def test_the_reply_is_that_of_the_api(commands: Commands) -> None:
    """Streamed to standard output or printed as JSON, it is the same reply, and nothing goes to standard error."""
    with Emulator().run() as server:
        streamed = commands.run(*ASK, "Hello!", env=at(server))
        printed = commands.run(*ASK, "Hello!", "--json", env=at(server))
    assert (streamed.status, streamed.err) == (printed.status, printed.err) == (0, "")
    assert printed.out.count("\n") == 1
    reply = json.loads(printed.out)
    assert reply["choices"][0]["message"]["content"] == streamed.out.removesuffix("\n") != ""
    assert reply["usage"]["total_tokens"] > 0
    assert reply["model"].startswith("emulated-mini")


def test_text_is_written_as_it_is(commands: Commands) -> None:
    """A pipe gets every character: nothing is wrapped, marked up, coloured, escaped or stripped."""
    texts = ["[bold]not bold[/bold] :smile: **x** ", "long " * 50, "\x1b[31mred\x1b[0m\ttab\r\n", "naïve 😀\n\n", "end"]
    with FaultServer([reply(*texts)]) as server:
        ended = commands.run(*ASK, "Hello!", env=at(server))
    assert ended == (0, "".join(texts) + "\n", "")


def test_a_reply_that_ends_its_line_gets_no_second_end(commands: Commands) -> None:
    """The newline at the end is there once, whether or not the model wrote it."""
    with FaultServer([reply("one\n")]) as server:
        assert commands.run(*ASK, "Hello!", env=at(server)).out == "one\n"


def test_pieces_are_written_when_they_come(commands: Commands) -> None:
    """A piece can be read from the pipe while the server still holds back the next one."""
    with FaultServer([sse([piece("first "), Gate("next"), piece("second"), "[DONE]"])]) as server:
        process = commands.start(*ASK, "Hello!", env=at(server))
        assert process.stdout is not None
        assert process.stdout.read(6) == b"first "
        server.open_gate("next")
        assert commands.end_of(process) == (0, "second\n", "")


def test_control_characters_do_not_command_the_terminal(commands: Commands) -> None:
    """On a terminal an escape sequence of a reply is shown as symbols; lines and tabs stay what they are."""
    with FaultServer([reply("a\x1b]52;c;AAAA\x07b\x9b2J\rc\x7f", "\ttab\r\nline\n")]) as server:
        ended = commands.run_on_terminal(*ASK, "Hello!", env=at(server))
    assert ended.out == "a␛]52;c;AAAA␇b\N{REPLACEMENT CHARACTER}2J␍c\N{REPLACEMENT CHARACTER}\ttab\nline\n"


def test_an_encoding_without_a_character_loses_only_that_character(commands: Commands) -> None:
    """A reply goes on after a character that the output's encoding does not have."""
    with FaultServer([reply("a 😀 b")]) as server:
        ended = commands.run(*ASK, "Hello!", env={**at(server), "PYTHONIOENCODING": "ascii"})
    assert ended == (0, "a ? b\n", "")


def test_a_reader_that_leaves_is_no_crash(commands: Commands) -> None:
    """`chat | head -c 1` ends without a traceback."""
    with FaultServer([sse([piece("first "), Gate("next"), piece("second"), "[DONE]"])]) as server:
        process = commands.start(*ASK, "Hello!", env=at(server))
        assert process.stdout is not None
        assert process.stdout.read(1) == b"f"
        process.stdout.close()
        process.stdout = None
        server.open_gate("next")
        assert commands.end_of(process) == (1, "", "")


# ---- the request


@pytest.mark.parametrize(
    ("argument", "given", "asked"),
    [
        (["Hello!"], None, "Hello!"),
        ([], b"from a pipe\n", "from a pipe"),
        (["-"], b"from a pipe\n", "from a pipe"),
        (["Sum up:", "-"], "\N{BOM}a document é\nof two lines\n".encode(), "Sum up:\n\na document é\nof two lines"),
        (["Hello!"], b"the list of a loop\n", "Hello!"),
    ],
    ids=["argument", "piped", "dash", "both", "left-alone"],
)
def test_where_the_prompt_comes_from(commands: Commands, argument: list[str], given: bytes | None, asked: str) -> None:
    """The prompt is the argument, standard input, or the argument followed by standard input where that is said."""
    with FaultServer([reply("ok")]) as server:
        assert commands.run(*ASK, *argument, given=given, env=at(server)).status == 0
    assert server.requests[0].json()["messages"] == [{"role": "user", "content": asked}]


def test_a_silent_standard_input_is_not_waited_for(commands: Commands) -> None:
    """With a prompt, a pipe that says nothing and never ends is left alone."""
    with FaultServer([reply("ok")]) as server:
        process = commands.start(*ASK, "Hello!", env=at(server), stdin=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.read() == b"ok\n"  # its end comes while our end of the input is still open
        assert process.wait() == 0


def test_a_document_is_a_file(commands: Commands, tmp_path: Path) -> None:
    """A file follows the prompt; one that is not there, or no text, is refused before anything is sent."""
    (tmp_path / "report.txt").write_text("of two\nlines\n")
    (tmp_path / "packed").write_bytes(b"\x1f\x8b\xff")
    with FaultServer([reply("ok")]) as server:
        assert commands.run(*ASK, "Sum up:", str(tmp_path / "report.txt"), env=at(server)).status == 0
        for name in ("missing", "packed"):
            ended = commands.run(*ASK, "Sum up:", str(tmp_path / name), env=at(server))
            assert ended.status == 2
            assert_one_line(ended, name)
    [asked] = server.requests
    assert asked.json()["messages"][0]["content"] == "Sum up:\n\nof two\nlines"


def test_options_reach_the_api(commands: Commands) -> None:
    """Options become parameters of the request; what is not given is not sent."""
    with FaultServer([reply("ok")]) as server:
        options = ("--system", "Be brief.", "--temperature", "0.5", "--max-tokens", "9", "--base-url", server.base_url)
        env = {"OPENAI_MODEL": "model-of-the-environment"}
        assert commands.run("chat", "Hello!", *options, env=env).status == 0
        assert commands.run("chat", "Hello!", "--base-url", server.base_url, "--model", "given", env=env).status == 0
    asked, plain = (request.json() for request in server.requests)
    stream = {"stream": True, "stream_options": {"include_usage": True}}
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello!"}]
    limits = {"temperature": 0.5, "max_completion_tokens": 9}
    assert asked == {"model": "model-of-the-environment", "messages": messages, **limits, **stream}
    assert plain == {"model": "given", "messages": messages[1:], **stream}
    assert server.requests[0].header("authorization") == f"Bearer {ENVIRONMENT['OPENAI_API_KEY']}"


# ---- beside the reply


def test_usage_goes_to_standard_error(commands: Commands) -> None:
    """--usage tells the tokens without touching the reply, streamed or not; a server without counts is no error."""
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    scripts = [
        sse([piece("Hi"), {"id": "chatcmpl-1", "choices": [], "usage": usage}, "[DONE]"]),
        json_reply({**whole("Hi"), "usage": usage}),
        reply("Hi"),
    ]
    with FaultServer(scripts) as server:
        streamed = commands.run(*ASK, "Hello!", "--usage", env=at(server))
        printed = commands.run(*ASK, "Hello!", "--usage", "--json", env=at(server))
        uncounted = commands.run(*ASK, "Hello!", "--usage", env=at(server))
    assert streamed == (0, "Hi\n", "tokens: 3 prompt + 4 completion = 7\n")
    assert (printed.status, printed.err) == (0, streamed.err)
    assert json.loads(printed.out)["usage"] == usage
    assert uncounted == (0, "Hi\n", "tokens: the server did not count them\n")


def test_a_cut_reply_says_so(commands: Commands) -> None:
    """A reply that ran into the limit on tokens is told from one that the model ended."""
    with FaultServer([sse([piece("Once upon a", finish_reason="length"), "[DONE]"])]) as server:
        ended = commands.run(*ASK, "Hello!", "--max-tokens", "3", env=at(server))
    assert ended == (0, "Once upon a\n", "note: the reply was cut off by the limit on tokens\n")


def test_a_refusal_is_no_success(commands: Commands) -> None:
    """A model that refuses leaves standard output empty and the status 1, with its words as the error."""
    refusal = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"refusal": "I will not."}}]}
    with FaultServer([sse([refusal, "[DONE]"])]) as server:
        ended = commands.run(*ASK, "Hello!", env=at(server))
    assert ended == (1, "", "Error: the model refused: I will not.\n")


# ---- failures


@pytest.mark.parametrize(
    ("status", "error", "advice"),
    [
        (400, {"code": "context_length_exceeded"}, "shorten the prompt"),
        (401, {"code": "invalid_api_key"}, "check the key in OPENAI_API_KEY"),
        (403, {}, "permissions"),
        (404, {"code": "model_not_found"}, "check --model and --base-url"),
        (429, {"code": "insufficient_quota"}, "waiting does not help"),
        (429, {"code": "rate_limit_exceeded"}, "try again in 7 s"),
        (500, {}, "try again later"),
    ],
)
def test_a_refused_call(commands: Commands, status: int, error: dict[str, str], advice: str) -> None:
    """What the API refuses has status 1, and one line with its words and what to do about it."""
    # A server's message may hold anything: line ends, colours, and the key itself.
    message = f"No,\nthat\x1b[2J is {ENVIRONMENT['OPENAI_API_KEY']} wrong."
    headers = {**NO_RETRY, "x-request-id": "req_7", "retry-after": "7"}
    with FaultServer([json_reply({"error": {"message": message, **error}}, status, headers)]) as server:
        for mode in ([], ["--json"]):
            ended = commands.run(*ASK, "Hello!", *mode, env=at(server))
            assert (ended.status, ended.out) == (1, "")
            assert_one_line(ended, f"{status}: No, that␛[2J is *** wrong. (request req_7", ") - ", advice)


def test_an_answer_that_is_not_the_apis(commands: Commands) -> None:
    """A web page where the API was expected is told from a reply, and the base URL comes under suspicion."""
    page = json_reply({"hello": "world"})
    with FaultServer([page]) as server:
        ended = commands.run(*ASK, "Hello!", "--json", env=at(server))
    assert (ended.status, ended.out) == (1, "")
    assert_one_line(ended, "check --base-url")


def test_nobody_listens(commands: Commands) -> None:
    """A refused connection has status 3 and names the address that was tried."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    ended = commands.run(*ASK, "Hello!", "--base-url", f"http://127.0.0.1:{port}/v1")
    assert (ended.status, ended.out) == (3, "")
    assert_one_line(ended, f"is a server running at http://127.0.0.1:{port}/v1?")


@pytest.mark.parametrize("end", [(), (Fin(),), (Rst(),)], ids=["no-terminal-event", "closed", "reset"])
def test_a_stream_that_breaks_off(commands: Commands, end: Script) -> None:
    """What had arrived stays, on a line of its own; the error says that it is not all, and the status is 3."""
    with FaultServer([(*sse([piece("Once "), piece("upon")])[: -1 if end else None], *end)]) as server:
        ended = commands.run(*ASK, "Hello!", env=at(server))
    assert (ended.status, ended.out) == (3, "Once upon\n")
    assert_one_line(ended, "the reply is incomplete: ")


def test_an_error_inside_a_stream(commands: Commands) -> None:
    """An error that the server reports after the first pieces ends like any refusal, with the pieces kept."""
    error = {"error": {"message": "The server had an error.", "type": "server_error"}}
    with FaultServer([sse([piece("Once"), error, "[DONE]"])]) as server:
        ended = commands.run(*ASK, "Hello!", env=at(server))
    assert (ended.status, ended.out) == (1, "Once\n")
    assert_one_line(ended, "the reply is incomplete: ", "The server had an error")


@pytest.mark.parametrize("option", ["--timeout", "--deadline"])
def test_silence_ends(commands: Commands, option: str) -> None:
    """A server that falls silent is given up after --timeout, a call that takes too long after --deadline."""
    with FaultServer([sse([piece("Once"), Stall()])]) as server:
        ended = commands.run(*ASK, "Hello!", option, "1", env=at(server))
    assert (ended.status, ended.out) == (3, "Once\n")
    assert_one_line(ended, "the reply is incomplete: ", f"raise {option}")


def test_ctrl_c_while_a_reply_is_streamed(commands: Commands) -> None:
    """Ctrl-C ends the stream and its connection; what had arrived stays, and the status is 130, without a word."""
    with FaultServer([sse([piece("Once upon"), Stall()])]) as server:
        process = commands.start(*ASK, "Hello!", env=at(server))
        assert process.stdout is not None
        assert process.stdout.read(9) == b"Once upon"
        process.send_signal(signal.SIGINT)
        assert commands.end_of(process) == (130, "\n", "")
        server.wait_for(lambda server: server.open_connections == 0)


def test_ctrl_c_before_the_reply(commands: Commands) -> None:
    """Ctrl-C while the server is silent ends with 130, too."""
    with FaultServer([(Gate("asked"),)]) as server:
        process = commands.start(*ASK, "Hello!", "--json", env=at(server))
        server.wait_mark("asked", timeout=30)
        process.send_signal(signal.SIGINT)
        assert commands.end_of(process) == (130, "", "")
        server.open_gate("asked")


# ---- misuse


@pytest.mark.parametrize(
    ("arguments", "env", "words"),
    [
        ([*ASK, "Hello!"], {"OPENAI_API_KEY": None}, ["set OPENAI_API_KEY"]),
        (["chat", "Hello!"], {}, ["--model", "OPENAI_MODEL"]),
        ([*ASK], {}, ["no prompt"]),
        ([*ASK, "Hello!", "--api-key", "sk-secret"], {}, ["--api-key"]),
        ([*ASK, "Hello!", "--timeout", "nan"], {}, ["--timeout"]),
        ([*ASK, "Hello!", "--temperature", "inf"], {}, ["--temperature"]),
        ([*ASK, "Hello!", "--max-tokens", "0"], {}, ["--max-tokens"]),
        ([*ASK, "Hello!", "--base-url", "example.org"], {}, ["--base-url", "https://"]),
        ([*ASK, "Hello!", "--base-url", "http://192.0.2.1/v1"], {}, ["--base-url", "--allow-http"]),
        ([*ASK, "Hello!"], {"OPENAI_API_KEY": "two\nlines"}, ["OPENAI_API_KEY"]),
    ],
)
def test_misuse(commands: Commands, arguments: list[str], env: dict[str, str | None], words: list[str]) -> None:
    """What cannot be carried out has status 2 and one line that names the option or the variable, never its value."""
    with FaultServer([reply("never sent")]) as server:
        ended = commands.run(*arguments, env={**at(server), **env})
    assert (ended.status, ended.out) == (2, "")
    assert_one_line(ended, *words)
    assert "sk-secret" not in ended.err
    assert "lines" not in ended.err
    assert server.requests == ()


def test_input_that_is_no_text(commands: Commands) -> None:
    """Bytes that are not UTF-8 are refused instead of being guessed at."""
    ended = commands.run(*ASK, given=b"\xff\xfe\x00")
    assert (ended.status, ended.out) == (2, "")
    assert_one_line(ended, "UTF-8")


def test_colours_are_for_terminals(commands: Commands) -> None:
    """An error is red on a terminal, and plain where NO_COLOR is set."""
    assert "\x1b[31mError: " in commands.run_on_terminal(*ASK, "--bogus").out
    plain = commands.run_on_terminal(*ASK, "--bogus", env={"NO_COLOR": "1"})
    assert plain.out.startswith("Error: ")
    assert plain.status == 2
