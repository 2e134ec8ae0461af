"""`AzureOpenAI`, with its older form of addresses and with a fixed deployment."""

import os

import openai

HELLO = [{"role": "user", "content": "Hello!"}]
origin = os.environ["OPENAI_BASE_URL"].removesuffix("/v1")
for settings in ({}, {"azure_deployment": "mine"}):
    client = openai.AzureOpenAI(api_key="k", azure_endpoint=origin, api_version="2024-10-21", **settings)
    reply = client.chat.completions.create(model="mine", messages=HELLO)
    assert reply.model.startswith("mine")
    with client.chat.completions.stream(model="mine", messages=HELLO) as stream:
        assert stream.get_final_completion().choices[0].message.content == reply.choices[0].message.content
    assert client.embeddings.create(model="mine", input="Hello!").data[0].embedding
    assert client.responses.create(model="mine", input="Hello!").output_text
    assert client.images.generate(model="mine", prompt="a cat").data
    file = client.files.create(file=("notes.txt", b"Hello!"), purpose="assistants")
    assert file.id in [each.id for each in client.files.list()]
    assert client.files.content(file.id).read() == b"Hello!"
    assert client.batches.list().data is not None
print("ran")
