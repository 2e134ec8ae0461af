"""llama.cpp's own HTTP server as a child process: `python -P llama_process.py GGUF_PATH`.

Promises: listens on a free loopback port; prints one JSON line, `{"base_url": ..., "model": ...}`, once it
answers; ends when its stdin closes, so it cannot outlive the process that started it, however that one dies.
Imports nothing of this project: the file runs alone, from any directory.
Never logs: only a failed start, a `grammar` that does not parse, or an abort in native code reaches stderr.
"""

from __future__ import annotations

import json
import os
import sys

import xllamacpp

MODEL = "tiny-llama"
SLOTS = 8
"""Answers decoded side by side; further requests wait in the server's queue."""


def parameters(model_path: str) -> xllamacpp.CommonParams:
    """Many short requests to a tiny model on a small machine: one core decodes, the start is quick."""
    params = xllamacpp.CommonParams()
    params.model.path = model_path
    params.model_alias = {MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.verbosity = -1
    params.warmup = False

    params.n_parallel = SLOTS
    params.n_ctx = 0  # each slot gets the whole context of the model
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    # An open connection holds a thread even while it idles; one that finds none free waits for another's
    # keep-alive to run out, 5 s.
    params.n_threads_http = 128

    # Embeddings beside chat. The last token stands for the text: a mean would be taken over a part of the
    # longer inputs when several share a batch.
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_LAST
    return params


def main() -> None:
    """Serve until stdin closes."""
    server = xllamacpp.Server(parameters(sys.argv[1]))
    print(json.dumps({"base_url": f"{server.listening_address}/v1", "model": MODEL}), flush=True)
    sys.stdin.read()
    os._exit(0)  # an orderly end of the server waits up to 30 s for streams that are still open


if __name__ == "__main__":
    main()
