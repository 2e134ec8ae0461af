"""Moved to `openai_async.types.params.responses`. Kept until 0.5."""

import warnings

from openai_async.types.params.responses import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.params.responses", DeprecationWarning, stacklevel=2)
