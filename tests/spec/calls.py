"""From a published operation to a call of its method, and from what was caught back to what the document says.

Arguments go under their official names: a query's `include[]` is `include`, the header `openai-beta` is `betas`. How a
value of several parts stands in a query or a form is said once, by `flattened`: a list is `name[]`, once for each
item, an object `name[key]`. The document spells some lists so and leaves others open; the official client writes all
of them so.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.policy
import inspect
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from email.parser import BytesParser
from typing import Any, Final, Self, TypeAlias, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

import attrs
from hypothesis import strategies as st

from openai_async import NULL, AsyncClient
from openai_async.resources._generic import Method
from openai_async.resources._operations import endpoints
from openai_async.testing import FaultServer, Request, Script, respond
from tests.spec.document import Published, flat
from tests.spec.drawn import Drawing

T = TypeVar("T")

#: Arguments of a method that decide how the reply is read, and are tested where that is.
_MODES: Final = ("stream", "stream_format")
#: Arguments that are refused together, as the document says in prose.
_NOT_BOTH: Final = (("previous_response_id", "conversation"), ("file_ids", "files"))
_in_path: Final = st.text("ab1 zé\N{SNOWMAN}/?#%+&=:@", min_size=1, max_size=8)
#: Name, content, and file name of a part of a form, or of a pair of a query, which has none.
Part: TypeAlias = tuple[str, bytes, bool]


@attrs.frozen
class Arguments:
    """What a method is called with, by where it belongs."""

    place: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    betas: list[str] | None = None

    @classmethod
    def drawn(cls, draw: st.DrawFn, operation: Published, *, optional: bool = True) -> Arguments:
        """Arguments that the document allows."""
        plain = Drawing(draw, nulls=False, empty=False, blank=False, optional=optional)
        query: dict[str, Any] = {}
        for name, schema in operation.parameters("query").items():
            if name not in _MODES and (name in operation.required("query") or (optional and plain.flag())):
                query[name.removesuffix("[]")] = plain.value(schema)
        betas = operation.parameters("header").get("openai-beta")
        in_json = attrs.evolve(plain, nulls="multipart/form-data" not in operation.bodies)
        body = {} if operation.body is None else in_json.value(operation.body) or {}
        for first, second in _NOT_BOTH:
            if first in body:
                body.pop(second, None)
        return cls(
            {name: draw(_in_path) for name in operation.parameters("path")},
            query,
            {name: value for name, value in body.items() if name not in _MODES},
            plain.value(betas) if betas and optional and plain.flag() else None,
        )

    def call(self, method: Any, *, by_position: bool = False) -> Any:
        """The method, called: something to await or to iterate."""
        body = {name: NULL if value is None else value for name, value in self.body.items()}
        extra = {} if self.betas is None else {"betas": self.betas}
        if by_position:
            *named, last = self.place.items() or [("", None)]
            return method(*([] if last[1] is None else [last[1]]), **dict(named), **self.query, **body, **extra)
        return method(**self.place, **self.query, **body, **extra)


def method_of(client: Any, name: str) -> Any:
    """The method of a dotted name."""
    for part in name.split("."):
        client = getattr(client, part)
    return client


def is_typed(client: Any, name: str) -> bool:
    """Whether a method is written out, and not taken from the table."""
    return not isinstance(method_of(client, name), Method)


# ---- what was caught


def flattened(name: str, value: Any) -> Iterator[Part]:
    """The pairs that say a value in a query, or the parts that say it in a form."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from flattened(f"{name}[{key}]", part)
    elif isinstance(value, list):
        for part in value:
            yield from flattened(f"{name}[]", part)
    elif isinstance(value, bytes):
        yield name, value, True
    else:
        text = json.dumps(value) if isinstance(value, bool) else str(value)
        yield name, text.encode(), False


def parts_of(arguments: Mapping[str, Any]) -> list[Part]:
    """All of them, in an order of their own."""
    return sorted(part for name, value in arguments.items() for part in flattened(name, value))


def path_of(request: Request) -> str:
    """The path as it was sent, below the base."""
    return urlsplit(request.target).path.removeprefix("/v1")


def filled(operation: Published, arguments: Arguments) -> str:
    """The path of the operation with its places filled."""
    path = operation.path.partition("?")[0]
    for name, value in arguments.place.items():
        path = path.replace(f"{{{name}}}", quote(value, safe="!$&'()*+,;=:@"))
    return path


def query_of(request: Request, operation: Published) -> list[Part]:
    """The pairs of the query, without those that stand in the template."""
    pairs = parse_qsl(urlsplit(request.target).query, keep_blank_values=True, strict_parsing=False)
    for fixed in parse_qsl(operation.path.partition("?")[2]):
        pairs.remove(fixed)
    return sorted((name, value.encode(), False) for name, value in pairs)


def form_of(request: Request) -> list[tuple[Part, str]]:
    """The parts of a form, each with its media type."""
    stated = request.header("content-type") or ""
    if request.body == f"--{stated.partition('boundary=')[2]}--\r\n".encode():
        return []  # which the parser takes for no form
    message = BytesParser(policy=email.policy.HTTP).parsebytes(
        f"Content-Type: {stated}\r\n\r\n".encode() + request.body
    )
    assert message.is_multipart()
    assert not message.defects
    return sorted(_read(part) for part in message.iter_parts())


def _read(part: Any) -> tuple[Part, str]:
    content = part.get_payload(decode=True)
    name = part.get_param("name", header="content-disposition")
    kind = part.get_content_type() if "content-type" in part else ""
    return (name, content, part.get_filename() is not None), kind


# ---- what is answered


@attrs.define
class Wire:
    """A client, its event loop, and a server that answers as told and keeps what it was asked."""

    client: Any = None
    caught: list[Request] = attrs.field(factory=list)
    _replies: list[Script] = attrs.field(factory=list)
    _runner: asyncio.Runner = attrs.field(factory=asyncio.Runner)

    def run(self, work: Callable[[], Awaitable[T]], *replies: Script) -> T:
        """Do the work while the server gives these replies in turn, and the last one from then on."""
        self._replies, self.caught = list(replies), []

        async def done() -> T:
            return await work()

        return self._runner.run(done())

    def answer(self, request: Request) -> Script:
        """The plan of the server."""
        self.caught.append(request)
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    @classmethod
    @contextlib.contextmanager
    def opened(cls) -> Iterator[Self]:
        """A wire, with its server and its client."""
        wire = cls()
        with wire._runner, FaultServer(wire.answer) as server:
            wire.client = AsyncClient(api_key="k", base_url=server.base_url, trust_env=False, max_retries=0)
            yield wire
            wire.run(wire.client.aclose)


def json_of(body: Any) -> Script:
    """A reply of JSON."""
    return respond(200, json.dumps(body).encode(), {"content-type": "application/json"})


def reply_of(operation: Published) -> Any:
    """The schema of a JSON reply; None where the reply is something else, or empty."""
    schema = operation.replies.get("application/json")
    return None if schema is None or endpoints()[operation.name].reply == "binary" else flat(schema)


def least_reply(draw: st.DrawFn, operation: Published) -> Script:
    """The least that the operation may answer."""
    schema = reply_of(operation)
    if schema is not None:
        return json_of(Drawing(draw, optional=False).value(schema))
    if endpoints()[operation.name].reply == "binary":
        return respond(200, b"content", {"content-type": "application/octet-stream"})
    return respond(200, b"")


async def finished(answer: Any) -> Any:
    """What a method gives, awaited where it is to be."""
    return await answer if inspect.isawaitable(answer) else answer
