"""The command line: `openai-async demo | chat | batch | models | emulator`, also `python -m openai_async`.

Importing this package needs nothing. Running it needs click and rich, and says so in one line if they are missing.
Replies go to standard output unchanged, everything else to standard error. A key is only read from the environment,
because every user of the machine can see an argument.

    group       the commands under one name, and their help
    chat        one reply, streamed
    batch       a file of requests in, a file of answers out;  batch_run: one run;  batch_display: its messages
    models      list the server's models
    demo        many calls against an emulator of its own
    emulator    the emulator in the foreground
    failures    an error of the library -> one line and an exit status
    descriptors the limit on open files
    sections    help under headings
    streams     standard input, output and errors
    display     what is drawn with rich;  transcript: a reply;  wrapping: words at the edge

To add a command, write a module with a `click` command, and name it in `group`. Raise the exceptions of `failures`:
each has its exit status.
"""

from __future__ import annotations

import sys
from importlib import import_module

from openai_async.cli.streams import prepare

__all__ = ["main"]


def main() -> int:
    """Run the command that `sys.argv` names. Gives the exit status (listed in `openai_async.cli.failures`).

    Raises nothing for a failure that a user can fix: it is one line on standard error. Ctrl-C gives 130.
    """
    prepare()
    try:
        import_module("click")
        import_module("rich")
    except ImportError:
        sys.stderr.write("openai-async needs click and rich: pip install 'openai-async-sdk[cli]'\n")
        return 2
    try:
        from openai_async.cli.descriptors import raise_limit
        from openai_async.cli.group import run_command

        raise_limit()
        return run_command()
    except KeyboardInterrupt:  # so early or so late that no command was there to handle it
        return 130
