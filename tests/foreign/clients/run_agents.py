"""`openai-agents`: an answer, a tool, a handoff and an output of a type, streamed and not, over both APIs."""

import asyncio

import pydantic
from agents import Agent, Runner, function_tool, set_default_openai_api, set_tracing_disabled

set_tracing_disabled(True)


class Forecast(pydantic.BaseModel):
    city: str
    degrees: list[int]


@function_tool
def look(place: str) -> str:
    """Look at a place."""
    return "sunny"


async def main() -> None:
    for api in ("responses", "chat_completions"):
        set_default_openai_api(api)
        plain = Agent(name="Plain", instructions="Be brief.", model="gpt-6-luna")
        assert (await Runner.run(plain, "Hello!")).final_output
        tooled = Agent(name="Tooled", model="gpt-6-luna", tools=[look])
        assert "sunny" in (await Runner.run(tooled, "Please look outside.")).final_output
        typed = Agent(name="Typed", model="gpt-6-luna", output_type=Forecast)
        assert isinstance((await Runner.run(typed, "Hello!")).final_output, Forecast)
        first = Agent(name="First", model="gpt-6-luna", handoffs=[plain])
        assert (await Runner.run(first, "Use transfer_to_plain now.")).last_agent is plain
        streamed = Runner.run_streamed(tooled, "Please look outside.")
        async for _ in streamed.stream_events():
            pass
        assert "sunny" in streamed.final_output


asyncio.run(main())
print("ran")
