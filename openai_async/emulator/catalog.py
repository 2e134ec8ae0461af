"""The catalog: the models that the emulator serves.

A model is known by its alias and by its dated snapshot. Replies name the snapshot, as those of the API do. Both names
share their limits. Nothing here depends on the spelling of a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from attrs import Factory, field, frozen

from openai_async.emulator.error_responses import model_unknown
from openai_async.emulator.fields import one_of_these

__all__ = ["CATALOG", "Catalog", "Model", "described"]

_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_RELEASED = "2026-11-01"
# What only image models of the newer sort take.
_NEW_OF_IMAGES = frozenset(
    {"background", "input_fidelity", "moderation", "output_compression", "output_format", "partial_images", "stream"}
)


def _dated(alias: str) -> str:
    return alias if _DATED.search(alias) else f"{alias}-{_RELEASED}"


@frozen
class Model:
    """One model: `id` is its alias, `snapshot` its dated name (made from the alias by default).

    `context_window`: in tokens, prompt and completion together. `created`: epoch seconds. `shutdown_date`: YYYY-MM-DD
    or `None`. `reasoning`: replies spend tokens on reasoning first. `unsupported`: the request parameters that it
    refuses. `kind`: what it generates ("text", "image", "speech", "transcript"); `""` for everything.
    """

    id: str
    snapshot: str = field(default=Factory(lambda model: _dated(model.id), takes_self=True))
    context_window: int = 128_000
    created: int = 1_793_491_200
    owned_by: str = "openai-async"
    shutdown_date: str | None = None
    reasoning: bool = False
    unsupported: frozenset[str] = frozenset()
    kind: str = "text"


CATALOG = (
    Model("emulated-mini"),
    Model("emulated-large", context_window=400_000, shutdown_date="2027-11-01"),
    Model(
        "emulated-reasoner",
        context_window=400_000,
        reasoning=True,
        unsupported=frozenset({"max_tokens", "stop"}),
    ),
    Model("emulated-image", kind="image", unsupported=frozenset({"response_format", "style"})),
    Model("emulated-image-classic", kind="image", unsupported=_NEW_OF_IMAGES),
    Model("emulated-speech", kind="speech"),
    Model("emulated-transcriber", kind="transcript"),
)


class Catalog:
    """The models by name. With `any_model`, every other name is a model, too, except names of fine-tuned models
    (`ft:`).

    `tuned` returns the fine-tuned models, which come and go while the emulator runs.
    """

    def __init__(
        self, models: Iterable[Model], *, any_model: bool, tuned: Callable[[], Mapping[str, Model]] = dict
    ) -> None:
        self._any = any_model
        self._tuned = tuned
        self._models = tuple(models)
        self._named = {name: model for model in self._models for name in (model.snapshot, model.id)}

    def find(self, name: str, *, param: str | None = None) -> Model:
        """Get the model of this name. Raises the API's 404 if there is none."""
        model = self._named.get(name) or self._tuned().get(name)
        if model is not None:
            return model
        if not self._any or not name or name.startswith("ft:"):
            raise model_unknown(name, param=param)
        return Model(name, kind="")

    def of_kind(self, kind: str, name: str) -> Model:
        """Get the model of this name, like `find`. Raises the API's 400 for a model of another kind."""
        model = self.find(name, param="model")
        if model.kind not in (kind, ""):
            fit = [model.id for model in self._models if model.kind == kind]
            raise one_of_these("model", name, fit) if fit else model_unknown(name, param="model")
        return model

    def listed(self) -> list[dict[str, str | int | None]]:
        """Get every listed name as the API's model object, aliases before their snapshots."""
        names = {name: model for model in self._models for name in (model.id, model.snapshot)} | {**self._tuned()}
        return [described(name, model) for name, model in names.items()]


def described(name: str, model: Model) -> dict[str, str | int | None]:
    """Make the API's model object, under one of the model's names."""
    return {
        "id": name,
        "object": "model",
        "created": model.created,
        "owned_by": model.owned_by,
        "shutdown_date": model.shutdown_date,
    }
