"""Build a request from a line of IN, with the parameters that all requests share.

A line is one of three kinds: a request as the Batch API takes it, a body alone, or columns for a prompt. A line that
cannot be used raises `BadRow` with the reason, and nothing else.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs
import orjson

from openai_async._wire import json
from openai_async.batch.input.endpoints import ENDPOINTS, named, path_of
from openai_async.batch.input.rows import BadRow, Row
from openai_async.batch.input.template import Template
from openai_async.errors import InvalidParameterError
from openai_async.resources._argument_names import check_names

#: What the lines of IN are: requests of the Batch API, bodies alone, or columns (as JSON objects, or as CSV).
InputFormat: TypeAlias = Literal["requests", "bodies", "jsonl", "csv"]
FORMATS: tuple[InputFormat, ...] = ("requests", "bodies", "jsonl", "csv")


@attrs.frozen
class RequestBuilder:
    """Builds requests from lines. It holds what they share. `format` is None until it is detected from IN."""

    endpoint: str
    params: Mapping[str, Any] = attrs.field(repr=False)
    template: Template | None = attrs.field(default=None, repr=False)
    system: str | None = attrs.field(default=None, repr=False)
    format: InputFormat | None = None
    #: The column with the custom_ids, if one was named.
    id_column: str | None = None

    @classmethod
    def of(
        cls,
        *,
        endpoint: str,
        model: str | None,
        params: Mapping[str, Any] | None,
        prompt_template: str | None,
        prompt_column: str | None,
        system: str | None,
        input_format: InputFormat | None,
        id_column: str | None = None,
    ) -> RequestBuilder:
        """Check the arguments of `run`.

        Raises:
            InvalidParameterError: names the argument.
        """
        if endpoint not in ENDPOINTS:
            raise InvalidParameterError("endpoint", f"must be one of {', '.join(ENDPOINTS)}")
        if input_format is not None and input_format not in FORMATS:
            raise InvalidParameterError("input_format", f"must be one of {', '.join(FORMATS)}")
        if prompt_template is not None and prompt_column is not None:
            raise InvalidParameterError("prompt_template", "give it or prompt_column, not both")
        template = None
        if prompt_template is not None:
            template = Template(prompt_template)
        elif prompt_column is not None:
            template = Template.of_column(prompt_column)
        if (template is None) == (input_format in ("jsonl", "csv")):
            if template is None:
                raise InvalidParameterError("input_format", f"{input_format} needs prompt_template or prompt_column")
            if input_format is not None:
                raise InvalidParameterError("input_format", f"{input_format} has no columns to make a prompt of")
        if id_column is not None and input_format == "requests":
            raise InvalidParameterError("id_column", "requests have their custom_id")
        if system is not None and (template is None or endpoint != "/v1/chat/completions"):
            raise InvalidParameterError("system", "has a place only in chats that are made from a template or a column")
        if params is not None and not isinstance(params, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidParameterError("params", "must be a mapping of names to values")
        shared = {**(params or {}), **({} if model is None else {"model": model})}
        check_names(shared.keys())
        shared = json.plain(shared)  # a copy
        if shared.get("stream"):
            raise InvalidParameterError("params.stream", "a batch cannot be streamed")
        return cls(endpoint, shared, template, system, input_format, id_column)

    def row(self, index: int, source_digest: int, line: Mapping[str, Any]) -> Row:
        """Build the request of one line.

        Raises:
            BadRow: what is wrong with it.
        """
        if self.format == "requests":
            custom_id, endpoint, body = _api_request(line)
        else:
            endpoint = self.endpoint
            body = self._body_of_columns(line) if self.template is not None else self._without_id(line)
            custom_id = self._id_or(f"row-{index}", line)
        body = {**self.params, **body}
        for name in ENDPOINTS[endpoint].needs:
            if not body.get(name):
                hint = "; --model (model=) names one for all rows" if name == "model" else ""
                raise BadRow(f"{name!r} is missing or empty{hint}")
        if body.get("stream"):
            raise BadRow("'stream': a batch cannot be streamed")
        path = path_of(endpoint)
        request = orjson.dumps([custom_id, path, body], option=orjson.OPT_SORT_KEYS)
        return Row(index, zlib.crc32(request), source_digest, custom_id, path, body)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that a table must have."""
        wanted = self.template.columns if self.template is not None else frozenset[str]()
        return wanted if self.id_column is None else wanted | {self.id_column}

    def _id_or(self, default: str, line: Mapping[str, Any]) -> str:
        """The custom_id of a body or of columns, or the default. Integers are accepted: columns often hold them."""
        name = self.id_column or "custom_id"
        custom_id = line.get(name)
        if custom_id is None and self.id_column is None:
            return default
        if isinstance(custom_id, int) and not isinstance(custom_id, bool):
            return str(custom_id)
        if not isinstance(custom_id, str) or not custom_id:
            raise BadRow(f"{name!r} must be a text that is not empty, or an integer")
        return custom_id

    def _without_id(self, line: Mapping[str, Any]) -> dict[str, Any]:
        name = self.id_column or "custom_id"
        return {key: value for key, value in line.items() if key != name}

    def _body_of_columns(self, line: Mapping[str, Any]) -> dict[str, Any]:
        assert self.template is not None
        prompt = self.template.fill(line)
        if self.endpoint != "/v1/chat/completions":
            return {ENDPOINTS[self.endpoint].prompt: prompt}
        messages = [{"role": "user", "content": prompt}]
        return {"messages": [{"role": "system", "content": self.system}, *messages] if self.system else messages}


def _api_request(line: Mapping[str, Any]) -> tuple[str, str, Mapping[str, Any]]:
    """The custom_id, endpoint and body of a line as the Batch API takes it."""
    for name in ("custom_id", "method", "url", "body"):
        if line.get(name) is None:
            raise BadRow(f"{name!r} is missing")
    custom_id, body = line["custom_id"], line["body"]
    if not isinstance(custom_id, str) or not custom_id:
        raise BadRow("'custom_id' must be a text that is not empty")
    if line["method"] != "POST":
        raise BadRow("'method' must be POST")
    endpoint = named(line["url"])
    if endpoint is None:
        raise BadRow(f"'url' must be one of {', '.join(ENDPOINTS)}")
    if not isinstance(body, dict):
        raise BadRow("'body' must be an object")
    return custom_id, endpoint, body  # pyright: ignore[reportUnknownVariableType]


def kind_of(line: Mapping[str, Any], endpoint: str) -> InputFormat | None:
    """Detect the format of a line of JSON when there is no template; None if it is unclear."""
    if "body" in line or "url" in line or "method" in line:
        return "requests"
    return "bodies" if ENDPOINTS[endpoint].prompt in line or "model" in line else None
