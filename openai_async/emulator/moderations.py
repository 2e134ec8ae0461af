"""The endpoint of `POST /v1/moderations`: texts are flagged by their words alone.

Each category has a few words. A text with one of them gets a high score and is flagged. Any other text gets low scores
that depend on the text alone. Images are never fetched and never flagged.
"""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, JSONObject, is_list, is_object, wrong_type
from openai_async.emulator.text import digest

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["routes"]

_LATEST = "omni-moderation-latest"
_MODELS = (_LATEST, "omni-moderation-2024-09-26", "text-moderation-latest", "text-moderation-stable")
_CATEGORIES = {
    "harassment": {"idiot", "moron"},
    "harassment/threatening": set[str](),
    "hate": {"vermin"},
    "hate/threatening": set[str](),
    "illicit": {"steal", "counterfeit"},
    "illicit/violent": {"bomb"},
    "self-harm": {"suicide"},
    "self-harm/intent": set[str](),
    "self-harm/instructions": set[str](),
    "sexual": {"porn"},
    "sexual/minors": set[str](),
    "violence": {"kill", "murder", "bomb"},
    "violence/graphic": {"gore"},
}
#: Categories that pictures are looked at for.
_SEEN = frozenset({"self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "violence", "violence/graphic"})


def routes(emulator: Backend) -> list[Route]:
    """`POST /v1/moderations`."""

    def create(call: Call) -> Answer:
        fields = Fields(call.json())
        model = fields.text("model") or _LATEST
        if model not in _MODELS:
            model = emulator.catalog.find(model).snapshot
        call.entry.model = model
        inputs = _inputs(fields)
        results = [_result(text, pictures) for text, pictures in inputs]
        seed = digest([model, [text for text, _ in inputs]])
        return Answer(orjson.dumps({"id": f"modr-{seed:016x}", "model": model, "results": results}))

    return [Route("/v1/moderations", Endpoint(emulator, POST=create))]


def _inputs(fields: Fields) -> list[tuple[str, bool]]:
    """Read the inputs: the text of each, and whether it has images."""
    value = fields.required("input")
    if isinstance(value, str):
        return [(value, False)]
    if not is_list(value):
        raise wrong_type("input", "one of a string or array", value)
    if not value:
        raise invalid("Invalid 'input': input cannot be an empty array.", param="input", code="empty_array")
    if all(isinstance(item, str) for item in value):
        return [(text, False) for text in value]
    parts = [_part(item, f"input[{index}]") for index, item in enumerate(value)]
    return [(" ".join(text for text in parts if text is not None), None in parts)]


def _part(item: Any, at: str) -> str | None:
    """Get the text of a part. None for an image."""
    if not is_object(item):
        raise wrong_type(at, "an object", item)
    part = Fields(item, at)
    part.required("type")
    if part.choice("type", ("text", "image_url")) == "text":
        part.required("text")
        return part.text("text")
    part.required("image_url")
    (part.fields("image_url") or part).required("url")
    return None


def _result(text: str, pictures: bool) -> JSONObject:
    words = set(re.findall(r"[\w-]+", text.lower()))
    rng = Random(digest(text))
    scores = {
        name: round(0.9 + 0.09 * rng.random() if said & words else 0.01 * rng.random() ** 2, 8)
        for name, said in _CATEGORIES.items()
    }
    categories = {name: score > 0.5 for name, score in scores.items()}
    return {
        "flagged": any(categories.values()),
        "categories": categories,
        "category_scores": scores,
        "category_applied_input_types": {
            name: ["text", "image"] if pictures and name in _SEEN else ["text"] for name in _CATEGORIES
        },
    }
