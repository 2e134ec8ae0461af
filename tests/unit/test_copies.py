"""Clients and what is open are not copied, and say what to do instead."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable, Iterator

import pytest

from openai_async import AsyncAzureClient, AsyncClient, AzureClient, Client, NotCopiedError, Stream
from openai_async.testing import FaultServer
from tests.faults.replies import CALL, ok_as_asked

SECRET = "sk-not-to-be-seen"
WAYS: dict[str, Callable[[object], object]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {protocol}": lambda it, p=protocol: pickle.dumps(it, p) for protocol in (0, 2, 5)},  # type: ignore[misc]
    "inside of something": lambda it: copy.deepcopy({"settings": [it]}),
}


def clients(url: str) -> Iterator[AsyncClient | Client]:
    yield from (cls(api_key=SECRET, base_url=url, trust_env=False) for cls in (AsyncClient, Client))
    for azure in (AsyncAzureClient, AzureClient):
        yield azure(api_key=SECRET, azure_endpoint="https://x.example", api_version="2024-10-21")


@pytest.mark.parametrize("way", WAYS)
def test_a_client_and_its_parts_cannot_be_copied(way: str) -> None:
    """Each kind of client, its resources, its methods' iterators and open streams: one error, without the key."""
    with FaultServer(ok_as_asked) as server:
        for client in clients(server.base_url):
            parts = [
                client,
                client.chat,
                client.chat.completions,
                client.files,
                client.batch,
                client.post,
                client.evals,
            ]
            parts += [client.chat.completions.map([]), client.files.list(), client.chat.completions.stream(**CALL)]
            if isinstance(client, Client) and not isinstance(client, AzureClient):
                client.chat.completions.create(**CALL)
                parts += [client.chat.completions.create(**CALL, stream=True)]
            for part in parts:
                with pytest.raises(NotCopiedError, match=r"client.*build one in each process") as caught:
                    WAYS[way](part)
                assert isinstance(caught.value, TypeError)
                shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
                assert SECRET not in "".join(shown.format())
            for part in parts:
                if isinstance(part, Stream | Client):
                    part.close()
