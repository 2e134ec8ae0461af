"""Requests out, bytes in. The only room that imports httpx; no type of it leaves through here.

`exchange` says what a transport is; `shards` is the default one, `foreign` wraps an httpx client or transport of the
user's own.
"""
