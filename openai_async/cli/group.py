"""`openai-async`: the commands under one name. Without a command it shows its help, with an example of each."""

from __future__ import annotations

import click

from openai_async.cli.batch import batch
from openai_async.cli.chat import chat
from openai_async.cli.demo import demo
from openai_async.cli.emulator import emulator
from openai_async.cli.failures import INTERRUPTED, OK, STATUSES, Unwritten, report
from openai_async.cli.models import models
from openai_async.cli.streams import abandon_output

_EXAMPLES = """\b
Examples:
  openai-async demo
  openai-async chat --model MODEL "Why is the sky blue?"
  openai-async batch requests.jsonl answers.jsonl
  openai-async models
  openai-async emulator --port 8080

\b
The key is read from OPENAI_API_KEY, never from an argument: other users of
the machine can see arguments. The server is https://api.openai.com/v1, or
what OPENAI_BASE_URL says."""


@click.group(
    invoke_without_command=True,
    epilog=f"{_EXAMPLES}\n\n{STATUSES}",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="openai-async-sdk", prog_name="openai-async", message="%(prog)s %(version)s")
@click.pass_context
def openai_async(context: click.Context) -> int:
    """The asyncio-first client for the OpenAI API and every server that speaks it."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return OK


openai_async.add_command(batch)
openai_async.add_command(chat)
openai_async.add_command(demo)
openai_async.add_command(models)
openai_async.add_command(emulator)


def run_command() -> int:
    """Run the command that `sys.argv` names. Gives its exit status."""
    try:
        status: int | None = openai_async.main(prog_name="openai-async", standalone_mode=False)
    except click.ClickException as error:
        return report(error)
    except OSError as error:
        abandon_output()
        return report(Unwritten(f"the output cannot be written: {error.strerror or error}"))
    except click.Abort:  # Ctrl-C outside an event loop, such as while reading standard input
        return INTERRUPTED
    return OK if status is None else status
