"""Progress for people: what a line says, what is drawn in a terminal, and where which kind of it is used."""

from __future__ import annotations

import builtins
import gc
import io
import os
import re
import sys
from typing import Any

import anyio
import attrs
import pytest
from rich.console import Console

from openai_async import (
    AsyncClient,
    AsyncMap,
    BatchProgress,
    InvalidParameterError,
    Progress,
    RateLimit,
    RemotePart,
    RemoteProgress,
    show_progress,
)
from openai_async.emulator import Emulator, Latency, RateLimits
from openai_async.progress.output_stream import Outlet
from openai_async.progress.show import InLog, InTerminal
from openai_async.progress.terminal import render
from openai_async.progress.text import describe, duration, money

HALF = Progress(
    total=100,
    done=50,
    failed=2,
    in_flight=10,
    tokens=6_000,
    cost=0.5,
    seconds=30.0,
    waiting_for={"tokens": 8},
    limit_requests_per_minute=120.0,
    limit_tokens_per_minute=20_000.0,
    least_seconds=50.0,
)
BATCH = BatchProgress(
    total=1_000,
    done=500,
    failed=0,
    in_flight=16,
    tokens=9_000,
    cost=None,
    seconds=60.0,
    skipped=3,
    bad=2,
    ambiguous=0,
)
REMOTE = RemoteProgress(
    (
        RemotePart("in_progress", 50_000, 21_000, 3, "batch_1"),
        RemotePart("queue full", 3_000),
    ),
    seconds=600.0,
    done_before=1_000,
)


def calls(done: int, total: int | None = 100, seconds: float = 1.0) -> Progress:
    return Progress(total=total, done=done, failed=0, in_flight=0, tokens=done, cost=None, seconds=seconds)


def drawn(progress: Progress | RemoteProgress, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as caught:
        console.print(render(progress))
    return caught.get().splitlines()


# ---- what a line says


def test_a_line_says_all_that_one_wants_to_know() -> None:
    """Done, failed, in flight, rates beside the limits, what is waited for, time so far, left and at best, cost."""
    assert describe(HALF) == (
        "50/100 done, 2 failed, 10 in flight, 100 of 120 calls/min, 12,000 of 20,000 tokens/min,"
        " waits for tokens, 30s so far, 30s left, at best 50s in all, $0.50"
    )


def test_a_batch_says_what_it_has_beside_its_rows() -> None:
    """Rows that were done before and bad lines are named where there are any; an unknown cost is not 0."""
    assert describe(BATCH) == (
        "500/1,000 done, 0 failed, 16 in flight, 3 done before, 2 bad lines, 500 calls/min, 9,000 tokens/min,"
        " 1m00s so far, 1m00s left, cost unknown"
    )


def test_a_remote_batch_says_how_each_part_is_getting_on() -> None:
    """Completed, failed and total of each part, and the time left at the pace of this run alone."""
    assert describe(REMOTE) == (
        "21,000/53,000 done, 3 failed, 10m00s so far, 16m00s left,"
        " part 1 of 2: in_progress 20,997 + 3 failed / 50,000, part 2 of 2: queue full 0 + 0 failed / 3,000"
    )
    many = RemoteProgress((RemotePart("completed", 10, 10), *[RemotePart("waiting", 10)] * 5), 1.0)
    assert describe(many).endswith("batches: 1 completed, 5 waiting")


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (59.4, "59s"), (190, "3m10s"), (7_500, "2h05m")])
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    """Seconds, then minutes, then hours."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("dollars", "text"), [(0, "$0.00"), (0.0042, "$0.0042"), (0.5, "$0.50"), (1234.5, "$1,234.50")]
)
def test_money_is_told_to_the_cent_or_finer(dollars: float, text: str) -> None:
    """What is less than ten cents is not rounded away."""
    assert money(dollars) == text


# ---- what is drawn


def test_a_terminal_shows_the_same_as_the_line() -> None:
    """Every figure of the line stands in the picture, too."""
    told = " ".join(" ".join(drawn(HALF)).split())
    for words in ("50%", "50/100 done", "2 failed", "10 in flight", "100 of 120 calls/min", "30s so far", "30s left"):
        assert words in told
    for words in ("12,000 of 20,000 tokens/min", "at best 50s in all", "$0.50", "waits for tokens"):
        assert words in told
    told = " ".join(" ".join(drawn(REMOTE)).split())
    for words in ("21,000/53,000 done", "3 failed", "1/2 in_progress 20,997 completed 3 failed of 50,000 batch_1"):
        assert words in told
    assert "2/2 queue full 0 completed" in told
    assert "10m00s so far 16m00s left" in told
    assert "3 done before, 2 bad lines" in " ".join(drawn(BATCH))


@pytest.mark.parametrize("width", [80, 100, 160])
def test_figures_stand_still(width: int) -> None:
    """From the first call to the last one, every word keeps its column: only digits change."""
    pictures = [drawn_places(at_done, width) for at_done in ((1, 0.2), (999, 6.0), (5_000, 30.0), (9_999, 59.9))]
    assert all(found == pictures[0] for found in pictures)
    assert len(pictures[0]) > 6


def drawn_places(state: tuple[int, float], width: int) -> list[tuple[int, int, str]]:
    """Line, column and text of every word."""
    done, seconds = state
    progress = Progress(
        total=10_000,
        done=done,
        failed=done // 100,
        in_flight=min(1_000, 10_000 - done),
        tokens=120 * done,
        cost=done / 1_000,
        seconds=seconds,
        waiting_for={"retry-after": 3},
        limit_requests_per_minute=10_000.0,
        limit_tokens_per_minute=2_000_000.0,
        least_seconds=58.0,
    )
    lines = drawn(progress, width)
    return [(row, word.start(), word[0]) for row, line in enumerate(lines) for word in re.finditer("[a-z-]{4,}", line)]


def test_nothing_is_folded_where_it_is_narrow() -> None:
    """A narrow terminal loses the ends of lines, and gets no further ones."""
    assert len(drawn(HALF, 60)) == len(drawn(HALF, 200)) == 3


def test_a_source_without_a_length_has_no_share_and_no_end() -> None:
    """What is not known is left out instead of guessed."""
    told = " ".join(drawn(calls(5, total=None)))
    assert "%" not in told
    assert "5 done" in told
    assert "left" not in told


def test_many_parts_are_summed_up() -> None:
    """A remote run of many parts shows those that are under way, and counts the others."""
    parts = [RemotePart("completed", 10, 10)] * 9 + [RemotePart("in_progress", 10)] + [RemotePart("waiting", 10)] * 9
    lines = drawn(RemoteProgress(tuple(parts), 1.0))
    assert "9 completed, 1 in_progress, 9 waiting" in lines[1]
    assert "10/19" in lines[2]
    assert len(lines) == 4


# ---- where it is shown


@pytest.mark.parametrize("style", ["plain", "rich", "tqdm"])
def test_every_style_ends_with_all_done(style: Any) -> None:
    """Each kind of display shows the last state, whatever it left out before."""
    out = io.StringIO()
    show = show_progress(style, file=out)
    for done in range(1, 101):
        show(calls(done))
    assert "100/100" in out.getvalue()


@pytest.mark.parametrize("style", ["plain", "rich", "tqdm"])
def test_every_style_shows_remote_batches(style: Any) -> None:
    """The same display serves all three kinds of work."""
    out = io.StringIO()
    with show_progress(style, file=out) as show:
        show(REMOTE)
    assert "21,000/53,000" in out.getvalue()


def test_a_log_gets_few_lines() -> None:
    """A first line, one every ten seconds, and a last one, which a batch reports twice."""
    out = io.StringIO()
    show = show_progress(file=out)
    for done in range(1, 1_001):
        show(calls(done, 1_000, done / 40))
    show(calls(1_000, 1_000, 25.0))
    assert [line.partition("/")[0] for line in out.getvalue().splitlines()] == ["1", "401", "801", "1,000"]
    out = io.StringIO()
    show = InLog(out, ends=False)
    show(calls(1, 2))
    show(calls(2, 2))
    assert not out.getvalue()


@pytest.mark.slow
def test_a_run_that_ends_early_gives_the_cursor_back() -> None:
    """The block, or the last reference, ends the drawing: the state stays, and the cursor is shown."""
    for forget in (False, True):
        out = io.StringIO()
        show = InTerminal(Console(file=out, force_terminal=True, width=80))
        show(HALF)
        assert "\x1b[?25l" in out.getvalue()
        if forget:
            del show
            gc.collect()
        else:
            show.close()
            show.close()
        assert out.getvalue().rindex("\x1b[?25h") > out.getvalue().rindex("\x1b[?25l")
        assert "50/100" in out.getvalue()


@pytest.mark.parametrize("style", ["rich", "tqdm"])
def test_plain_lines_take_the_place_of_what_is_not_installed(style: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither rich nor tqdm is needed."""
    real = builtins.__import__

    def importing(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == style:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", importing)
    assert isinstance(show_progress(style, file=io.StringIO()), InLog)


def test_an_unknown_style_is_refused() -> None:
    """A misspelt style is an error, not silence."""
    with pytest.raises(ValueError, match="style"):
        show_progress("fancy")  # type: ignore[arg-type]


def test_a_very_narrow_terminal_gets_words() -> None:
    """In 20 columns there is no room for a picture: the line of a log is folded, and says it all."""
    lines = drawn(HALF, 20)
    assert max(map(len, lines)) <= 20
    assert " ".join(" ".join(lines).split()) == describe(HALF)


@pytest.mark.parametrize("seen", [HALF, BATCH, REMOTE])
def test_an_ascii_terminal_gets_ascii(seen: Progress | RemoteProgress) -> None:
    """Where the encoding has no lines to draw with, dashes stand in."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Console(file=out, width=50, color_system=None).print(render(seen))
    Console(file=out, width=70, color_system=None).print(render(seen))
    out.seek(0)
    assert "/" in out.read()


def test_no_rate_is_told_at_the_very_start() -> None:
    """A full limit goes at once: what that would be in a minute says nothing, so nobody says it."""
    early = attrs.evolve(HALF, seconds=2.0)
    assert "/min" not in describe(early)
    assert "- of 120 calls/min" in "".join(drawn(early))
    assert "600 of 120 calls/min" in describe(attrs.evolve(HALF, seconds=5.0))


def test_a_batch_with_nothing_to_do_says_so() -> None:
    """A file that is finished shows no empty bar."""
    done = attrs.evolve(BATCH, total=0, done=0, in_flight=0, tokens=0, skipped=1_000, bad=0)
    assert describe(done) == "nothing to do, 1,000 done before"
    assert drawn(done) == ["nothing to do, 1,000 done before"]


# ---- what maps report


def hello(count: int) -> list[dict[str, Any]]:
    return [{"messages": [{"role": "user", "content": f"Hello {number}"}]} for number in range(count)]


async def test_a_map_reports_after_each_call_with_limits_and_best_time() -> None:
    """`on_progress` of a map sees every call end, and knows the limits that the server stated."""
    seen: list[Progress] = []
    with Emulator(limits=RateLimits(requests_per_minute=6_000, tokens_per_minute=1_000_000)).run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            async for result in client.chat.completions.map(
                hello(20), model="emulated-mini", max_completion_tokens=5, on_progress=seen.append
            ):
                result.unwrap()
    assert list(dict.fromkeys(progress.done for progress in seen if progress.done)) == list(range(1, 21))
    assert (seen[-1].total, seen[-1].failed, seen[-1].in_flight) == (20, 0, 0)
    assert seen[-1].limit_requests_per_minute == 6_000
    assert seen[-1].least_seconds == 0
    assert seen[-1].tokens > 0


async def test_the_limits_are_those_of_the_models_of_the_map() -> None:
    """Other models that the client has used do not count; several models of one map count together."""
    limits = {
        "emulated-mini": RateLimit(requests_per_second=10, requests_per_minute=60),
        "emulated-large": RateLimit(requests_per_minute=90),
        "*": RateLimit(requests_per_minute=50_000),
    }
    with Emulator().run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url, rate_limit=limits) as client:
            await client.embeddings.create(model="emulated-embed", input="x")
            for models, wanted in ((["emulated-mini"], 60), (["emulated-mini", "emulated-large"], 150)):
                asked = [{**hello(1)[0], "model": model} for model in models]
                async with client.chat.completions.map(asked) as results:
                    async for result in results:
                        result.unwrap()
                    assert results.progress.limit_requests_per_minute == wanted


@pytest.mark.parametrize(("said", "totals"), [(None, [None, 3]), (5, [5, 3]), (2, [2, 3]), (3, [3])])
async def test_a_total_of_a_source_without_a_length(said: int | None, totals: list[int | None]) -> None:
    """A generator has no length: `total` is what was said of it, until the source itself has shown it."""
    seen: list[Progress] = []
    with Emulator().run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            source = (request for request in hello(3))
            results = client.chat.completions.map(
                source, model="emulated-mini", max_in_flight=1, total=said, on_progress=seen.append
            )
            async for result in results:
                result.unwrap()
    assert list(dict.fromkeys(progress.total for progress in seen)) == totals


@pytest.mark.parametrize("total", [-1, 1.5, True, "3"])
async def test_a_total_that_is_none_is_refused(total: Any) -> None:
    """The total is a number of requests; anything else is named before the first call."""
    async with AsyncClient(api_key="k", base_url="http://127.0.0.1:9/v1") as client:
        with pytest.raises(InvalidParameterError, match="total"):
            client.chat.completions.map(hello(1), model="m", total=total)


async def first_of(results: AsyncMap[Any]) -> None:
    async with results:
        await anext(results)


async def test_a_map_that_waits_says_what_for() -> None:
    """While no call ends it reports all the same, so that one sees what it waits for."""
    waits = anyio.Event()

    def look(progress: Progress) -> None:
        if not progress.done and progress.waiting_for.get("requests"):
            waits.set()

    with Emulator(latency=Latency(first_token=3_600)).run() as server:
        limit = RateLimit(requests_per_minute=1)
        async with AsyncClient(api_key="k", base_url=server.base_url, rate_limit=limit) as client:
            results = client.chat.completions.map(hello(3), model="emulated-mini", on_progress=look)
            async with anyio.create_task_group() as group:
                group.start_soon(first_of, results)
                await waits.wait()
                group.cancel_scope.cancel()


async def test_an_error_of_the_callback_ends_the_map() -> None:
    """What `on_progress` raises while no call ends comes out of the map like any other error of it."""

    def fail(progress: Progress) -> None:
        raise ZeroDivisionError

    with Emulator(latency=Latency(first_token=3_600)).run() as server:
        async with AsyncClient(api_key="k", base_url=server.base_url) as client:
            with pytest.raises(ZeroDivisionError):
                async for _ in client.chat.completions.map(hello(1), model="emulated-mini", on_progress=fail):
                    pass


@pytest.mark.parametrize("style", ["rich", "tqdm", "plain"])
def test_a_display_whose_stream_is_gone_raises_nothing(style: Any) -> None:
    """A pipe that nobody reads and a file that was closed lose the display, and neither an error nor an exit comes."""
    ours, its = os.pipe()
    os.close(ours)
    closed = io.StringIO()
    closed.close()
    with open(its, "w") as unread:
        for file in (unread, closed):
            with show_progress(style, file=file) as shown:
                shown(HALF)
                shown(attrs.evolve(HALF, done=100))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, its)  # so that what is still held can be written
        os.close(null)


def test_a_process_without_standard_error_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon has no standard error to show progress on, and needs none."""
    monkeypatch.setattr(sys, "stderr", None)
    with show_progress() as shown:
        shown(HALF)


def test_an_encoding_without_a_character_gets_question_marks() -> None:
    """A display on an ASCII stream is drawn with what there is."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Outlet(out).write("50 % ━ done")
    out.seek(0)
    assert out.read() == "50 % ? done"
