"""Which models are switched off soon."""

from __future__ import annotations

import datetime

import pytest

from openai_async import AsyncClient, Client, InvalidParameterError
from openai_async.emulator import Emulator, Model
from openai_async.testing import FaultServer, json_reply

TODAY = datetime.date(2026, 11, 21)
DATES = {"past": "2026-11-01", "today": "2026-11-21", "soon": "2026-12-01", "later": "2027-11-21", "odd": "in spring"}
MODELS = [{"id": name, "object": "model", "shutdown_date": date} for name, date in DATES.items()]
LIST = {"object": "list", "data": [{"id": "none"}, *reversed(MODELS)]}


@pytest.mark.parametrize(
    ("days", "names"),
    [
        (0, ["past", "today"]),
        (9, ["past", "today"]),
        (10, ["past", "today", "soon"]),
        (365, ["past", "today", "soon", "later"]),
    ],
)
async def test_models_that_end_within_so_many_days(days: int, names: list[str]) -> None:
    """The soonest first, those whose day has passed among them; no date, or no real one, is never near."""
    with FaultServer([json_reply(LIST, headers={"x-request-id": "req_1"})]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            found = await client.models.ending_within(days, TODAY)
    assert [model.id for model in found] == names
    assert found.request_id == "req_1"


async def test_days_are_counted_from_today_unless_told() -> None:
    """Without a day it is the one that it is now."""
    tomorrow = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(1)
    models = (Model("ends", shutdown_date=tomorrow.isoformat()), Model("stays"))
    with Emulator(models=models).run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            found = await client.models.ending_within(2)
            assert {model.id for model in found} == {"ends", "ends-2026-11-01"}


def test_threads_ask_the_same() -> None:
    """The synchronous client has it, too."""
    with FaultServer([json_reply(LIST)]) as server, Client(api_key="k", base_url=server.base_url) as client:
        assert [model.id for model in client.models.ending_within(days=0, today=TODAY)] == ["past", "today"]


@pytest.mark.parametrize("days", [-1, 1.5, True, None, 10**9])
async def test_what_is_no_number_of_days_is_refused(days: int) -> None:
    """Before anything is sent."""
    with FaultServer([json_reply(LIST)]) as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            with pytest.raises(InvalidParameterError, match="days"):
                await client.models.ending_within(days)
        assert not server.requests
