"""Transcripts in every format of the API: objects, subtitles, events.

Words are spread evenly over the length of the audio, a segment is a sentence, and two speakers alternate. Everything
follows from the text and the length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

from attrs import frozen

from openai_async.emulator.audio.wav import Heard
from openai_async.emulator.fields import JSONObject
from openai_async.emulator.text import count, sentences, tokens

__all__ = ["Transcript"]

_TOKENS_PER_SECOND = 10  # of sound
_SPEAKERS = ("A", "B")
_PER_SECOND = 3  # tokens that are said


@frozen
class Transcript:
    """The text of an audio file: `words` with their times, and the sentences as (text, start, end)."""

    task: str
    language: str
    seconds: float
    text: str
    sentences: tuple[tuple[str, float, float], ...]

    @classmethod
    def of(cls, heard: Heard, seed: int, task: str, language: str) -> Transcript:
        text = heard.words
        if not text:  # somebody else's sound
            said = sentences(
                Random(seed), max(1, int(heard.seconds * _PER_SECOND)), int(heard.seconds * _PER_SECOND) + 24
            )
            text = "".join(said)
        parts = [part for part in re.split(r"(?<=[.!?])\s+", text) if part]
        length, at, spread = sum(map(len, parts)) or 1, 0, list[tuple[str, float, float]]()
        for part in parts:
            start, at = at, at + len(part)
            spread.append((part, _time(heard.seconds * start / length), _time(heard.seconds * at / length)))
        return cls(task, "english" if task == "translate" else language, heard.seconds, text, tuple(spread))

    @property
    def usage(self) -> JSONObject:
        heard, said = max(1, int(self.seconds * _TOKENS_PER_SECOND)), count(self.text)
        return {
            "type": "tokens",
            "input_tokens": heard,
            "output_tokens": said,
            "total_tokens": heard + said,
            "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        }

    def described(self, form: str, *, words: bool, segments: bool, logprobs: bool) -> JSONObject:
        """Get the object of `json`, `verbose_json` or `diarized_json`."""
        if form == "json":
            likely = {"logprobs": _logprobs(self.text)} if logprobs else {}
            return {"text": self.text, **likely, "usage": self.usage}
        reply: JSONObject = {"task": self.task, "duration": _time(self.seconds), "text": self.text}
        if form == "diarized_json":
            return {**reply, "segments": list(self._turns()), "usage": self.usage}
        reply["language"] = self.language
        if segments:
            reply["segments"] = [
                {
                    "id": number,
                    "seek": 0,
                    "start": start,
                    "end": end,
                    "text": text,
                    "tokens": [len(token) for token in tokens(text)],
                    "temperature": 0.0,
                    "avg_logprob": -0.25,
                    "compression_ratio": 1.2,
                    "no_speech_prob": 0.01,
                }
                for number, (text, start, end) in enumerate(self.sentences)
            ]
        if words:
            reply["words"] = list(self._words())
        return {**reply, "usage": {"type": "duration", "seconds": _time(self.seconds)}}

    def plain(self, form: str) -> str:
        """Get the text of `text`, `srt` or `vtt`."""
        if form == "text":
            return f"{self.text}\n"
        mark = "," if form == "srt" else "."
        shown = [
            (f"{number}\n" if form == "srt" else "") + f"{_clock(start, mark)} --> {_clock(end, mark)}\n{text}\n\n"
            for number, (text, start, end) in enumerate(self.sentences, 1)
        ]
        return ("" if form == "srt" else "WEBVTT\n\n") + "".join(shown)

    def events(self, *, diarized: bool, logprobs: bool) -> Iterator[JSONObject]:
        """Get the events of a stream. The last one has the complete text."""
        if diarized:
            yield from self._turns()
        else:
            for token in tokens(self.text):
                likely = {"logprobs": _logprobs(token)} if logprobs else {}
                yield {"type": "transcript.text.delta", "delta": token, **likely}
        likely = {"logprobs": _logprobs(self.text)} if logprobs else {}
        yield {"type": "transcript.text.done", "text": self.text, **likely, "usage": self.usage}

    def _turns(self) -> Iterator[JSONObject]:
        for number, (text, start, end) in enumerate(self.sentences):
            speaker = _SPEAKERS[number % len(_SPEAKERS)]
            segment = {"id": f"seg_{number:03d}", "start": start, "end": end}
            yield {"type": "transcript.text.segment", **segment, "text": text, "speaker": speaker}

    def _words(self) -> Iterator[JSONObject]:
        for text, start, end in self.sentences:
            said = text.split()
            step = (end - start) / max(1, len(said))
            for number, word in enumerate(said):
                yield {"word": word, "start": _time(start + number * step), "end": _time(start + (number + 1) * step)}


def _logprobs(text: str) -> list[JSONObject]:
    return [{"token": token, "logprob": -0.1, "bytes": list(token.encode())} for token in tokens(text)]


def _time(seconds: float) -> float:
    return round(seconds, 3)


def _clock(seconds: float, mark: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}{mark}{ms % 1000:03d}"
