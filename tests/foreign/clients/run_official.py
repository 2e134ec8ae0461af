"""The official client's helpers, over most of what the emulator serves."""

import io
import json
import time

import openai
import pydantic


class Forecast(pydantic.BaseModel):
    city: str
    degrees: list[int]


MODEL = "gpt-6-luna"
HELLO = [{"role": "user", "content": "Hello!"}]
client = openai.OpenAI(max_retries=0)


def chat() -> None:
    reply = client.chat.completions.create(model=MODEL, messages=HELLO)
    assert reply.choices[0].message.content
    parsed = client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Forecast)
    assert isinstance(parsed.choices[0].message.parsed, Forecast)
    with client.chat.completions.stream(model=MODEL, messages=HELLO, response_format=Forecast) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert "content.done" in kinds
    assert isinstance(final.choices[0].message.parsed, Forecast)
    tool = openai.pydantic_function_tool(Forecast)
    called = client.chat.completions.parse(model=MODEL, messages=HELLO, tools=[tool], tool_choice="required")
    message = called.choices[0].message
    assert isinstance(message.tool_calls[0].function.parsed_arguments, Forecast)
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
    said = client.chat.completions.create(model=MODEL, messages=[*HELLO, message, result], tools=[tool])
    assert "sunny" in said.choices[0].message.content
    assert client.chat.completions.create(model=MODEL, messages=[*HELLO, said.choices[0].message, *HELLO])


def responses() -> None:
    reply = client.responses.create(model=MODEL, input="Hello!")
    assert reply.output_text
    parsed = client.responses.parse(model=MODEL, input="Hello!", text_format=Forecast)
    assert isinstance(parsed.output_parsed, Forecast)
    with client.responses.stream(model=MODEL, input="Hello!", text_format=Forecast) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_response().output_parsed, Forecast)
    later = client.responses.create(model=MODEL, input="Hello!", background=True)
    while later.status in ("queued", "in_progress"):
        time.sleep(0.02)
        later = client.responses.retrieve(later.id)
    assert later.output_text
    with client.responses.stream(model=MODEL, input="Hello!", background=True) as stream:
        events = list(stream)
    assert events[0].type == "response.created"
    with client.responses.stream(response_id=events[0].response.id, starting_after=3) as stream:
        assert stream.get_final_response().output_text == events[-1].response.output_text
    again = client.responses.create(model=MODEL, input="And?", previous_response_id=reply.id)
    assert client.responses.input_items.list(again.id).data


def files_and_batches() -> None:
    body = {"model": MODEL, "messages": HELLO}
    rows = [{"custom_id": f"r{n}", "method": "POST", "url": "/v1/chat/completions", "body": body} for n in range(3)]
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    file = client.files.create(file=("in.jsonl", text), purpose="batch")
    assert client.files.wait_for_processing(file.id).status == "processed"
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    while batch.status not in ("completed", "failed"):
        time.sleep(0.02)
        batch = client.batches.retrieve(batch.id)
    assert client.files.content(batch.output_file_id).text.count("\n") == 3


def vector_stores() -> None:
    store = client.vector_stores.create(name="notes")
    document = ("notes.txt", b"The capital of the moon is Luna City.")
    added = client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=document, poll_interval_ms=20)
    assert added.status == "completed"
    assert client.vector_stores.search(store.id, query="capital").data
    more = [io.BytesIO(b"one"), io.BytesIO(b"two")]
    batch = client.vector_stores.file_batches.upload_and_poll(store.id, files=more, poll_interval_ms=20)
    assert batch.file_counts.completed == 2
    tool = {"type": "file_search", "vector_store_ids": [store.id]}
    reply = client.responses.create(
        model=MODEL, input="What is the capital?", tools=[tool], include=["file_search_call.results"]
    )
    assert [item.type for item in reply.output] == ["file_search_call", "message"]
    assert reply.output[0].results[0].filename == "notes.txt"
    assert reply.output[1].content[0].annotations[0].type == "file_citation"
    client.vector_stores.delete(store.id)


def fine_tuning() -> None:
    example = {"messages": [*HELLO, {"role": "assistant", "content": "Hi."}]}
    file = client.files.create(file=("train.jsonl", (json.dumps(example) + "\n").encode() * 10), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model=MODEL, training_file=file.id)
    while job.status not in ("succeeded", "failed"):
        time.sleep(0.02)
        job = client.fine_tuning.jobs.retrieve(job.id)
    assert client.chat.completions.create(model=job.fine_tuned_model, messages=HELLO).choices
    assert client.fine_tuning.jobs.list_events(job.id).data


def assistants() -> None:
    assistant = client.beta.assistants.create(model=MODEL, instructions="Be brief.")
    thread = client.beta.threads.create(messages=HELLO)
    run = client.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=20)
    assert run.status == "completed"
    with client.beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as stream:
        stream.until_done()
        assert stream.get_final_messages()


for part in (chat, responses, files_and_batches, vector_stores, fine_tuning, assistants):
    part()
    print(part.__name__, "ran")
