"""The HTTP transports: a request goes out, the bytes of its response come back.

`exchange` defines the interface: a `WireRequest` in, an `Exchange` out. There are three implementations.

- `direct`: HTTP/1.1 on asyncio, parsed by llhttp. The default.
- `httpx_transport`: httpx with a connection pool of ours. For trio and for proxies.
- `custom`: an httpx client or transport that the user passed.

`auto` chooses between the first two when the client sends its first request. `pool` keeps idle connections for each
event loop and origin; `connect` and `dns` open new ones; `timeouts` bounds every wait.

The one rule: this room alone imports httpx, and no httpx type leaves it. Its errors leave as ours, with the phase that
the request had reached (see `exceptions`). A layer above never guesses the phase.

To add a transport (HTTP/2, say): write a class with the methods of `exchange.Transport`, choose it in `auto`, and add
its name to the stacks of `tests/faults/conftest.py`. Every fault test then runs on it.
"""
