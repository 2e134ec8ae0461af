"""The official client's way through emulated assistants: threads, runs that are polled and streamed, tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from openai_async.emulator import Emulator

pytestmark = pytest.mark.filterwarnings("ignore:(deprecated|The Assistants API is deprecated):DeprecationWarning")

WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture
def client() -> Iterator[openai.OpenAI]:
    with (
        Emulator().run() as server,
        openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client,
    ):
        yield client


def valid(value: Any) -> Any:
    """The official model accepts what the emulator said, down to its enumerations."""
    type(value).model_validate(value.to_dict())
    return value


def asked(run: Any) -> Any:
    """The outputs of every tool that a run waits for."""
    calls = run.required_action.submit_tool_outputs.tool_calls
    return [{"tool_call_id": call.id, "output": "It rains."} for call in calls]


def test_assistants_threads_and_messages_are_kept(client: openai.OpenAI) -> None:
    """Create, list, change and delete; of a message only the metadata changes."""
    beta = client.beta
    assistant = valid(beta.assistants.create(model="emulated-mini", name="Ada", tools=[WEATHER]))
    assert valid(beta.assistants.update(assistant.id, name="Bob")).tools == assistant.tools
    assert [one.name for one in beta.assistants.list()] == ["Bob"]
    thread = valid(beta.threads.create(messages=[{"role": "user", "content": "one"}]))
    beta.threads.messages.create(thread.id, role="assistant", content=[{"type": "text", "text": "two"}])
    said = [valid(message) for message in beta.threads.messages.list(thread.id, order="asc", limit=1)]
    assert [message.content[0].text.value for message in said] == ["one", "two"]
    changed = beta.threads.messages.update(said[0].id, thread_id=thread.id, metadata={"seen": "yes"})
    assert (changed.metadata, changed.content) == ({"seen": "yes"}, said[0].content)
    with pytest.raises(openai.BadRequestError, match="Unknown parameter: 'content'"):
        beta.threads.messages.update(said[0].id, thread_id=thread.id, extra_body={"content": "other"})
    assert beta.threads.messages.delete(said[1].id, thread_id=thread.id).deleted
    assert beta.threads.delete(thread.id).deleted
    assert beta.assistants.delete(assistant.id).deleted
    with pytest.raises(openai.NotFoundError):
        beta.threads.retrieve(thread.id)


def test_a_run_is_polled_through_its_tools(client: openai.OpenAI) -> None:
    """It waits for outputs, goes on with them, and leaves a message and its steps."""
    runs = client.beta.threads.runs
    assistant = client.beta.assistants.create(model="emulated-mini", tools=[WEATHER], instructions="Be brief.")
    thread = client.beta.threads.create(messages=[{"role": "user", "content": "Use the weather tool"}])
    run = valid(runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id))
    assert run.status == "requires_action"
    run = valid(runs.submit_tool_outputs_and_poll(thread_id=thread.id, run_id=run.id, tool_outputs=asked(run)))
    assert (run.status, run.usage.total_tokens) == (
        "completed",
        run.usage.prompt_tokens + run.usage.completion_tokens,
    )
    steps = [valid(step) for step in runs.steps.list(run.id, thread_id=thread.id, order="asc")]
    assert [step.type for step in steps] == ["tool_calls", "message_creation"]
    assert steps[0].step_details.tool_calls[0].function.output == "It rains."
    assert valid(runs.steps.retrieve(steps[1].id, thread_id=thread.id, run_id=run.id)).status == "completed"
    last = next(iter(client.beta.threads.messages.list(thread.id, run_id=run.id)))
    assert "It rains." in last.content[0].text.value
    assert [one.id for one in runs.list(thread.id)] == [run.id]
    assert runs.update(run.id, thread_id=thread.id, metadata={"a": "b"}).metadata == {"a": "b"}


def test_a_run_is_streamed_through_its_tools(client: openai.OpenAI) -> None:
    """The official event handler sees text, steps and the end, before and after the tools."""
    threads = client.beta.threads
    assistant = client.beta.assistants.create(model="emulated-mini", tools=[WEATHER])
    with threads.create_and_run_stream(
        assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "Use the weather tool"}]}
    ) as stream:
        events = [valid(event).event for event in stream]
        run = stream.get_final_run()
    assert events[:3] == ["thread.created", "thread.run.created", "thread.run.queued"]
    assert events[-1] == "thread.run.requires_action"
    with threads.runs.submit_tool_outputs_stream(
        thread_id=run.thread_id, run_id=run.id, tool_outputs=asked(run)
    ) as stream:
        text = "".join(stream.text_deltas)
        assert stream.get_final_messages()[0].content[0].text.value == text
        assert stream.get_final_run().status == "completed"
        assert [step.type for step in stream.get_final_run_steps()] == ["message_creation"]
    assert "It rains." in text


def test_a_run_can_be_cancelled(client: openai.OpenAI) -> None:
    """It is cancelling, then cancelled, and the thread takes messages again."""
    threads = client.beta.threads
    assistant = client.beta.assistants.create(model="emulated-mini")
    run = threads.create_and_run(assistant_id=assistant.id, thread={"messages": [{"role": "user", "content": "x"}]})
    assert threads.runs.cancel(run.id, thread_id=run.thread_id).status == "cancelling"
    assert valid(threads.runs.poll(run_id=run.id, thread_id=run.thread_id)).status == "cancelled"
    threads.messages.create(run.thread_id, role="user", content="again")
