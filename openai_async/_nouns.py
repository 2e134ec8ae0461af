"""Which nouns a client has without a class of their own. Loaded with the client, so nothing else is loaded here."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from openai_async.types._uncopied import Uncopied

if TYPE_CHECKING:
    from openai_async.resources.table import Noun


class Nouns(Uncopied):
    """The nouns of the API that stand in the table alone; see `resources.table`."""

    #: Dotted name of the noun that this is; "" for the client.
    _noun: ClassVar[str] = ""

    if TYPE_CHECKING:
        admin: Noun
        containers: Noun
        content_provenance_checks: Noun
        decisions: Noun
        evals: Noun
        live: Noun
        realtime: Noun
        safety: Noun
        skills: Noun
        videos: Noun

    else:

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(name)  # also of a client that is half built
            from openai_async.resources.table import found

            return found(self._pipeline, self._noun, name)
