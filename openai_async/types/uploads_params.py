"""Moved to `openai_async.types.params.uploads`. Kept until 0.5."""

import warnings

from openai_async.types.params.uploads import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.types.params.uploads", DeprecationWarning, stacklevel=2)
