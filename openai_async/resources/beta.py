"""`client.beta`: beta endpoints. Assistants and threads have classes; the others are in the operation catalog."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from openai_async.resources._generic import CatalogResource, GenericResource

if TYPE_CHECKING:
    from openai_async.resources.assistants import AsyncAssistants
    from openai_async.resources.threads import AsyncThreads


class AsyncBeta(CatalogResource):
    """Beta endpoints of the API."""

    _catalog_name = "beta"

    if TYPE_CHECKING:  # by the table
        agents: GenericResource
        chatkit: GenericResource
        responses: GenericResource

    @cached_property
    def assistants(self) -> AsyncAssistants:
        """Assistant endpoints. OpenAI removed them on 2026-08-26; other servers may have them."""
        from openai_async.resources.assistants import AsyncAssistants

        return AsyncAssistants(self._pipeline)

    @cached_property
    def threads(self) -> AsyncThreads:
        """Thread endpoints. OpenAI removed them on 2026-08-26; other servers may have them."""
        from openai_async.resources.threads import AsyncThreads

        return AsyncThreads(self._pipeline)
