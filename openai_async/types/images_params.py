"""Moved to `openai_async.types.params.images`. Kept until 0.5."""

import warnings

from openai_async.types.params.images import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.params.images", DeprecationWarning, stacklevel=2)
