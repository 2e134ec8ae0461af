"""What endpoints that generate text from a prompt read alike: prompts in every form, and stop strings.

Token arrays stand for words of the emulator, always the same for the same number. Nothing here generates.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from openai_async.emulator.error_responses import invalid
from openai_async.emulator.fields import Fields, is_list, wrong_type
from openai_async.emulator.text import WORDS, count

__all__ = ["Prompt", "read_prompts", "read_stop"]


@frozen
class Prompt:
    """One prompt: its text and its tokens. `characters` is what a rate limit estimates the tokens from."""

    text: str
    tokens: int
    characters: int

    @classmethod
    def read(cls, value: str | list[int]) -> Prompt:
        if isinstance(value, str):
            return cls(value, count(value), len(value))
        return cls("".join(f" {WORDS[number % len(WORDS)]}" for number in value), len(value), 4 * len(value))


def read_prompts(fields: Fields, name: str, most: int) -> list[Prompt]:
    """Read a parameter that is a text, several texts, a token array, or several: at most `most` prompts."""
    value = fields.required(name)
    param = fields.param(name)
    if isinstance(value, str):
        return [Prompt.read(value)]
    if not is_list(value):
        raise wrong_type(param, "one of a string or array", value)
    if not value:
        raise invalid(f"Invalid '{param}': input cannot be an empty array.", param=param, code="empty_array")
    if all(map(_is_token, value)):
        return [Prompt.read(value)]
    fields.array(name, most)
    return [Prompt.read(_checked(item, f"{param}[{index}]")) for index, item in enumerate(value)]


def _checked(item: Any, param: str) -> str | list[int]:
    if isinstance(item, str) or (is_list(item) and item and all(map(_is_token, item))):
        return item
    raise wrong_type(param, "one of a string or array of integers", item)


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def read_stop(fields: Fields) -> tuple[str, ...]:
    """Read `stop`: up to four texts."""
    stop = fields.get("stop")
    if stop is None or isinstance(stop, str):
        return (stop,) if stop else ()
    if not is_list(stop):
        raise wrong_type("stop", "one of a string or array of strings", stop)
    for index, text in enumerate(fields.array("stop", most=4) or ()):
        if not isinstance(text, str):
            raise wrong_type(f"stop[{index}]", "a string", text)
    return tuple(text for text in stop if text)
