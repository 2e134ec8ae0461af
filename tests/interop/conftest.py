"""A server that nobody here wrote: llama.cpp's own, speaking the OpenAI API over a tiny model.

Promises: `llama_server` is up before the first test that asks for it, is shared by the whole session, and is
gone after it. Answers at temperature 0 do not depend on what else the server is doing.
Never reaches beyond loopback.

The server is a child process, although its threads are native and would run in this one: an abort in native
code then fails a test instead of ending the run, its 130 threads and its memory stay out of tests that count
ours, and a killed test run takes it along, because its stdin closes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .tiny_llama import write_tiny_llama

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """Where the server listens (`base_url` ends in /v1) and the `model` it serves."""

    base_url: str
    model: str


@contextmanager
def running_llama(model_path: Path) -> Iterator[LlamaServer]:
    """Serve the GGUF file at `model_path` for the length of the block; what goes wrong is on stderr."""
    command = [sys.executable, "-P", str(Path(__file__).with_name("llama_process.py")), str(model_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            announcement = process.stdout.readline()
            if not announcement:
                raise RuntimeError("llama.cpp's server ended before it listened; stderr says why")
            yield LlamaServer(**json.loads(announcement))
        finally:
            process.stdin.close()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="session")
def llama_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    """llama.cpp's HTTP server with the tiny model, for the whole session."""
    model_path = tmp_path_factory.mktemp("llama") / "tiny-llama.gguf"
    write_tiny_llama(model_path)
    with running_llama(model_path) as server:
        yield server
