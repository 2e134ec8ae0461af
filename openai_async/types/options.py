"""Moved to `openai_async.types.params.options`. Kept until 0.5."""

import warnings

from openai_async.types.params.options import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.params.options", DeprecationWarning, stacklevel=2)
