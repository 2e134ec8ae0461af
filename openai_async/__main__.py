"""`python -m openai_async`: the same as `openai-async`."""

from __future__ import annotations

import sys

from openai_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
