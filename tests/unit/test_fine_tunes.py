"""The fine-tuning that OpenAI has removed: works on other servers, and on OpenAI's own says what to use instead."""

from __future__ import annotations

from typing import Any

import pytest

from openai_async import AsyncClient, NotFoundError, RemovedEndpointError
from openai_async.emulator import Emulator
from openai_async.resources._removed import is_openai
from tests.inside import pipeline_of

EXAMPLES = b'{"prompt": "one ->", "completion": " two\\n"}\n' * 3


@pytest.mark.parametrize(
    ("base_url", "own"),
    [
        ("https://api.openai.com/v1", True),
        ("https://API.OpenAI.com:443/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("https://api.openai.com./v1", True),
        ("https://api.openai.com.example.org/v1", False),
        ("https://myapi.openai.com/v1", False),
        ("https://proxy.example.org/api.openai.com/v1", False),
        ("https://mine.openai.azure.com/openai", False),
        ("http://127.0.0.1:8000/v1", False),
    ],
)
def test_openais_own_api_is_known_by_its_host(base_url: str, own: bool) -> None:
    """Its host and those of its regions; nothing that merely looks like it."""
    assert is_openai(base_url) is own


@pytest.mark.parametrize("name", ["create", "list", "retrieve", "cancel", "list_events", "events", "wait"])
async def test_on_openais_own_api_nothing_is_sent(name: str) -> None:
    """Every method raises, names itself and its replacement, and opens no connection."""

    async def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("something was sent")

    async with AsyncClient(api_key="k", base_url="https://api.openai.com/v1") as client:
        pipeline_of(client)._handler = never
        arguments: dict[str, Any] = (
            {"training_file": "f"} if name == "create" else {} if name == "list" else {"fine_tune_id": "ft-1"}
        )
        with pytest.raises(RemovedEndpointError) as caught:
            await getattr(client.fine_tunes, name)(**arguments)
    operation = "fine_tunes.retrieve" if name == "wait" else f"fine_tunes.{name}"
    assert (caught.value.operation, caught.value.replacement) == (operation, "fine_tuning.jobs")


async def test_another_server_is_asked() -> None:
    """Create with a training file alone, follow to the end, use the model, delete it through the models."""
    now = 0.0
    emulator = Emulator(clock=lambda: now, tuning_step=10)
    with emulator.run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            file = await client.files.create(file=("mydata.jsonl", EXAMPLES), purpose="fine-tune")
            tune = await client.fine_tunes.create(training_file=file.id, suffix="custom-model-name", model="ada")
            assert tune.hyperparams is not None
            assert (tune.status, tune.model, tune.hyperparams["n_epochs"]) == ("pending", "ada", 4)
            assert tune.hyperparams["prompt_loss_weight"] == 0.01
            assert tune.training_files is not None
            assert tune.training_files[0]["id"] == file.id
            messages: list[str | None] = []
            async for event in client.fine_tunes.events(tune.id, poll_interval=0.001):
                messages.append(event.message)
                now += 10
            listed = await client.fine_tunes.list_events(tune.id)
            assert messages == [event.message for event in listed]
            assert len(listed) == len(messages) == 10
            tune = await client.fine_tunes.wait(tune.id)
            assert tune.status == "succeeded"
            assert tune.fine_tuned_model is not None
            assert tune.fine_tuned_model.startswith("ada:ft-emulated:custom-model-name-")
            assert tune.result_files
            reply = await client.completions.create(model=tune.fine_tuned_model, prompt="one ->")
            assert reply.model == tune.fine_tuned_model
            assert (await client.models.delete(tune.fine_tuned_model)).deleted
            other = await client.fine_tunes.create(training_file=file.id)
            assert (await client.fine_tunes.cancel(other.id)).status == "cancelled"
            found = await client.fine_tunes.list()
            assert [each.id for each in found] == [tune.id, other.id]
            assert len(found) == 2
            assert len(await client.fine_tuning.jobs.list()) == 0, "the old ones are no jobs"
            with pytest.raises(NotFoundError):
                await client.fine_tunes.retrieve("ft-none")
