"""Moved to `openai_async.types.api_object`. Kept until 0.5."""

import warnings

from openai_async.types.api_object import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.api_object", DeprecationWarning, stacklevel=2)
