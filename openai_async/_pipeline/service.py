"""Where a service that speaks the API differs from the API's own, as data: one value per client, read on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from openai_async.types.limits import Accounting


@attrs.frozen
class Service:
    """One service.

    Attributes:
        key_header, key_prefix: the header that names who asks, and what stands in it before the key.
        credential: the argument that keys come from, as errors name it.
        accounting: how tokens are counted against a limit that does not say it itself.
        path_of: from the template of a path and the parameters of a call to the template that the service has for it;
            None where it is the same one.
    """

    key_header: bytes = b"authorization"
    key_prefix: bytes = b"Bearer "
    credential: str = "api_key"
    accounting: Accounting = "admission"
    path_of: Callable[[str, Mapping[str, Any]], str] | None = None


OPENAI: Final = Service()
