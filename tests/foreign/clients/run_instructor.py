"""`instructor`: a type out of a reply, whole and streamed, in the modes that state a schema.

Mode.JSON describes it in the prompt only, and no emulated model understands a prompt.
"""

import instructor
import openai
import pydantic


class Forecast(pydantic.BaseModel):
    city: str
    degrees: list[int]


HELLO = [{"role": "user", "content": "Hello!"}]
for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA, instructor.Mode.RESPONSES_TOOLS):
    client = instructor.from_openai(openai.OpenAI(max_retries=0), mode=mode)
    given = {"model": "gpt-6-luna", "messages": HELLO, "response_model": Forecast, "max_retries": 0}
    assert isinstance(client.create(**given), Forecast), mode
client = instructor.from_openai(openai.OpenAI(max_retries=0))
assert list(client.create_partial(model="gpt-6-luna", messages=HELLO, response_model=Forecast))
print("ran")
