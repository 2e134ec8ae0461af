"""Decisions about time, money and counts: retries, outages, estimates, prices and totals.

The one rule: no clock and no I/O. The time is an argument, so that each decision is tested without waiting.

- To retry another failure, edit the table in `retry`. To add a price, renew the table that `prices` reads.
- To count tokens of another endpoint before it is called, add its form to `estimates`.
"""
