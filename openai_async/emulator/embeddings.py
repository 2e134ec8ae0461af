"""The endpoint of `POST /v1/embeddings`: unit vectors that are close if their texts share words.

Each word, or number of a token array, adds to a few positions of the vector that depend on this word alone. The same
input therefore always has the same vector. No model is used.
"""

from __future__ import annotations

import math
import re
import sys
from array import array
from base64 import b64encode
from hashlib import blake2b
from struct import unpack
from typing import TYPE_CHECKING

import orjson
from starlette.routing import Route

from openai_async.emulator.call import Answer, Call
from openai_async.emulator.endpoint import Endpoint
from openai_async.emulator.error_responses import ErrorResponse, invalid
from openai_async.emulator.fields import Fields
from openai_async.emulator.sampling import Prompt, read_prompts

if TYPE_CHECKING:
    from openai_async.emulator.backend import Backend

__all__ = ["routes", "vector"]

_DIMENSIONS = 1536
_MOST_DIMENSIONS = 3072
_MOST_INPUTS = 2048
_LONGEST = 8192  # tokens
_WORD = re.compile(r"\w+|[^\w\s]")


def routes(emulator: Backend) -> list[Route]:
    """`POST /v1/embeddings`."""

    def create(call: Call) -> Answer:
        fields = Fields(call.json())
        name = fields.text("model")
        if not name:
            raise invalid("you must provide a model parameter")
        call.entry.model = name
        model = emulator.catalog.find(name)
        call.entry.model = model.id
        encoding = fields.choice("encoding_format", ("float", "base64")) or "float"
        dimensions = fields.integer("dimensions", 1, _MOST_DIMENSIONS) or _DIMENSIONS
        inputs = read_prompts(fields, "input", _MOST_INPUTS)
        for each in inputs:
            _check(each)
        emulator.admit(call, model.id, sum(math.ceil(each.characters / 4) for each in inputs))
        call.entry.prompt_tokens = used = sum(each.tokens for each in inputs)
        vectors = (vector(each.text, dimensions) for each in inputs)
        data = [
            {"object": "embedding", "index": index, "embedding": _packed(each) if encoding == "base64" else list(each)}
            for index, each in enumerate(vectors)
        ]
        usage = {"prompt_tokens": used, "total_tokens": used}
        reply = {"object": "list", "data": data, "model": model.snapshot, "usage": usage}
        return Answer(orjson.dumps(reply), after=emulator.latency.pace(used).due(0))

    return [Route("/v1/embeddings", Endpoint(emulator, POST=create))]


def _check(each: Prompt) -> None:
    if not each.text:
        raise invalid("'$.input' is invalid. Please check the API reference.", param="input")
    if each.tokens > _LONGEST:
        raise ErrorResponse(
            400,
            f"This model's maximum context length is {_LONGEST} tokens, however you requested {each.tokens} tokens "
            f"({each.tokens} in your prompt; 0 for the completion). Please reduce your prompt.",
        )


def vector(text: str, dimensions: int = _DIMENSIONS) -> array[float]:
    """Get the vector of a text, as 32-bit floats of length 1."""
    sums = [0.0] * dimensions
    touched: set[int] = set()
    for word in _WORD.findall(text.lower()) or [text]:
        for bits in unpack("<8I", blake2b(word.encode(), digest_size=32).digest()):
            at = bits % dimensions
            touched.add(at)
            sums[at] += 1.0 if bits & 0x8000_0000 else -1.0
    length = math.sqrt(sum(sums[at] ** 2 for at in touched))
    if not length:  # words may cancel each other out
        sums[0] = length = 1.0
        touched.add(0)
    for at in touched:
        sums[at] /= length
    return array("f", sums)


def _packed(numbers: array[float]) -> str:
    if sys.byteorder == "big":
        numbers = array("f", numbers)
        numbers.byteswap()
    return b64encode(numbers.tobytes()).decode()
