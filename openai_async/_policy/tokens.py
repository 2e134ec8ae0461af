"""How many tokens a conversation has, by the public rule, before the server counts it.

The server's usage is the truth; this is for budgets and context windows. The only module that knows tiktoken, which it
imports on first use. A vocabulary is used if it is at hand: registered, already loaded, or in tiktoken's cache on disk
with the right checksum. It never asks the network, and it never fails for want of a vocabulary or for what a text
contains: characters are counted instead, and the result says that it is an estimate.

The first count with a cached vocabulary reads it from disk, which blocks for most of a second.
"""

from __future__ import annotations

import functools
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, cast

import attrs

from openai_async._policy.base64_runs import LONG, text_length
from openai_async.errors import InvalidParameterError
from openai_async.types._objects import has_fields, unfolded
from openai_async.types._plain import Record

if TYPE_CHECKING:
    from openai_async.types.params.chat import ChatMessageInput

#: Characters of a token, where there is no vocabulary.
CHARACTERS_PER_TOKEN: Final = 4
#: Characters of one conversation that are encoded (some 50 to 100 ms); what is beyond is counted by characters. Far
#: above it, runs of a single character make tiktoken's pattern overflow its stack.
MAX_ENCODED: Final = 200_000
#: Flat estimates, in tokens, of what is not text: an image as one of 1024 x 1024 pixels (85 if its detail is low), a
#: sound as one of half a minute, a file as one of two pages. What they really weigh depends on the model.
MEDIA_TOKENS: Final[Mapping[str, int]] = {"image_url": 765, "input_audio": 300, "audio": 300, "file": 1_500}
_LOW_DETAIL = 85
#: The vocabulary that is tried for models that tiktoken does not know.
_NEWEST = "o200k_base"
_HOST = "https://openaipublic.blob.core.windows.net/encodings/"
#: Where tiktoken loads its vocabularies from, and their SHA-256: the cache names its files after the address.
_SOURCES: Final = {
    "o200k_base": (
        f"{_HOST}o200k_base.tiktoken",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
    "cl100k_base": (
        f"{_HOST}cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
}
_DEEPEST = 16  # levels of nesting that are read


class Encoding(Protocol):
    """What cuts a text into tokens, such as a `tiktoken.Encoding`."""

    def encode_ordinary(self, text: str) -> Sequence[int]:
        """The tokens of a text; the names of special tokens are text like any other."""
        ...


@attrs.frozen
class TokenEstimate(Record):
    """A number of tokens. `exact`: by the public rule and the model's own vocabulary, nothing was estimated."""

    tokens: int
    exact: bool

    def __int__(self) -> int:
        return self.tokens


def count_chat_tokens(
    messages: Iterable[ChatMessageInput],
    *,
    model: str | None = None,
    tools: Iterable[Mapping[str, object]] | None = None,
    encoding: Encoding | None = None,
) -> TokenEstimate:
    """Count the prompt tokens of a chat request: for each message 3, the tokens of its strings and 1 for a name; and 3
    for the start of the reply.

    Args:
        messages: as a call takes them.
        model: whose vocabulary to use. Unknown models are counted with the newest one, as an estimate.
        tools: as a call takes them. How a server writes them into the prompt is not public: an estimate, as are tool
            calls, images, sounds and files in the messages.
        encoding: the vocabulary to use instead.

    Raises:
        InvalidParameterError: something in `messages` is not a message.
    """
    own = True
    if encoding is None:
        encoding, own = _encoding_of(model or "")
    tally = _Tally(encoding, exact=own and encoding is not None)
    per_message, per_name = (4, -1) if model == "gpt-3.5-turbo-0301" else (3, 1)
    for index, message in enumerate(messages):
        fields = _fields(message, f"messages[{index}]")
        tally.tokens += per_message + (per_name if fields.get("name") is not None else 0)
        for name, value in fields.items():
            tally.add_field(name, value)
    for tool in tools or ():
        for text in _strings(tool, keys=True):
            tally.add_inexact(text)
    tally.tokens += 3
    return tally.estimate()


def _fields(message: object, name: str) -> Mapping[str, object]:
    if not has_fields(message):
        raise InvalidParameterError(name, "must be a mapping or a message of a reply")
    return cast("Mapping[str, object]", unfolded(message))


@attrs.define
class _Tally:
    """A count under way."""

    encoding: Encoding | None
    exact: bool
    tokens: int = 0
    characters: int = 0  # of texts that were not encoded
    left: int = MAX_ENCODED

    def estimate(self) -> TokenEstimate:
        return TokenEstimate(self.tokens + -(-self.characters // CHARACTERS_PER_TOKEN), self.exact)

    def add_field(self, name: str, value: object) -> None:
        if isinstance(value, str):
            self.add(value)
        elif name == "content" and isinstance(value, (list, tuple)):
            for part in cast("Sequence[object]", value):
                self._add_part(part)
        elif name in MEDIA_TOKENS and value is not None:
            self._add_medium(name, value)
        else:
            for text in _strings(value):
                self.add_inexact(text)

    def add(self, text: str) -> None:
        if len(text) >= LONG and (length := text_length(text)) < len(text):  # base64 of a picture, a sound, a file
            self.characters += length
            self.exact = False
            return
        tokens = None
        if self.encoding is not None and len(text) <= self.left:
            tokens = _encoded_length(self.encoding, text)
        if tokens is None:
            self.characters += len(text)
            self.exact = False
        else:
            self.tokens += tokens
            self.left -= len(text)

    def add_inexact(self, text: str) -> None:
        self.add(text)
        self.exact = False

    def _add_part(self, part: object) -> None:
        fields = cast("Mapping[str, object]", part) if isinstance(part, Mapping) else {"": part}
        kind = fields.get("type")
        text = fields.get(str(kind)) if kind in ("text", "refusal") else None
        if isinstance(text, str):
            return self.add(text)
        media = fields.keys() & MEDIA_TOKENS.keys()
        for name in media:
            self._add_medium(name, fields[name])
        if not media:
            for text in _strings(fields):
                self.add_inexact(text)
        return None

    def _add_medium(self, name: str, value: object) -> None:
        low = isinstance(value, Mapping) and cast("Mapping[str, object]", value).get("detail") == "low"
        self.tokens += _LOW_DETAIL if low else MEDIA_TOKENS[name]
        self.exact = False


def _strings(value: object, *, keys: bool = False, levels: int = _DEEPEST) -> Iterator[str]:
    """The strings inside of a JSON value, with the keys of its objects if they matter."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping) and levels:
        for name, item in cast("Mapping[str, object]", value).items():
            if keys:
                yield name
            if name not in MEDIA_TOKENS:
                yield from _strings(item, keys=keys, levels=levels - 1)
    elif isinstance(value, (list, tuple)) and levels:
        for item in cast("Sequence[object]", value):
            yield from _strings(item, keys=keys, levels=levels - 1)


def _encoded_length(encoding: Encoding, text: str) -> int | None:
    """The number of tokens; None if the encoder gave up."""
    try:
        return len(encoding.encode_ordinary(text))
    except BaseException as error:
        # The panics of tiktoken's native code are no `Exception`, and their class cannot be imported.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            return None
        raise


# ---- vocabularies

_registered: dict[str, Encoding] = {}


def register_encoding(model_prefix: str, encoding: Encoding) -> None:
    """Use this vocabulary for every model whose id begins like this; of several beginnings, the longest counts.

    Args:
        model_prefix: a model's id, or its beginning.
        encoding: a `tiktoken.Encoding`, or anything with its `encode_ordinary`.
    """
    _registered[model_prefix] = encoding


def _encoding_of(model: str) -> tuple[Encoding | None, bool]:
    """The vocabulary of a model if one is at hand, and whether it is known to be the model's own."""
    import tiktoken

    beginnings = [prefix for prefix in tuple(_registered) if model.startswith(prefix)]
    if beginnings:
        return _registered[max(beginnings, key=len)], True
    try:
        return _at_hand(tiktoken.encoding_name_for_model(model)), True
    except KeyError:
        return _at_hand(_NEWEST), False


def _at_hand(name: str) -> Encoding | None:
    """A vocabulary of tiktoken's, unless it would have to be downloaded."""
    import tiktoken
    import tiktoken.registry

    loaded = tiktoken.registry.ENCODINGS.get(name)
    if loaded is not None:
        return loaded
    try:
        return tiktoken.get_encoding(name) if _is_cached(name) else None
    except Exception:
        return None  # the file was removed after it was checked, or a plugin of tiktoken's is broken


def _is_cached(name: str) -> bool:
    """Whether the file is where tiktoken looks for it, and is whole: one that is not makes tiktoken download it."""
    directory = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if name not in _SOURCES or directory == "":  # empty: tiktoken's cache is switched off
        return False
    if directory is None:
        directory = os.path.join(tempfile.gettempdir(), "data-gym-cache")
    address, checksum = _SOURCES[name]
    path = os.path.join(directory, hashlib.sha1(address.encode(), usedforsecurity=False).hexdigest())
    try:
        found = os.stat(path)
        return _checksum(path, found.st_mtime_ns, found.st_size) == checksum
    except OSError:
        return False


@functools.lru_cache(maxsize=8)
def _checksum(path: str, modified: int, size: int) -> str:
    """SHA-256 of a file; computed again when the file has changed."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
