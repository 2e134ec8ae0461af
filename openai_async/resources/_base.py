"""From the arguments of a method to a `Call`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar, cast

from openai_async import _concurrency
from openai_async._limits.queue import PRIORITIES, Priority, queue_position
from openai_async._pipeline.answer import Answer
from openai_async._pipeline.pipeline import Pipeline
from openai_async._pipeline.request import Headers, Request
from openai_async._policy.estimates import size_of_request
from openai_async._wire import codec, json, paths
from openai_async._wire.headers import check_headers
from openai_async.errors import APIError, InvalidParameterError, frameless
from openai_async.resources._argument_names import check_names
from openai_async.resources._download import AsyncDownloadManager
from openai_async.resources._file_contents import is_file
from openai_async.resources._multipart_form import FormBody
from openai_async.resources._operation import Operation
from openai_async.resources._operations import files_of
from openai_async.resources._pagination import (
    AsyncPage,
    AsyncPaginator,
    Following,
    PageArguments,
    after_last,
    page_decoder,
)
from openai_async.resources._rewritten import Rewriter
from openai_async.types._base import EMPTY, Reply, Value
from openai_async.types._uncopied import Uncopied
from openai_async.types.files import Binary
from openai_async.types.settings import Timeout, check_seconds

R = TypeVar("R", bound=Reply)
V = TypeVar("V", bound=Value)

#: What a network that wants a login answers with, whatever it is asked for: nothing that is stored at the API.
PAGES: Final = ("text/html", "application/xhtml+xml")
#: What is neither sound nor pictures.
NO_MEDIA: Final = (*PAGES, "application/json")


class Resource(Uncopied):
    """A noun of the API, bound to a client's pipeline."""

    __slots__ = ("_pipeline",)

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    async def _fetch(
        self,
        operation: Operation,
        cls: type[R],
        params: Mapping[str, object],
        *,
        check: Callable[[Mapping[str, Any]], None] | None = None,
        **place: object,
    ) -> R:
        """Make a call whose reply is of a class. `place` is what stands in the path.

        `params` are consumed, as by all of these: hand over the method's own, and no frame still shows them.
        A deletion may be answered with nothing: the reply is then of the last id in `place`.
        """
        decode = codec.decoder(cls)
        if operation.verb == "DELETE":
            decode = _or_done(decode, cls, place)
        given = cast("dict[str, Any]", params)
        call = prepare(self._pipeline, operation, decode, given, place=place, check=check)
        try:
            return await self._pipeline.fetch(call)  # type: ignore[no-any-return]
        except APIError as error:
            if isinstance(call.body, FormBody) and call.body.single_use:
                error.add_note("Not sent again, whatever max_retries says: a file of it can be read only once.")
            raise

    async def _fetch_binary(
        self,
        operation: Operation,
        params: Mapping[str, object],
        **place: object,
    ) -> Binary:
        """Make a call whose reply is no JSON, and no page."""
        given = cast("dict[str, Any]", params)
        call = prepare(self._pipeline, operation, bytes, given, place=place, accept=b"*/*", rejected=PAGES)
        content, meta = await self._pipeline.fetch_bytes(call)
        return Binary(content, meta=meta)

    def _download(
        self,
        operation: Operation,
        params: Mapping[str, object],
        *,
        rejected: Sequence[str] = PAGES,
        check: Callable[[Mapping[str, Any]], None] | None = None,
        rewriter: Callable[[Request, Answer], Rewriter] | None = None,
        **place: object,
    ) -> AsyncDownloadManager:
        """Open a reply that is read as it arrives, and is not of the `rejected` media types.

        `rewriter` turns it into the form that was asked for, where servers answer in another.
        """
        given = cast("dict[str, Any]", params)
        call = prepare(
            self._pipeline,
            operation,
            bytes,
            given,
            place=place,
            check=check,
            accept=b"*/*",
            rejected=rejected,
            download=True,
        )
        return AsyncDownloadManager(self._pipeline, call, rewriter)

    def _list(
        self,
        operation: Operation,
        cls: type[V],
        params: dict[str, Any],
        following: Following = after_last,
        **place: object,
    ) -> AsyncPaginator[V]:
        """A list of the API, asked for when it is awaited or iterated."""
        decode = page_decoder(cls)

        async def fetch(asked: PageArguments) -> AsyncPage[V]:
            call = prepare(self._pipeline, operation, decode, dict(asked.params), place=place)
            page: AsyncPage[V] = await self._pipeline.fetch(call)
            if (further := following(page.data, page.extra)) is not None:
                page._next = partial(fetch, asked.further(further))
            return page

        return AsyncPaginator(fetch, PageArguments(params))


def _or_done(decode: Callable[[bytes], R], cls: type[R], place: Mapping[str, object]) -> Callable[[bytes], R]:
    *_, last = place.values()

    def read(body: bytes) -> R:
        return decode(body) if body.strip() else codec.structure(cls, {"id": last})

    return read


def prepare(
    pipeline: Pipeline,
    operation: Operation,
    decode: Callable[[bytes], Any],
    params: dict[str, Any],
    *,
    place: Mapping[str, object] = EMPTY,
    check: Callable[[Mapping[str, Any]], None] | None = None,
    stream: bool = False,
    files: Sequence[str] = (),
    accept: bytes | None = None,
    rejected: Sequence[str] = (),
    download: bool = False,
    choices: int = 1,
    scope: str | None = None,
    on_send: Callable[[], None] | None = None,
) -> Request:
    """Check the arguments of a method and encode them, once.

    `params` is consumed: emptied whatever happens, so that no frame of a traceback still shows the prompt.

    Args:
        pipeline: of the client.
        operation: what is called.
        decode: reads the reply.
        params: parameters of the API and options of the call, by name.
        place: what stands in the path.
        check: refuses parameters that no server can answer.
        stream: the reply comes in events.
        files: parameters of a form that are files, where its description does not say so.
        accept: media type that is asked for, if not JSON.
        rejected: media types that the reply is not to be of.
        download: the body is read as it arrives, whatever it is.
        choices: replies that a stream is to have.
        scope: what shares a rate limit with it, if not all calls of its path; the model is added.
        on_send: called just before an attempt is sent; what it raises ends the call.

    Raises:
        InvalidParameterError: names the argument; nothing was sent.
    """
    try:
        return _prepare(
            pipeline,
            operation,
            decode,
            params,
            place,
            check,
            stream,
            files,
            accept,
            rejected,
            download,
            choices,
            scope,
            on_send,
        )
    except InvalidParameterError as error:
        raise frameless(error) from None
    finally:
        params.clear()


def _prepare(
    pipeline: Pipeline,
    operation: Operation,
    decode: Callable[[bytes], Any],
    params: dict[str, Any],
    place: Mapping[str, object],
    check: Callable[[Mapping[str, Any]], None] | None,
    stream: bool,
    files: Sequence[str],
    accept: bytes | None,
    rejected: Sequence[str],
    download: bool,
    choices: int,
    scope: str | None,
    on_send: Callable[[], None] | None,
) -> Request:
    defaults = pipeline.defaults
    take = params.pop
    headers: Mapping[str, str] | None = take("extra_headers", None)
    extra_query = check_mapping("extra_query", take("extra_query", None))
    extra_body = check_mapping("extra_body", take("extra_body", None))
    on_upload = take("on_upload", None)
    timeout = take("timeout", None)
    deadline = take("deadline", None)
    max_retries = take("max_retries", None)
    here = queue_position.get()
    priority = take("priority", None) or here.priority

    if check is not None:
        check(params)
    given = {name: value for name, value in params.items() if value is not None}
    check_names(given.keys(), operation.path)
    query = _query_of(operation, given)
    if defaults.query or extra_query:
        query = {**defaults.query, **query, **(extra_query or {})}
    if extra_body:
        given.update(extra_body)
    template = operation.path.partition("?")[0]
    model = given.get("model")
    scope = f"{scope or template} {model or ''}"
    if not stream and pipeline.stated_stream.said:
        pipeline.stated_stream.put(scope, given)
    encoded, own_headers = _encoded(operation, given, files, on_upload)
    if accept is not None:
        own_headers.append((b"accept", accept))
    if deadline is None:
        deadline = defaults.deadline
    else:
        check_seconds("deadline", deadline)
    retries = defaults.max_retries if max_retries is None else check_retries(max_retries)
    if here.scopes is not None:
        here.scopes.add(scope)
    path = operation.path if pipeline.service.place is None else pipeline.service.place(operation.path, given)
    return Request(
        operation.verb,
        _path(path, place, query),
        decode,
        defaults.timeout if timeout is None else Timeout.of(timeout),
        0 if isinstance(encoded, FormBody) and encoded.single_use else retries,
        deadline=None if deadline is None else _concurrency.now() + deadline,
        body=encoded,
        headers=_merged(own_headers, check_headers("extra_headers", headers)) if headers else own_headers,
        stream=stream,
        choices=choices,
        download=download,
        rejected_media_types=rejected,
        repeatable=operation.repeatable,
        makes=operation.makes,
        model=model if isinstance(model, str) else None,
        scope=scope,
        size=size_of_request(template, given),
        priority=check_priority(priority),
        job=here.job,
        on_send=on_send,
    )


def _query_of(operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
    """Take the parameters of the query out of those that were given."""
    if not operation.has_body:
        query = dict(given)
        given.clear()
        return query
    return {name: given.pop(name) for name in operation.query & given.keys()} if operation.query else {}


def _path(template: str, place: Mapping[str, object], query: Mapping[str, Any]) -> str:
    path = paths.render(template, **place) if place else template
    if not query or not (text := paths.query(query)):
        return path
    return f"{path}{'&' if '?' in path else '?'}{text}"


def _encoded(
    operation: Operation, given: dict[str, Any], files: Sequence[str], on_upload: Any
) -> tuple[bytes | FormBody, Headers]:
    """The body, and the headers that the operation needs."""
    headers: Headers = [] if operation.beta is None else [(b"openai-beta", operation.beta.encode("ascii"))]
    if operation.alone is not None and given.keys() == {operation.alone}:
        return _whole_body(operation, json.plain(given[operation.alone], operation.alone), headers)
    if operation.form:
        # A mapping names a file that the API has already.
        named = {name for name in (*files, *files_of(operation)) if not isinstance(given.get(name), Mapping)}
        sent = {name: value for name, value in given.items() if name in named or is_file(value)}
        rest = {name: value for name, value in given.items() if name not in sent}
        form = FormBody(rest, sent, on_upload, dict(operation.parts))
        return form, [*headers, (b"content-type", form.content_type.encode("ascii"))]
    return b"" if operation.bare and not given else json.dumps(given), headers


def _whole_body(operation: Operation, value: object, headers: Headers) -> tuple[bytes, Headers]:
    """A field of a form as a body of its own."""
    if not isinstance(value, str):
        raise InvalidParameterError(str(operation.alone), "must be a text")
    kind = dict(operation.parts)[str(operation.alone)]
    return value.encode(), [*headers, (b"content-type", kind.encode("ascii"))]


def _merged(own: Headers, stated: Headers) -> Headers:
    names = {name for name, _ in stated}
    return [pair for pair in own if pair[0] not in names] + stated


def check_mapping(field: str, value: Any) -> Mapping[str, Any] | None:
    """A mapping, or None."""
    if value is not None and not isinstance(value, Mapping):
        raise InvalidParameterError(field, "must be a mapping of names to values")
    return value  # pyright: ignore[reportUnknownVariableType]


def check_priority(value: Any) -> Priority:
    """One of the three classes."""
    if value not in PRIORITIES:
        raise InvalidParameterError("priority", f"must be one of {', '.join(PRIORITIES)}")
    return value  # type: ignore[no-any-return]


def check_retries(value: object) -> int:
    """Retries after the first attempt: an integer of 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidParameterError("max_retries", "must be an integer of 0 or more")
    return value
