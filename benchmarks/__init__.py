"""The figures that README quotes, one runnable file each, with the peers measured in the same run.

`call_overhead`    client CPU per typed call, at 1, 16 and 256 calls in flight
`stream_overhead`  client CPU per typed chunk of a stream, in bursts and one at a time
`import_time`      from a fresh interpreter to an imported package, a client, a first reply

All of them talk to `canned_server` on loopback, in a process of its own; nothing here reaches the internet.
"""
