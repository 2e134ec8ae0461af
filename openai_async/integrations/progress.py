"""Moved to `openai_async.progress.show`. Kept until 0.5."""

import warnings

from openai_async.progress.show import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.progress.show", DeprecationWarning, stacklevel=2)
