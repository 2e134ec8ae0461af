"""The parameters that a type checker knows are those of the published document: none missing, none made up."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

from openai_async import AsyncClient
from openai_async.types.options import RequestOptions, UploadOptions
from tests.spec.calls import is_typed, method_of
from tests.spec.document import Published, properties_of, published, required_of

_OPTIONS: Final = {*RequestOptions.__annotations__, *UploadOptions.__annotations__}
_CLIENT: Final = AsyncClient(api_key="k")
_TYPED: Final = sorted(name for name in published() if is_typed(_CLIENT, name))


@attrs.frozen
class Parameters:
    """Names of the parameters of one operation.

    Attributes:
        known: all of them.
        required: those that may not be left out.
    """

    known: frozenset[str]
    required: frozenset[str]

    @classmethod
    def of_method(cls, method: Callable[..., Any]) -> Parameters:
        """As its signature says, and the dictionaries whose contents it takes by name; those of overloads, too."""
        known: set[str] = set()
        required: list[set[str]] = []
        function = method.__func__ if inspect.ismethod(method) else method
        for form in typing.get_overloads(function) or [function]:
            needed: set[str] = set()
            for parameter in inspect.signature(form).parameters.values():
                if parameter.kind is parameter.VAR_KEYWORD:
                    names, must = _of_dictionary(parameter.annotation, function.__globals__)
                    known |= names
                    needed |= must
                elif parameter.name != "self":
                    known.add(parameter.name)
                    if parameter.default is parameter.empty:
                        needed.add(parameter.name)
            required.append(needed)
        return cls(frozenset(known - _OPTIONS), frozenset(set.intersection(*required) - _OPTIONS))

    @classmethod
    def of_document(cls, operation: Published) -> Parameters:
        """Those of the path, the query and the body."""
        places = ("path", "query")
        known = {name for place in places for name in operation.parameters(place)}
        required = {name for place in places for name in operation.required(place)}
        if operation.body is not None:
            known |= set(properties_of(operation.body))
            required |= required_of(operation.body)
        return cls(*(frozenset(name.removesuffix("[]") for name in names) for names in (known, required)))


def _of_dictionary(annotation: str, names: dict[str, Any]) -> tuple[set[str], set[str]]:
    """The keys of the `TypedDict` in `Unpack[...]`, and those that must be there."""
    if annotation in ("Any", "object"):
        return set(), set()
    unpacked = re.fullmatch(r"Unpack\[(\w+)\]", annotation)
    assert unpacked, annotation
    dictionary = names[unpacked[1]]
    texts = {name: getattr(kind, "__forward_arg__", str(kind)) for name, kind in dictionary.__annotations__.items()}
    # Python sees the keys of a total=False dictionary as optional whatever its annotations say as texts.
    required = {name for name, text in texts.items() if text.startswith("Required[")}
    required |= {name for name in dictionary.__required_keys__ if not texts[name].startswith("NotRequired[")}
    return set(texts), required


#: Differences that are meant: "+" the document does not have it, "-" it is not typed, "!" required here alone,
#: "?" required by the document alone.
_MEANT: Final[dict[str, set[str]]] = {
    "batches.create": {"?completion_window"},  # there is one only, which is sent unless it is given
}


@pytest.mark.parametrize("name", _TYPED)
def test_parameters_are_those_of_the_document(name: str) -> None:
    """Every parameter of a typed method under its own name, required where the API requires it."""
    ours = Parameters.of_method(method_of(_CLIENT, name))
    theirs = Parameters.of_document(published()[name])
    found = {f"+{known}" for known in ours.known - theirs.known}
    found |= {f"-{known}" for known in theirs.known - ours.known}
    found |= {f"!{known}" for known in (ours.required & theirs.known) - theirs.required}
    found |= {f"?{known}" for known in (theirs.required & ours.known) - ours.required}
    assert found == _MEANT.get(name, set())
