"""What the synchronous client is called, takes and says where it differs from the asynchronous one: the one table.

Everything else follows by rule, see `sync`. A row that nothing uses is an error, so that none outlives its reason.
"""

from __future__ import annotations

from typing import Final

#: Modules of the core and their synchronous modules, below `openai_async` and `openai_async/sync`.
MODULES: Final = (
    ("client.py", "client.py"),
    ("azure.py", "azure.py"),
    ("_streams/stream.py", "_stream.py"),
    ("_map/calls.py", "_map.py"),
    ("batch/api.py", "batch.py"),
    ("resources/*.py", "resources/*.py"),
)

#: What no frame may keep once a method is over: names of parameters that are contents, or may hold a key.
CONTENTS: Final = frozenset({"body", "file", "files", "params", "path", "prompt_template", "system"})

#: Asynchronous types of the standard library: their synchronous types, and the modules of these.
TYPES: Final = {"AsyncIterator": ("Iterator", "collections.abc")}

#: Methods that have another name. `close` and the methods with underscores are made of the bases below.
METHODS: Final = {
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "__await__": "first_page",
    "aclose": "close",
}

#: Parameters that are asynchronous, or may block: their type (None: as it is) and what makes of them what a task takes.
PARAMETERS: Final = {
    "api_key": (None, "as_async_key"),
    "azure_ad_token_provider": (None, "as_async_key"),
    "method": ("Callable[..., R]", "as_async_method"),
    "requests": ("Iterable[Mapping[str, Any]]", "as_async_iterable"),
    "stop": ("Event | None", "as_async_event"),
    "secret": (None, "as_secret"),
}
#: Those of them that no frame may keep as they were given.
HIDDEN: Final = frozenset({"secret"})
#: Where names come from that only this table brings in.
HOMES: Final = {"Event": "threading"}

#: Bases of what is not simply `Proxy`, `StepProxy` (an iterator) or `ContextProxy` (a context manager).
BASES: Final = {
    "AsyncClient": "ClientProxy",
    "AsyncStream": "StreamProxy[C, F]",
    "AsyncDownload": "DownloadProxy",
    "AsyncMap": "MapProxy[R]",
    "AsyncPage": "PageProxy[AsyncPage[T]]",
}
#: Bases that classes of these bases have; and where they are, if not with the others.
CATALOG: Final = frozenset({"CatalogResource", "AssistantsResource"})
HOMES_OF_BASES: Final = {
    "CatalogProxy": "openai_async.sync._bridge.generic",
    "DownloadProxy": "openai_async.sync._bridge.downloads",
    "MapProxy": "openai_async.sync._bridge.maps",
    "StreamProxy": "openai_async.sync._bridge.streams",
    "ClientProxy": "openai_async.sync._client_proxy",
}
#: What users make themselves; all others come out of a client.
CONSTRUCTED: Final = frozenset({"AsyncClient", "AsyncAzureClient"})

#: Needs no loop: it reads what does not change, or what changes in the reading thread only.
PLAIN: Final = frozenset(
    {
        "AsyncPage.has_next_page",
        "AsyncPage.keys",
        "AsyncStream.partial",
        "AsyncStream.rate_limits",
        "AsyncStream.request_id",
        "AsyncWebhooks.unwrap",
        "AsyncWebhooks.verify_signature",
    }
)
#: Bodies that no rule makes.
BODIES: Final = {"AsyncStream.text": "return self._texts()"}

#: Docstrings of methods that have none, as Python knows what they do there.
DOCSTRINGS: Final = {
    "AsyncPaginator.__await__": """Fetch the first page.

    Raises:
        APIError: see `openai_async.errors`.""",
}

#: Words of docstrings, in this order. Spaces stand for any white space.
WORDS: Final = (
    # what a client is
    ("The asynchronous client for the OpenAI", "The synchronous client for the OpenAI"),
    ("compatible servers, on asyncio and trio.", "compatible servers, for threads, scripts and notebooks."),
    (
        "or call `aclose()`. One client serves any number of tasks, and several event loops. Connections are opened on"
        " first use and belong to the loop that opened them.",
        "or call `close()`. One client serves any number of threads, which share its limits and its connections;"
        " `map` makes thousands of calls at once from one thread. All clients work in one background thread. After a"
        " fork, the child process starts with connections and limits of its own; streams and maps stay with the parent."
        " Ctrl-C ends the call that the main thread waits for, and cleans up after it.",
    ),
    ("a sync or async callable, called before", "a callable, called in a worker thread before"),
    (
        "a sync or async callable that returns such a token, called before",
        "a callable that returns such a token, called in a worker thread before",
    ),
    ("(by default only under trio and for proxies)", "(by default only for proxies)"),
    ("Close the connections of the running event loop.", "Close the connections."),
    # what it takes
    ("method: an asynchronous method of this client.", "method: a method of this client."),
    (
        "so a huge or endless source needs no more memory than the calls in flight.",
        "so a huge or endless source needs no more memory than the calls in flight. A source that is not a list or a"
        " tuple is read in a thread of its own.",
    ),
    ("stop: an event; when it is set,", "stop: a `threading.Event`; when it is set,"),
    (
        "such as `show_progress()`. An exception from it ends the map.",
        "such as `show_progress()`. It runs in the background thread, which it must not block. An exception from it"
        " ends the map.",
    ),
    (
        "called on the event loop after each",
        "called in the thread behind the client, which it must not keep, after each",
    ),
    # what it gives
    ("Returns an asynchronous iterator of", "Returns an iterator of"),
    ("An asynchronous iterator over", "An iterator over"),
    ("or await `final()` for the complete reply.", "or call `final()` for the complete reply."),
    ("`async with` form", "`with` form"),
    ("await it for its first page, or iterate", "call `first_page()` for its first page, or iterate"),
    ("StopAsyncIteration", "StopIteration"),
    # how it ends
    (
        "Cancelling an iteration closes it, too.",
        "Ctrl-C while iterating closes it, too. Each chunk goes to one of the threads that iterate.",
    ),
    ("Never raises and never waits: there is nothing to cancel.", "Never raises."),
    ("It never raises and never waits, so there is nothing to cancel.", "It never raises."),
    ("A failing source and cancelling end", "A failing source and Ctrl-C end"),
    ("Cancelling", "Ctrl-C"),
    ("cancelling", "Ctrl-C"),
)
#: What no docstring of a synchronous client says.
FORBIDDEN: Final = (
    r"\b[Aa]wait\w*|(?<![_.])\b[Aa]sync\b|\b[Aa]synchronous\w*|(?<!httpx\.)\bAsync[A-Z]\w*|\baclose\b|\basync for\b"
    r"|\bcoroutines?\b|\bevent loops?\b|\bcancelling\b|\btrio\b"
)
