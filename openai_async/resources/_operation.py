"""An operation of the API, as data."""

from __future__ import annotations

from typing import Final, Literal

import attrs

Verb = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_READS: Final = frozenset({"GET", "DELETE"})
#: How the paths of those end that take nothing at all: other bodies without a parameter are an empty object.
_ACTIONS: Final = ("/archive", "/cancel", "/hangup", "/invocations", "/pause", "/resume", "/validate")


#: How the paths of those end that compute an answer, and leave nothing at the server that a second one would double.
_ANSWERS: Final = (
    "/completions",
    "/compact",
    "/edits",
    "/embeddings",
    "/generations",
    "/input_tokens",
    "/moderations",
    "/responses",
    "/search",
    "/speech",
    "/transcriptions",
    "/translations",
    "/variations",
)


@attrs.frozen
class Operation:
    """One operation: everything that a method sends, apart from its arguments.

    Attributes:
        verb: of HTTP.
        path: template below the base URL, with a fixed query if any: `/files/{file_id}`.
        query: parameters that are sent in the query. Without a body, all are.
        form: the body is multipart/form-data, and not JSON.
        parts: media types of a form's parts, where they are not texts: name, type.
        alone: field of a form that is the whole body, under the media type of its part, where no other is given.
        beta: value of the OpenAI-Beta header.
        no_body: it has no body, not even an empty one.
        repeatable: whether sending it twice does no harm beyond its price, as for everything that only reads.
        makes: a repetition would double its effect, such as a batch. A status of 5xx does not say then that nothing
            happened.
    """

    verb: Verb
    path: str
    query: frozenset[str] = frozenset()
    form: bool = attrs.field(default=False, kw_only=True)
    parts: tuple[tuple[str, str], ...] = attrs.field(default=(), kw_only=True)
    alone: str | None = attrs.field(default=None, kw_only=True)
    beta: str | None = attrs.field(default=None, kw_only=True)
    no_body: bool = attrs.field(
        default=attrs.Factory(
            lambda self: not self.has_body or self.path.partition("?")[0].endswith(_ACTIONS), takes_self=True
        ),
        kw_only=True,
    )
    repeatable: bool = attrs.field(
        default=attrs.Factory(lambda self: self.verb in _READS, takes_self=True), kw_only=True
    )

    makes: bool = attrs.field(
        default=attrs.Factory(
            lambda self: (
                self.verb == "POST"
                and not self.repeatable
                and not self.path.partition("?")[0].endswith(("}", *_ACTIONS, *_ANSWERS))
            ),
            takes_self=True,
        ),
        kw_only=True,
    )

    @property
    def has_body(self) -> bool:
        """Whether the parameters are sent in a body."""
        return self.verb not in _READS
