"""The library's errors on the command line: one line of advice, and an exit status.

The statuses are a promise to scripts: they tell whether the answer was an error, the command was wrong, or nobody
answered. A line never holds a key: the library masks them, and nothing here adds one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Final

import click

from openai_async import errors
from openai_async.cli.transcript import visible

OK: Final = 0
REFUSED: Final = 1
MISUSED: Final = 2
UNREACHED: Final = 3
UNWRITTEN: Final = 4
INTERRUPTED: Final = 130

STATUSES: Final = """\b
Exit status:
  0    the whole reply arrived
  1    the API refused or failed
  2    wrong usage or configuration; nothing was sent
  3    no connection, no answer in time, or an answer that broke off
  4    the output cannot be written, such as on a full disk
  130  interrupted by Ctrl-C"""

_LONGEST = 600  # characters of a server's message that are shown

#: What can be done, by class; the first match along the MRO wins.
_ADVICE: Final[Mapping[type[errors.OpenAIError], str]] = {
    errors.AuthenticationError: "check the key in OPENAI_API_KEY",
    errors.PermissionDeniedError: "this key may not do that: check its permissions and its project",
    errors.NotFoundError: "check --model and --base-url",
    errors.QuotaExhaustedError: "waiting does not help: check the plan and the billing of the account",
    errors.RateLimitError: "wait a little and try again",
    errors.RequestExceedsLimitError: "shorten the prompt, or lower --max-tokens",
    errors.ContextLengthExceededError: "shorten the prompt, or lower --max-tokens",
    errors.RequestTooLargeError: "shorten the prompt",
    errors.InternalServerError: "the fault is the server's: try again later",
    errors.InvalidResponseError: "check --base-url: it names the API up to its version, such as https://host/v1",
    errors.DeadlineExceededError: "try again, or raise --deadline",
    errors.ConnectTimeoutError: "check the network, --base-url and --timeout",
    errors.APITimeoutError: "try again, or raise --timeout",
    errors.APIConnectionError: "try again",
}
#: Arguments of the library -> what they are called here.
_OPTIONS: Final[Mapping[str, str]] = {
    "base_url": "--base-url",
    "deadline": "--deadline",
    "max_completion_tokens": "--max-tokens",
    "model": "--model",
    "temperature": "--temperature",
    "timeout": "--timeout",
}


class Refused(click.ClickException):
    """The server answered with an error, or the work failed."""

    exit_code = REFUSED


class Misused(click.ClickException):
    """The command cannot be carried out with these arguments. Nothing was sent."""

    exit_code = MISUSED


class Unreached(click.ClickException):
    """No complete answer arrived."""

    exit_code = UNREACHED


class Unwritten(click.ClickException):
    """Standard output, or a file, cannot be written."""

    exit_code = UNWRITTEN


def report(error: click.ClickException) -> int:
    """Write the error as one line on standard error, in red if colors are possible. Gives its exit status."""
    line = error.format_message()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        line = f"{line.rstrip('.')}. Try: {error.ctx.command_path} --help"
    # NO_COLOR counts when it is not empty (no-color.org); None lets click look at the terminal.
    click.secho(
        f"Error: {_one_line(line)}", file=sys.stderr, fg="red", color=False if os.environ.get("NO_COLOR") else None
    )
    return error.exit_code


def explained(
    error: errors.OpenAIError, *, base_url: str | None = None, incomplete: bool = False
) -> click.ClickException:
    """Make the command's error for an error of the library.

    `base_url` is named if nobody answered there. `incomplete`: a part of the reply is on the screen already.
    """
    if isinstance(error, (errors.ConfigurationError, errors.InvalidParameterError)):
        return Misused(_misuse(error))
    text = str(error).rstrip(".")
    if incomplete:
        text = f"the reply is incomplete: {text}"
    if advice := _advice(error, base_url):
        text = f"{text} - {advice}"
    return Unreached(text) if isinstance(error, errors.APIConnectionError) else Refused(text)


def _misuse(error: errors.ConfigurationError | errors.InvalidParameterError) -> str:
    if error.field == "api_key":
        return "no key: set OPENAI_API_KEY in the environment (a server that checks no key takes any value)"
    text = str(error).replace("allow_http=True", "--allow-http")
    name, separator, reason = text.partition(": ")
    return f"{_OPTIONS.get(name, name)}{separator}{reason}"


def _advice(error: errors.OpenAIError, base_url: str | None) -> str | None:
    if isinstance(error, errors.APIConnectionError) and error.phase == "connect" and base_url is not None:
        return f"is a server running at {base_url}? (--base-url or OPENAI_BASE_URL)"
    if isinstance(error, errors.RateLimitError) and error.retry_after is not None:
        return f"try again in {error.retry_after:.0f} s"
    return next((_ADVICE[kind] for kind in type(error).__mro__ if kind in _ADVICE), None)


def advice_of(name: str) -> str | None:
    """Get the advice for an error of this class name."""
    kind = getattr(errors, name, None)
    return next((_ADVICE[base] for base in kind.__mro__ if base in _ADVICE), None) if isinstance(kind, type) else None


def _one_line(text: str) -> str:
    line = visible(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
