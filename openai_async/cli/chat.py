"""`openai-async chat`: one reply, shown while it is streamed.

Standard output gets the reply and nothing else. Notes and errors go to standard error. If the reply ends early, the
part that arrived stays on the screen, on a line of its own, and the exit status says that it is incomplete.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import click
import orjson

from openai_async import AsyncClient, OpenAIError
from openai_async.cli.failures import OK, STATUSES, Misused, Refused, explained
from openai_async.cli.loop import run
from openai_async.cli.transcript import Transcript
from openai_async.types.chat import ChatCompletion

_SECONDS = click.FloatRange(min=0, min_open=True)
_EXAMPLES = """\b
Examples:
  openai-async chat --model MODEL "Why is the sky blue?"
  openai-async chat --model MODEL "Sum up this report:" report.txt
  git diff | openai-async chat --model MODEL --system "Write a commit message."
  openai-async chat --model MODEL --json Hello | jq .usage"""


@click.command(epilog=f"{_EXAMPLES}\n\n{STATUSES}")
@click.argument("prompt", required=False)
@click.argument("document", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--model", envvar="OPENAI_MODEL", show_envvar=True, required=True, metavar="ID", help="Model to ask.")
@click.option("--system", metavar="TEXT", help="Instructions that stand before the prompt.")
@click.option("--base-url", metavar="URL", help="Server, up to the version: https://host/v1 [env: OPENAI_BASE_URL].")
@click.option("--allow-http", is_flag=True, help="Accept plain http beyond this machine; it can be read on the way.")
@click.option("--temperature", type=float, metavar="X", help="Randomness of the reply.")
@click.option(
    "--max-tokens",
    "max_completion_tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="Longest reply, in tokens (sent as max_completion_tokens).",
)
@click.option("--timeout", type=_SECONDS, metavar="S", help="Longest silence of the server, in seconds.")
@click.option("--deadline", type=_SECONDS, metavar="S", help="Longest time for everything, retries too, in seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole reply as one JSON object when it is complete.")
@click.option("--usage", is_flag=True, help="Print the token usage to standard error.")
def chat(
    prompt: str | None,
    document: str | None,
    system: str | None,
    base_url: str | None,
    allow_http: bool,
    as_json: bool,
    usage: bool,
    **parameters: Any,
) -> int:
    """Stream the reply to PROMPT.

    A DOCUMENT follows the prompt: a file, or "-" for standard input. Without a PROMPT, or with "-", the prompt itself
    is read from standard input; else standard input is left alone. The key is read from OPENAI_API_KEY, never from an
    argument.
    """
    try:
        client = AsyncClient(base_url=base_url, allow_http=allow_http)
    except OpenAIError as error:
        raise explained(error) from None
    request = {"messages": _messages(system, _whole_prompt(prompt, document)), **parameters}
    return run(partial(_as_json if as_json else _as_text, client, request, usage))


async def _as_text(client: AsyncClient, request: dict[str, Any], usage: bool) -> int:
    transcript = Transcript()
    try:
        async with client, client.chat.completions.stream(**request) as stream:
            async for piece in stream.text:
                transcript.write(piece)
            reply = await stream.final()
    except OpenAIError as error:
        raise explained(error, base_url=client.base_url, incomplete=transcript.begun) from None
    finally:
        transcript.end()
    return _after(reply, usage)


async def _as_json(client: AsyncClient, request: dict[str, Any], usage: bool) -> int:
    reply: ChatCompletion
    try:
        async with client:
            reply = await client.chat.completions.create(stream=False, **request)
    except OpenAIError as error:
        raise explained(error, base_url=client.base_url) from None
    # One line when piped, so that replies can be appended to a file of JSON lines.
    click.echo(orjson.dumps(reply.to_dict(), option=orjson.OPT_INDENT_2 if sys.stdout.isatty() else None))
    return _after(reply, usage)


def _after(reply: ChatCompletion, usage: bool) -> int:
    """Write the notes about a complete reply. Gives the exit status."""
    if usage and (counted := reply.usage) is not None:
        click.echo(
            f"tokens: {counted.prompt_tokens} prompt + {counted.completion_tokens} completion = {counted.total_tokens}",
            err=True,
        )
    elif usage:
        click.echo("tokens: the server did not count them", err=True)
    choice = reply.choices[0] if reply.choices else None
    if choice is not None and choice.finish_reason in ("length", "content_filter"):
        cause = "the limit on tokens" if choice.finish_reason == "length" else "the server's content filter"
        click.echo(f"note: the reply was cut off by {cause}", err=True)
    if choice is not None and choice.message.refusal:
        raise Refused(f"the model refused: {choice.message.refusal}")
    return OK


def _messages(system: str | None, prompt: str) -> list[dict[str, str]]:
    said = [{"role": "user", "content": prompt}]
    return [{"role": "system", "content": system}, *said] if system else said


def _whole_prompt(prompt: str | None, document: str | None) -> str:
    """Get the prompt from the argument, from the document, or from both, the argument first.

    Standard input is read only when it is asked for, because it may be the list of a shell loop, or a pipe that never
    ends.
    """
    if prompt == "-" or (prompt is None and document is None and not sys.stdin.isatty()):
        prompt = _text_of("-")
    parts = [prompt or "", _text_of(document) if document is not None else ""]
    prompt = "\n\n".join(part for part in parts if part.strip())
    if not prompt:
        raise Misused('no prompt: give one, as in: openai-async chat "Hello", or pipe it in')
    return prompt


def _text_of(path: str) -> str:
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return content.decode("utf-8-sig").rstrip("\n")
    except UnicodeDecodeError:
        raise Misused(f"{'standard input' if path == '-' else path} is not text in UTF-8") from None
    except OSError as error:
        raise Misused(f"{path}: {error.strerror}") from None
