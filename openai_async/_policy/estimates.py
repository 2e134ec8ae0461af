"""What a request will be charged against the tokens-per-minute limit, before it is sent.

Servers charge at admission, before any tokenizer has run: a quarter of the characters, and what the reply may have at
most. That is arithmetic on the lengths of strings: no vocabulary, no JSON, some 3 us for a short conversation. The
server's own "Requested N" in a 429 corrects it. No clock, no I/O; whatever a body contains, nothing here raises.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, cast

import attrs

from openai_async._policy.base64_runs import LONG, text_length
from openai_async.types._objects import has_fields, unfolded

#: How prompt and completion make up a charge: their sum, or the larger one (OpenAI's documentation says "the maximum of
#: max_tokens and the estimated number of tokens").
Policy: TypeAlias = Literal["sum", "max"]

_CHARACTERS_PER_TOKEN = 4
#: Tokens that a reply is taken to have if the request sets no bound.
GUESSED_COMPLETION: Final = 16
#: Bounds of what is learned.
LEAST_SCALE: Final = 0.25
MOST_SCALE: Final = 4.0
#: Not text, however short: addresses, and what is named after a file. Base64 is told by what it looks like.
_MEDIA = frozenset({"image_url", "input_audio", "file"})
_DEEPEST = 16  # levels of nesting that are read
#: Fields of replies that hold what the model said.
_REPLY: Final = ("choices", "output")


@attrs.define  # not frozen: making one is on the path of every call
class RequestSize:
    """A request in tokens: its prompt as estimated from the characters, and the most that all its replies may have."""

    prompt: int
    completion: int

    def charge(self, policy: Policy = "sum", scale: float = 1.0) -> int:
        """The tokens that the limit is charged; `scale` multiplies the prompt."""
        prompt = self.prompt if scale == 1.0 else math.ceil(self.prompt * scale)
        return max(prompt, self.completion) if policy == "max" else prompt + self.completion


@attrs.frozen
class _Form:
    """Where a request has its prompt, and the bound of its reply."""

    prompt: tuple[str, ...]
    bounds: tuple[str, ...] = ()


#: By the end of the path; the longer one first.
_FORMS: Final = (
    ("chat/completions", _Form(("messages", "tools", "functions"), ("max_completion_tokens", "max_tokens"))),
    ("completions", _Form(("prompt", "suffix"), ("max_tokens",))),
    ("responses", _Form(("input", "instructions", "tools"), ("max_output_tokens",))),
    ("responses/compact", _Form(("input", "instructions"))),
)
_NO_REPLY: Final = _Form(("input", "prompt", "messages"))


def estimate_request(
    path: str, body: Mapping[str, Any], *, n: int | None = None, policy: Policy = "sum", scale: float = 1.0
) -> int:
    """The tokens that a request will be charged at admission.

    Args:
        path: of the endpoint, such as `/chat/completions`.
        body: the request's parameters. Arrays of token ids count as they are.
        n: replies per prompt, if not as the body says.
        policy: how prompt and completion make up the charge.
        scale: what `Calibration` learned of the server's count of the prompt.
    """
    return size_of_request(path, body, n=n).charge(policy, scale)


def size_of_request(path: str, body: Mapping[str, Any], *, n: int | None = None) -> RequestSize:
    """The two parts of `estimate_request`, which `Calibration` learns from."""
    form = _form_of(path)
    characters = tokens = 0
    for name in form.prompt:
        value = body.get(name)
        if value is not None:
            ids = _token_ids(value)
            tokens += ids
            characters += 0 if ids else _characters(value, _DEEPEST)
    prompt = tokens + -(-characters // _CHARACTERS_PER_TOKEN)
    if not form.bounds:
        return RequestSize(prompt, 0)
    bound = GUESSED_COMPLETION
    for name in reversed(form.bounds):
        if name in body:
            bound = _whole(body[name]) or bound
    replies = n or 1
    if n is None and ("n" in body or "best_of" in body):
        replies = max(_whole(body.get("n")), _whole(body.get("best_of")), 1)
    if form.prompt[0] == "prompt":
        replies *= _prompts(body.get("prompt"))
    return RequestSize(prompt, replies * bound)


def tokens_of_reply(reply: object) -> int:
    """The tokens of what a reply says, as estimated, where the server counted none."""
    fields: Any = unfolded(reply) if has_fields(reply) else {}
    return -(-sum(_characters(fields.get(name), _DEEPEST) for name in _REPLY) // _CHARACTERS_PER_TOKEN)


@functools.lru_cache(maxsize=256)
def _form_of(path: str) -> _Form:
    end = path.partition("?")[0].rstrip("/")
    return next((form for suffix, form in _FORMS if end.endswith(suffix)), _NO_REPLY)


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _prompts(value: object) -> int:
    """How many prompts a text completion has: a text or an array of ids is one, an array of those several."""
    if isinstance(value, (list, tuple)) and value:
        several = cast("list[object]", value)
        return 1 if isinstance(several[0], int) else len(several)
    return 1


def _token_ids(value: object) -> int:
    """The length of an array of token ids, or of an array of such arrays; 0 for anything else."""
    if not isinstance(value, (list, tuple)) or not value:
        return 0
    items = cast("list[object]", value)
    if isinstance(items[0], int):
        return len(items)
    if isinstance(items[0], (list, tuple)):
        return sum(map(_token_ids, items))
    return 0


def _characters(value: Any, levels: int) -> int:
    """The characters of all strings inside of a JSON value; keys and media are left out."""
    if not levels or value is None:
        return 0
    # Exact types first: asking the abstract ones takes longer than all the rest.
    if type(value) is not dict and type(value) is not list:
        if isinstance(value, str):
            return len(value) if len(value) < LONG else text_length(value)
        if not isinstance(value, (list, tuple)):
            if not has_fields(value):
                return 0
            value = unfolded(value)
    total = 0
    if isinstance(value, (list, tuple)):
        for item in cast("list[Any]", value):
            short = type(item) is str and len(item) < LONG
            total += len(item) if short else _characters(item, levels - 1)
    else:
        for name, item in cast("Mapping[str, Any]", value).items():
            if name not in _MEDIA:
                short = type(item) is str and len(item) < LONG
                total += len(item) if short else _characters(item, levels - 1)
    return total


# ---- what the server says


_REQUESTED = re.compile(r"\btokens per (?:min|day)[^\n]{0,120}?\bRequested:? ?([0-9,]{1,15})")


def requested_tokens(message: str) -> int | None:
    """The charge that a 429 states ("... on tokens per min (TPM): Limit 30000, Requested 46245"); None without one.

    That of a limit on requests is not in tokens, and not returned. Reads the first 4,000 characters.
    """
    found = _REQUESTED.search(message[:4000])
    digits = found[1].replace(",", "") if found else ""
    return int(digits) if digits else None


@attrs.define
class _Learned:
    """Sums over requests, the older ones fading: a large request tells more than a small one."""

    #: So much, in tokens, is known at first: that the scale is 1.
    estimated: float = 64.0
    actual: float = 64.0
    told: bool = False

    def add(self, estimated: float, actual: float) -> None:
        kept = 0.9
        actual = min(max(actual, LEAST_SCALE * estimated), MOST_SCALE * estimated)
        self.estimated = kept * self.estimated + estimated
        self.actual = kept * self.actual + actual


class Calibration:
    """How a server's count of a prompt relates to ours, by rate-limit scope: 1 at first, always between 0.25 and 4.

    The charge that a server states in a refusal is certain. Usage is a hint, for servers that settle what was reserved
    by what was used; once a scope's charge was stated, usage is no longer considered.
    """

    __slots__ = ("_scopes",)

    def __init__(self) -> None:
        self._scopes: dict[str, _Learned] = {}

    def scale(self, scope: str) -> float:
        """What to multiply an estimated prompt with."""
        learned = self._scopes.get(scope)
        return 1.0 if learned is None else min(max(learned.actual / learned.estimated, LEAST_SCALE), MOST_SCALE)

    def learn_requested(self, scope: str, size: RequestSize, requested: int, policy: Policy = "sum") -> None:
        """The server says that it charges `requested` tokens for a request of this size."""
        prompt = requested - size.completion if policy == "sum" else requested
        if size.prompt <= 0 or (policy == "max" and requested <= size.completion):
            return  # it says nothing of the prompt
        learned = self._scopes.get(scope)
        if learned is None or not learned.told:
            learned = self._scopes[scope] = _Learned(told=True)
        learned.add(size.prompt, prompt)

    def learn_usage(self, scope: str, size: RequestSize, prompt_tokens: int) -> None:
        """The prompt of a request of this size had `prompt_tokens`."""
        learned = self._scopes.setdefault(scope, _Learned())
        if size.prompt > 0 and not learned.told:
            learned.add(size.prompt, prompt_tokens)
