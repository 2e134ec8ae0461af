"""What checkers make of text completions, embeddings, moderations, stored chats and fine-tuning. Never run."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from typing import assert_type

from openai_async import NULL, AsyncClient, Client
from openai_async.resources.completions import CompletionStream
from openai_async.types.chat_stored import ChatCompletionStoreMessage, StoredChatCompletion
from openai_async.types.completions import Completion
from openai_async.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai_async.types.models import ModelList


async def completions(client: AsyncClient) -> None:
    assert_type(await client.completions.create(model="m", prompt="x"), Completion)
    assert_type(await client.completions.create(model="m", prompt=[[1], [2]], suffix=NULL, best_of=3), Completion)
    assert_type(await client.completions.create(model="m", prompt="x", stream=True), CompletionStream)
    async with client.completions.stream(model="m", prompt=["x", "y"]) as stream:
        async for chunk in stream:
            assert_type(chunk, Completion)
        assert_type(await stream.final(), Completion)
    await client.completions.create(prompt="x")  # type: ignore[call-overload]
    await client.completions.create(model="m", prompt="x", ecko=True)  # type: ignore[call-overload]


async def the_rest(client: AsyncClient) -> None:
    vectors = await client.embeddings.create(model="m", input=["x"], dimensions=3)
    assert_type(vectors.data[0].embedding, list[float])
    await client.embeddings.create(model="m")  # type: ignore[call-arg]
    flags = await client.moderations.create(input="x")
    assert_type(flags.results[0].flagged_categories, list[str])
    assert_type(await client.models.ending_within(30), ModelList)
    assert_type(await client.chat.completions.update("c", metadata=NULL), StoredChatCompletion)
    async for message in client.chat.completions.messages.list("c", order="desc"):
        assert_type(message, ChatCompletionStoreMessage)
    await client.chat.completions.update("c")  # type: ignore[call-arg]


async def tuning(client: AsyncClient) -> None:
    job = await client.fine_tuning.jobs.create(model="m", training_file="f", hyperparameters={"n_epochs": "auto"})
    assert_type(job, FineTuningJob)
    async for event in client.fine_tuning.jobs.events(job.id):
        assert_type(event, FineTuningJobEvent)
    assert_type(await client.fine_tuning.jobs.wait(job.id, max_wait=60), FineTuningJob)
    assert_type([each async for each in client.fine_tuning.jobs.list(limit=3)], list[FineTuningJob])


def for_threads(client: Client) -> None:
    assert_type(client.completions.create(model="m", prompt="x"), Completion)
    assert_type(client.embeddings.create(model="m", input="x").data[0].embedding, list[float])
    for event in client.fine_tuning.jobs.events("j"):
        assert_type(event, FineTuningJobEvent)
