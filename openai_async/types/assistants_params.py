"""Moved to `openai_async.types.params.assistants`. Kept until 0.5."""

import warnings

from openai_async.types.params.assistants import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.params.assistants", DeprecationWarning, stacklevel=2)
