"""Standard input, output and errors, as a command can rely on them.

What goes to standard error is a display: it never ends a command. What goes to standard output is the result: if that
cannot be written, it is an error.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from openai_async._standard_streams import abandon_output as abandon_output, open_closed
from openai_async.progress.output_stream import Outlet


def prepare() -> None:
    """Make the three streams usable. Call it first: before anything else is opened."""
    open_closed()
    sys.stderr = cast(Any, Outlet(sys.stderr))
