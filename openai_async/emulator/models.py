"""The catalogue: which models the emulator serves, and the endpoints that list them.

A model is known by its alias and by its dated snapshot; replies name the snapshot, as the API's do. Limits
are shared by both names. Nothing here depends on a name's spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import orjson
from attrs import Factory, field, frozen
from starlette.routing import Route

from .endpoint import Answer, Call, Endpoint
from .problems import model_unknown

if TYPE_CHECKING:
    from .server import Emulator

__all__ = ["CATALOGUE", "Catalogue", "Model", "routes"]

_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_RELEASED = "2026-11-01"


def _dated(alias: str) -> str:
    return alias if _DATED.search(alias) else f"{alias}-{_RELEASED}"


@frozen
class Model:
    """One model: `id` is its alias, `snapshot` its dated name (made from the alias when not given).

    `context_window` is in tokens, prompt and completion together; `created` in epoch seconds; `shutdown_date`
    is YYYY-MM-DD or `None`; `reasoning`: replies spend tokens on thinking first; `unsupported`: the request
    parameters that it refuses.
    """

    id: str
    snapshot: str = field(default=Factory(lambda model: _dated(model.id), takes_self=True))
    context_window: int = 128_000
    created: int = 1_793_491_200
    owned_by: str = "openai-async"
    shutdown_date: str | None = None
    reasoning: bool = False
    unsupported: frozenset[str] = frozenset()


CATALOGUE = (
    Model("emulated-mini"),
    Model("emulated-large", context_window=400_000, shutdown_date="2027-11-01"),
    Model(
        "emulated-reasoner",
        context_window=400_000,
        reasoning=True,
        unsupported=frozenset({"max_tokens", "stop"}),
    ),
)


class Catalogue:
    """The models by name; with `any_model`, a name that is not listed becomes a model on its first use."""

    def __init__(self, models: Iterable[Model], *, any_model: bool) -> None:
        self._any = any_model
        self._models = tuple(models)
        self._named = {name: model for model in self._models for name in (model.snapshot, model.id)}

    def find(self, name: str, *, param: str | None = None) -> Model:
        """Give the model of this name; raises the API's 404 when there is none."""
        model = self._named.get(name)
        if model is not None:
            return model
        if not self._any or not name:
            raise model_unknown(name, param=param)
        return Model(name)

    def listed(self) -> list[dict[str, str | int | None]]:
        """Give every listed name as the API's model object, aliases before their snapshots."""
        names = {name: model for model in self._models for name in (model.id, model.snapshot)}
        return [_described(name, model) for name, model in names.items()]


def _described(name: str, model: Model) -> dict[str, str | int | None]:
    return {
        "id": name,
        "object": "model",
        "created": model.created,
        "owned_by": model.owned_by,
        "shutdown_date": model.shutdown_date,
    }


def routes(emulator: Emulator) -> list[Route]:
    """`GET /v1/models` and `GET /v1/models/{id}`."""

    def listing(call: Call) -> Answer:
        return Answer(orjson.dumps({"object": "list", "data": emulator.catalogue.listed()}))

    def retrieve(call: Call) -> Answer:
        name = call.path_params["id"]
        return Answer(orjson.dumps(_described(name, emulator.catalogue.find(name, param="model"))))

    return [
        Route("/v1/models", Endpoint(emulator, GET=listing)),
        Route("/v1/models/{id:path}", Endpoint(emulator, GET=retrieve)),
    ]
