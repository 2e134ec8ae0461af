"""The parameters that a type checker knows are those of the published document: none missing, none made up.

Those that may be null there accept `NULL` here, and no others do.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

from openai_async import AsyncClient
from openai_async.types.params.options import RequestOptions, UploadOptions
from tests.spec.calls import is_typed, method_of
from tests.spec.document import Published, Schema, alternatives, properties_of, published, required_of, types_of

_OPTIONS: Final = {*RequestOptions.__annotations__, *UploadOptions.__annotations__}
_CLIENT: Final = AsyncClient(api_key="k")
_TYPED: Final = sorted(name for name in published() if is_typed(_CLIENT, name))


@attrs.frozen
class Parameters:
    """Names of the parameters of one operation.

    Attributes:
        known: all of them.
        required: those that may not be left out.
        nullable: those that may be null.
    """

    known: frozenset[str]
    required: frozenset[str]
    nullable: frozenset[str]

    @classmethod
    def of_method(cls, method: Callable[..., Any]) -> Parameters:
        """As its signature says, and the dictionaries whose contents it takes by name; those of overloads, too."""
        known: dict[str, str] = {}
        required: list[set[str]] = []
        function = method.__func__ if inspect.ismethod(method) else method
        for form in typing.get_overloads(function) or [function]:
            needed: set[str] = set()
            for parameter in inspect.signature(form).parameters.values():
                if parameter.kind is parameter.VAR_KEYWORD:
                    texts, must = _of_dictionary(parameter.annotation, inspect.unwrap(function).__globals__)
                    known |= texts
                    needed |= must
                elif parameter.name != "self":
                    known[parameter.name] = parameter.annotation
                    if parameter.default is parameter.empty:
                        needed.add(parameter.name)
            required.append(needed)
        nullable = {name for name, text in known.items() if re.search(r"\bNull(able)?\b", text)}
        names = (set(known), set.intersection(*required), nullable)
        return cls(*(frozenset(some - _OPTIONS) for some in names))

    @classmethod
    def of_document(cls, operation: Published) -> Parameters:
        """Those of the path, the query and the body."""
        places = ("path", "query")
        known = {name: schema for place in places for name, schema in operation.parameters(place).items()}
        required = {name for place in places for name in operation.required(place)}
        if operation.body is not None:
            known |= properties_of(operation.body)
            required |= required_of(operation.body)
        nullable = {name for name, schema in known.items() if _may_be_null(schema)}
        return cls(*(frozenset(name.removesuffix("[]") for name in names) for names in (known, required, nullable)))


def _may_be_null(schema: Schema) -> bool:
    return any("null" in types_of(part) for part in alternatives(schema))


def _of_dictionary(annotation: str, names: dict[str, Any]) -> tuple[dict[str, str], set[str]]:
    """The keys of the `TypedDict` in `Unpack[...]` with their types as texts, and those that must be there."""
    if annotation in ("Any", "object"):
        return {}, set()
    unpacked = re.fullmatch(r"Unpack\[(\w+)\]", annotation)
    assert unpacked, annotation
    dictionary = names[unpacked[1]]
    texts = {name: getattr(kind, "__forward_arg__", str(kind)) for name, kind in dictionary.__annotations__.items()}
    # Python sees the keys of a total=False dictionary as optional whatever its annotations say as texts.
    required = {name for name, text in texts.items() if text.startswith("Required[")}
    required |= {name for name in dictionary.__required_keys__ if not texts[name].startswith("NotRequired[")}
    return texts, required


#: Differences that are meant: "+" the document does not have it, "-" it is not typed, "!" required here alone,
#: "?" required by the document alone, "0" may be null here alone, "1" may be null in the document alone.
_MEANT: Final[dict[str, set[str]]] = {
    "batches.create": {"?completion_window"},  # there is one only, which is sent unless it is given
    "chat.completions.create": {"0top_logprobs"},  # in the document both null and not, as two schemas of it that hold
    "responses.create": {"0top_logprobs"},
    "images.edit": {"+markup"},  # the official client has it
    "chat.completions.list": {"1metadata"},  # a filter, by the schema of what may be stored
}


@pytest.mark.parametrize("name", _TYPED)
def test_parameters_are_those_of_the_document(name: str) -> None:
    """Every parameter of a typed method under its own name, required and nullable where the API has it so."""
    ours = Parameters.of_method(method_of(_CLIENT, name))
    theirs = Parameters.of_document(published()[name])
    found = {f"+{known}" for known in ours.known - theirs.known}
    found |= {f"-{known}" for known in theirs.known - ours.known}
    found |= {f"!{known}" for known in (ours.required & theirs.known) - theirs.required}
    found |= {f"?{known}" for known in (theirs.required & ours.known) - ours.required}
    found |= {f"0{known}" for known in (ours.nullable & theirs.known) - theirs.nullable}
    # `stream` decides what the method gives, and is False unless it is True.
    found |= {f"1{known}" for known in (theirs.nullable & ours.known) - ours.nullable - {"stream"}}
    assert found == _MEANT.get(name, set())
