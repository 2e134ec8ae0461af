"""Moved to `openai_async.types.params.audio`. Kept until 0.5."""

import warnings

from openai_async.types.params.audio import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.params.audio", DeprecationWarning, stacklevel=2)
