"""File search, the hosted tool of the Responses API that is emulated.

It searches the tool's vector stores for the words of the last message. The answer quotes what it finds, like the result
of a function, and cites the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from openai_async.emulator.chat.messages import prompt_tokens, text_of
from openai_async.emulator.chat.reply import called
from openai_async.emulator.chat.request import ChatRequest
from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, JSONObject, is_object, wrong_type
from openai_async.emulator.responses.items import new_id
from openai_async.emulator.vector_stores.endpoints import SearchSettings, read_search

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["Search", "find", "read_tools", "search_steps"]

_INCLUDE = "file_search_call.results"


@frozen
class Search:
    """A finished search: the query, and the hits, the best first."""

    query: str
    hits: list[JSONObject]
    included: bool

    def item(self) -> JSONObject:
        """The call, as an item of the output."""
        results = [{**hit, "text": hit["content"][0]["text"]} for hit in self.hits]
        for hit in results:
            del hit["content"]
        return {
            "id": new_id("file_search_call"),
            "type": "file_search_call",
            "status": "completed",
            "queries": [self.query],
            "results": results if self.included else None,
        }

    def citations(self, text: str) -> list[JSONObject]:
        """Cite each file once, at the end of the text that quotes it."""
        names = {hit["file_id"]: hit["filename"] for hit in self.hits}
        return [
            {"type": "file_citation", "index": len(text), "file_id": file_id, "filename": name}
            for file_id, name in names.items()
        ]


@frozen
class _Tool:
    stores: list[str]
    settings: SearchSettings


def read_tools(fields: Fields) -> list[_Tool]:
    """Read the file searches among the tools of a request. Raises the API's 400 for an invalid one."""
    tools = [Fields(tool, f"tools[{at}]") for at, tool in enumerate(fields.array("tools") or ()) if is_object(tool)]
    return [_read(tool) for tool in tools if tool.get("type") == "file_search"]


def _read(tool: Fields) -> _Tool:
    tool.required("vector_store_ids")
    stores = tool.array("vector_store_ids") or []
    if not stores:
        param = tool.param("vector_store_ids")
        raise invalid(f"Invalid '{param}': empty array.", param=param, code="empty_array")
    for at, store_id in enumerate(stores):
        if not isinstance(store_id, str):
            raise wrong_type(f"{tool.param('vector_store_ids')}[{at}]", "a string", store_id)
    return _Tool(stores, read_search(tool))


def find(emulator: Backend, chat: ChatRequest, fields: Fields) -> tuple[ChatRequest, Search | None]:
    """Run the searches that the request causes. Gives the chat that continues from their results.

    No search is run if another tool is asked for by name, or if the last message is not the user's.
    """
    tools, choice = read_tools(fields), fields.get("tool_choice")
    chosen = is_object(choice) and choice.get("type") == "file_search"
    last = chat.messages[-1]
    if not tools or choice == "none" or last["role"] != "user" or (not chosen and _is_left_out(chat, choice)):
        return chat, None
    query = text_of(last)
    hits: list[JSONObject] = []
    for tool in tools:
        for store_id in tool.stores:
            store = emulator.vector_stores.find(store_id).alive()
            hits += store.search(query, tool.settings.filters, tool.settings.most, tool.settings.least)
        hits = sorted(hits, key=_score, reverse=True)[: tool.settings.most]
    search = Search(query, hits, _INCLUDE in (fields.array("include") or ()))
    if not hits:
        return chat, search
    said = [*chat.messages, {"role": "tool", "content": "\n".join(hit["content"][0]["text"] for hit in hits)}]
    weight = prompt_tokens(said[-1:])
    return evolve(chat, messages=said, prompt_tokens=chat.prompt_tokens + weight), search


def _score(hit: JSONObject) -> float:
    score: float = hit["score"]
    return score


def _is_left_out(chat: ChatRequest, choice: Any) -> bool:
    return is_object(choice) or bool(called(chat))


def search_steps(location: JSONObject) -> Iterator[JSONObject]:
    """Make the events of a search, between its announcement and its end."""
    for step in ("in_progress", "searching", "completed"):
        yield {"type": f"response.file_search_call.{step}", **location}
