"""Moved to `openai_async.resources._generic`. Kept until 0.5."""

import warnings

from openai_async.resources._generic import *  # noqa: F403

warnings.warn(f"{__name__} has moved to openai_async.resources._generic", DeprecationWarning, stacklevel=2)
