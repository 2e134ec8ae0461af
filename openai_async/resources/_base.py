"""`Resource`, the base class of resources, and `prepare`, which turns the arguments of a method into a `Request`."""

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

#: Media types of web pages, with which a network that requires a login answers every request.
PAGES: Final = ("text/html", "application/xhtml+xml")
#: Media types that are neither audio nor images.
NO_MEDIA: Final = (*PAGES, "application/json")


class Resource(Uncopied):
    """The base class of resources. It is bound to a client's pipeline."""

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
        **path_params: object,
    ) -> R:
        """Send a request whose reply is of a class.

        `params` are consumed here and in the methods below, so that no traceback frame shows them.
        A deletion may have an empty reply, which then has the last ID of `path_params`.
        """
        decode = codec.decoder(cls)
        if operation.verb == "DELETE":
            decode = _or_done(decode, cls, path_params)
        arguments = cast("dict[str, Any]", params)
        call = prepare(self._pipeline, operation, decode, arguments, path_params=path_params, check=check)
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
        **path_params: object,
    ) -> Binary:
        """Send a request whose reply is binary, and not a web page."""
        arguments = cast("dict[str, Any]", params)
        call = prepare(
            self._pipeline, operation, bytes, arguments, path_params=path_params, accept=b"*/*", rejected=PAGES
        )
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
        **path_params: object,
    ) -> AsyncDownloadManager:
        """Open a reply that is read as it arrives. The `rejected` media types are errors.

        `rewriter` converts replies of servers that answer in another format than the requested one.
        """
        arguments = cast("dict[str, Any]", params)
        call = prepare(
            self._pipeline,
            operation,
            bytes,
            arguments,
            path_params=path_params,
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
        **path_params: object,
    ) -> AsyncPaginator[V]:
        """A paginated list, which is requested when it is awaited or iterated."""
        decode = page_decoder(cls)

        async def fetch(page_arguments: PageArguments) -> AsyncPage[V]:
            call = prepare(self._pipeline, operation, decode, dict(page_arguments.params), path_params=path_params)
            page: AsyncPage[V] = await self._pipeline.fetch(call)
            if (further := following(page.data, page.extra)) is not None:
                page._next = partial(fetch, page_arguments.further(further))
            return page

        return AsyncPaginator(fetch, PageArguments(params))


def _or_done(decode: Callable[[bytes], R], cls: type[R], path_params: Mapping[str, object]) -> Callable[[bytes], R]:
    *_, last = path_params.values()

    def read(body: bytes) -> R:
        return decode(body) if body.strip() else codec.structure(cls, {"id": last})

    return read


def prepare(
    pipeline: Pipeline,
    operation: Operation,
    decode: Callable[[bytes], Any],
    params: dict[str, Any],
    *,
    path_params: Mapping[str, object] = EMPTY,
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

    `params` is always emptied, so that no traceback frame shows the prompt.

    Args:
        pipeline: the client's pipeline.
        operation: the operation to call.
        decode: the decoder of the reply.
        params: API parameters and call options by name.
        path_params: path parameters by name.
        check: raises for parameters that no server can answer.
        stream: whether the reply is an event stream.
        files: form parameters that are files, besides those of the catalog.
        accept: requested media type, if not JSON.
        rejected: media types that are errors.
        download: whether the body is read as it arrives.
        choices: the number of choices in a stream.
        scope: rate-limit scope, by default the path template; the model is appended.
        on_send: called just before an attempt is sent. An exception from it ends the call.

    Raises:
        InvalidParameterError: names the argument; nothing was sent.
    """
    try:
        return _prepare(
            pipeline,
            operation,
            decode,
            params,
            path_params,
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
    path_params: Mapping[str, object],
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
    arguments = {name: value for name, value in params.items() if value is not None}
    check_names(arguments.keys(), operation.path)
    query = _query_of(operation, arguments)
    if defaults.query or extra_query:
        query = {**defaults.query, **query, **(extra_query or {})}
    if extra_body:
        arguments.update(extra_body)
    template = operation.path.partition("?")[0]
    model = arguments.get("model")
    scope = f"{scope or template} {model or ''}"
    if not stream and pipeline.stated_stream.said:
        pipeline.stated_stream.put(scope, arguments)
    encoded, own_headers = _encoded(operation, arguments, files, on_upload)
    if accept is not None:
        own_headers.append((b"accept", accept))
    if deadline is None:
        deadline = defaults.deadline
    else:
        check_seconds("deadline", deadline)
    retries = defaults.max_retries if max_retries is None else check_retries(max_retries)
    if here.scopes is not None:
        here.scopes.add(scope)
    path = operation.path if pipeline.service.path_of is None else pipeline.service.path_of(operation.path, arguments)
    return Request(
        operation.verb,
        _path(path, path_params, query),
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
        size=size_of_request(template, arguments),
        priority=check_priority(priority),
        job=here.job,
        on_send=on_send,
    )


def _query_of(operation: Operation, arguments: dict[str, Any]) -> dict[str, Any]:
    """Take the query parameters out of the arguments."""
    if not operation.has_body:
        query = dict(arguments)
        arguments.clear()
        return query
    return {name: arguments.pop(name) for name in operation.query & arguments.keys()} if operation.query else {}


def _path(template: str, path_params: Mapping[str, object], query: Mapping[str, Any]) -> str:
    path = paths.render(template, **path_params) if path_params else template
    if not query or not (text := paths.query(query)):
        return path
    return f"{path}{'&' if '?' in path else '?'}{text}"


def _encoded(
    operation: Operation, arguments: dict[str, Any], files: Sequence[str], on_upload: Any
) -> tuple[bytes | FormBody, Headers]:
    """The body, and the headers that the operation needs."""
    headers: Headers = [] if operation.beta is None else [(b"openai-beta", operation.beta.encode("ascii"))]
    if operation.alone is not None and arguments.keys() == {operation.alone}:
        return _whole_body(operation, json.plain(arguments[operation.alone], operation.alone), headers)
    if operation.form:
        # A mapping names a file that the API has already.
        named = {name for name in (*files, *files_of(operation)) if not isinstance(arguments.get(name), Mapping)}
        sent = {name: value for name, value in arguments.items() if name in named or is_file(value)}
        rest = {name: value for name, value in arguments.items() if name not in sent}
        form = FormBody(rest, sent, on_upload, dict(operation.parts))
        return form, [*headers, (b"content-type", form.content_type.encode("ascii"))]
    return b"" if operation.no_body and not arguments else json.dumps(arguments), headers


def _whole_body(operation: Operation, value: object, headers: Headers) -> tuple[bytes, Headers]:
    """One field of a form as the complete body."""
    if not isinstance(value, str):
        raise InvalidParameterError(str(operation.alone), "must be a text")
    kind = dict(operation.parts)[str(operation.alone)]
    return value.encode(), [*headers, (b"content-type", kind.encode("ascii"))]


def _merged(own: Headers, passed: Headers) -> Headers:
    names = {name for name, _ in passed}
    return [pair for pair in own if pair[0] not in names] + passed


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
