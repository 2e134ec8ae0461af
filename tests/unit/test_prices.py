"""Prices: what a call costs, which price is a model's, and the packaged table."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openai_async._codegen import prices as gen_prices
from openai_async._policy.prices import LongContext, Price, Prices, cost, price_of, table_date
from openai_async._policy.totals import CostTotals, ModelTotals
from openai_async.errors import InvalidParameterError
from openai_async.types.chat import CompletionTokensDetails, CompletionUsage, PromptTokensDetails

#: A day on which the prices that are quoted here were those of the table.
DAY = datetime.date(2026, 10, 20)


def usage(prompt: int, completion: int, *, reasoning: int = 0, spoken: int = 0, **parts: int) -> CompletionUsage:
    return CompletionUsage(
        prompt,
        completion,
        prompt + completion,
        PromptTokensDetails(**parts),
        CompletionTokensDetails(reasoning_tokens=reasoning, audio_tokens=spoken),
    )


# ---- arithmetic


@pytest.mark.parametrize(
    ("own", "model", "prompt", "completion", "dollars"),
    [
        ({"gpt-4": (30, 60)}, "gpt-4", 10, 20, 0.0015),
        ({"text-davinci-003": 20}, "text-davinci-003", 100, 50, 0.003),
        ({"text-davinci-003": (20, 20)}, "text-davinci-003", 100, 50, 0.003),
        ({"mine": Price(1.5, 2)}, "mine", 1_000_000, 500_000, 2.5),
        ({"embed": (0.02, 0)}, "embed", 50_000, 0, 0.001),
    ],
)
def test_worked_examples(own: Any, model: str, prompt: int, completion: int, dollars: float) -> None:
    """A cost is each token at its price, in dollars per million."""
    assert cost(usage(prompt, completion), Prices(own).of(model)) == pytest.approx(dollars, rel=1e-12)


def test_usage_without_details() -> None:
    """A server that does not say what the tokens were is charged at the plain prices."""
    assert cost(CompletionUsage(10, 20, 30), Price(30, 60, 3)) == pytest.approx(0.0015)


def test_cached_tokens_are_a_part_of_the_prompt() -> None:
    """Cached tokens cost their own price instead of the prompt's, never both; without one, they cost the prompt's."""
    price = Price.of((2, 0.2, 10))
    assert price == Price(2, 10, cached_input=0.2)
    assert cost(usage(1000, 0, cached_tokens=900), price) == pytest.approx((100 * 2 + 900 * 0.2) / 1e6)
    assert cost(usage(1000, 0, cached_tokens=900), Price(2, 10)) == pytest.approx(1000 * 2 / 1e6)


def test_written_tokens_are_a_part_of_the_prompt() -> None:
    """Tokens that were written to the cache cost their own price."""
    price = Price(2, 10, cached_input=0.2, cache_write=2.5)
    tokens = usage(1000, 0, cached_tokens=300, cache_write_tokens=600)
    assert cost(tokens, price) == pytest.approx((100 * 2 + 300 * 0.2 + 600 * 2.5) / 1e6)


def test_reasoning_and_predicted_tokens_are_a_part_of_the_completion() -> None:
    """They are in the completion's count already."""
    tokens = usage(0, 1000, reasoning=900)
    tokens.completion_tokens_details = CompletionTokensDetails(reasoning_tokens=900, rejected_prediction_tokens=50)
    assert cost(tokens, Price(2, 10)) == pytest.approx(0.01)


def test_sound_has_its_own_price_or_none() -> None:
    """Tokens of sound cost their price; where that is unknown, so is the cost."""
    tokens = usage(100, 200, audio_tokens=40, spoken=150)
    dollars = (60 * 2.5 + 40 * 32 + 50 * 10 + 150 * 64) / 1e6
    assert cost(tokens, Price(2.5, 10, audio_input=32, audio_output=64)) == pytest.approx(dollars)
    assert cost(tokens, Price(2.5, 10)) is None
    assert cost(usage(100, 200, spoken=1), Price(2.5, 10, audio_input=32)) is None
    assert cost(usage(100, 200, audio_tokens=1), Price(2.5, 10, audio_output=64)) is None
    assert price_of("gpt-audio", when=DAY) == Price(2.5, 10, audio_input=32, audio_output=64, tiers={})


def test_a_long_prompt_makes_the_whole_request_dearer() -> None:
    """Above the threshold all tokens cost the long price: twice the input, 1.5 times the output."""
    price = price_of("gpt-6-sol", when=DAY)
    at = cost(usage(272_000, 1_000, cached_tokens=72_000), price)
    above = cost(usage(272_001, 1_000, cached_tokens=72_000), price)
    assert at == pytest.approx((200_000 * 2 + 72_000 * 0.2 + 1_000 * 10) / 1e6)
    assert above == pytest.approx((200_001 * 4 + 72_000 * 0.4 + 1_000 * 15) / 1e6)


@pytest.mark.parametrize(
    ("tier", "factor"),
    [(None, 1), ("default", 1), ("auto", 1), ("flex", 0.5), ("batch", 0.5), ("priority", 2), ("fast", 2)],
)
def test_the_tier_that_served_the_call_sets_the_price(tier: str | None, factor: float) -> None:
    """Flex and batch are cheaper, priority is dearer, in long requests, too."""
    for prompt in (1_000, 300_000):
        tokens = usage(prompt, 500, cached_tokens=100)
        plain = cost(tokens, price_of("gpt-6-luna", when=DAY))
        assert plain is not None
        assert cost(tokens, price_of("gpt-6-luna", when=DAY), service_tier=tier) == pytest.approx(plain * factor)
        assert cost(tokens, price_of("gpt-6-luna", when=DAY, service_tier=tier)) == pytest.approx(plain * factor)


def test_an_unknown_tier_has_no_price() -> None:
    """The table's price is not stretched to a tier that it does not list; a price of one's own holds for all."""
    tokens = usage(10, 10)
    for model, tier in (("gpt-6-luna", "scale"), ("gpt-5.5-cyber", "flex"), ("gpt-4o", "flex")):
        assert cost(tokens, price_of(model), service_tier=tier) is None
        assert price_of(model, service_tier=tier) is None
        assert cost(tokens, Price(2, 10), service_tier=tier) == pytest.approx(120 / 1e6)
    own = Price(2, 10, tiers={"scale": Price(1, 1)})
    assert cost(tokens, own, service_tier="scale") == pytest.approx(20 / 1e6)
    assert cost(tokens, own, service_tier="flex") is None
    assert own.times(2) == Price(4, 20)


def test_unknown_is_not_free() -> None:
    """Without a usage or a price there is no cost; a price of zero is a cost of zero."""
    assert cost(usage(10, 10), None) is None
    assert cost(None, Price(1, 1)) is None
    assert cost(usage(10, 10), Price(0, 0)) == 0.0


def test_counts_that_do_not_add_up_stay_within_the_whole() -> None:
    """Parts larger than their whole, and negative counts, charge no token twice and none below zero."""
    price = Price(2, 10, cached_input=1, cache_write=3, audio_input=100, audio_output=100)
    assert cost(usage(100, 0, cached_tokens=90, cache_write_tokens=90, audio_tokens=90), price) == pytest.approx(
        (90 * 1 + 10 * 3) / 1e6
    )
    assert cost(usage(-5, -7, cached_tokens=-3, spoken=-1), price) == 0.0


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), True, "2", None, (1,), (1, 2, 3, 4), (1, -2), {}])
def test_nonsense_is_no_price(value: Any) -> None:
    """A price that is negative or no number is refused where it is stated."""
    with pytest.raises(InvalidParameterError, match="price"):
        Prices({"m": value})


@pytest.mark.parametrize("name", ["input", "output", "cached_input", "cache_write", "audio_input", "audio_output"])
def test_the_wrong_rate_is_named(name: str) -> None:
    """The error says which of the rates it is about."""
    with pytest.raises(InvalidParameterError) as caught:
        Price(**{"input": 1, "output": 1, name: -1})
    assert caught.value.field == f"price.{name}"


# ---- which price


def test_a_dated_snapshot_has_its_family_s_price() -> None:
    """A snapshot costs what its family does, unless the table has a price for that very snapshot."""
    family = price_of("gpt-6-luna", when=DAY)
    assert family is not None
    assert family.input == 0.1
    assert price_of("gpt-6-luna-2026-09-01", when=DAY) == family
    old = price_of("gpt-4o-2024-05-13", when=DAY)
    assert old is not None
    assert (old.input, old.output) == (5, 15)


@pytest.mark.parametrize(
    "model",
    [
        "",
        "gpt-6-luna-mini",
        "gpt-6",
        "gpt-4o-2",
        "emulated-mini",
        "gpt-oss-20b",
        "whisper-1",
        "2026-09-01",
        "-2026-09-01",
    ],
)
def test_unknown_models_have_no_price(model: str) -> None:
    """No price is guessed from a similar name."""
    assert price_of(model) is None
    assert Prices({"other": 1}).of(model) is None


def test_fine_tuned_models_are_found_by_their_beginning() -> None:
    """Their ids end with names that no table knows."""
    tuned = price_of("ft:gpt-4o-mini-2024-07-18:acme:support:abc123", when=DAY)
    assert tuned is not None
    assert (tuned.input, tuned.output) == (0.3, 1.2)


@pytest.mark.parametrize(
    ("when", "rate"),
    [
        (datetime.date(2025, 6, 9), 10),
        (datetime.date(2025, 6, 10), 2),
        (datetime.datetime(2025, 6, 9, 23, 59, tzinfo=datetime.UTC), 10),
        (1_749_513_599, 10),
        (1_749_513_600, 2),
        (1_749_513_599_000, 2),
        (-1, 10),
        (float("inf"), 2),
        (None, 2),
    ],
)
def test_the_price_is_that_of_the_day(when: Any, rate: float) -> None:
    """A price that changed is looked up by day or epoch second; a nonsense second has the newest or oldest price."""
    price = price_of("o3", when=when)
    assert price is not None
    assert price.input == rate


def test_a_tier_has_no_price_before_one_was_verified() -> None:
    """What flex cost earlier is not in the source, so it is unknown."""
    assert price_of("gpt-5", when=datetime.date(2026, 10, 11), service_tier="flex") is None
    assert price_of("gpt-5", when=datetime.date(2026, 10, 12), service_tier="flex") == Price(0.625, 5, 0.0625)


def test_the_caller_s_prices_come_first() -> None:
    """An exact id, then the undated id, then the longest beginning, then the table."""
    prices = Prices(
        {
            "gpt-6-luna": 1,
            "gpt-6-luna-2026-09-01": 2,
            "gpt-6-*": 3,
            "gpt-6-sol*": 4,
            "*": Price(5, 5, long_context=LongContext(10, Price(6, 6))),
        }
    )
    for model, rate in (
        ("gpt-6-luna", 1),
        ("gpt-6-luna-2026-10-01", 1),
        ("gpt-6-luna-2026-09-01", 2),
        ("gpt-6-terra", 3),
        ("gpt-6-sol-2026-09-01", 4),
        ("gpt-6-sola", 4),
        ("gpt-5", 5),
    ):
        price = prices.of(model)
        assert price is not None
        assert price.input == rate
    assert Prices({"gpt-6-luna": 1}).of("gpt-5", when=DAY) == price_of("gpt-5", when=DAY)


def test_prices_can_be_compared_and_hashed() -> None:
    """They are values."""
    assert price_of("gpt-6-luna", when=DAY) == price_of("gpt-6-luna-2026-09-01", when=DAY)
    assert len({price_of("gpt-6-luna", when=DAY), price_of("gpt-6-luna", when=DAY), Price(1, 1)}) == 2


# ---- totals


def test_totals_count_what_is_not_known() -> None:
    """A call of unknown cost is counted as such, and its tokens are."""
    totals = CostTotals()
    totals.add("a", usage(10, 20), 0.5)
    totals.add("a", usage(1, 2), None)
    totals.add("b", None, 0.25)
    assert totals.models["a"] == ModelTotals(2, 1, 11, 22, 0.5)
    assert totals.models["b"] == ModelTotals(1, 0, 0, 0, 0.25)
    assert totals.total == ModelTotals(3, 1, 11, 22, 0.75)


def test_totals_of_several_clients_can_be_merged() -> None:
    """Merged totals are those of all calls, and the merged one does not change."""
    whole, left, right = CostTotals(), CostTotals(), CostTotals()
    for index in range(20):
        for totals in (whole, left if index % 3 else right):
            totals.add(f"m{index % 4}", usage(index, 1), None if index % 5 == 0 else index * 0.25)
    before = right.total
    left.merge(right)
    assert left == whole
    assert right.total == before
    left.merge(left)
    assert left.total.calls == 40


# ---- the packaged table, and what writes it


def test_the_packaged_table_is_well_formed() -> None:
    """It has a source and a date, and every model in it has a price by each of its names."""
    text = gen_prices.TARGET.read_text("utf-8")
    table = json.loads(text)
    assert table["source"].startswith("genai-prices ")
    assert datetime.date(2026, 10, 1) <= table_date() == datetime.date.fromisoformat(table["date"])
    assert (table["currency"], table["per"]) == ("USD", 1_000_000)
    assert len(table["models"]) > 50
    for model, entry in table["models"].items():
        assert entry.keys() <= {"names", "prefixes", "prices", "tiers"}
        names = [*entry.get("names", [model]), *(f"{one}xyz" for one in entry.get("prefixes", []))]
        assert names
        for name in names:
            price = price_of(name)
            assert price is not None, name
            assert cost(usage(10, 10), price) is not None
            for tier in entry.get("tiers", {}):
                price_of(name, service_tier=tier)
    assert gen_prices.render(table["models"], table["source"], table["date"]) == text


def tiered(base: str, longer: str) -> Any:
    return SimpleNamespace(base=Decimal(base), tiers=[SimpleNamespace(start=272_000, price=Decimal(longer))])


def record(id: str, **found: Any) -> Any:
    """A record of the source: `found["prices"]` by (day, tier)."""
    prices = found.pop("prices")
    rule = found.pop("match", SimpleNamespace(equals=id))
    dated = [SimpleNamespace(constraint=_from(day)) for day, tier in prices if not tier]
    variants = [
        SimpleNamespace(constraint=_from(day), when={"processing" if tier == "batch" else "service_tier": tier})
        for day, tier in prices
        if tier
    ]

    def get_prices(moment: datetime.datetime, context: dict[str, str] | None = None) -> SimpleNamespace:
        merged: dict[str, Any] = {}
        for tier in ("", *(context or {}).values()):
            days = [day for day, of in prices if of == tier and day <= moment.date().isoformat()]
            merged |= prices[max(days), tier] if days else {}
        return SimpleNamespace(**merged)

    return SimpleNamespace(
        id=id, match=rule, prices=dated, price_variants=variants, get_prices=get_prices, price_comments="", **found
    )


def _from(day: str) -> Any:
    return SimpleNamespace(start_date=datetime.date.fromisoformat(day)) if day else None


@pytest.fixture
def source() -> SimpleNamespace:
    rates = {"input_mtok": tiered("2", "4"), "output_mtok": tiered("10", "15"), "web_searches_kcount": Decimal(10)}
    half = {"input_mtok": tiered("1", "2"), "output_mtok": tiered("5", "7.5")}
    plain = {"input_mtok": Decimal("0.13")}
    either = SimpleNamespace(
        or_=[
            SimpleNamespace(equals="sol"),
            SimpleNamespace(equals="sol-2026-01-01"),
            SimpleNamespace(starts_with="ft:sol-"),
            SimpleNamespace(regex=r"^sol-\d{4}-\d{2}-\d{2}$"),
        ]
    )
    models = [
        record("sol", match=either, prices={("", ""): rates, ("", "default"): {}, ("2026-03-01", "flex"): half}),
        record("embed", prices={("", ""): plain, ("2026-02-01", ""): {"input_mtok": Decimal("0.1")}}),
        record("odd", match=SimpleNamespace(contains="odd"), prices={("", ""): plain}),
        record("loud", prices={("", ""): {"audio_hours": Decimal(3)}}),
        record("gpt-oss-1b", prices={("", ""): plain}),
    ]
    models[0].price_comments = "Batch rates verified on 2026-03-02 at ..., flex verified on 2026-04-05."
    return SimpleNamespace(
        providers=[SimpleNamespace(id="other", models=[]), SimpleNamespace(id="openai", models=models)]
    )


def test_the_generator_writes_what_can_be_said_exactly(source: SimpleNamespace) -> None:
    """Rates, thresholds, tiers and days are taken over; what does not fit is left out with the reason."""
    table, left_out = gen_prices.tabulate(source.providers[1].models)
    assert table == {
        "sol": {
            "prefixes": ["ft:sol-"],
            "prices": [["", [2, 10], 272_000, [4, 15]]],
            "tiers": {"flex": [["2026-03-01", 0.5]]},
        },
        "embed": {"prices": [["", [0.13, 0]], ["2026-02-01", [0.1, 0]]]},
    }
    assert left_out == {
        "odd": "matched by a SimpleNamespace",
        "loud": "priced by audio_hours",
        "gpt-oss-1b": "open weights, sold by many",
    }


def test_the_generator_writes_the_same_file_again(
    source: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is a function of the source alone, with its version and the day on which it was verified."""
    monkeypatch.setattr(gen_prices, "TARGET", tmp_path / "prices.json")
    monkeypatch.setattr(gen_prices, "import_module", lambda name: source)
    monkeypatch.setattr(metadata, "version", lambda name: "9.9")
    written: list[bytes] = []
    for _ in range(2):
        assert gen_prices.main() == 0
        written.append((tmp_path / "prices.json").read_bytes())
    assert written[0] == written[1]
    found = json.loads(written[0])
    assert (found["source"], found["date"]) == ("genai-prices 9.9", "2026-04-05")
    assert found["models"].keys() == {"sol", "embed"}
