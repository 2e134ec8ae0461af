"""Moved to `openai_async.types.params.fine_tuning`. Kept until 0.5."""

import warnings

from openai_async.types.params.fine_tuning import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.params.fine_tuning", DeprecationWarning, stacklevel=2)
