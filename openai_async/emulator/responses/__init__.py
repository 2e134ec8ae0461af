"""The Responses API: `/v1/responses`, in one reply, streamed or in the background.

`request` checks a request, `items` its input, `reply` writes the output and its events, `store` keeps responses and
conversations. To add an endpoint, write a handler in `endpoints` and add it to `routes`. To emulate a hosted tool,
write a module like `file_search`.
"""
