"""Moved to `openai_async.types.params.batches`. Kept until 0.5."""

import warnings

from openai_async.types.params.batches import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.params.batches", DeprecationWarning, stacklevel=2)
