"""Moved to `openai_async.types.params.files`. Kept until 0.5."""

import warnings

from openai_async.types.params.files import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.params.files", DeprecationWarning, stacklevel=2)
