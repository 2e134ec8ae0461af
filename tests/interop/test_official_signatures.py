"""What the official client takes by position is taken by position here, and what it takes by name, by name."""

from __future__ import annotations

import inspect
from functools import reduce
from typing import Any

import openai
import pytest

from openai_async import AsyncClient, Client, InvalidParameterError
from openai_async.resources._generic import Method
from openai_async.resources._operations import Endpoint, endpoints

NAMES = sorted(endpoints())


def official(name: str) -> Any:
    return reduce(getattr, name.split("."), openai.OpenAI(api_key="k"))


def by_position(method: Any) -> list[str]:
    parameters = inspect.signature(method).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]


def by_name(method: Any) -> set[str]:
    parameters = inspect.signature(method).parameters.values()
    return {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_in_the_path_is_given_as_to_the_official_client(name: str) -> None:
    """A call that is ported keeps its ids where they are: the last of the path by position, those before it by name."""
    places = endpoints()[name].path_names
    theirs = official(name)
    assert (by_position(theirs), by_name(theirs) & {*places}) == ([*places[-1:]], {*places[:-1]})
    ours: Any = reduce(getattr, name.split("."), AsyncClient(api_key="k"))
    if isinstance(ours, Method):
        check_method_of_the_table(endpoints()[name])
    else:
        synchronous = reduce(getattr, name.split("."), Client(api_key="k"))
        for method in (ours, synchronous):
            assert (by_position(method), by_name(method) & {*places}) == ([*places[-1:]], {*places[:-1]})


def check_method_of_the_table(endpoint: Endpoint) -> None:
    given = {place: f"{place} given" for place in endpoint.path_names}
    named = {place: given[place] for place in endpoint.path_names[:-1]}
    last = [given[place] for place in endpoint.path_names[-1:]]
    assert endpoint.take_path_params(tuple(last), dict(named)) == given
    assert endpoint.take_path_params((), dict(given)) == given
    with pytest.raises(InvalidParameterError):
        endpoint.take_path_params((*last, "one more"), dict(named))
