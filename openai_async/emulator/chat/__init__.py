"""Chat completions: `/v1/chat/completions`, in one reply or streamed, and the stored ones.

`request` checks a request, `messages` its conversation, `reply` generates the answer. The Responses and Assistants APIs
answer with these, too. To add an endpoint, write a handler in `completions` or `stored` and add it to `routes`. To
accept a new parameter, read it in `request`.
"""
