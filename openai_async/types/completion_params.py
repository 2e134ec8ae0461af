"""Moved to `openai_async.types.params.completions`. Kept until 0.5."""

import warnings

from openai_async.types.params.completions import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.params.completions", DeprecationWarning, stacklevel=2)
