"""Replies that are read while they arrive: streams of events, and bodies of downloads.

    body        ResponseBody: the connection, the permit and the deadlines of one reply that is still arriving
    reader      StreamReader: bytes -> events -> chunks; timeouts, errors in the stream, the drain, the bill
    interface   what another thread may use of both: the only door for the synchronous client
    stream      AsyncStream, the public iterator over a reader, and its context manager
    text        an iterator over the text of the chunks

The one rule: a stream ends with its terminal event, or it raises. A reader decides about the end; everything else here
only hands on what a reader gives, and so cannot turn an interrupted stream into a complete one.

To add a way to consume a stream, write one module beside `text`, over the chunks of an `AsyncStream`, and name it after
what it gives: `events.py` for typed events (text delta, tool call complete), `tee.py` for several consumers of one
stream, `stream_to.py` for copying text to a file or a terminal. None of them needs a change of `reader`. To add another
kind of stream, pass a `StreamReader` its decoder and its accumulator (`_wire/accumulators`), in the resource.
"""
