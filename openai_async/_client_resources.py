"""The generic resources of a client. Loaded with the client, so nothing else is loaded here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from openai_async._client_statistics import WithStatistics
from openai_async.types._uncopied import Uncopied

if TYPE_CHECKING:
    from openai_async._pipeline.pipeline import Pipeline
    from openai_async.resources._generic import GenericResource  # noqa: F401  # the string that a base is made of names it

N = TypeVar("N")


class TopLevel(Generic[N]):
    """The resources of a client that are in the catalog alone; see `resources._generic`. `N` is their class."""

    if TYPE_CHECKING:
        admin: N
        containers: N
        content_provenance_checks: N
        decisions: N
        evals: N
        live: N
        realtime: N
        safety: N
        skills: N
        videos: N

    else:

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(name)  # also of a client that is half built
            return self._find(name)

    def __dir__(self) -> list[str]:
        from openai_async.resources._generic import below

        return sorted({*super().__dir__(), *below("")})

    def _find(self, name: str) -> Any:
        """The resource of that name. Raises AttributeError if there is none."""
        raise NotImplementedError


class GenericResources(TopLevel["GenericResource"], WithStatistics, Uncopied):
    """The generic resources of the asynchronous client."""

    _pipeline: Pipeline

    def _find(self, name: str) -> Any:
        from openai_async.resources._generic import lookup

        return lookup(self._pipeline, "", name)
