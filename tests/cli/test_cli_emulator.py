"""`openai-async emulator`: it says where it listens, does what its options say, and ends when told."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from tests.cli.commands import Commands, lines_until

BODY = {"model": "emulated-mini", "messages": [{"role": "user", "content": "Hello!"}]}


def started(commands: Commands, *options: str) -> tuple[subprocess.Popen[bytes], str, str]:
    """An emulator on a free port, its base URL, and all that it printed."""
    process = commands.start("emulator", "--port", "0", *options)
    lines = lines_until(process, "# end of the examples")
    base_url = lines[0].split()[5]
    return process, base_url, "\n".join(lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_told_to_end(commands: Commands, number: signal.Signals) -> None:
    """It answers where it says; Ctrl-C and SIGTERM end it with status 0 and a count of what it served."""
    process, base_url, _ = started(commands)
    reply = httpx.get(f"{base_url}/models", headers={"authorization": "Bearer any"})
    assert "emulated-mini" in [model["id"] for model in reply.json()["data"]]
    process.send_signal(number)
    status, out, err = commands.end_of(process)
    assert (status, err) == (0, "")
    assert out.strip() == "ended; requests: 1, tokens: 0"


def test_the_printed_examples_work(commands: Commands) -> None:
    """The Python lines it prints run as they are, and the curl lines name the same call."""
    _, base_url, printed = started(commands)
    shell, _, code = printed.partition("# in Python\n")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = httpx.post(f"{base_url}/chat/completions", json=BODY, headers={"authorization": "Bearer any"}).json()
    assert ran.stdout.strip() == expected["choices"][0]["message"]["content"] != ""
    assert f"curl {base_url}/chat/completions \\\n" in shell
    assert '"Authorization: Bearer any"' in shell
    assert str(BODY).replace("'", '"') in shell


def test_keys_are_checked_and_not_repeated(commands: Commands) -> None:
    """With --key only these keys are served; what it prints does not hold them, for logs keep it."""
    _, base_url, printed = started(commands, "--key", "first-invented", "--key", "second-invented")
    assert "invented" not in printed
    assert "$OPENAI_API_KEY" in printed
    for key, status in {"first-invented": 200, "second-invented": 200, "another": 401}.items():
        reply = httpx.get(f"{base_url}/models", headers={"authorization": f"Bearer {key}"})
        assert reply.status_code == status


def test_limits_and_models(commands: Commands) -> None:
    """--rpm and --tpm are enforced and told in headers; a model of any name is served."""
    _, base_url, _ = started(commands, "--rpm", "1", "--tpm", "5000")
    call = {**BODY, "model": "a-model-of-tomorrow"}
    first, second = (
        httpx.post(f"{base_url}/chat/completions", json=call, headers={"authorization": "Bearer any"}) for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (200, 429)
    assert first.headers["x-ratelimit-limit-requests"] == "1"
    assert first.headers["x-ratelimit-limit-tokens"] == "5000"


def test_latency(commands: Commands) -> None:
    """--first-token and --tokens-per-second hold a reply back."""
    for options in (("--first-token", "3600"), ("--tokens-per-second", "0.001")):
        _, base_url, _ = started(commands, *options)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{base_url}/chat/completions", json=BODY, headers={"authorization": "Bearer any"}, timeout=0.5)


def test_its_switches(commands: Commands) -> None:
    """--no-any-model, --fail-rate and --allow-host do what they say; --log writes one printable line a request."""
    process, base_url, printed = started(commands, "--no-any-model", "--log", "--allow-host", "emulator")
    assert "any other name" not in printed
    auth = {"authorization": "Bearer any"}
    assert httpx.get(f"{base_url}/models", headers={**auth, "host": "emulator"}).status_code == 200
    assert httpx.get(f"{base_url}/models", headers={**auth, "host": "other"}).status_code == 403
    assert httpx.post(f"{base_url}/chat/completions", json=BODY, headers=auth).status_code == 200
    unknown = httpx.post(f"{base_url}/chat/completions", json={**BODY, "model": "no\nsuch"}, headers=auth)
    assert unknown.status_code == 404
    process.send_signal(signal.SIGINT)
    status, out, err = commands.end_of(process)
    assert (status, err) == (0, "")
    one, two, three, last = out.strip().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d GET /v1/models 200 \d+ ms", one)
    assert re.fullmatch(r"[\d:]+ POST /v1/chat/completions 200 emulated-mini \d+\+\d+ tokens \d+ ms", two)
    assert re.fullmatch(r"[\d:]+ POST /v1/chat/completions 404 'no\\nsuch' model_not_found \d+ ms", three)
    assert last.startswith("ended; ")
    _, base_url, _ = started(commands, "--fail-rate", "1", "--latency-jitter", "0.5")
    assert httpx.get(f"{base_url}/models", headers=auth).status_code in (500, 503)


def test_beyond_this_machine(commands: Commands) -> None:
    """Who listens on an address that others can reach is told so, once; on loopback nothing is said."""
    process, _, _ = started(commands, "--host", "0.0.0.0")
    process.send_signal(signal.SIGINT)
    status, _, err = commands.end_of(process)
    assert (status, err.count("\n")) == (0, 1)
    assert "may be reached from other machines" in err


def test_a_port_that_is_taken(commands: Commands) -> None:
    """A port that cannot be had is one line and status 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = commands.run("emulator", "--port", port)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.err
