"""What was sent and not answered may have been billed: it counts by its estimate, and is told as such."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from openai_async import APIConnectionError, APIError, AsyncClient
from openai_async._policy import retry
from openai_async._policy.spending import Doubted, Spending
from openai_async.batch.spent import SPENT, Spent, wasted
from openai_async.testing import FaultServer, ReadRequest, Rst, Script, json_reply
from openai_async.types.attempt import Attempt

pytestmark = pytest.mark.usefixtures("no_backoff")

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x" * 400}], "max_tokens": 50}
#: Of such a request: a quarter of its characters, and the longest reply.
TOKENS = 151
PRICES: Any = {"m": (1e6, 1e6)}  # a dollar a token
CHAT = {
    "id": "c",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "y"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}
SILENT: Script = (ReadRequest(), Rst())
AMBIGUOUS: dict[str, Script] = {
    "reset": SILENT,
    "500": json_reply({}, 500),
    "cut": (*json_reply(CHAT)[:1], Rst()),
    "no reply": json_reply({"unreadable": True}),
}
FREE: dict[str, Script] = {
    "400": json_reply({"error": {"message": "no"}}, 400),
    "429": json_reply({"error": {"message": "no"}}, 429, {"retry-after-ms": "1"}),
    "503": json_reply({}, 503, {"retry-after-ms": "1"}),
}


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BACKOFF_BASE", 0.0)


def connect(server: FaultServer, **settings: Any) -> AsyncClient:
    own: dict[str, Any] = {"api_key": "k", "base_url": server.base_url, "trust_env": False, "prices": PRICES}
    return AsyncClient(**{**own, "max_retries": 0, "max_concurrency": 2, **settings})


@pytest.mark.parametrize("name", [*AMBIGUOUS, *FREE])
async def test_an_attempt_says_what_it_may_have_been_billed_for(name: str) -> None:
    """Its prompt, and the longest reply that it allows; a refusal is free. The client's totals count it apart."""
    with FaultServer([{**AMBIGUOUS, **FREE}[name]]) as server:
        async with connect(server) as client:
            with pytest.raises(APIError) as caught:
                await client.chat.completions.create(**ASK)
            total = client.costs.total
    (attempt,) = caught.value.attempts
    expected = (TOKENS, float(TOKENS)) if name in AMBIGUOUS else (None, None)
    assert (attempt.estimated_tokens, attempt.estimated_cost) == expected
    assert caught.value.possibly_billed == attempt.may_be_billed == (name in AMBIGUOUS)
    assert (total.calls, total.cost, total.possibly_billed) == (0, 0.0, int(name in AMBIGUOUS))
    assert total.spent.startswith(">= ") == (name in AMBIGUOUS)


async def test_what_was_never_sent_or_costs_nothing_is_not_in_doubt() -> None:
    """A refused connection, and a question that nobody charges."""
    with FaultServer([SILENT]) as server:
        async with connect(server) as client:
            with pytest.raises(APIConnectionError) as caught:
                await client.models.list()
    assert [attempt.estimated_tokens for attempt in caught.value.attempts] == [None]
    async with connect(server) as client:
        with pytest.raises(APIConnectionError) as caught:
            await client.chat.completions.create(**ASK)
        assert client.costs.total.possibly_billed == 0
    assert [attempt.estimated_tokens for attempt in caught.value.attempts] == [None]


@pytest.mark.parametrize("bound", [{"max_total_tokens": 1_000}, {"max_cost": 1_000.0}])
async def test_a_bound_of_a_map_holds_for_what_fails(bound: dict[str, Any]) -> None:
    """Calls that are sent and never answered end it as answers do."""
    with FaultServer([SILENT]) as server:
        async with connect(server) as client:
            requests = [ASK] * 100
            async with client.chat.completions.map(requests, give_up_after=None, **bound) as results:
                done = [result async for result in results]
            stopped, progress = results.stopped, results.progress
    assert stopped == next(iter(bound))
    assert 6 <= len(done) <= 8
    assert len(server.requests) == len(done)
    assert progress.tokens == progress.tokens_estimated == TOKENS * len(done)
    assert (progress.cost, progress.cost_estimated) == (0.0, float(TOKENS * len(done)))


async def test_the_attempts_before_an_answer_count_with_it() -> None:
    """A call that is answered at last may have been billed before."""
    with FaultServer([SILENT, json_reply(CHAT)]) as server:
        async with connect(server, max_retries=1) as client:
            async with client.chat.completions.map([ASK] * 2, max_in_flight=1) as results:
                replies = [result.unwrap() async for result in results]
            progress = results.progress
            assert client.costs.total.possibly_billed == 1
    assert [[attempt.estimated_tokens for attempt in reply.attempts] for reply in replies] == [[TOKENS, None], [None]]
    assert (progress.tokens, progress.tokens_estimated) == (30 + TOKENS, TOKENS)
    assert (progress.cost, progress.cost_estimated) == (30.0, float(TOKENS))


async def test_a_failure_without_a_price_does_not_end_a_run() -> None:
    """It counts as the mean of the calls: one broken connection is no reason to stop."""
    named = {**CHAT, "model": "m-2026"}
    asks = [{**ASK, "model": "deployment"}] * 20
    scripts = [json_reply(named), SILENT, *[json_reply(named)] * 18]
    with FaultServer(scripts) as server:
        async with connect(server, prices={"m-2026": (1e6, 1e6)}) as client:
            async with client.chat.completions.map(asks, max_in_flight=1, max_cost=1_000) as results:
                done = [result async for result in results]
            progress = results.progress
    assert (len(done), results.stopped) == (20, None)
    assert (progress.cost, progress.cost_estimated) == (15.0 * 19, 0.0)


async def test_a_bound_on_all_runs_knows_what_earlier_ones_have_not_heard_of(tmp_path: Path) -> None:
    """What stands in OUT of rows without an answer counts in the next run, too."""
    (tmp_path / "in").write_text((json.dumps(ASK) + "\n") * 20)
    given: dict[str, Any] = {"input_format": "bodies", "give_up_after": None, "bounds": "all_runs"}
    with FaultServer([SILENT]) as server:
        async with connect(server) as client:
            first = await client.batch.run(tmp_path / "in", tmp_path / "out", max_total_tokens=500, **given)
            again = await client.batch.run(tmp_path / "in", tmp_path / "out", max_total_tokens=500, **given)
            more = await client.batch.run(tmp_path / "in", tmp_path / "out", max_total_tokens=1_000, **given)
    assert (first.done > 0, again.done, more.done > 0) == (True, 0, True)
    assert again.all_runs.tokens == again.all_runs.tokens_estimated == first.done * TOKENS
    assert more.all_runs.unanswered == first.done + more.done


@pytest.mark.parametrize("bound", [{"max_total_tokens": 1_000}, {"max_cost": 1_000.0}])
async def test_a_bound_of_a_batch_holds_for_what_fails(bound: dict[str, Any], tmp_path: Path) -> None:
    """As of a map; the summary says how much is estimated."""
    (tmp_path / "in").write_text((json.dumps(ASK) + "\n") * 100)
    with FaultServer([SILENT]) as server:
        async with connect(server) as client:
            summary = await client.batch.run(
                tmp_path / "in", tmp_path / "out", input_format="bodies", give_up_after=None, **bound
            )
    assert summary.stopped == next(iter(bound))
    assert 6 <= summary.done <= 8
    assert summary.tokens == summary.tokens_estimated == TOKENS * summary.done
    assert (summary.cost, summary.cost_estimated) == (0.0, float(TOKENS * summary.done))
    assert (summary.this_run.unanswered, summary.this_run.spent) == (summary.done, "unknown")


async def test_a_batch_counts_the_attempts_before_an_answer(tmp_path: Path) -> None:
    """Beside what the server has counted."""
    (tmp_path / "in").write_text((json.dumps(ASK) + "\n") * 2)
    with FaultServer([SILENT, json_reply(CHAT)]) as server:
        async with connect(server, max_retries=1, max_concurrency=1) as client:
            summary = await client.batch.run(tmp_path / "in", tmp_path / "out", input_format="bodies")
    assert (summary.failed, summary.tokens, summary.tokens_estimated) == (0, 30 + TOKENS, TOKENS)
    assert (summary.cost, summary.cost_estimated) == (30.0, float(TOKENS))
    assert (summary.this_run.unanswered, summary.this_run.spent) == (1, ">= $30.0000")


def test_estimates_add_up() -> None:
    """Attempts that are not in doubt change nothing; what has no price counts as the mean."""
    fine = Attempt(1, "rejected", 429, "RateLimitError", 0.1, 0.1)
    doubt = Attempt(2, "ambiguous", None, "APIConnectionError", 0.1, 0.1, 7, 0.5)
    unpriced = Attempt(3, "ambiguous", None, "APIConnectionError", 0.1, 0.1, 7)
    assert Doubted.of([fine]) == (0, 0, 0.0, 0)
    assert Doubted.of([fine, doubt, unpriced]) == (2, 14, 0.5, 1)
    spending = Spending(max_cost=7.0)
    spending.add(1, 3.0)
    spending.add(8, 3.0, estimated=7, unpriced=1)
    assert spending.stopped == "max_cost"  # 6, and 3 for the one without a price
    assert (spending.tokens, spending.estimated, spending.cost) == (9, 7, 6.0)
    spending = Spending(max_cost=7.0)
    spending.add(7, 0.0, estimated=7, cost_estimated=6.5)
    assert (spending.stopped, spending.has_room(1)) == (None, False)
    spending.add(7, 0.0, estimated=7, cost_estimated=0.5)
    assert spending.stopped == "max_cost"


@given(st.lists(st.sampled_from([(None, None), (7, 0.25), (9, None)]), max_size=9), st.booleans())
def test_what_stands_in_a_line_is_what_was_spent(doubts: list[tuple[int | None, float | None]], answered: bool) -> None:
    """Estimates survive the text that a line of OUT carries."""
    attempts = [Attempt(1, "ambiguous", None, "X", 0.1, None, *doubt) for doubt in doubts]
    spent = wasted(attempts) + (Spent.of_answer(5, 0.5) if answered else Spent())
    assert Spent.read(str(spent)) == spent
    assert re.fullmatch(SPENT, str(spent))
