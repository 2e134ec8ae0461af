"""One call's stations. Each is a file, and each is `async (call) -> answer` around the next one:

    retry        asks again when that can help, within the budget and the deadline
    admit        waits for a permit, which names the key, and tells the limiter what the answer said
    send         puts the request on the transport and reads the answer

`pipeline` puts them in that order, so that a retry takes the next key and a fresh permit.
"""
