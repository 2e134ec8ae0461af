"""One call's stations. Each is a file, and each is `async (call) -> answer` around the next one:

    retry        asks again when that can help, within the budget and the deadline
    credentials  picks the key and the organisation of this attempt
    limit        holds a permit for as long as the attempt, or its stream, is open
    send         puts the request on the transport and reads the answer

`pipeline` puts them in that order, so that a retry takes the next key and a fresh permit.
"""
