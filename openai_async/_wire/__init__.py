"""Bytes to values and back: JSON, server-sent events, forms, paths, header fields, error responses. No I/O, no clock.

- `json`, `json_encoding`, `surrogates`: JSON text to plain values, and parameters to JSON text.
- `codec`, `dialects`: plain values to the typed values of `types`; what other servers write in another form.
- `sse`, `accumulators`: bytes to events; chunks to the complete reply, and a complete reply to events.
- `paths`, `multipart`, `media`, `headers`: the parts of a request.
- `error_responses`, `error_pages`, `exhausted_quota`, `retry_delays`: error responses to exceptions.
- `unexpected_stream`, `media_bodies`: a response in another form than the requested one.

The one rule: read leniently, write strictly. An unknown field is kept and an unknown value passes. But a body that is
truncated, or of the wrong shape, is a `DecodeError`, which names the path and never shows a value.

To support a server that writes something differently, add it to the table of its subject: `dialects` for fields of
replies, `retry_delays.HEADERS` and `FIELDS` for delays, `exhausted_quota` for a used-up account. A new kind of stream
is a class in `accumulators` with `add`, `over`, `result` and `reply_usage`.
"""
