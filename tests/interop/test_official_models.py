"""The official client, its own way, against the emulator: models."""

from __future__ import annotations

import json
from collections.abc import Iterator

import openai
import pytest

from openai_async.emulator import Emulator

_EXAMPLES = b"\n".join(json.dumps({"messages": [{"role": "user", "content": f"{n}"}]}).encode() for n in range(10))
_HOURS_LATER = 10_000.0


@pytest.fixture
def clock() -> list[float]:
    """Seconds that the emulator reads; nothing moves them but the test."""
    return [0.0]


@pytest.fixture
def client(clock: list[float]) -> Iterator[openai.OpenAI]:
    emulator = Emulator(clock=lambda: clock[0], any_model=False)
    with emulator.run() as server, openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client:
        yield client


def test_models_are_listed_and_retrieved(client: openai.OpenAI) -> None:
    """All in one page, each as it is alone; one that is not there is not found."""
    listed = client.models.list().data
    assert "emulated-mini" in [model.id for model in listed]
    assert [client.models.retrieve(model.id) for model in listed] == listed
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nobody-trained/this")
    assert caught.value.code == "model_not_found"


def test_a_tuned_model_is_listed_and_deleted(client: openai.OpenAI, clock: list[float]) -> None:
    """It comes with its job and goes when it is deleted; those of the house stay."""
    file = client.files.create(file=("train.jsonl", _EXAMPLES), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="emulated-mini", training_file=file.id)
    clock[0] = _HOURS_LATER
    name = client.fine_tuning.jobs.retrieve(job.id).fine_tuned_model
    assert name is not None
    assert name in [model.id for model in client.models.list()]
    deleted = client.models.delete(name)
    assert (deleted.id, deleted.deleted) == (name, True)
    assert name not in [model.id for model in client.models.list()]
    with pytest.raises(openai.PermissionDeniedError):
        client.models.delete("emulated-mini")
