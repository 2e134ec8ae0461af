"""The figures that README quotes, one runnable file each, with the peers measured in the same run.

`call_overhead`    client CPU per typed call, at 1, 16, 256 and 1,000 calls in flight
`stream_overhead`  client CPU per typed chunk of a stream, in bursts and one at a time
`many_streams`     4,000 streams at once: time, CPU, memory per stream
`sync_overhead`    what `Client` costs over `AsyncClient`, per call and per chunk
`import_time`      from a fresh interpreter to an imported package, a client, a first reply
`limiter`          all of the quota, and no 429s?

`python -m benchmarks` runs them all, and redraws README's picture and table. Those of the client's cost talk to
`canned_server` on loopback, in a process of its own; nothing here reaches the internet.
"""
