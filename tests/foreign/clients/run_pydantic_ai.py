"""`pydantic-ai`: answers, tools, types and streams, over both APIs; embeddings are the official client's."""

import asyncio

import pydantic
from pydantic_ai import Agent


class Forecast(pydantic.BaseModel):
    city: str
    degrees: list[int]


async def main() -> None:
    for prefix in ("openai-chat", "openai-responses"):
        agent = Agent(f"{prefix}:gpt-6-luna", instructions="Be brief.")

        @agent.tool_plain
        def look() -> str:
            """Look outside."""
            return "sunny"

        assert (await agent.run("Hello!")).output
        assert "sunny" in (await agent.run("Please look outside.")).output
        async with agent.run_stream("Hello!") as streamed:
            assert "".join([piece async for piece in streamed.stream_text(delta=True)])
        typed = Agent(f"{prefix}:gpt-6-luna", output_type=Forecast)
        assert isinstance((await typed.run("Hello!")).output, Forecast)


asyncio.run(main())
print("ran")
