"""Moved to `openai_async.types.params.vector_stores`. Kept until 0.5."""

import warnings

from openai_async.types.params.vector_stores import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.params.vector_stores", DeprecationWarning, stacklevel=2)
