"""The limiter's benchmark on real sockets: an emulator in a process of its own, each client in another.

Each run has an emulator of its own, so its buckets are full. The emulator's ledger says what was admitted and when, and
what was refused; clients are not asked. The time is that from the first request's arrival until the last admission,
over the least time in which all can be admitted (`Condition.bound`). What client and emulator took of a CPU is
reported, too - a client at its own limit says nothing of a rate limit - and how long they waited for one: on a machine
that others use, the figures are those of the others.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchmarks import rounds
from benchmarks.limiter_peers import ANSWER, MODEL, WINDOW, Condition, cost, traffic, waited_for_cpu
from benchmarks.limiter_simulation import Outcome

if TYPE_CHECKING:
    from openai_async.emulator import Entry

#: Which limit is the tighter one, and how many of the tokens that the requests are worth are allowed.
_TIGHT = {"bound by requests": 2.0, "bound by tokens": 0.5, "bound by both": 1.0}
#: Share of one CPU above which that is what held a client up, and share of the time above which waiting for one did.
BUSY = 0.9
DISTURBED = 0.1


@dataclass(frozen=True)
class Measured(Outcome):
    """How one run went; CPU as a share of the client's time: 1 is one CPU, all of the time."""

    seconds: float
    client_cpu: float
    emulator_cpu: float
    #: The longer of the two waits for a CPU.
    waited: float

    @property
    def remark(self) -> str:
        """What to know before believing it."""
        if self.client_cpu + self.waited > BUSY and self.client_cpu > self.waited:
            return "its own CPU held it up"
        return "others had the CPU" if self.waited > DISTURBED else ""


def conditions(seconds: float) -> Iterator[Condition]:
    """Each rate with each limit the tighter one; of a length that takes `seconds` at least."""
    mean = sum(map(cost, traffic(2_000))) / 2_000
    for per_minute in (6_000, 60_000):
        for tight, tokens in _TIGHT.items():
            count = round(per_minute / 60 * min(1.0, tokens) * (WINDOW + seconds))
            name = f"{per_minute:,} requests a minute, {tight}"
            yield Condition(name, per_minute, round(per_minute * mean * tokens), count)


def run(client: str, condition: Condition) -> Measured:
    """One client, one condition."""
    with _emulator(condition) as account:
        base_url = account["base_url"]
        told = rounds.fresh(
            "benchmarks.limiter_peers:one", client=client, base_url=base_url, condition=asdict(condition)
        )
    bodies = list(traffic(condition.count))
    if account["admitted"] + told["failed"] != condition.count:
        raise SystemExit(f"{client}: admitted {account['admitted']} and gave up {told['failed']} of {condition.count}")
    if not told["failed"] and account["charged"] != sum(map(cost, bodies)):
        raise SystemExit(f"{client}: the emulator does not charge as its clients expect")
    return Measured(
        account["seconds"] / condition.bound(bodies),
        account["refused"] / condition.count,
        told["failed"] / condition.count,
        account["seconds"],
        told["cpu"] / told["seconds"],
        account["cpu"] / told["seconds"],
        max(account["waited"], told["waited"]) / told["seconds"],
    )


@contextmanager
def _emulator(condition: Condition) -> Generator[dict[str, Any], None, None]:
    """A fresh emulator's account: its `base_url` at first, and after the block what its ledger says."""
    limits = [condition.requests_per_minute, condition.tokens_per_minute, WINDOW]
    code = "import json, sys; from benchmarks.limiter_sockets import serve; serve(*json.loads(sys.argv[1]))"
    with rounds.python("-c", code, json.dumps(limits)) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the emulator did not start; its own words are above")
        account: dict[str, Any] = {"base_url": json.loads(line)}
        yield account
        account.update(json.loads(process.communicate()[0]))  # it waits for the end of its input


def serve(requests_per_minute: float, tokens_per_minute: float, window: float) -> None:
    """Be the emulator: print the base URL, and when the input ends, what the ledger says; both as JSON."""
    from openai_async.emulator import Emulator, Latency, RateLimits

    emulator = Emulator(
        limits=RateLimits(requests_per_minute, tokens_per_minute, window),
        latency=Latency(first_token=ANSWER, jitter=0.5),
    )
    with emulator.run() as server:
        for _ in range(20):
            _warm_up(server.base_url)
        begun, cpu, waited = len(emulator.ledger), time.process_time(), waited_for_cpu()
        print(json.dumps(server.base_url), flush=True)
        sys.stdin.read()
        spent = {"cpu": time.process_time() - cpu, "waited": waited_for_cpu() - waited}
        print(json.dumps(_account(emulator.ledger.entries()[begun:]) | spent))


def _warm_up(base_url: str) -> None:
    """A call with a key, and thus limits, of its own."""
    headers = {"Authorization": "Bearer warm", "Content-Type": "application/json"}
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}]}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{base_url}/chat/completions", body, headers)) as reply:
        reply.read()


def _account(entries: Sequence[Entry]) -> dict[str, float]:
    """`received` is the moment of admission but for the reading of a small body."""
    admitted = [entry.received for entry in entries if entry.charged]
    return {
        "admitted": len(admitted),
        "charged": sum(entry.charged for entry in entries),
        "refused": sum(entry.code == "rate_limit_exceeded" for entry in entries),
        "seconds": max(admitted) - min(entry.received for entry in entries),
    }
