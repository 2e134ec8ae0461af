"""The tokens and US dollars of rows, as text in the id of each line of OUT. Arithmetic only: no clock, no I/O.

    27_0.00012          tokens and US dollars, as far as they are known
    27_0.00012_e27_p1_u2_d3_q1_c0.0004

It counts all runs so far: a line that replaces another one includes what that one said. So the last lines of all rows
give the totals of OUT, after a kill as well as after OUT was put in order. What is not known is
counted: "p" answers whose price is not known, "u" calls that were sent, may have been charged, and brought nothing that
can be read. "e" is for those of the tokens that the server did not count. Of attempts that brought nothing and are
estimated, "d" is how many, "q" those of them without a price, and "c" US dollars; their tokens are among the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import attrs

from openai_async._policy.spending import Doubted
from openai_async._wire.usage import usage_of
from openai_async.types.attempt import Attempt

#: The form of the text, as one group of a pattern.
SPENT: Final = "([0-9]+_[0-9.e+-]+(?:_[epudq][0-9]+)*(?:_c[0-9.e+-]+)?)"


@attrs.frozen
class Spent:
    """Tokens and US dollars, as far as they are known, and how often they are not."""

    tokens: int = 0
    #: Those of them that are estimated, as the server counted none, or did not answer.
    tokens_estimated: int = 0
    #: US dollars of what is known.
    cost: float = 0.0
    #: Answers whose cost is not known.
    unpriced: int = 0
    #: Calls that may have been charged, brought no answer that can be read, and are not estimated.
    unanswered: int = 0
    #: Attempts like these that are estimated: their tokens are among those above, what they may have cost is not.
    doubted: int = 0
    #: Those of them whose price is not known.
    doubted_unpriced: int = 0
    cost_estimated: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.tokens + other.tokens,
            self.tokens_estimated + other.tokens_estimated,
            self.cost + other.cost,
            self.unpriced + other.unpriced,
            self.unanswered + other.unanswered,
            self.doubted + other.doubted,
            self.doubted_unpriced + other.doubted_unpriced,
            self.cost_estimated + other.cost_estimated,
        )

    @property
    def known_cost(self) -> float | None:
        """US dollars of what is known; None if nothing is."""
        return self.cost if self.cost or not (self.unpriced or self.unanswered or self.doubted) else None

    def __str__(self) -> str:
        """The text that stands in an id; counts of nothing are left out."""
        counts = {
            "e": self.tokens_estimated,
            "p": self.unpriced,
            "u": self.unanswered,
            "d": self.doubted,
            "q": self.doubted_unpriced,
            "c": self.cost_estimated,
        }
        return f"{self.tokens}_{self.cost!r}{''.join(f'_{name}{count}' for name, count in counts.items() if count)}"

    @classmethod
    def read(cls, text: str) -> Spent:
        """Parse such a text.

        Raises:
            ValueError: it is not one.
        """
        tokens, cost, *counts = text.split("_")
        values = {count[0]: float(count[1:]) if count[0] == "c" else int(count[1:]) for count in counts}
        estimated, unpriced, unanswered, doubted, doubted_unpriced = (int(values.get(name, 0)) for name in "epudq")
        actual = cls(int(tokens), estimated, float(cost), unpriced, unanswered)
        return actual + cls(
            doubted=doubted, doubted_unpriced=doubted_unpriced, cost_estimated=float(values.get("c", 0.0))
        )

    @classmethod
    def of_answer(cls, tokens: int, cost: float | None, *, estimated: bool = False) -> Spent:
        """One answer: its tokens, and US dollars, None if these are not known. Servers may count anything."""
        tokens = max(0, tokens)
        if cost is None or not 0.0 <= cost < math.inf:
            return cls(tokens, tokens if estimated else 0, unpriced=1)
        return cls(tokens, tokens if estimated else 0, cost)


NOTHING = Spent()


def of_old_line(line: Mapping[str, Any]) -> Spent:
    """Read the tokens of a line of an earlier version, whose id does not hold them."""
    response: Any = line.get("response")
    if not isinstance(response, dict):
        return Spent(unanswered=1)
    answer = cast("dict[str, Any]", response)
    if not 200 <= int(answer["status_code"]) < 300:
        return NOTHING
    body: Any = answer.get("body")
    usage = usage_of(cast("dict[str, Any]", body)) if isinstance(body, dict) else None
    return Spent(0 if usage is None else usage.total_tokens, unpriced=1)


def wasted(attempts: Sequence[Attempt]) -> Spent:
    """The possible charges of attempts that brought no readable answer."""
    doubted = Doubted.of(attempts)
    return Spent(
        doubted.tokens,
        doubted.tokens,
        doubted=doubted.attempts,
        doubted_unpriced=doubted.unpriced,
        cost_estimated=doubted.cost,
    )
