"""Moderations: of a text, of several, of texts and pictures together."""

from __future__ import annotations

from typing import Any

import pytest

from openai_async import AsyncClient
from openai_async.emulator import Emulator
from openai_async.testing import FaultServer, json_reply

PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}


@pytest.mark.parametrize(
    ("given", "flagged"),
    [
        ("They plan to murder him.", [["violence"]]),
        (["What a lovely day.", "You idiot!"], [[], ["harassment"]]),
        ([{"type": "text", "text": "You moron, I will kill you"}, PICTURE], [["harassment", "violence"]]),
    ],
    ids=["text", "texts", "parts"],
)
async def test_each_input_has_its_result(given: Any, flagged: list[list[str]]) -> None:
    """One result per text, one for parts; categories, scores and what they are about are there by name."""
    with Emulator().run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            reply = await client.moderations.create(input=given)
    assert [sorted(result.flagged_categories) for result in reply.results] == flagged
    assert [result.flagged for result in reply.results] == [bool(names) for names in flagged]
    for result in reply.results:
        assert result.categories.keys() == result.category_scores.keys() == result.category_applied_input_types.keys()
        assert all(0 <= (score or 0) <= 1 for score in result.category_scores.values())


async def test_categories_of_tomorrow_and_nulls_are_read() -> None:
    """A category this version does not know, and null for one that a model does not judge."""
    result = {
        "flagged": True,
        "categories": {"spam": True, "illicit": None},
        "category_scores": {"spam": 1},
        "why": "x",
    }
    with FaultServer([json_reply({"id": "modr-1", "model": "m", "results": [result], "more": 1})]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            reply = await client.moderations.create(input="x", model="m")
    assert reply.results[0].flagged_categories == ["spam"]
    assert reply.results[0].categories["illicit"] is None
    assert (reply.extra, reply.results[0].extra) == ({"more": 1}, {"why": "x"})
