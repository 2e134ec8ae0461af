"""The emulator's vector stores: wrong requests get the API's errors, and state goes where it should."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from openai_async.emulator import Emulator
from openai_async.emulator.vector_stores.search import chunks, scores

Body = dict[str, Any]
AUTH = {"authorization": "Bearer k"}
DAY = 24 * 3600


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


@pytest.fixture
def api() -> Iterator[httpx.Client]:
    CLOCK.now = 0.0
    with (
        Emulator(clock=CLOCK).run() as server,
        httpx.Client(base_url=server.base_url, headers=AUTH, timeout=30) as client,
    ):
        yield client


def post(api: httpx.Client, path: str, **body: Any) -> Body:
    reply = api.post(path, json=body)
    assert reply.status_code == 200, reply.text
    found: Body = reply.json()
    return found


def upload(api: httpx.Client, content: bytes = b"text", name: str = "a.txt") -> str:
    reply = api.post("/files", files={"file": (name, content)}, data={"purpose": "assistants"})
    found: str = reply.json()["id"]
    return found


def refused(reply: httpx.Response, status: int = 400) -> tuple[str | None, str | None]:
    """The parameter and the code of an error of the API's shape."""
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return error["param"], error["code"]


@pytest.mark.parametrize(
    ("path", "body", "param", "code"),
    [
        ("", {"name": 1}, "name", "invalid_type"),
        ("", {"file_ids": "f"}, "file_ids", "invalid_type"),
        ("", {"metadata": {"a": 1}}, "metadata.a", "invalid_type"),
        ("", {"metadata": {str(n): "" for n in range(17)}}, "metadata", "object_above_max_properties"),
        ("", {"expires_after": {"days": 1}}, "expires_after.anchor", "missing_required_parameter"),
        ("", {"expires_after": {"anchor": "created_at", "days": 1}}, "expires_after.anchor", "invalid_value"),
        (
            "",
            {"expires_after": {"anchor": "last_active_at", "days": 366}},
            "expires_after.days",
            "integer_above_max_value",
        ),
        ("/{id}/files", {}, "file_id", "missing_required_parameter"),
        ("/{id}/files", {"file_id": "{file}", "attributes": {"a": []}}, "attributes.a", "invalid_type"),
        (
            "/{id}/files",
            {"file_id": "{file}", "chunking_strategy": {"type": "x"}},
            "chunking_strategy.type",
            "invalid_value",
        ),
        (
            "/{id}/files",
            {
                "file_id": "{file}",
                "chunking_strategy": {
                    "type": "static",
                    "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 51},
                },
            },
            "chunking_strategy.static.chunk_overlap_tokens",
            "integer_above_max_value",
        ),
        ("/{id}/file_batches", {}, "file_ids", None),
        ("/{id}/file_batches", {"files": [{}]}, "files[0].file_id", "missing_required_parameter"),
        ("/{id}/search", {}, "query", "missing_required_parameter"),
        ("/{id}/search", {"query": [1]}, "query", "invalid_type"),
        ("/{id}/search", {"query": "a", "max_num_results": 51}, "max_num_results", "integer_above_max_value"),
        ("/{id}/search", {"query": "a", "ranking_options": {"ranker": "x"}}, "ranking_options.ranker", "invalid_value"),
        ("/{id}/search", {"query": "a", "filters": {"type": "like"}}, "filters.type", "invalid_value"),
        ("/{id}/search", {"query": "a", "filters": {"type": "eq"}}, "filters.key", "missing_required_parameter"),
        (
            "/{id}/search",
            {"query": "a", "filters": {"type": "and", "filters": [1]}},
            "filters.filters[0]",
            "invalid_type",
        ),
    ],
)
def test_wrong_requests_are_refused(api: httpx.Client, path: str, body: Body, param: str, code: str | None) -> None:
    """Each names the parameter where it stands."""
    store = post(api, "/vector_stores")["id"]
    if body.get("file_id"):
        body = {**body, "file_id": upload(api)}
    assert refused(api.post(f"/vector_stores{path.format(id=store)}", json=body)) == (param, code)


def test_what_is_not_there_is_not_found(api: httpx.Client) -> None:
    """Stores, files of a store, files at all, and batches."""
    store = post(api, "/vector_stores")["id"]
    file = upload(api)
    refused(api.get("/vector_stores/vs_x"), 404)
    refused(api.get(f"/vector_stores/{store}/files/{file}"), 404)
    refused(api.post(f"/vector_stores/{store}/files", json={"file_id": "file-x"}), 404)
    refused(api.get(f"/vector_stores/{store}/file_batches/b"), 404)
    assert refused(api.get("/vector_stores", params={"before": "vs_x"})) == ("before", None)
    post(api, f"/vector_stores/{store}/files", file_id=file)
    refused(api.get(f"/vector_stores/{store}/files/{file}/content"))


def test_a_store_expires_when_it_was_not_used(api: httpx.Client) -> None:
    """Use puts it off; what has expired is neither searched nor filled."""
    expiry = {"anchor": "last_active_at", "days": 1}
    store = post(api, "/vector_stores", expires_after=expiry)
    path = f"/vector_stores/{store['id']}"
    assert store["expires_at"] == store["last_active_at"] + DAY
    CLOCK.now = DAY - 1.0
    assert post(api, f"{path}/search", query="x")["data"] == []
    CLOCK.now = DAY + 1.0
    assert api.get(path).json()["status"] == "completed"
    CLOCK.now = 2 * DAY
    assert api.get(path).json()["status"] == "expired"
    assert refused(api.post(f"{path}/search", json={"query": "x"})) == (None, "vector_store_expired")
    assert refused(api.post(f"{path}/files", json={"file_id": upload(api)})) == (None, "vector_store_expired")


def test_only_processed_files_are_searched(api: httpx.Client) -> None:
    """A file is found once it is completed, with the chunks that were asked for."""
    words = " ".join(f"w{number}" for number in range(300))
    strategy = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 20}}
    store = post(api, "/vector_stores", file_ids=[upload(api, words.encode())], chunking_strategy=strategy)
    path = f"/vector_stores/{store['id']}"
    assert (store["status"], store["file_counts"]["in_progress"]) == ("in_progress", 1)
    assert post(api, f"{path}/search", query="w7")["data"] == []
    assert [api.get(path).json()["status"] for _ in range(2)] == ["in_progress", "completed"]
    found = post(api, f"{path}/search", query="w90")["data"]
    assert len(found) == 2  # it stands where two chunks overlap
    assert all("w90" in hit["content"][0]["text"] for hit in found)


def test_chunks_cover_a_text() -> None:
    """Every token is in a chunk, chunks overlap as asked, and a short text is one."""
    text = "".join(f"{number} " for number in range(10))
    assert chunks("a b c", 800, 400) == ["a b c"]
    cut = chunks(text.strip(), 4, 2)
    assert cut == ["0 1 2 3", " 2 3 4 5", " 4 5 6 7", " 6 7 8 9"]


def test_scores_prefer_rare_words() -> None:
    """A word that all texts have says little; no shared word is no answer."""
    first, second, third = scores("the owl", ["the owl", "the the the", "a cat"])
    assert 1 >= first > second > third == 0
    assert scores("", ["x"]) == [0.0]


def test_stores_are_forgotten_with_the_last_server() -> None:
    """Nothing of one run is left in the next."""
    emulator = Emulator()
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=AUTH) as api:
        post(api, "/vector_stores")
    with emulator.run() as server, httpx.Client(base_url=server.base_url, headers=AUTH) as api:
        assert api.get("/vector_stores").json()["data"] == []
