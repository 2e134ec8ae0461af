"""`openai-async batch`: a file of requests in, a file of answers out; it resumes after any interruption.

Nothing is written to standard output: OUT is a file, and progress, notes and errors go to standard error. The first
Ctrl-C finishes and writes what is in flight. The second one drops it. In both cases the same command continues later.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import click
import orjson

from openai_async import AsyncClient, OpenAIError, RateLimit
from openai_async.cli.failures import Misused, explained
from openai_async.cli.loop import run
from openai_async.cli.sections import Sectioned

_SECONDS = _POSITIVE = click.FloatRange(min=0, min_open=True)
_COUNT = click.IntRange(min=1)
_HELP: Final = """\b
Examples:
  openai-async batch requests.jsonl answers.jsonl
  openai-async batch --model MODEL bodies.jsonl answers.jsonl
  openai-async batch --model MODEL --prompt-column text table.csv out.jsonl
  openai-async batch --model MODEL --template "Say {text}" table.csv out.jsonl
  openai-async batch --model MODEL --prompt-column text \\
      --endpoint /v1/embeddings table.csv vectors.jsonl
  openai-async batch --max-cost 5 --bounds all-runs in.jsonl out.jsonl
  openai-async batch --model MODEL --param response_format=@schema.json \\
      --id-column sku --prompt-column text table.csv out.jsonl

\b
One of four processes on one key:
  openai-async batch --rpm 10000 --share 0.25 part1.jsonl out1.jsonl

\b
Exit status:
  0  every row of IN has its answer in OUT
  1  all rows are done, but some failed, or some lines of IN were bad
  2  wrong usage or configuration, or an IN that does not fit
  3  rows are left: stopped by Ctrl-C, SIGTERM, --max-cost or --max-tokens, or
     no further row could succeed
  4  OUT cannot be written: disk full, read-only, damaged, ...
After 3 and 4 the same command goes on where it was.

\b
With --remote, IN is divided into batches of the Batch API (50,000 rows and
200 MB each, one model), and OUT is written when all of them have ended.
Ctrl-C ends the waiting, not the batches: the same command finds and collects
them, and creates none twice. Status 3 also means that --max-wait is over, or
that a batch failed, expired or was cancelled."""


_SECTIONS: Final = {
    "What IN holds": ["input_format", "prompt_column", "prompt_template", "id_column", "system", "endpoint"],
    "What is asked": ["model", "params"],
    "Pace and limits": ["max_in_flight", "rps", "rpm", "tpm", "share"],
    "Bounds and failures": [
        *("max_cost", "max_tokens", "bounds", "max_retries", "timeout", "deadline", "retry_failed", "ambiguous"),
    ],
    "The Batch API": ["remote", "max_wait", "part_rows", "part_tokens"],
}


@click.command(cls=Sectioned, sections=_SECTIONS, epilog=_HELP)
@click.argument("source", metavar="IN", type=click.Path(exists=True, dir_okay=False))
@click.argument("target", metavar="OUT", type=click.Path(dir_okay=False))
@click.option("--model", envvar="OPENAI_MODEL", show_envvar=True, metavar="ID", help="Model of rows that name none.")
@click.option("--endpoint", default="/v1/chat/completions", show_default=True, help="Endpoint of rows that name none.")
@click.option("--prompt-column", metavar="NAME", help="IN is a table: the prompt is what stands in this column.")
@click.option("--template", "prompt_template", metavar="TEXT", help="IN is a table: the prompt, with {column} in it.")
@click.option("--system", metavar="TEXT", help="System message of chats that are made from a table.")
@click.option(
    "--format",
    "input_format",
    type=click.Choice(["requests", "bodies", "jsonl", "csv"]),
    help="What IN holds; without it the first line tells.",
)
@click.option("--id-column", metavar="NAME", help="Column of the custom_id of each row [default: custom_id].")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="Parameter of every body, as JSON or text; repeatable. NAME=@FILE reads it from a file.",
)
@click.option("--max-in-flight", type=_COUNT, metavar="N", help="Most rows in flight at a time [default: 1000].")
@click.option("--max-retries", type=click.IntRange(min=0), metavar="N", help="Attempts after the first one, of a row.")
@click.option("--timeout", type=_SECONDS, metavar="S", help="Longest time for one attempt, in seconds.")
@click.option("--deadline", type=_SECONDS, metavar="S", help="Longest time for a row, its retries too, in seconds.")
@click.option("--retry-failed", is_flag=True, help="Also send rows again whose failure is final, such as a 400.")
@click.option(
    "--ambiguous",
    type=click.Choice(["resend", "skip"]),
    default="resend",
    show_default=True,
    help="Rows that were in flight when an earlier run was killed, and may be charged twice.",
)
@click.option("--remote", is_flag=True, help="Have the Batch API do it: at its price, within 24 hours. See below.")
@click.option("--max-wait", type=click.FloatRange(min=0), metavar="S", help="With --remote: wait so long, in seconds.")
@click.option("--part-rows", type=_COUNT, metavar="N", help="With --remote: most rows of one batch.")
@click.option("--part-tokens", type=_COUNT, metavar="N", help="With --remote: most tokens of one batch, estimated.")
@click.option(
    "--max-cost",
    type=_POSITIVE,
    metavar="USD",
    help="Start no further row once this run (see --bounds) has cost so much.",
)
@click.option(
    "--max-tokens", type=_COUNT, metavar="N", help="Start no further row once this run (see --bounds) has used so many."
)
@click.option(
    "--bounds",
    type=click.Choice(["this-run", "all-runs"]),
    help="Have --max-cost and --max-tokens bound all runs of OUT together, those that were killed included, in place of"
    " this run alone [default: this-run].",
)
@click.option("--rps", type=_POSITIVE, metavar="N", help="Requests per second, of accounts that are held to these.")
@click.option("--rpm", type=_POSITIVE, metavar="N", help="Requests per minute [default: as the server states].")
@click.option("--tpm", type=_POSITIVE, metavar="N", help="Tokens per minute [default: as the server states].")
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), metavar="X", help="Use this part of these limits.")
@click.option("--unordered", is_flag=True, help="Leave OUT in the order in which the answers came.")
@click.option("--base-url", metavar="URL", help="Server, up to the version: https://host/v1 [env: OPENAI_BASE_URL].")
@click.option("--allow-http", is_flag=True, help="Accept plain http beyond this machine; it can be read on the way.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def batch(
    source: str,
    target: str,
    params: Iterable[str],
    max_in_flight: int | None,
    unordered: bool,
    remote: bool,
    max_wait: float | None,
    part_rows: int | None,
    part_tokens: int | None,
    max_cost: float | None,
    max_tokens: int | None,
    bounds: str | None,
    rps: float | None,
    rpm: float | None,
    tpm: float | None,
    share: float | None,
    base_url: str | None,
    allow_http: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Send every request of IN, and write every answer to OUT.

    IN holds requests as the Batch API takes them (custom_id, method, url, body), or only their bodies, one JSON object
    a line. It can also be a table (CSV, or JSON lines) from which prompts are made. OUT gets one line a row as the
    Batch API writes them. Rows that are in OUT are never sent again. The key is read from OPENAI_API_KEY.
    """
    # Other commands do not wait for these.
    from rich.console import Console

    from openai_async.batch import RemoteLimits
    from openai_async.cli.batch_run import carry_out

    console = Console(stderr=True, highlight=False, quiet=quiet)
    options["params"] = _parameters(params)
    here = {"max_in_flight": max_in_flight, "max_cost": max_cost, "max_total_tokens": max_tokens, "bounds": bounds}
    if remote:
        if unordered or options.pop("ambiguous") != "resend" or any(value is not None for value in here.values()):
            names = "--max-in-flight, --max-cost, --max-tokens, --bounds, --unordered and --ambiguous"
            raise Misused(f"{names} have no meaning with --remote")
        parts = {"rows": part_rows, "tokens": part_tokens}
        limits = RemoteLimits(**{name: value for name, value in parts.items() if value is not None})
        options.update(max_wait=max_wait, limits=limits)
    else:
        if not max_wait is part_rows is part_tokens is None:
            raise Misused("--max-wait, --part-rows and --part-tokens have no meaning without --remote")
        if bounds is not None and max_cost is max_tokens is None:
            raise Misused("--bounds says what --max-cost and --max-tokens bound: give one of them")
        options.update(here, ordered=not unordered, bounds=(bounds or "this-run").replace("-", "_"))
    try:
        client = AsyncClient(
            base_url=base_url,
            allow_http=allow_http,
            max_concurrency=max(1_000, max_in_flight or 0),
            rate_limit=_rate_limit(rps, rpm, tpm, share),
        )
    except OpenAIError as error:
        raise explained(error) from None
    return run(partial(carry_out, client, console, source, target, options, remote=remote))


def _rate_limit(
    rps: float | None, rpm: float | None, tpm: float | None, share: float | None
) -> RateLimit | Literal["auto"]:
    if rps is rpm is tpm is None:
        if share is not None:
            raise Misused("--share is a part of --rps, --rpm and --tpm: give one of them")
        return "auto"
    return RateLimit(requests_per_second=rps, requests_per_minute=rpm, tokens_per_minute=tpm, share=share or 1.0)


def _parameters(pairs: Iterable[str]) -> dict[str, Any]:
    """Read `name=value`: the value as JSON if it is valid JSON, else as text. `@path` reads it from a file."""
    params: dict[str, Any] = {}
    for text in pairs:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise Misused(f"--param: {text!r} is not NAME=VALUE")
        if value.startswith("@"):
            value = _content_of(value[1:], name)
        try:
            params[name] = orjson.loads(value)
        except orjson.JSONDecodeError:
            params[name] = value
    return params


def _content_of(path: str, name: str) -> str:
    try:
        return Path(path).read_text("utf-8-sig")
    except OSError as error:
        hint = f"; for a text that begins with @, write it as JSON: '{name}=\"@...\"'"
        raise Misused(f"--param {name}: {path}: {error.strerror}{hint}") from None
    except UnicodeDecodeError:
        raise Misused(f"--param {name}: {path} is not text in UTF-8") from None
