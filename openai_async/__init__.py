"""The asyncio-first client for the OpenAI API and compatible servers.

Public names are imported on first use (PEP 562), so `import openai_async` loads no HTTP library, no tokenizer and no
resource. Types of replies are in `openai_async.types`; errors are also in `openai_async.errors`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from openai_async._map.calls import (
        AsyncMap as AsyncMap,
    )
    from openai_async._map.result import (
        MapHaltedError as MapHaltedError,
        Result as Result,
    )
    from openai_async._policy.prices import (
        LongContext as LongContext,
        Price as Price,
    )
    from openai_async._policy.statistics import (
        ClientStatistics as ClientStatistics,
        LimitStatistics as LimitStatistics,
        ScopeStatistics as ScopeStatistics,
    )
    from openai_async._policy.tokens import (
        TokenEstimate as TokenEstimate,
        count_chat_tokens as count_chat_tokens,
        register_encoding as register_encoding,
    )
    from openai_async._policy.totals import (
        CostTotals as CostTotals,
        ModelTotals as ModelTotals,
    )
    from openai_async._streams.stream import (
        AsyncStream as AsyncStream,
        AsyncStreamManager as AsyncStreamManager,
    )
    from openai_async.azure import AsyncAzureClient as AsyncAzureClient
    from openai_async.batch.errors import (
        BatchError as BatchError,
        BatchHaltedError as BatchHaltedError,
        BatchInputError as BatchInputError,
        BatchLockedError as BatchLockedError,
        BatchMismatchError as BatchMismatchError,
        BatchOutputError as BatchOutputError,
        DamagedOutputError as DamagedOutputError,
        RemoteBatchError as RemoteBatchError,
        RemoteWaitError as RemoteWaitError,
    )
    from openai_async.batch.input.rows import (
        BadLine as BadLine,
    )
    from openai_async.batch.remote.input_files import (
        RemoteLimits as RemoteLimits,
    )
    from openai_async.batch.report import (
        BatchSummary as BatchSummary,
    )
    from openai_async.client import (
        AsyncClient as AsyncClient,
    )
    from openai_async.errors import (
        APIConnectionError as APIConnectionError,
        APIError as APIError,
        APIStatusError as APIStatusError,
        APITimeoutError as APITimeoutError,
        AuthenticationError as AuthenticationError,
        BadRequestError as BadRequestError,
        ConcurrentReadError as ConcurrentReadError,
        ConfigurationError as ConfigurationError,
        ConflictError as ConflictError,
        ConnectTimeoutError as ConnectTimeoutError,
        ContentFilterError as ContentFilterError,
        ContextLengthExceededError as ContextLengthExceededError,
        DeadlineExceededError as DeadlineExceededError,
        DecodeError as DecodeError,
        FirstTokenTimeoutError as FirstTokenTimeoutError,
        ForeignLoopError as ForeignLoopError,
        IdleTimeoutError as IdleTimeoutError,
        InternalServerError as InternalServerError,
        InvalidParameterError as InvalidParameterError,
        InvalidResponseError as InvalidResponseError,
        InvalidWebhookSignatureError as InvalidWebhookSignatureError,
        NotCopiedError as NotCopiedError,
        NotFoundError as NotFoundError,
        OpenAIError as OpenAIError,
        PermissionDeniedError as PermissionDeniedError,
        QueueFullError as QueueFullError,
        QuotaExhaustedError as QuotaExhaustedError,
        RateLimitError as RateLimitError,
        RemovedEndpointError as RemovedEndpointError,
        RequestExceedsLimitError as RequestExceedsLimitError,
        RequestTimeoutError as RequestTimeoutError,
        RequestTooLargeError as RequestTooLargeError,
        ResponseTooLargeError as ResponseTooLargeError,
        StreamInterrupted as StreamInterrupted,
        UnexpectedRedirectError as UnexpectedRedirectError,
        UnprocessableEntityError as UnprocessableEntityError,
        WaitTimeoutError as WaitTimeoutError,
    )
    from openai_async.progress.show import show_progress as show_progress
    from openai_async.resources._pagination import (
        AsyncPage as AsyncPage,
        AsyncPages as AsyncPages,
        AsyncPaginator as AsyncPaginator,
    )
    from openai_async.sync._map import Map as Map
    from openai_async.sync._stream import Stream as Stream, StreamManager as StreamManager
    from openai_async.sync.azure import AzureClient as AzureClient
    from openai_async.sync.client import Client as Client
    from openai_async.sync.resources._pagination import Page as Page, Pages as Pages, Paginator as Paginator
    from openai_async.types._plain import json_default as json_default
    from openai_async.types.api_object import APIObject as APIObject, Thing as Thing
    from openai_async.types.attempt import (
        Attempt as Attempt,
    )
    from openai_async.types.call_event import CallEvent as CallEvent
    from openai_async.types.files import Binary as Binary
    from openai_async.types.limits import RateLimit as RateLimit
    from openai_async.types.progress import (
        BatchProgress as BatchProgress,
        Progress as Progress,
        RemotePart as RemotePart,
        RemoteProgress as RemoteProgress,
    )
    from openai_async.types.settings import (
        NULL as NULL,
        Timeout as Timeout,
    )
    from openai_async.validation import JsonlKind as JsonlKind, validate_jsonl as validate_jsonl

_HOMES = {
    "Progress": "openai_async.types.progress",
    "BatchProgress": "openai_async.types.progress",
    "RemoteProgress": "openai_async.types.progress",
    "RemotePart": "openai_async.types.progress",
    "show_progress": "openai_async.progress.show",
    "register_encoding": "openai_async._policy.tokens",
    "count_chat_tokens": "openai_async._policy.tokens",
    "TokenEstimate": "openai_async._policy.tokens",
    "Price": "openai_async._policy.prices",
    "LongContext": "openai_async._policy.prices",
    "CostTotals": "openai_async._policy.totals",
    "ClientStatistics": "openai_async._policy.statistics",
    "LimitStatistics": "openai_async._policy.statistics",
    "ScopeStatistics": "openai_async._policy.statistics",
    "ModelTotals": "openai_async._policy.totals",
    "AsyncClient": "openai_async.client",
    "AsyncAzureClient": "openai_async.azure",
    "AsyncStream": "openai_async._streams.stream",
    "AsyncStreamManager": "openai_async._streams.stream",
    "AsyncMap": "openai_async._map.calls",
    "MapHaltedError": "openai_async._map.result",
    "Result": "openai_async._map.result",
    "AsyncPage": "openai_async.resources._pagination",
    "AsyncPages": "openai_async.resources._pagination",
    "AsyncPaginator": "openai_async.resources._pagination",
    "Page": "openai_async.sync.resources._pagination",
    "Pages": "openai_async.sync.resources._pagination",
    "Paginator": "openai_async.sync.resources._pagination",
    "APIObject": "openai_async.types.api_object",
    "Thing": "openai_async.types.api_object",
    "Binary": "openai_async.types.files",
    "Client": "openai_async.sync.client",
    "AzureClient": "openai_async.sync.azure",
    "Stream": "openai_async.sync._stream",
    "StreamManager": "openai_async.sync._stream",
    "Map": "openai_async.sync._map",
    "RateLimit": "openai_async.types.limits",
    "BatchSummary": "openai_async.batch.report",
    "BadLine": "openai_async.batch.input.rows",
    "validate_jsonl": "openai_async.validation",
    "JsonlKind": "openai_async.validation",
    "RemoteLimits": "openai_async.batch.remote.input_files",
    "json_default": "openai_async.types._plain",
    "NULL": "openai_async.types.settings",
    "Timeout": "openai_async.types.settings",
    "Attempt": "openai_async.types.attempt",
    "CallEvent": "openai_async.types.call_event",
    "OpenAIError": "openai_async.errors",
    "ConfigurationError": "openai_async.errors",
    "InvalidParameterError": "openai_async.errors",
    "InvalidWebhookSignatureError": "openai_async.errors",
    "APIError": "openai_async.errors",
    "APIConnectionError": "openai_async.errors",
    "APITimeoutError": "openai_async.errors",
    "ConnectTimeoutError": "openai_async.errors",
    "FirstTokenTimeoutError": "openai_async.errors",
    "ForeignLoopError": "openai_async.errors",
    "IdleTimeoutError": "openai_async.errors",
    "ConcurrentReadError": "openai_async.errors",
    "DeadlineExceededError": "openai_async.errors",
    "StreamInterrupted": "openai_async.errors",
    "InvalidResponseError": "openai_async.errors",
    "DecodeError": "openai_async.errors",
    "ResponseTooLargeError": "openai_async.errors",
    "UnexpectedRedirectError": "openai_async.errors",
    "APIStatusError": "openai_async.errors",
    "BadRequestError": "openai_async.errors",
    "ContextLengthExceededError": "openai_async.errors",
    "ContentFilterError": "openai_async.errors",
    "AuthenticationError": "openai_async.errors",
    "PermissionDeniedError": "openai_async.errors",
    "NotCopiedError": "openai_async.errors",
    "NotFoundError": "openai_async.errors",
    "RequestTimeoutError": "openai_async.errors",
    "ConflictError": "openai_async.errors",
    "RequestTooLargeError": "openai_async.errors",
    "UnprocessableEntityError": "openai_async.errors",
    "WaitTimeoutError": "openai_async.errors",
    "QueueFullError": "openai_async.errors",
    "RateLimitError": "openai_async.errors",
    "RemovedEndpointError": "openai_async.errors",
    "QuotaExhaustedError": "openai_async.errors",
    "RequestExceedsLimitError": "openai_async.errors",
    "InternalServerError": "openai_async.errors",
    "BatchError": "openai_async.batch.errors",
    "BatchInputError": "openai_async.batch.errors",
    "BatchMismatchError": "openai_async.batch.errors",
    "BatchLockedError": "openai_async.batch.errors",
    "BatchOutputError": "openai_async.batch.errors",
    "DamagedOutputError": "openai_async.batch.errors",
    "BatchHaltedError": "openai_async.batch.errors",
    "RemoteBatchError": "openai_async.batch.errors",
    "RemoteWaitError": "openai_async.batch.errors",
}

__all__ = [
    "__version__",
    "Progress",
    "BatchProgress",
    "RemoteProgress",
    "RemotePart",
    "show_progress",
    "register_encoding",
    "count_chat_tokens",
    "TokenEstimate",
    "Price",
    "LongContext",
    "CostTotals",
    "ClientStatistics",
    "LimitStatistics",
    "ScopeStatistics",
    "ModelTotals",
    "AsyncClient",
    "AsyncAzureClient",
    "AsyncStream",
    "AsyncStreamManager",
    "AsyncMap",
    "AsyncPage",
    "AsyncPages",
    "AsyncPaginator",
    "Client",
    "AzureClient",
    "Page",
    "Pages",
    "Paginator",
    "APIObject",
    "Thing",
    "Binary",
    "Stream",
    "StreamManager",
    "Map",
    "MapHaltedError",
    "Result",
    "RateLimit",
    "BatchSummary",
    "BadLine",
    "validate_jsonl",
    "JsonlKind",
    "RemoteLimits",
    "json_default",
    "NULL",
    "Timeout",
    "Attempt",
    "CallEvent",
    "OpenAIError",
    "ConfigurationError",
    "InvalidParameterError",
    "InvalidWebhookSignatureError",
    "APIError",
    "APIConnectionError",
    "APITimeoutError",
    "ConnectTimeoutError",
    "FirstTokenTimeoutError",
    "ForeignLoopError",
    "IdleTimeoutError",
    "ConcurrentReadError",
    "DeadlineExceededError",
    "StreamInterrupted",
    "InvalidResponseError",
    "DecodeError",
    "ResponseTooLargeError",
    "UnexpectedRedirectError",
    "APIStatusError",
    "BadRequestError",
    "ContextLengthExceededError",
    "ContentFilterError",
    "AuthenticationError",
    "PermissionDeniedError",
    "NotCopiedError",
    "NotFoundError",
    "RequestTimeoutError",
    "ConflictError",
    "RequestTooLargeError",
    "UnprocessableEntityError",
    "WaitTimeoutError",
    "QueueFullError",
    "RateLimitError",
    "RemovedEndpointError",
    "QuotaExhaustedError",
    "RequestExceedsLimitError",
    "InternalServerError",
    "BatchError",
    "BatchInputError",
    "BatchMismatchError",
    "BatchLockedError",
    "BatchOutputError",
    "DamagedOutputError",
    "BatchHaltedError",
    "RemoteBatchError",
    "RemoteWaitError",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from openai_async._version import VERSION

        return VERSION
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
