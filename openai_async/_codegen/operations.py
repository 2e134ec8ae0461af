"""Writes `resources/endpoints.txt`: every operation of the API as a line of data.

    python -m openai_async._codegen.operations SPEC METHODS

SPEC is OpenAI's published OpenAPI document (JSON). METHODS lists the operations with the names that the official SDK
gives them, one a line: `get /files/{file_id} | client.files.retrieve`. What the list has and the document has not yet
is taken from its path: reading puts parameters into the query, everything else into a JSON body.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from openai_async._standard_streams import open_closed

TARGET: Final = Path(__file__).parents[1] / "resources" / "endpoints.txt"
_HEAD: Final = """\
# Every operation of the API: method, verb, path, then what is special about it.
#   page      a list that goes on over pages      binary    a reply that is no JSON
#   query=a,b parameters of the query             form=a,b  a form, with these fields as files (none: form)
#   beta=x    value of the OpenAI-Beta header     again     sending it twice does no harm beyond its price
#   betas     takes values of that header         parts=a:b parts of a form with a media type
#   key       takes an Idempotency-Key            events    a reply that comes in events
#   alone=a   a form of this field alone is sent as its content, under the media type of its part
#   keywords=a.b  the field b in an a is called like a keyword of Python: `b_`
# Written by openai_async._codegen.operations.
"""
#: Values of OpenAI-Beta, by the beginning of the path.
_BETAS: Final = {
    "/assistants": "assistants=v2",
    "/threads": "assistants=v2",
    "/vector_stores": "assistants=v2",
    "/chatkit": "chatkit_beta=v1",
    "/agents": "agents=v1",
    "/vaults": "agents=v1",
}
#: What takes a name by which the server knows a call that is sent again.
_KEYS: Final = frozenset({"beta.agents.environments.create", "beta.agents.sessions.events.create"})
#: What takes a field that is called like a keyword of Python.
_COMPACTING: Final = ("beta.agents", "beta.agents.automations", "beta.agents.sessions")
#: Inference and other questions: they make nothing that lasts.
_AGAIN: Final = frozenset(
    {
        "chat.completions.create",
        "completions.create",
        "embeddings.create",
        "moderations.create",
        "images.generate",
        "images.edit",
        "images.create_variation",
        "audio.speech.create",
        "audio.transcriptions.create",
        "audio.translations.create",
        "responses.input_tokens.count",
        "vector_stores.search",
    }
)
_FORMS: Final = frozenset({"application/json", "multipart/form-data"})
#: Lists whose method has another name than `list`.
_LISTS: Final = frozenset({"list_items", "list_events", "list_files", "list_rate_limits"})


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    spec = json.loads(Path(sys.argv[1]).read_bytes())
    methods = Path(sys.argv[2]).read_text("utf-8").splitlines()
    TARGET.write_text(_HEAD + "".join(f"{line}\n" for line in sorted(lines(spec, methods))), "utf-8")


def lines(spec: Mapping[str, Any], methods: list[str]) -> Iterator[str]:
    """The lines of the table."""
    for row in methods:
        if not row.strip():
            continue
        request, _, name = row.partition(" | ")
        verb, path = request.split(" ", 1)
        operation = spec["paths"].get(path, spec["paths"].get(path.partition("?")[0], {})).get(verb, {})
        method = name.strip().removeprefix("client.")
        yield " ".join([method, verb.upper(), path, *_specials(spec, method, verb, path, operation)])


def _specials(
    spec: Mapping[str, Any], method: str, verb: str, path: str, operation: Mapping[str, Any]
) -> Iterator[str]:
    last = method.rpartition(".")[2]
    properties = _reply(spec, operation).get("properties", {})
    if verb == "get" and (last == "list" or last in _LISTS or ("data" in properties and "has_more" in properties)):
        yield "page"
    kinds = [
        kind
        for code, reply in operation.get("responses", {}).items()
        if code < "3"
        for kind in reply.get("content", {})
    ]
    if last == "stream":
        yield "events"
    elif (
        any(not kind.startswith(("application/json", "text/event-stream")) for kind in kinds)
        or (
            last in ("content", "download_content", "download_recording", "retrieve_content")
            and "data" not in properties
        )
        or ".content." in method
    ):
        yield "binary"
    if verb not in ("get", "delete"):
        parameters = [_resolved(spec, parameter) for parameter in operation.get("parameters", [])]
        query = [parameter["name"].removesuffix("[]") for parameter in parameters if parameter["in"] == "query"]
        if query:
            yield f"query={','.join(query)}"
        content = operation.get("requestBody", {}).get("content", {})
        fields = _resolved(spec, content.get("multipart/form-data", {}).get("schema", {})).get("properties", {})
        files = [name for name, schema in fields.items() if '"binary"' in json.dumps(_resolved(spec, schema))]
        if "multipart/form-data" in content and (files or "application/json" not in content):
            yield f"form={','.join(files)}" if files else "form"
            encoding = content["multipart/form-data"].get("encoding", {})
            if encoding:
                yield "parts=" + ",".join(f"{name}:{part['contentType']}" for name, part in encoding.items())
            others = {*content} - _FORMS
            yield from (f"alone={name}" for name, part in encoding.items() if part["contentType"] in others)
        if method in _AGAIN:
            yield "again"
        if method in _KEYS:
            yield "key"
        if method.rpartition(".")[0] in _COMPACTING and last in ("create", "update"):
            yield "keywords=compaction.async"
    if any(parameter.get("in") == "header" for parameter in operation.get("parameters", [])):
        yield "betas"
    beta = next((value for beginning, value in _BETAS.items() if path.startswith(beginning)), None)
    if beta is not None:
        yield f"beta={beta}"


def _reply(spec: Mapping[str, Any], operation: Mapping[str, Any]) -> Mapping[str, Any]:
    for code, reply in operation.get("responses", {}).items():
        if code < "3":
            return _resolved(spec, reply.get("content", {}).get("application/json", {}).get("schema", {}))
    return {}


def _resolved(spec: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in part:
        target: Any = spec
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        part = target
    return part


if __name__ == "__main__":
    open_closed()
    main()
