"""Token counts: the public rule, vocabularies that are at hand or not, and texts that break tokenizers.

Nothing here may reach for the network: the only vocabularies are built below.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiktoken
import tiktoken.load
import tiktoken.registry
import tiktoken_ext.openai_public

from openai_async._policy import tokens
from openai_async._policy.tokens import MAX_ENCODED, MEDIA_TOKENS, TokenEstimate, count_chat_tokens, register_encoding
from openai_async.errors import InvalidParameterError
from openai_async.types.chat import ChatCompletionAudio, ChatCompletionMessage, FunctionCall, ToolCall

HELLO = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": "Hello!"}]


def bytes_encoding() -> tiktoken.Encoding:
    """Every byte is a token."""
    ranks = {bytes([value]): value for value in range(256)}
    return tiktoken.Encoding("bytes", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 256})


def words_encoding() -> tiktoken.Encoding:
    """Cuts like cl100k_base, and has the words of the worked example as tokens."""
    ranks = {bytes([value]): value for value in range(256)}
    for word in ("system", "user", "You", " are", " a", " helpful", " assistant", "Hello", " How", " can", " I"):
        ranks[word.encode()] = len(ranks)
    for word in (" assist", " you", " today"):
        ranks[word.encode()] = len(ranks)
    pattern = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s"
    return tiktoken.Encoding("words", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


class Recorder:
    """An encoding of one token per character that remembers what it was asked to cut."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.asked: list[str] = []
        self.error = error

    def encode_ordinary(self, text: str) -> list[int]:
        self.asked.append(text)
        if self.error is not None:
            raise self.error
        return [0] * len(text)


@pytest.fixture(autouse=True)
def nothing_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No vocabulary of this machine is seen, and asking the network for one fails the test."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("DATA_GYM_CACHE_DIR", raising=False)
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})
    monkeypatch.setattr(tokens, "_registered", {})
    monkeypatch.setattr(tiktoken.load, "read_file", lambda address: pytest.fail(f"asked the network for {address}"))


# ---- the rule


def test_the_worked_example() -> None:
    """A system message and "Hello!" are 19 tokens; the reply's text is 9."""
    assert count_chat_tokens(HELLO, encoding=words_encoding()) == TokenEstimate(19, exact=True)
    assert len(words_encoding().encode_ordinary("Hello! How can I assist you today?")) == 9


def test_each_part_of_the_rule() -> None:
    """Three tokens a message, those of each string, one for a name, three for the reply."""
    count = bytes_encoding()
    assert count_chat_tokens([], encoding=count).tokens == 3
    assert count_chat_tokens([{"role": "user", "content": "héllo"}], encoding=count).tokens == 3 + 3 + 4 + 6
    named = {"role": "user", "content": "hi", "name": "ann"}
    assert count_chat_tokens([named], encoding=count) == TokenEstimate(3 + 3 + 4 + 2 + 3 + 1, exact=True)
    assert count_chat_tokens([named, named], model="gpt-3.5-turbo-0301", encoding=count).tokens == 3 + 2 * (
        4 + 4 + 2 + 3 - 1
    )
    assert count_chat_tokens([{"role": "user", "content": "hi", "name": None}], encoding=count).tokens == 12
    assert int(TokenEstimate(12, exact=False)) == 12


def test_replies_count_like_the_messages_they_become() -> None:
    """A reply's message can be put into the next call, and counts as it will be sent."""
    reply = ChatCompletionMessage("assistant", "Hello!")
    as_sent = {"role": "assistant", "content": "Hello!"}
    count = bytes_encoding()
    assert count_chat_tokens([reply], encoding=count) == count_chat_tokens([as_sent], encoding=count)
    called = ChatCompletionMessage(tool_calls=[ToolCall("c1", "function", FunctionCall("add", '{"a": 1}'))])
    assert count_chat_tokens([called], encoding=count) == TokenEstimate(
        6 + len("assistant") + len("c1" + "function" + "add" + '{"a": 1}'), exact=False
    )


def test_parts_of_text_count_like_text() -> None:
    """What the model reads of a text part is the text."""
    parts = [{"type": "text", "text": "Hel"}, {"type": "refusal", "refusal": "lo!"}]
    assert count_chat_tokens([{"role": "user", "content": parts}], encoding=bytes_encoding()) == TokenEstimate(
        6 + 4 + 6, exact=True
    )


@pytest.mark.parametrize(
    ("part", "weight"),
    [
        ({"type": "image_url", "image_url": {"url": "data:" + "A" * 9999}}, MEDIA_TOKENS["image_url"]),
        ({"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}, 85),
        ({"type": "input_audio", "input_audio": {"data": "A" * 9999, "format": "wav"}}, MEDIA_TOKENS["input_audio"]),
        ({"type": "file", "file": {"file_data": "A" * 9999}}, MEDIA_TOKENS["file"]),
        ({"type": "image_url", "image_url": "https://x/y.png"}, MEDIA_TOKENS["image_url"]),
        ({"type": "novel", "words": "four"}, len("novelfour")),
        ("four", 4),
        (None, 0),
    ],
)
def test_media_have_a_flat_weight(part: Any, weight: int) -> None:
    """Images, sounds and files weigh the same whatever they contain; that is an estimate, as is anything unknown."""
    found = count_chat_tokens([{"role": "user", "content": [part]}], encoding=bytes_encoding())
    assert found.tokens == 6 + 4 + weight
    assert found.exact is False or weight == 0


def test_spoken_replies_have_a_flat_weight() -> None:
    """The sound of a reply is not counted as if it were text."""
    spoken = ChatCompletionMessage(audio=ChatCompletionAudio("a1", data="A" * 9999, transcript="hi"))
    found = count_chat_tokens([spoken], encoding=bytes_encoding())
    assert found == TokenEstimate(6 + len("assistant") + MEDIA_TOKENS["audio"], exact=False)


def test_tools_are_an_estimate() -> None:
    """Names, descriptions and keys of tools count, and the result says that it is not exact."""
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "minimum": 1}}}
    keys, texts = "typefunctionnameparameterstypeminimum", "functionaddobject"
    found = count_chat_tokens([], tools=[tool], encoding=bytes_encoding())
    assert found == TokenEstimate(3 + len(keys) + len(texts), exact=False)


def test_special_tokens_are_text() -> None:
    """A message that contains the name of a special token is counted, not refused."""
    text = "<|endoftext|>"
    found = count_chat_tokens([{"role": "user", "content": text}], encoding=bytes_encoding())
    assert found == TokenEstimate(6 + 4 + len(text), exact=True)


@pytest.mark.parametrize("message", ["hi", 7, None, ["role", "user"]])
def test_what_is_no_message_is_refused(message: Any) -> None:
    """The error says which of the messages it is about."""
    with pytest.raises(InvalidParameterError) as caught:
        count_chat_tokens([*HELLO, message])
    assert caught.value.field == "messages[2]"


# ---- vocabularies


@pytest.mark.parametrize("model", [None, "gpt-4o", "gpt-4", "gpt-6-luna", "text-davinci-003", "gpt2", "llama", ""])
def test_without_a_vocabulary_characters_are_counted(model: str | None) -> None:
    """A quarter of the characters, rounded up once: 44 of them here; and it is said to be an estimate."""
    assert count_chat_tokens(HELLO, model=model) == TokenEstimate(3 + 3 + 3 + 11, exact=False)
    assert count_chat_tokens([{"role": "user", "content": "a"}], model=model) == TokenEstimate(3 + 3 + 2, exact=False)


def test_a_registered_vocabulary_is_used_for_its_models() -> None:
    """Of several beginnings the longest counts, and tiktoken's own are not asked."""
    register_encoding("llama-", Recorder())
    register_encoding("llama-4", bytes_encoding())
    long, short = [{"role": "user", "content": "é"}], 3 + 3 + 4
    assert count_chat_tokens(long, model="llama-4-scout") == TokenEstimate(short + 2, exact=True)
    assert count_chat_tokens(long, model="llama-3") == TokenEstimate(short + 1, exact=True)
    assert count_chat_tokens(long, model="qwen").exact is False


def test_a_loaded_vocabulary_is_used() -> None:
    """What was loaded into tiktoken is at hand; for models that tiktoken does not know, the newest is a guess."""
    tiktoken.registry.ENCODINGS["o200k_base"] = words_encoding()
    assert count_chat_tokens(HELLO, model="gpt-4o") == TokenEstimate(19, exact=True)
    assert count_chat_tokens(HELLO, model="gpt-6-luna") == TokenEstimate(19, exact=False)
    assert count_chat_tokens(HELLO) == TokenEstimate(19, exact=False)
    assert count_chat_tokens(HELLO, model="gpt-4") == TokenEstimate(20, exact=False)


@pytest.fixture
def vocabulary(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The bytes of a small vocabulary file, which this tiktoken expects for o200k_base."""
    content = b"".join(base64.b64encode(bytes([value])) + b" %d\n" % value for value in range(256))
    checksum = hashlib.sha256(content).hexdigest()
    address = tokens._SOURCES["o200k_base"][0]

    def o200k_base() -> dict[str, Any]:
        ranks = tiktoken.load.load_tiktoken_bpe(address, expected_hash=checksum)
        return {"name": "o200k_base", "pat_str": r"\S+|\s+", "mergeable_ranks": ranks, "special_tokens": {}}

    monkeypatch.setattr(tiktoken.registry, "ENCODING_CONSTRUCTORS", {"o200k_base": o200k_base})
    monkeypatch.setattr(tokens, "_SOURCES", {"o200k_base": (address, checksum)})
    return content


def name_in_cache() -> str:
    return hashlib.sha1(tokens._SOURCES["o200k_base"][0].encode()).hexdigest()


def use_variable(name: str) -> Callable[[Path, pytest.MonkeyPatch], Path]:
    def use(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.delenv("TIKTOKEN_CACHE_DIR")
        monkeypatch.setenv(name, str(path))
        return path

    return use


def use_default(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR")
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    (path / "data-gym-cache").mkdir()
    return path / "data-gym-cache"


@pytest.mark.parametrize("place", [use_variable("TIKTOKEN_CACHE_DIR"), use_variable("DATA_GYM_CACHE_DIR"), use_default])
def test_a_cached_vocabulary_is_used(
    place: Callable[[Path, pytest.MonkeyPatch], Path],
    vocabulary: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A whole file in tiktoken's cache, wherever that is, is at hand."""
    (place(tmp_path, monkeypatch) / name_in_cache()).write_bytes(vocabulary)
    assert count_chat_tokens([{"role": "user", "content": "é"}], model="gpt-4o") == TokenEstimate(12, exact=True)


def test_a_damaged_vocabulary_is_left_alone(vocabulary: bytes, tmp_path: Path) -> None:
    """A cut file is neither used, nor removed, nor downloaded again; once it is whole, it is used."""
    path = tmp_path / name_in_cache()
    path.write_bytes(vocabulary[:-1])
    assert count_chat_tokens(HELLO, model="gpt-4o") == TokenEstimate(20, exact=False)
    assert path.read_bytes() == vocabulary[:-1]
    path.write_bytes(vocabulary)
    assert count_chat_tokens(HELLO, model="gpt-4o").exact is True


def test_a_cache_that_is_switched_off_has_nothing(
    vocabulary: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an empty TIKTOKEN_CACHE_DIR, tiktoken would download every time."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    monkeypatch.setenv("DATA_GYM_CACHE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / name_in_cache()).write_bytes(vocabulary)
    assert count_chat_tokens(HELLO, model="gpt-4o").exact is False


def test_a_directory_in_the_place_of_a_vocabulary_is_nothing(vocabulary: bytes, tmp_path: Path) -> None:
    """What cannot be read is not at hand."""
    (tmp_path / name_in_cache()).mkdir()
    assert count_chat_tokens(HELLO, model="gpt-4o").exact is False


def test_a_vocabulary_that_cannot_be_loaded_is_nothing(
    vocabulary: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should tiktoken fail although the file is there, characters are counted."""
    (tmp_path / name_in_cache()).write_bytes(vocabulary)
    monkeypatch.setattr(tiktoken.registry, "ENCODING_CONSTRUCTORS", {})
    assert count_chat_tokens(HELLO, model="gpt-4o") == TokenEstimate(20, exact=False)


@pytest.mark.parametrize("name", sorted(tokens._SOURCES))
def test_addresses_and_checksums_are_those_of_tiktoken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed tiktoken will find the file that was checked, and expect the same content."""
    asked: list[tuple[str, str | None]] = []

    def load(address: str, expected_hash: str | None = None) -> dict[bytes, int]:
        asked.append((address, expected_hash))
        return {}

    monkeypatch.setattr(tiktoken_ext.openai_public, "load_tiktoken_bpe", load)
    tiktoken_ext.openai_public.ENCODING_CONSTRUCTORS[name]()
    assert asked == [tokens._SOURCES[name]]


# ---- texts that break tokenizers


@pytest.mark.parametrize("sign", ["a", "^", " ", "字", "\n", "\ud800"])
def test_a_huge_text_is_not_encoded(sign: str) -> None:
    """A million signs are counted by characters, whatever the vocabulary."""
    recorder = Recorder()
    found = count_chat_tokens([{"role": "user", "content": sign * 10**6}], encoding=recorder)
    assert found == TokenEstimate(3 + 3 + 4 + 250_000, exact=False)
    assert recorder.asked == ["user"]


def test_many_texts_are_encoded_up_to_a_sum() -> None:
    """The bound is on the whole conversation, so that the time is."""
    recorder = Recorder()
    half = {"role": "", "content": "x" * (MAX_ENCODED // 2)}
    found = count_chat_tokens([half] * 4, encoding=recorder)
    assert sum(map(len, recorder.asked)) == MAX_ENCODED
    assert found == TokenEstimate(3 + 4 * 3 + MAX_ENCODED + MAX_ENCODED // 4, exact=False)


@pytest.mark.parametrize("name", sorted(tokens._SOURCES))
@pytest.mark.parametrize("sign", ["a", "^", " ", "\n", "\ud800", "👍", "a ", " ^"])
def test_a_long_run_is_encoded(name: str, sign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the bound, no run of signs makes the patterns of the real encodings fail."""
    ranks = {bytes([value]): value for value in range(256)}
    monkeypatch.setattr(tiktoken_ext.openai_public, "load_tiktoken_bpe", lambda *args, **kwargs: ranks)
    settings = tiktoken_ext.openai_public.ENCODING_CONSTRUCTORS[name]() | {"special_tokens": {}}
    text = (sign * MAX_ENCODED)[: MAX_ENCODED - 4]
    found = count_chat_tokens([{"role": "user", "content": text}], encoding=tiktoken.Encoding(**settings))
    written = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    assert found == TokenEstimate(6 + 4 + len(written), exact=True)


class PanicException(BaseException):
    """Named as what tiktoken's native code raises."""


@pytest.mark.parametrize("error", [ValueError("no"), PanicException("stack overflow"), RecursionError()])
def test_an_encoder_that_gives_up_is_replaced_by_characters(error: BaseException) -> None:
    """Counting does not fail because of what a text contains."""
    assert count_chat_tokens(HELLO, encoding=Recorder(error)) == TokenEstimate(20, exact=False)


def test_interrupts_are_not_swallowed() -> None:
    """Ctrl-C while encoding stops the count."""
    with pytest.raises(KeyboardInterrupt):
        count_chat_tokens(HELLO, encoding=Recorder(KeyboardInterrupt()))
