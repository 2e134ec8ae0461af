"""Standard input, output and errors, made safe for a command.

Standard error is a display: a failure there never ends a command. Standard output is the result: a failure there is an
error.
"""

from __future__ import annotations

import sys
from typing import Any, cast

from openai_async._standard_streams import abandon_output as abandon_output, open_closed
from openai_async.progress.output_stream import Outlet


def prepare() -> None:
    """Make the three streams usable. Must be called before anything else is opened."""
    open_closed()
    sys.stderr = cast(Any, Outlet(sys.stderr))
