"""Moved to `openai_async.types.params.embeddings`. Kept until 0.5."""

import warnings

from openai_async.types.params.embeddings import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.params.embeddings", DeprecationWarning, stacklevel=2)
