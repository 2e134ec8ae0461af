"""Moved to `openai_async.types.params.chat`. Kept until 0.5."""

import warnings

from openai_async.types.params.chat import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.params.chat", DeprecationWarning, stacklevel=2)
