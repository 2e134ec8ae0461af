"""Whatever attempts do in whatever order: trials are bounded, an outage ends, and is forgotten."""

from __future__ import annotations

import math

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from openai_async._policy import retry
from openai_async._policy.outage import Outage

which = st.integers(0, 1_000)


class Server(RuleBasedStateMachine):
    """Ordinary attempts and trials under way, which end in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.outage = Outage()
        self.now = 0.0
        self.ordinary = 0
        self.trials: list[int] = []
        self.failed_in_a_row = 0

    @rule(seconds=st.sampled_from([0.01, 0.4, 1.0, 8.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def a_call_comes(self) -> None:
        if not self.outage.is_open:
            self.ordinary += 1
        elif self.outage.wait(self.now) <= 0.0:
            self.trials.append(self.outage.begin(self.now))

    @precondition(lambda self: self.ordinary)
    @rule(failed=st.booleans(), jitter=st.floats(0, 0.99))
    def an_ordinary_attempt_ends(self, failed: bool, jitter: float) -> None:
        self.ordinary -= 1
        was_open = self.outage.is_open
        if failed:
            self.outage.failed(self.now, None, jitter=jitter)
            self.failed_in_a_row += 1
            assert self.outage.is_open or self.failed_in_a_row < 5
        else:
            self.outage.succeeded(None)
            self.failed_in_a_row = 0
            assert self.outage.is_open == was_open

    @precondition(lambda self: self.trials)
    @rule(number=which, end=st.sampled_from(["failed", "succeeded", "abandoned"]), jitter=st.floats(0, 0.99))
    def a_trial_ends(self, number: int, end: str, jitter: float) -> None:
        trial = self.trials.pop(number % len(self.trials))
        if end == "failed":
            self.outage.failed(self.now, trial, jitter=jitter)
        elif end == "succeeded":
            self.outage.succeeded(trial)
            self.failed_in_a_row = 0
        else:
            self.outage.abandoned(self.now, trial)

    @invariant()
    def somebody_may_go_within_the_longest_backoff(self) -> None:
        """Whatever happened, and whoever never came back: the wait is finite and bounded."""
        assert 0.0 <= self.outage.wait(self.now) <= retry.BACKOFF_CAP

    @invariant()
    def trials_are_counted(self) -> None:
        mine = [trial for trial in self.trials if trial == self.outage._number]
        if self.outage.is_open:
            assert self.outage._trials == len(mine)
            assert 1.0 <= self.outage._most < math.inf

    def teardown(self) -> None:
        """The server answers everything: before long nothing is left to remember."""
        while self.trials:
            self.outage.succeeded(self.trials.pop())
        for _ in range(1_000):
            if self.outage.is_clean:
                return
            if self.outage.is_open:
                self.now += self.outage.wait(self.now)
                self.outage.succeeded(self.outage.begin(self.now))
            else:
                self.outage.succeeded(None)
        raise AssertionError("never clean")


TestServer = Server.TestCase
TestServer.settings = settings(max_examples=100, stateful_step_count=60)
