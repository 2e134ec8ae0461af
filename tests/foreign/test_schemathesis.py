"""schemathesis against the emulator, by the published document: requests that are right, and ones that are wrong."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

from openai_async.emulator import Emulator
from tests.foreign.conftest import ROOT
from tests.spec.document import document

pytestmark = [pytest.mark.foreign, pytest.mark.timeout(900)]

#: The document as it was published; without it, as it is kept here: without prose, examples and replies of failure.
PUBLISHED = ROOT.parent / "shared" / "openapi.json"
#: What the API answers to requests that are wrong. The document has none of it.
_REFUSED = {
    "description": "refused",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {"error": {"type": "object", "required": ["message", "type", "param", "code"]}},
            }
        }
    },
}


def served() -> dict[str, Any]:
    """The document with the operations that the emulator has, and how it may refuse."""
    whole: dict[str, Any] = json.loads(PUBLISHED.read_bytes()) if PUBLISHED.exists() else {**document()}
    verbs: dict[str, set[str]] = {}
    for route in Emulator().app.routes:
        assert isinstance(route, Route)
        handlers: Mapping[str, object] = getattr(route.endpoint, "_handlers", {})
        verbs.setdefault(_template(route.path.removeprefix("/v1")), set()).update(verb.lower() for verb in handlers)
    paths: dict[str, Any] = {}
    for path, item in whole["paths"].items():
        operations = {verb: item[verb] for verb in verbs.get(_template(path), ()) if verb in item}
        for operation in operations.values():
            operation.pop("security", None)
            for status in ("400", "401", "403", "404", "405", "409", "413"):
                operation["responses"].setdefault(status, _REFUSED)
        if operations:
            paths[path] = operations
    return {"openapi": "3.1.0", "info": whole["info"], "paths": paths, "components": whole["components"]}


def _template(path: str) -> str:
    return re.sub(r"{[^}]*}", "{}", path)


def test_no_server_error_and_no_status_that_is_not_documented(
    base_url: str, environment: Callable[..., Path], tmp_path: Path
) -> None:
    """Whatever is drawn from the document or against it, the emulator answers with a status of its own."""
    (tmp_path / "openapi.json").write_text(json.dumps(served()), "utf-8")
    programs = environment("schemathesis", "schemathesis==4.32.5")
    checks = "not_a_server_error,status_code_conformance"
    ended = subprocess.run(
        [
            *(programs / "schemathesis", "run", "openapi.json", "--url", base_url, "--checks", checks),
            *("--header", "Authorization: Bearer k", "--header", "OpenAI-Beta: assistants=v2"),
            *("--phases", "coverage,fuzzing", "--max-examples", "5", "--seed", "1", "--no-shrink", "--workers", "2"),
            *("--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert ended.returncode == 0, ended.stdout[-8_000:]
