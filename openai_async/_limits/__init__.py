"""Who may send when: the limiter, its wait queues, and the rate limits of each key and scope.

A call makes an `AcquireRequest`. The limiter gives it a `Permit`, or a waiter in the queue of its scope (endpoint and
model). A permit takes a slot and a reservation of a pool: what one key may send to one scope. Replies correct pools.

The one rule: between two awaits there is arithmetic only, in a section that excludes other threads. Nothing here waits
but `Limiter.wait`, and nothing here does I/O.

- To keep limits elsewhere, such as in Redis, implement `backend.LimitBackend`.
- To change who goes first, edit `queue`. To change what a header means for a bucket, edit `samples` and `learned`.
- To change what happens after a refusal without stated limits, edit `hold` and `pace`.
"""
