"""`litellm`: chat, streams, tools, types, embeddings, responses and Azure."""

import os

import litellm
import pydantic

HELLO = [{"role": "user", "content": "Hello!"}]
base = os.environ["OPENAI_BASE_URL"]


class Forecast(pydantic.BaseModel):
    city: str
    degrees: list[int]


given = {"model": "openai/gpt-6-luna", "api_base": base, "api_key": "k"}
assert litellm.completion(messages=HELLO, **given).choices[0].message.content
pieces = [chunk.choices[0].delta.content or "" for chunk in litellm.completion(messages=HELLO, stream=True, **given)]
assert "".join(pieces)
tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
called = litellm.completion(messages=HELLO, tools=tools, tool_choice="required", **given).choices[0].message
result = {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "sunny"}
said = litellm.completion(messages=[*HELLO, called, result], tools=tools, **given)
assert "sunny" in said.choices[0].message.content
typed = litellm.completion(messages=HELLO, response_format=Forecast, **given)
Forecast.model_validate_json(typed.choices[0].message.content)
embedded = litellm.embedding(model="openai/text-embedding-3-small", input=["a"], api_base=base, api_key="k")
assert embedded.data[0]["embedding"]
assert litellm.responses(input="Hello!", **given).output
azure = {"model": "azure/mine", "api_base": base.removesuffix("/v1"), "api_version": "2024-10-21", "api_key": "k"}
assert litellm.completion(messages=HELLO, **azure).choices[0].message.content
print("ran")
