"""`langchain-openai`: chat over both APIs, tools, types, streams, batches of prompts, embeddings, and Azure."""

import os

import pydantic
from langchain_core.tools import tool
from langchain_openai import AzureChatOpenAI, ChatOpenAI, OpenAIEmbeddings


class Forecast(pydantic.BaseModel):
    """A forecast."""

    city: str
    degrees: list[int]


@tool
def look(place: str) -> str:
    """Look at a place."""
    return "sunny"


for settings in ({}, {"use_responses_api": True}):
    chat = ChatOpenAI(model="gpt-6-luna", **settings)
    assert chat.invoke("Hello!").text
    assert "".join(chunk.text for chunk in chat.stream("Hello!"))
    assert len(chat.batch(["Hello!", "And you?"])) == 2
    bound = chat.bind_tools([look])
    asked = bound.invoke("Please look outside.")
    results = [look.invoke(call) for call in asked.tool_calls]
    assert results
    assert "sunny" in bound.invoke([("user", "Please look outside."), asked, *results]).text
    for method in ("json_schema", "function_calling"):
        assert isinstance(chat.with_structured_output(Forecast, method=method).invoke("Hello!"), Forecast)
vectors = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False)
assert len(vectors.embed_documents(["a", "b"])) == 2
origin = os.environ["OPENAI_BASE_URL"].removesuffix("/v1")
del os.environ["OPENAI_BASE_URL"]
azure = AzureChatOpenAI(azure_endpoint=origin, azure_deployment="mine", api_version="2024-10-21", api_key="k")
assert azure.invoke("Hello!").text
print("ran")
