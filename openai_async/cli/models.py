"""`openai-async models`: the models of the server, one id a line."""

from __future__ import annotations

from functools import partial

import click
import orjson

from openai_async import AsyncClient, OpenAIError
from openai_async.cli.failures import OK, STATUSES, explained
from openai_async.cli.loop import run
from openai_async.cli.transcript import visible


@click.command(epilog=STATUSES, short_help="List the models of the server.")
@click.option("--base-url", metavar="URL", help="Server, up to the version: https://host/v1 [env: OPENAI_BASE_URL].")
@click.option("--allow-http", is_flag=True, help="Accept plain http beyond this machine; it can be read on the way.")
@click.option("--json", "as_json", is_flag=True, help="Print each model as a JSON object, one a line.")
def models(base_url: str | None, allow_http: bool, as_json: bool) -> int:
    """List the models that the server has, one id a line.

    The key is read from OPENAI_API_KEY, never from an argument.
    """
    try:
        client = AsyncClient(base_url=base_url, allow_http=allow_http)
    except OpenAIError as error:
        raise explained(error) from None
    return run(partial(_list, client, as_json))


async def _list(client: AsyncClient, as_json: bool) -> int:
    try:
        async with client:
            models_of_server = [model async for model in client.models.list()]
    except OpenAIError as error:
        raise explained(error, base_url=client.base_url) from None
    for model in sorted(models_of_server, key=lambda model: str(model.id)):
        click.echo(orjson.dumps(model.to_dict()) if as_json else visible(str(model.id)))
    return OK
