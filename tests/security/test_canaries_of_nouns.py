"""Whatever method fails, and however: no frame on the way, no error and no cause holds what was sent, or the key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import pytest

from openai_async import AsyncClient, Client, OpenAIError
from openai_async.testing import FaultServer, Fin, Script, respond
from tests.security.test_canaries import KEY, MESSAGES, PROMPT, assert_silent, told_by

Use: TypeAlias = Callable[[Any], Any]

NAN: Final = float("nan")
FILE: Final = PROMPT.encode()
SENT: Final[Mapping[str, Use]] = {
    "post": lambda c: c.post("/x", body={"messages": MESSAGES}),
    "post of a list": lambda c: c.post("/x", body=[PROMPT]),
    "post of bytes": lambda c: c.post("/x", body=FILE),
    "post of files": lambda c: c.post("/x", body={"a": PROMPT}, files={"f": FILE}),
    "get": lambda c: c.get(f"/x?key={KEY}", extra_query={"q": PROMPT}, extra_headers={"x-key": KEY}),
    "search": lambda c: c.vector_stores.search("vs", query=PROMPT),
    "list": lambda c: c.files.list(extra_headers={"x-key": KEY}),
    "list of the table": lambda c: c.containers.list(extra_query={"q": PROMPT}),
    "table": lambda c: c.evals.create(name=PROMPT),
    "table as a stream": lambda c: c.evals.create(name=PROMPT, stream=True),
    "preview as a stream": lambda c: c.beta.responses.create(model="m", input=PROMPT, stream=True),
    "responses": lambda c: c.responses.create(model="m", input=PROMPT),
    "compact": lambda c: c.responses.compact(model="m", input=PROMPT),
    "count": lambda c: c.responses.input_tokens.count(model="m", input=PROMPT),
    "retrieve": lambda c: c.responses.retrieve("r", extra_headers={"x-key": KEY}),
    "delete": lambda c: c.responses.delete("r", extra_headers={"x-key": KEY}),
    "conversations": lambda c: c.conversations.create(items=MESSAGES),
    "conversations.update": lambda c: c.conversations.update("c", metadata={"a": PROMPT}),
    "items": lambda c: c.conversations.items.create("c", items=MESSAGES),
    "items.retrieve": lambda c: c.conversations.items.retrieve("i", conversation_id="c", extra_headers={"x-key": KEY}),
    "embeddings": lambda c: c.embeddings.create(model="m", input=PROMPT),
    "moderations": lambda c: c.moderations.create(input=PROMPT),
    "images": lambda c: c.images.generate(prompt=PROMPT),
    "images.edit": lambda c: c.images.edit(prompt=PROMPT, image=FILE),
    "speech": lambda c: c.audio.speech.create(model="m", voice="v", input=PROMPT),
    "transcriptions": lambda c: c.audio.transcriptions.create(model="m", file=FILE, prompt=PROMPT),
    "translations": lambda c: c.audio.translations.create(model="m", file=FILE, prompt=PROMPT),
    "completions": lambda c: c.completions.create(model="m", prompt=PROMPT),
    "files": lambda c: c.files.create(file=FILE, purpose="user_data"),
    "uploads": lambda c: c.uploads.upload_file_chunked(file=FILE, filename="f", mime_type="a/b", purpose="user_data"),
    "parts": lambda c: c.uploads.parts.create("u", data=FILE),
    "jobs": lambda c: c.fine_tuning.jobs.create(model="m", training_file="f", metadata={"a": PROMPT}),
    "graders": lambda c: c.fine_tuning.alpha.graders.run(grader={"a": PROMPT}, model_sample=PROMPT),
    "assistants": lambda c: c.beta.assistants.create(model="m", instructions=PROMPT),
    "messages": lambda c: c.beta.threads.messages.create("t", role="user", content=PROMPT),
    "runs": lambda c: c.beta.threads.runs.create("t", assistant_id="a", instructions=PROMPT),
    "stores": lambda c: c.vector_stores.create(name=PROMPT),
    "attach": lambda c: c.vector_stores.files.create_and_wait("v", file_id="f", attributes={"a": PROMPT}),
    "upload": lambda c: c.vector_stores.files.upload_and_wait("v", file=FILE, attributes={"a": PROMPT}),
    "upload many": lambda c: c.vector_stores.file_batches.upload_and_wait("v", files=[FILE], attributes={"a": PROMPT}),
}
REFUSED: Final[Mapping[str, Use]] = {
    "post of no number": lambda c: c.post("/x", body=[PROMPT, NAN]),
    "post of no number in a mapping": lambda c: c.post("/x", body={"a": PROMPT, "b": NAN}),
    "post of a text": lambda c: c.post("/x", body=PROMPT),
    "post for no reply": lambda c: c.post("/x", body={"a": PROMPT}, cast_to=int),
    "table without a place": lambda c: c.evals.runs.create(name=PROMPT),
    "table of no number": lambda c: c.evals.create(name=PROMPT, x=NAN),
    "table as a stream": lambda c: c.evals.create(name=PROMPT, x=NAN, stream=True),
    "search without a query": lambda c: c.vector_stores.search("v", query="", filters={"a": PROMPT}),
    "responses": lambda c: c.responses.create(model="m", input=[PROMPT]),
    "embeddings": lambda c: c.embeddings.create(model=5, input=PROMPT),
    "images": lambda c: c.images.generate(prompt=PROMPT, n=0),
    "images.edit": lambda c: c.images.edit(prompt=PROMPT, image=PROMPT),
    "speech": lambda c: c.audio.speech.create(model="m", voice="", input=PROMPT),
    "files": lambda c: c.files.create(file=FILE, purpose=object()),
    "stores": lambda c: c.vector_stores.create(name=PROMPT, file_ids="f"),
}
ANSWERS: Final[Mapping[str, Script]] = {
    "refused": respond(400, b'{"error": {"message": "no"}}'),
    "damaged": respond(200, b"<html>", {"content-type": "text/html"}),
    "cut": (Fin(),),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_no_method_tells_what_it_sent(answer: str) -> None:
    """Refused, answered with junk, or cut off: the error holds neither."""
    with FaultServer([ANSWERS[answer]]) as server:
        async with AsyncClient(api_key=KEY, base_url=server.base_url, trust_env=False, max_retries=0) as client:
            for use in SENT.values():
                with pytest.raises(OpenAIError) as caught:
                    await use(client)
                assert_silent(*told_by(caught.value))


@pytest.mark.parametrize("answer", ANSWERS)
def test_no_method_of_threads_tells_what_it_sent(answer: str) -> None:
    """The same, without asyncio."""
    with (
        FaultServer([ANSWERS[answer]]) as server,
        Client(api_key=KEY, base_url=server.base_url, trust_env=False, max_retries=0) as client,
    ):
        for use in SENT.values():
            with pytest.raises(OpenAIError) as caught:
                listed(use(client))
            assert_silent(*told_by(caught.value))


def listed(result: Any) -> None:
    """Ask for a list, which is not asked for by itself."""
    result.first_page()


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_does_not_tell_what_was_refused(name: str) -> None:
    """What is refused before it is sent is in no frame either, on both faces."""
    with FaultServer([respond(500)]) as server:
        async with AsyncClient(api_key=KEY, base_url=server.base_url, trust_env=False) as client:
            with pytest.raises(OpenAIError) as caught:
                await REFUSED[name](client)
        assert_silent(*told_by(caught.value))
        assert not server.requests


@pytest.mark.parametrize("name", REFUSED)
def test_threads_are_not_told_what_was_refused(name: str) -> None:
    """The same, without asyncio."""
    with (
        FaultServer([respond(500)]) as server,
        Client(api_key=KEY, base_url=server.base_url, trust_env=False) as client,
    ):
        with pytest.raises(OpenAIError) as caught:
            listed(REFUSED[name](client))
        assert_silent(*told_by(caught.value))
        assert not server.requests
